#![no_main]

/// What reads filters and paths, without the rest of `crates/control` and all that it is built on.
#[path = "../../crates/control/src/scim"]
#[expect(dead_code, reason = "the rest of the crate uses more of it")]
mod scim {
    pub mod filter;
    pub mod schema;
}

#[path = "../scim/lib.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
