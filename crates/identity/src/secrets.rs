//! Custody of secrets: where randomness comes from, how credentials of ours are hashed, how stored secrets are sealed,
//! and how `env:`, `file:` and `stored:` references are read.

mod credential;
mod custody;
mod key_file;
mod pepper;
mod reader;
mod rng;

pub use credential::Credential;
pub use custody::{Custody, CustodyError};
pub use key_file::KeyFile;
pub use pepper::Pepper;
pub use reader::SecretReader;
pub use rng::SystemRng;
