//! A streamed answer: server-sent events with a `type`, from `message-start` to `message-end`.

mod read;
mod write;

pub(super) use read::Reader;
pub(super) use write::Writer;
