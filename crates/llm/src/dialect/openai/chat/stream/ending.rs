//! How chunks end: those of chats and of legacy completions alike.

use super::super::{error, usage};
use crate::canon::{ProviderError, Tokens};
use crate::json::write::Writer as Json;

/// An error in place of an ending.
pub(in super::super) fn failed(failed: &ProviderError, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    Json::new(out).object(|w| error::inside(w, failed, failed.status, None));
    out.extend_from_slice(b"\n\n");
}

/// What was used, for who asked for it, behind `head`, with which every chunk begins; and the last word.
pub(in super::super) fn done(head: &[u8], usage: Option<Tokens>, out: &mut Vec<u8>) {
    if let Some(tokens) = usage {
        out.extend_from_slice(head);
        out.extend_from_slice(b"[],\"usage\":");
        usage::write(&mut Json::new(out), &tokens);
        out.extend_from_slice(b"}\n\n");
    }
    out.extend_from_slice(b"data: [DONE]\n\n");
}
