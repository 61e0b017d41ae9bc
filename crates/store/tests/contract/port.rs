//! Ports for servers that are started as processes of their own.

use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;

/// A port that nobody listens on. Of those below 32768, which the kernel gives to nobody who does not ask for them by
/// number: one of the others may be somebody's connection, or another test's listener, before a server has it, or while
/// it is stopped.
pub fn free_port() -> u16 {
    let some = || 20_000 + u16::try_from(RandomState::new().hash_one(()) % 12_000).unwrap();
    let mut candidates = std::iter::repeat_with(some).take(1_000);
    candidates.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port is free")
}
