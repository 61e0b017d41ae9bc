//! NumericDate (RFC 7519 §2): seconds since 1970, whole or not, and nothing else.

use std::fmt;

use crate::json::Kind;

/// The end of the year 9999, in seconds. Beyond it a value is no date, most often milliseconds taken for seconds.
const LATEST: i64 = 253_402_300_799;

const MICROS: i64 = 1_000_000;

/// A point in time as a claim states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// The claim is not there.
    Missing,
    /// Microseconds since 1970-01-01T00:00:00Z; never negative, never beyond the year 9999.
    At(i64),
    /// The claim is there and is no date. Never read as "no limit".
    Malformed(TimeFault),
}

/// Why a claim is no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFault {
    /// A string, even one with digits in it, or any other type.
    NotANumber(Kind),
    /// Before 1970.
    Negative,
    /// Beyond the year 9999: milliseconds or microseconds instead of seconds.
    TooLarge,
}

impl fmt::Display for TimeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber(kind) => write!(f, "{kind} instead of a number"),
            Self::Negative => f.write_str("negative"),
            Self::TooLarge => f.write_str("too large for seconds since 1970, perhaps milliseconds"),
        }
    }
}

impl Time {
    /// Microseconds since 1970, if the claim states a date.
    pub fn micros(self) -> Option<i64> {
        if let Time::At(micros) = self { Some(micros) } else { None }
    }

    /// Whole seconds since 1970, if the claim states a date.
    pub fn seconds(self) -> Option<i64> {
        self.micros().map(|micros| micros / MICROS)
    }

    /// Reads a JSON value as written.
    pub(super) fn read(kind: Kind, raw: &str) -> Self {
        if kind != Kind::Number {
            return Time::Malformed(TimeFault::NotANumber(kind));
        }
        if raw.starts_with('-') {
            return Time::Malformed(TimeFault::Negative);
        }
        // Whole seconds, as nearly every issuer writes them, are read exactly; only fractions and exponents go
        // through a float, which at this size still tells microseconds apart.
        if let Ok(seconds) = raw.parse::<i64>() {
            return if seconds <= LATEST {
                Time::At(seconds * MICROS)
            } else {
                Time::Malformed(TimeFault::TooLarge)
            };
        }
        match raw.parse::<f64>() {
            // Rounded down: a token lives no longer than its issuer wrote.
            Ok(seconds) if seconds <= LATEST as f64 => Time::At((seconds * MICROS as f64) as i64),
            _ => Time::Malformed(TimeFault::TooLarge),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dates_and_nothing_else_is() {
        for (raw, want) in [
            ("0", Time::At(0)),
            ("1300819380", Time::At(1_300_819_380_000_000)),
            ("1300819380.5", Time::At(1_300_819_380_500_000)),
            ("1.3e9", Time::At(1_300_000_000_000_000)),
            ("253402300799", Time::At(253_402_300_799_000_000)),
            ("253402300800", Time::Malformed(TimeFault::TooLarge)),
            ("1700000000000", Time::Malformed(TimeFault::TooLarge)),
            ("9223372036854775808", Time::Malformed(TimeFault::TooLarge)),
            ("1e300", Time::Malformed(TimeFault::TooLarge)),
            ("-1", Time::Malformed(TimeFault::Negative)),
            ("-0.5", Time::Malformed(TimeFault::Negative)),
        ] {
            assert_eq!(Time::read(Kind::Number, raw), want, "{raw}");
        }
        for (kind, raw) in [(Kind::String, "\"1300819380\""), (Kind::Null, "null"), (Kind::Bool, "true")] {
            assert_eq!(Time::read(kind, raw), Time::Malformed(TimeFault::NotANumber(kind)));
        }
    }
}
