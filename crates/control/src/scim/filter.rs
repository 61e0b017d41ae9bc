//! Filters (RFC 7644 §3.4.2.2) and the paths of PATCH (§3.5.2), as they are written. What they mean for a kind of resource
//! is [`Matcher`]'s: it knows the schema, and with it the case rules.

mod matcher;
mod narrow;
mod parse;

pub(in crate::scim) use matcher::truth;
pub use matcher::{Matcher, Place, equal};
pub use narrow::Narrow;
pub use parse::{parse, parse_path};

use serde_json::Value;
use std::fmt;

/// The longest filter or path, in bytes.
pub const LONGEST: usize = 8_192;
/// How deep brackets may be nested.
pub const DEEPEST: usize = 16;
/// The most comparisons of one filter.
pub const MOST_TERMS: usize = 128;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal, or not there.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater, later.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less, earlier.
    Lt,
    /// Less or equal.
    Le,
}

impl Op {
    const ALL: [(&'static str, Self); 9] = [
        ("eq", Self::Eq),
        ("ne", Self::Ne),
        ("co", Self::Co),
        ("sw", Self::Sw),
        ("ew", Self::Ew),
        ("gt", Self::Gt),
        ("ge", Self::Ge),
        ("lt", Self::Lt),
        ("le", Self::Le),
    ];

    /// As written.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("", |(word, _)| word)
    }
}

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// `userName eq "ada"`. The value is text, a number, a boolean or null.
    Compare {
        /// The attribute.
        path: String,
        /// How.
        op: Op,
        /// With what.
        value: Value,
    },
    /// `title pr`: there is one.
    Present(String),
    /// `emails[type eq "work"]`: one element is so.
    Element {
        /// The attribute.
        path: String,
        /// What holds for its element.
        filter: Box<Self>,
    },
    /// `not (…)`.
    Not(Box<Self>),
    /// All of them; two at least.
    And(Vec<Self>),
    /// One of them; two at least.
    Or(Vec<Self>),
}

/// The path of a PATCH operation: `name.givenName`, `emails[type eq "work"].value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The attribute, with a sub-attribute where no elements are chosen.
    pub attribute: String,
    /// Which elements.
    pub filter: Option<Filter>,
    /// The sub-attribute of the elements.
    pub sub: Option<String>,
}

impl Filter {
    /// How many comparisons it has.
    pub fn terms(&self) -> usize {
        match self {
            Self::Compare { .. } | Self::Present(_) => 1,
            Self::Element { filter, .. } | Self::Not(filter) => filter.terms(),
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::terms).sum(),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str, bracket: fn(&Self) -> bool| {
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    write!(f, " {word} ")?;
                }
                if bracket(part) { write!(f, "({part})")? } else { write!(f, "{part}")? }
            }
            Ok(())
        };
        match self {
            Self::Compare { path, op, value } => write!(f, "{path} {} {value}", op.as_str()),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Element { path, filter } => write!(f, "{path}[{filter}]"),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::And(parts) => joined(f, parts, "and", |part| matches!(part, Self::And(_) | Self::Or(_))),
            Self::Or(parts) => joined(f, parts, "or", |part| matches!(part, Self::Or(_))),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.attribute)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        self.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{sub}"))
    }
}
