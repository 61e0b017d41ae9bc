//! `stream_options`, the one member of OpenAI's that is edited on the way: what the caller has of it, and what goes where
//! for the provider.

use super::names::Names;
use super::{Found, boolean, syntax, typed};
use crate::json::strict::Cursor;
use portcullis_fault::Fault;
use std::ops::Range;

/// What to do with `stream_options` on the way to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamOptions {
    /// Ask for usage in streams, even if the caller did not.
    Ask,
    /// As the caller has it.
    Keep,
    /// Take it out: the provider refuses calls that have it.
    Remove,
}

/// What the caller has of it.
#[derive(Clone)]
pub(super) enum Options {
    Absent,
    Null(Range<usize>),
    Object {
        /// Where the first member would go.
        inside: usize,
        empty: bool,
        include_usage: Option<(Range<usize>, bool)>,
    },
}

/// Bytes that an edit adds at most.
pub(super) const LONGEST: usize = MEMBER.len();

const MEMBER: &[u8] = br#","stream_options":{"include_usage":true}"#;
const OBJECT: &[u8] = br#"{"include_usage":true}"#;

impl Options {
    /// Whether the caller itself asked for usage in the stream.
    pub(super) fn ask_for_usage(&self) -> bool {
        matches!(self, Self::Object { include_usage: Some((_, true)), .. })
    }

    /// What to put where, so that usage is asked for; there is room for a member at `behind_model`.
    pub(super) fn edit(&self, behind_model: usize) -> Option<(Range<usize>, &'static [u8])> {
        match self {
            Self::Absent => Some((behind_model..behind_model, MEMBER)),
            Self::Null(span) => Some((span.clone(), OBJECT)),
            Self::Object { include_usage: Some((_, true)), .. } => None,
            Self::Object { include_usage: Some((span, false)), .. } => Some((span.clone(), b"true")),
            Self::Object { inside, empty: true, .. } => Some((*inside..*inside, br#""include_usage":true"#)),
            Self::Object { inside, empty: false, .. } => {
                Some((*inside..*inside, br#""include_usage":true,"#))
            }
        }
    }
}

/// Reads the member's value.
pub(super) fn read(cursor: &mut Cursor<'_>, body: &[u8], found: &mut Found) -> Result<(), Fault> {
    if cursor.peek() != Some(b'{') {
        let value = cursor.value(1, &mut 0).map_err(syntax)?;
        if &body[value.clone()] != b"null" {
            return Err(typed("stream_options", "an object", &value));
        }
        found.options = Some(Options::Null(value));
        return Ok(());
    }
    let inside = cursor.at() + 1;
    let (mut empty, mut include_usage) = (true, None);
    cursor.take(b'{');
    let mut names = Names::new(body, false);
    let mut more = cursor.peek() != Some(b'}');
    if !more {
        cursor.take(b'}');
    }
    while more {
        empty = false;
        let name = cursor.name().map_err(syntax)?;
        names.add(&name, "stream_options.")?;
        let value = cursor.value(2, &mut 0).map_err(syntax)?;
        if &body[name.inside] == b"include_usage" {
            let asked = boolean(body, &value)
                .ok_or_else(|| typed("stream_options.include_usage", "true or false", &value))?;
            include_usage = Some((value, asked));
        }
        more = cursor.more().map_err(syntax)?;
    }
    found.options = Some(Options::Object { inside, empty, include_usage });
    Ok(())
}
