//! How long a fetched key set is believed: what the issuer's HTTP headers say, within our bounds.

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL};
use std::time::Duration;

/// Never fetched more often than this on its own account.
pub(crate) const SHORTEST: Duration = Duration::from_secs(30);
/// Never believed for longer without asking: a removed key is refused within this.
pub(crate) const LONGEST: Duration = Duration::from_secs(3_600);
/// How long the set of an issuer that says nothing is kept.
pub const DEFAULT: Duration = Duration::from_secs(600);

/// The life that `Cache-Control` gives (RFC 9111 §5.2.2), less `Age`, clamped.
pub(crate) fn of(headers: &HeaderMap) -> Duration {
    let mut life = None;
    for value in headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()) {
        for directive in value.split(',') {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            let name = name.trim();
            if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
                return SHORTEST;
            }
            if name.eq_ignore_ascii_case("max-age") {
                // RFC 9111 §4.2.1: the first counts; what is no number is stale.
                life = life.or(Some(argument.trim().trim_matches('"').parse::<u32>().unwrap_or(0)));
            }
        }
    }
    let age = headers
        .get(AGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse::<u32>().ok());
    match life {
        Some(seconds) => {
            Duration::from_secs(u64::from(seconds.saturating_sub(age.unwrap_or(0)))).clamp(SHORTEST, LONGEST)
        }
        None => DEFAULT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(headers: &[(&'static str, &'static str)]) -> u64 {
        let pairs = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        });
        of(&pairs.collect()).as_secs()
    }

    #[test]
    fn within_bounds_whatever_is_said() {
        assert_eq!(life(&[]), 600);
        assert_eq!(life(&[("cache-control", "public, Max-Age=300, must-revalidate")]), 300);
        assert_eq!(life(&[("cache-control", "max-age=300"), ("age", "100")]), 200);
        assert_eq!(life(&[("cache-control", "max-age=300"), ("age", "4000")]), 30);
        assert_eq!(life(&[("cache-control", "max-age=0")]), 30);
        assert_eq!(life(&[("cache-control", "max-age=86400")]), 3_600);
        assert_eq!(life(&[("cache-control", "max-age=99999999999999999999")]), 30);
        assert_eq!(life(&[("cache-control", "no-cache, max-age=300")]), 30);
        assert_eq!(life(&[("cache-control", "private")]), 600);
    }
}
