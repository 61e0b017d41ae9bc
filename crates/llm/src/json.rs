//! JSON in four ways. For bytes that pass by: [`strict`] checks a whole document and finds spans in it, [`push`]
//! takes a document in pieces and keeps nothing. For what is translated: [`tree`] reads a whole document as strictly,
//! into values that know where they are; [`write`] writes one.
//!
//! Not here: building values without a form (`serde_json` does that where such values are wanted).

pub(crate) mod push;
pub(crate) mod strict;
#[allow(dead_code, reason = "each format uses some of it")]
pub(crate) mod tree;
#[allow(dead_code, reason = "each format uses some of it")]
pub(crate) mod write;
