//! Operations on keys.

pub mod audit;
pub mod convert;
pub mod generate;
pub mod thumbprint;
