//! Chance from a seed: for choices that have to be even, not secret. The same seed draws the same.

/// A generator (SplitMix64).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number between 0 and 1, neither of them.
    pub(crate) fn unit(&mut self) -> f64 {
        unit(self.next())
    }
}

/// Spreads the bits of a number.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number between 0 and 1, neither of them, made of the upper 52 bits.
#[expect(clippy::cast_precision_loss, reason = "52 bits fit a double exactly")]
pub(crate) fn unit(number: u64) -> f64 {
    ((number >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// FNV-1a over text that comes in pieces, so that nothing has to be put together first. The same in every process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }

    /// The whole text and nothing else: `ab`, `c` is not `a`, `bc`.
    pub(crate) fn part(&mut self, text: &str) {
        self.add(text.as_bytes());
        self.add(&[0xFF]);
    }

    pub(crate) fn number(self) -> u64 {
        mix(self.0)
    }
}

impl std::fmt::Write for Hash {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}
