//! The catalogue of refusals: every way in which Portcullis says no, with its status, who is to blame, whether to try
//! again, and a page that explains it.
//!
//! No I/O, and nothing of ours below it. AI dialects render their own error bodies (`llm::dialect`); this crate knows
//! RFC 9457 and RFC 6750.

pub mod codes;
pub mod defect;
mod fault;
pub mod pages;
mod problem;
mod redact;

pub use codes::{Blame, Code, OauthError, Retry};
pub use defect::Defect;
pub use fault::Fault;
pub use problem::{Problem, challenge};
pub use redact::Secret;
