//! What the server of a key set says beside the keys: what its clock says, and for how long the set may be kept. For
//! whoever looks for causes; how long a set is believed is decided in `life.rs`.

use super::life;
use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, DATE};
use portcullis_model::Timestamp;
use std::time::{Duration, UNIX_EPOCH};

/// What an answer said beside the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Its clock beside ours; nothing where it does not say, or where a cache answered in its place.
    pub clock: Option<ClockOffset>,
    /// `Cache-Control`, where it has the set asked for again as often as it can be.
    pub uncacheable: Option<String>,
}

/// A clock beside ours, as `Date` (RFC 9110 §6.6.1) told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    /// Seconds that it is ahead of ours; negative when it is behind.
    pub ahead: i64,
    /// How wrong that may be: `Date` has whole seconds, and the answer was under way for a while.
    pub within: Duration,
    /// When it was measured, by our clock.
    pub measured_at: Timestamp,
}

/// Longest text of a stranger that is kept.
const SHOWN: usize = 200;

impl Served {
    /// Reads the headers of an answer to a question that was asked and answered at these times.
    pub(super) fn of(headers: &HeaderMap, asked: Timestamp, answered: Timestamp) -> Self {
        let said = || {
            let all: Vec<_> =
                headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()).collect();
            all.join(", ").chars().take(SHOWN).collect::<String>()
        };
        Self {
            clock: offset(headers, asked, answered),
            uncacheable: (headers.contains_key(CACHE_CONTROL) && life::of(headers) == life::SHORTEST)
                .then(said),
        }
    }
}

fn offset(headers: &HeaderMap, asked: Timestamp, answered: Timestamp) -> Option<ClockOffset> {
    // The date is that of whoever made the answer, and a cache hands it on: it tells of another time.
    if headers.contains_key(AGE) {
        return None;
    }
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let date = i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    let (asked, answered) = (asked.micros() / 1_000, answered.micros() / 1_000);
    // Half a second more: the fraction of the second that is not said.
    let ahead = date.saturating_add(500).saturating_sub(asked.midpoint(answered));
    let way = u64::try_from(answered.saturating_sub(asked) / 2).unwrap_or(0);
    Some(ClockOffset {
        ahead: ahead.saturating_add(if ahead < 0 { -500 } else { 500 }) / 1_000,
        within: Duration::from_millis(way.saturating_add(500)),
        measured_at: Timestamp::from_micros(answered.saturating_mul(1_000)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn served(pairs: &[(&'static str, &str)], asked: i64, answered: i64) -> Served {
        let headers = pairs.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        Served::of(&headers.collect(), Timestamp::from_micros(asked), Timestamp::from_micros(answered))
    }

    #[test]
    fn a_clock_is_measured_within_what_can_be_known() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let then = 784_111_777_000_000;
        let ahead = |asked, answered| served(&[("date", date)], asked, answered).clock.unwrap();
        assert_eq!(ahead(then + 300_000, then + 700_000).ahead, 0);
        assert_eq!(ahead(then - 95_000_000, then - 94_000_000).ahead, 95);
        assert_eq!(ahead(then + 40_000_000, then + 41_000_000).ahead, -40);
        assert_eq!(ahead(then, then + 2_000_000).within, Duration::from_millis(1_500));
        assert_eq!(served(&[], then, then).clock, None);
        assert_eq!(served(&[("date", "yesterday")], then, then).clock, None);
        assert_eq!(served(&[("date", date), ("age", "60")], then, then).clock, None, "a cache's answer");
    }

    #[test]
    fn what_must_not_be_kept_is_told() {
        for (said, told) in [
            ("no-store", Some("no-store")),
            ("private, max-age=0", Some("private, max-age=0")),
            ("max-age=300", None),
        ] {
            assert_eq!(served(&[("cache-control", said)], 0, 0).uncacheable.as_deref(), told);
        }
        assert_eq!(served(&[], 0, 0).uncacheable, None);
        assert!(
            served(&[("cache-control", &format!("no-store, x={}", "y".repeat(9_000)))], 0, 0)
                .uncacheable
                .is_some_and(|text| text.len() <= SHOWN)
        );
    }
}
