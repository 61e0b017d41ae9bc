//! A set of algorithms: an allow-list that costs nothing to copy or ask.

use std::fmt;

use super::{Alg, Family};

/// A set of [`Alg`]s. Empty by default, and an empty set allows nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Algs(u32);

impl Algs {
    /// Allows nothing.
    pub const NONE: Algs = Algs(0);

    /// Exactly these.
    pub fn of(algs: &[Alg]) -> Self {
        algs.iter().copied().collect()
    }

    /// Every algorithm with a public key: all but HMAC. What an issuer with a JWKS may at most use.
    pub fn asymmetric() -> Self {
        Alg::ALL.into_iter().filter(|alg| alg.family() != Family::Hmac).collect()
    }

    /// All of one family.
    pub fn family(family: Family) -> Self {
        Alg::ALL.into_iter().filter(|alg| alg.family() == family).collect()
    }

    /// Whether it is allowed.
    pub fn contains(self, alg: Alg) -> bool {
        self.0 & bit(alg) != 0
    }

    /// Whether nothing is allowed.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many are allowed.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// With one more.
    #[must_use]
    pub fn with(self, alg: Alg) -> Self {
        Algs(self.0 | bit(alg))
    }

    /// What both allow.
    #[must_use]
    pub fn and(self, other: Algs) -> Self {
        Algs(self.0 & other.0)
    }

    /// What either allows.
    #[must_use]
    pub fn or(self, other: Algs) -> Self {
        Algs(self.0 | other.0)
    }

    /// In the order of the registry.
    pub fn iter(self) -> impl Iterator<Item = Alg> {
        Alg::ALL.into_iter().filter(move |alg| self.contains(*alg))
    }
}

fn bit(alg: Alg) -> u32 {
    1 << alg as u32
}

impl FromIterator<Alg> for Algs {
    fn from_iter<I: IntoIterator<Item = Alg>>(algs: I) -> Self {
        algs.into_iter().fold(Algs::NONE, Algs::with)
    }
}

impl From<Alg> for Algs {
    fn from(alg: Alg) -> Self {
        Algs::NONE.with(alg)
    }
}

impl fmt::Display for Algs {
    /// Names with commas between: `RS256, ES256`; `nothing` when empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (i, alg) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(alg.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Algs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Algs({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in_and_nothing_else() {
        let algs = Algs::of(&[Alg::ES256, Alg::RS256, Alg::RS256]);
        assert_eq!(algs.to_string(), "RS256, ES256");
        for alg in Alg::ALL {
            assert_eq!(algs.contains(alg), matches!(alg, Alg::ES256 | Alg::RS256), "{alg}");
        }
        assert!(!Algs::asymmetric().contains(Alg::HS256));
        assert_eq!(Algs::asymmetric().len(), 16);
    }
}
