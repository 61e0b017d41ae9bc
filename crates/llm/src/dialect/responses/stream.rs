//! Streamed answers.

mod read;
mod write;

pub(super) use read::Reader;
pub(super) use write::Writer;
