//! The crate from outside: files as users write them, and what they are told.

mod environment;
mod examples;
mod files;
mod messages;
mod round_trip;
mod shape;
