//! Two readers of JSON for bytes that pass by: [`strict`] checks a whole document and finds spans in it, [`push`]
//! takes a document in pieces and keeps nothing.
//!
//! Not here: building values (`serde_json` does that where values are wanted).

pub(crate) mod push;
pub(crate) mod strict;
