//! A token that a key has vouched for.

use std::fmt;
use std::sync::Arc;

use super::payload::Claims;
use crate::jwa::Alg;
use crate::jws::Header;

/// The signature counts. Nothing is known about the claims yet: time, audience and the rest are [`crate::Rules`],
/// and have to be checked on every use.
///
/// Cheap to clone; made by [`crate::Unverified::verify`] and nothing else.
#[derive(Clone)]
pub struct Verified {
    alg: Alg,
    header: Arc<Header>,
    claims: Claims,
}

impl Verified {
    pub(super) fn new(alg: Alg, header: Arc<Header>, claims: Claims) -> Self {
        Self { alg, header, claims }
    }

    /// The algorithm that was used.
    pub fn alg(&self) -> Alg {
        self.alg
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The claims.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Bytes that it occupies, its parts included.
    pub fn weight(&self) -> usize {
        let counts = 2 * size_of::<usize>();
        size_of::<Self>() + counts + self.header.weight() + self.claims.weight()
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("header", &self.header).field("claims", &self.claims).finish()
    }
}
