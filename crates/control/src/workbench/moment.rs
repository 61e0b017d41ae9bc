//! Points in time as people read them: the date, and how far it is from now.

use portcullis_model::Timestamp;
use portcullis_model::time::in_words;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The claims that are dates, by their names: `exp`, `nbf`, `iat`, `auth_time`, `updated_at`, where they are there and are
/// dates.
pub type Times = BTreeMap<String, Moment>;

/// A point in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Moment {
    /// RFC 3339.
    pub at: String,
    /// Seconds from now until then; negative when it has passed.
    pub seconds: i64,
    /// The same in words: `in 3 d 4 h`, `5 min ago`, `now`.
    pub distance: String,
}

/// Claims that are dates (RFC 7519 §4.1, OpenID Connect Core 1.0 §2 and §5.1).
const DATES: [&str; 5] = ["exp", "nbf", "iat", "auth_time", "updated_at"];

/// The end of the year 9999: a number of seconds beyond it is something else.
const LAST: f64 = 253_402_300_799.0;

impl Moment {
    /// `at` and `now` in microseconds since 1970.
    pub fn of(at: i64, now: i64) -> Self {
        let seconds = at.div_euclid(1_000_000).saturating_sub(now.div_euclid(1_000_000));
        let span = in_words(Duration::from_secs(seconds.unsigned_abs()));
        let distance = match seconds {
            0 => "now".to_owned(),
            1.. => format!("in {span}"),
            _ => format!("{span} ago"),
        };
        let text = Timestamp::from_micros(at).rfc3339();
        // Claims have whole seconds, nearly always.
        let at = match text.strip_suffix(".000000Z") {
            Some(whole) => format!("{whole}Z"),
            None => text,
        };
        Self { at, seconds, distance }
    }
}

/// The dates among claims.
pub(crate) fn times(claims: Option<&Value>, now: i64) -> Times {
    let of = |name: &&str| Some(((*name).to_owned(), Moment::of(micros(claims?.get(*name)?)?, now)));
    DATES.iter().filter_map(of).collect()
}

fn micros(value: &Value) -> Option<i64> {
    let seconds = value.as_f64().filter(|seconds| (0.0..=LAST).contains(seconds))?;
    match value.as_i64() {
        Some(whole) => whole.checked_mul(1_000_000),
        #[expect(clippy::cast_possible_truncation, reason = "within the years 1970 to 9999, as just checked")]
        None => Some((seconds * 1e6) as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dates_and_distances() {
        let now = 1_800_000_000_000_000;
        let claims = json!({ "exp": 1_800_090_061, "nbf": 1_800_000_000, "iat": 1_799_999_941.5, "auth_time": "x",
            "updated_at": 1_800_000_000_000_i64 });
        let times = times(Some(&claims), now);
        let shown: Vec<_> = times
            .iter()
            .map(|(name, moment)| (name.as_str(), moment.seconds, moment.distance.as_str()))
            .collect();
        assert_eq!(shown, [("exp", 90_061, "in 1 d 1 h"), ("iat", -59, "59 s ago"), ("nbf", 0, "now")]);
        assert_eq!(
            (times["nbf"].at.as_str(), times["iat"].at.as_str()),
            ("2027-01-15T08:00:00Z", "2027-01-15T07:59:01.500000Z")
        );
        assert!(super::times(None, now).is_empty());
    }
}
