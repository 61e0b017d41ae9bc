//! Quantities as people write them in a configuration file: `"30s"`, `"10MiB"`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::time::Duration;

/// A length of time written as a number and a unit: `"200ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`; `"0s"` is allowed, and
/// `"36500d"` the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// Whole seconds.
    pub const fn seconds(n: u64) -> Self {
        Self(Duration::from_secs(n))
    }

    /// Milliseconds.
    pub const fn millis(n: u64) -> Self {
        Self(Duration::from_millis(n))
    }
}

/// What no setting is ever meant to be, and whatever is added to a point in time still fits: a hundred years.
const LONGEST: Span = Span::seconds(36_500 * 86_400);

const SPANS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl std::str::FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let say = || {
            format!(
                "a duration is a whole number and a unit (`ms`, `s`, `m`, `h`, `d`), as in `30s`, not `{text}`"
            )
        };
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(say)?;
        let (number, unit) = text.split_at(split);
        let scale = SPANS.iter().find(|(name, _)| *name == unit).ok_or_else(say)?.1;
        let number: u64 = number.parse().map_err(|_| say())?;
        let span =
            number.checked_mul(scale).map(|millis| Self(Duration::from_millis(millis))).ok_or_else(say)?;
        if span > LONGEST {
            return Err(format!("a duration is at most `{LONGEST}`, not `{text}`"));
        }
        Ok(span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let (unit, scale) = if millis == 0 {
            ("s", 1_000)
        } else {
            *SPANS.iter().find(|(_, s)| millis.is_multiple_of(*s)).unwrap_or(&SPANS[4])
        };
        write!(f, "{}{unit}", millis / scale)
    }
}

/// A number of bytes written with a binary unit: `"512B"`, `"64KiB"`, `"10MiB"`, `"1GiB"`; at most `"1048576GiB"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// As an in-memory length.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// What no machine has, and whatever is added to it is still a length: a pebibyte.
const LARGEST: ByteSize = ByteSize(1 << 50);

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl std::str::FromStr for ByteSize {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let say = || {
            format!(
                "a size is a whole number and a unit (`B`, `KiB`, `MiB`, `GiB`), as in `10MiB`, not `{text}`"
            )
        };
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(say)?;
        let (number, unit) = text.split_at(split);
        let scale = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(say)?.1;
        let size = number.parse::<u64>().ok().and_then(|n| n.checked_mul(scale)).map(Self).ok_or_else(say)?;
        if size > LARGEST {
            return Err(format!("a size is at most `{LARGEST}`, not `{text}`"));
        }
        Ok(size)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale) = if self.0 == 0 {
            SIZES[3]
        } else {
            *SIZES.iter().find(|(_, s)| self.0.is_multiple_of(*s)).unwrap_or(&SIZES[3])
        };
        write!(f, "{}{unit}", self.0 / scale)
    }
}

macro_rules! textual {
    ($type:ty, $name:literal, $pattern:literal, $example:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}

textual!(Span, "Duration", "^[0-9]+(ms|s|m|h|d)$", "30s");
textual!(ByteSize, "ByteSize", "^[0-9]+(B|KiB|MiB|GiB)$", "10MiB");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for text in ["200ms", "30s", "5m", "2h", "7d", "0s", "90s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["512B", "64KiB", "10MiB", "1GiB", "0B"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_would_not_fit_a_calendar_or_a_machine_is_refused() {
        for (text, most) in
            [("36500d", "36501d"), ("3153600000000ms", "3153600000001ms"), ("0s", "213503982334d")]
        {
            assert!(text.parse::<Span>().is_ok(), "{text}");
            assert!(most.parse::<Span>().unwrap_err().contains("at most `36500d`"), "{most}");
        }
        for (text, most) in [("1048576GiB", "1048577GiB"), ("0B", "18446744073709551615B")] {
            assert!(text.parse::<ByteSize>().is_ok(), "{text}");
            assert!(most.parse::<ByteSize>().unwrap_err().contains("at most `1048576GiB`"), "{most}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for text in ["", "30", "s", "1.5s", "-1s", "30 s", "99999999999999999999s", "18446744073709551615d"] {
            assert!(text.parse::<Span>().unwrap_err().contains("as in `30s`"), "{text}");
        }
        assert!("10MB".parse::<ByteSize>().unwrap_err().contains("not `10MB`"));
    }
}
