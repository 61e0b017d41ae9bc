//! The doctor as a whole, beside a directory, key sets and caches that run, at a clock that is set by hand. With real servers
//! and through API and command line: `portcullis`, `tests/it/doctor`.

#[expect(dead_code, reason = "what else there is to it is for the tests of `identity`")]
#[path = "../../../identity/tests/it/fixture.rs"]
mod fixture;

mod key_set;
mod practice;
mod surroundings;
