//! A streamed answer: lines of JSON, the last one `done`.

mod read;
mod write;

pub(super) use read::Reader;
pub(super) use write::Writer;
