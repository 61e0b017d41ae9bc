//! Points in time as people read them: the date, and how far it is from now.

use portcullis_control::workbench::{Moment, Times};
use portcullis_model::Timestamp;
use serde_json::Value;

/// What to write beside a claim that is a date.
pub fn beside(name: &str, value: &Value, times: &Times) -> Option<String> {
    const DATES: [&str; 3] = ["exp", "nbf", "iat"];
    match times.get(name) {
        Some(moment) => Some(described(moment)),
        None if DATES.contains(&name) && value.is_number() => Some("not a date; in milliseconds?".to_owned()),
        None if DATES.contains(&name) => Some("not a number of seconds".to_owned()),
        None => None,
    }
}

/// `2027-01-15 08:00:00 UTC, in 54 d 2 h`.
fn described(moment: &Moment) -> String {
    let at = moment.at.get(..19).unwrap_or(&moment.at).replacen('T', " ", 1);
    format!("{at} UTC, {}", moment.distance)
}

/// Reads `--now`: RFC 3339, or seconds since 1970.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    /// The end of the year 9999.
    const LAST: i64 = 253_402_300_799;
    if let Some(seconds) = text.parse::<i64>().ok().filter(|seconds| (0..=LAST).contains(seconds)) {
        return Ok(Timestamp::from_seconds(seconds));
    }
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| "write it as `2027-01-15T08:00:00Z`, or as seconds since 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dates_are_told_with_their_distance() {
        let now = 1_800_000_000_000_000;
        let times = Times::from([("exp".to_owned(), Moment::of(now + 3_661_500_000, now))]);
        let say = |name: &str, value: Value| beside(name, &value, &times);
        assert_eq!(say("exp", json!(1)).unwrap(), "2027-01-15 09:01:01 UTC, in 1 h 1 min");
        assert_eq!(say("iat", json!(1_800_000_000_000_i64)).unwrap(), "not a date; in milliseconds?");
        assert_eq!(say("nbf", json!("1800000000")).unwrap(), "not a number of seconds");
        assert_eq!(say("sub", json!(1)), None);
    }

    #[test]
    fn the_clock_is_set_both_ways() {
        assert_eq!(parse("1800000000"), parse("2027-01-15T08:00:00Z"));
        for wrong in ["tomorrow", "-1", "99999999999999"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
