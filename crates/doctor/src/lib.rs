//! Why a caller was refused: every cause told apart, with evidence, and with what to do about it.
//!
//! The doctor runs the request path's own `authenticate` and `resolve` with an observer and without effects, then asks a
//! list of [`checks`] for causes. It changes nothing, ends by itself, and never shows a whole token or secret.
//!
//! Not here: deciding whether a call counts (`identity`), HTTP (`control`), reading files and arguments (`portcullis`).

pub mod case;
pub mod cause;
pub mod check;
pub mod checks;
pub mod compare;
mod doctor;
pub mod instance;
pub mod messages;
pub mod nearmiss;
mod path;
pub mod report;
pub mod scope;
pub mod stage;
pub mod text;
mod witness;
mod words;

pub use doctor::{Doctor, Parts, Question};
pub use report::Diagnosis;
pub use stage::Stage;
