//! What an operation runs with: the time, randomness, and how much it may spend.

use super::Problem;
use portcullis_model::{Rng, Timestamp};
use std::sync::Arc;

/// What an operation runs with.
#[derive(Clone, Debug)]
pub struct At {
    /// The time to judge by, in microseconds since 1970.
    pub now: i64,
    /// Randomness, for token ids. Keys are made with the cryptographic library's own.
    pub rng: Arc<dyn Rng>,
    /// How much may be spent.
    pub bounds: Bounds,
}

/// How much an operation may spend, and what it may read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Whether `RSA1_5` may be read where the request asks for it: on one's own machine, never for strangers.
    pub rsa1_5: bool,
    /// Bytes of a token, a message or a payload.
    pub message: usize,
    /// Bytes that compressed content may unpack to.
    pub content: usize,
    /// Keys in one request, members of sets counted: what two keys are to each other is asked for each pair.
    pub keys: usize,
    /// Keys that a password opens, and passwords that a message is tried with. Opening a file costs at most five million
    /// iterations, which is about two seconds.
    pub passwords: usize,
    /// Iterations of a password derivation in one message.
    pub iterations: u32,
    /// Private-key operations in one request: keys times recipients or signatures.
    pub trials: usize,
    /// Bits of an RSA key that is made.
    pub rsa_bits: u32,
}

impl Bounds {
    /// For strangers, over HTTP: some seconds of one core at worst.
    pub const SERVED: Self = Self {
        rsa1_5: false,
        message: 256 << 10,
        content: 256 << 10,
        keys: 64,
        passwords: 1,
        iterations: 1_000_000,
        trials: 32,
        rsa_bits: 3072,
    };

    /// For whoever runs it on a machine of their own, and can stop it.
    pub const HERE: Self = Self {
        rsa1_5: true,
        message: 1 << 20,
        content: 4 << 20,
        keys: 256,
        passwords: 64,
        iterations: 10_000_000,
        trials: 4096,
        rsa_bits: 4096,
    };
}

impl At {
    /// For a request over HTTP.
    pub fn served(now: Timestamp, rng: Arc<dyn Rng>) -> Self {
        Self { now: now.micros(), rng, bounds: Bounds::SERVED }
    }

    /// For the command line.
    pub fn here(now: Timestamp, rng: Arc<dyn Rng>) -> Self {
        Self { now: now.micros(), rng, bounds: Bounds::HERE }
    }

    /// The time that a request names, or this one.
    pub(crate) fn judged(&self, now: Option<&str>) -> Result<i64, Problem> {
        let Some(text) = now else { return Ok(self.now) };
        let seconds = text.parse::<i64>().ok().filter(|seconds| (0..=LAST).contains(seconds));
        seconds
            .map(|seconds| seconds * 1_000_000)
            .or_else(|| Timestamp::parse_rfc3339(text).map(Timestamp::micros))
            .ok_or_else(|| {
                Problem::invalid(
                    "now_malformed",
                    "now",
                    "not a time",
                    "write RFC 3339, as `2026-11-22T08:09:10Z`, or whole seconds since 1970",
                )
            })
    }

    /// Passes when a token or message is not larger than is read.
    pub(crate) fn bounded(&self, place: &str, len: usize) -> Result<(), Problem> {
        let most = self.bounds.message;
        if len <= most {
            return Ok(());
        }
        Err(Problem::new(
            "token_too_large",
            portcullis_fault::codes::BODY_TOO_LARGE,
            place,
            format!("{len} bytes, at most {most} are read"),
            "give one token; real ones have kilobytes",
        ))
    }
}

/// The end of the year 9999.
const LAST: i64 = 253_402_300_799;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[derive(Debug)]
    struct Counted;

    impl Rng for Counted {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.iter_mut().zip(1..).for_each(|(byte, n)| *byte = n);
        }
    }

    /// 2026-11-22T03:50:43Z, as a server has it.
    pub(crate) fn at() -> At {
        At::served(Timestamp::from_seconds(1_795_319_443), Arc::new(Counted))
    }

    #[test]
    fn the_time_of_a_request() {
        let at = at();
        assert_eq!(at.judged(None).unwrap(), at.now);
        assert_eq!(at.judged(Some("1800000000")).unwrap(), 1_800_000_000_000_000);
        assert_eq!(at.judged(Some("2027-01-15T08:00:00Z")).unwrap(), 1_800_000_000_000_000);
        for wrong in ["", "yesterday", "-1", "99999999999999"] {
            assert_eq!(at.judged(Some(wrong)).unwrap_err().name, "now_malformed", "{wrong}");
        }
    }
}
