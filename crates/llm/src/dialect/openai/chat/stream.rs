//! A streamed answer: chunks with what is new, a chunk with usage, `[DONE]`.

mod choice;
pub(super) mod ending;
mod read;
mod write;

pub(super) use read::Reader;
pub(super) use write::Writer;
