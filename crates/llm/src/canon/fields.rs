//! What a request can say, by name: which dialect can say it ([`Chat::says`](crate::dialect::chat::Chat::says)), and what
//! becomes of it where the target cannot.

use super::request::Request;
use portcullis_fault::{Fault, codes};
use std::borrow::Cow;

/// Something that a request can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Field(pub &'static str);

/// What becomes of a field that the target cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is left out: the answer may be worse, and means the same.
    Drop,
    /// The call is refused: without it the answer would mean something else.
    Refuse,
}

/// How strict a deployment is about what its dialect cannot say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Whatever cannot be said is refused.
    Strict,
    /// By each field's [`Rule`].
    #[default]
    Drop,
}

/// What was left out or changed on the way into another dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(Vec<Cow<'static, str>>);

impl Losses {
    /// A field was left out.
    pub fn dropped(&mut self, field: Field) {
        self.0.push(Cow::Borrowed(field.0));
    }

    /// A value was changed: which, and to what (`temperature=1`).
    pub fn changed(&mut self, what: impl Into<String>) {
        self.0.push(Cow::Owned(what.into()));
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As in the header `x-portcullis-dropped` and the record: names with commas, at most 1 KiB.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for name in &self.0 {
            if text.len() + name.len() + 2 > 1024 {
                text.push_str(", …");
                break;
            }
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(name);
        }
        text
    }
}

/// One row: a field, what becomes of it, how it is found and taken out.
#[derive(Debug)]
pub struct Row {
    /// Its name, as in requests of the first dialect that had it.
    pub field: Field,
    /// What becomes of it where it cannot be said.
    pub rule: Rule,
    /// Whether a request says it.
    pub used: fn(&Request) -> bool,
    /// Takes it out.
    pub remove: fn(&mut Request),
}

/// Takes out of `request` what a target that says `says` cannot be told, or refuses it.
pub fn fit(
    request: &mut Request,
    rows: &[Row],
    says: &[Field],
    mode: Mode,
    losses: &mut Losses,
) -> Result<(), Fault> {
    for row in rows {
        if says.contains(&row.field) || !(row.used)(request) {
            continue;
        }
        if mode == Mode::Strict || row.rule == Rule::Refuse {
            return Err(Fault::new(codes::AI_REQUEST_INVALID).detail(format!(
                "member `{}` cannot be said to the provider of this model; leave it out, or ask for another model",
                row.field.0
            )));
        }
        (row.remove)(request);
        losses.dropped(row.field);
    }
    Ok(())
}
