//! The composition root: the one place where everything is built and handed to whoever needs it.
//!
//! [`Foundation`] is what `serve` and the command line beside no server share; [`Offline`] is the latter, [`App`] the
//! former. Nothing here decides about a call.

mod first_start;
mod foundation;
mod listeners;
mod offline;
mod parts;
mod plane;
mod reload;
mod seen;
mod serving;

pub use foundation::Foundation;
pub use offline::{Compiled, Offline, compile};
pub use serving::App;
