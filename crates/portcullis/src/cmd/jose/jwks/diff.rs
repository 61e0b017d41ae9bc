//! `portcullis jose jwks diff`: what a rotation did.

use super::SetOptions;
use crate::cmd::jose::key::kind;
use crate::cmd::jose::keys::Keyring;
use crate::cmd::jose::paint::{Ink, harmless};
use crate::cmd::jose::session::Session;
use crate::cmd::jose::show;
use crate::failure::{Done, Failure};
use clap::Args;
use portcullis_control::workbench::KeyFacts;
use portcullis_control::workbench::jwks::diff::{self, Answer, Request};
use serde_json::Value;
use std::path::PathBuf;

/// Compare two key sets: what a rotation added, took away or exchanged
#[derive(Args, Debug)]
#[command(after_help = "\
Keys are compared by what they are, whatever they are called. Said are keys
that came and went, keys that say something else of themselves, and ids under
which another key stands now: readers that remember keys by their id then
refuse good tokens.

Exit codes: 0 the same keys, 1 not, 2 called wrongly or unreadable.

Examples:
  portcullis jose jwks diff new.json https://idp.example.com/jwks.json
  portcullis jose jwks diff old.json new.json")]
pub struct Diff {
    /// The key set of before: a file, a URL, or `-`
    #[arg(value_name = "FILE|URL")]
    before: String,
    /// The key set of now: a file, a URL, or `-`
    #[arg(value_name = "FILE|URL")]
    after: String,
    /// Trust these certificates (PEM) when fetching, in place of the public ones
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Diff {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        let options = SetOptions { issuer: None, ca_file: self.ca_file };
        let (before, from) = options.read(Some(&self.before), session)?;
        let (after, to) = options.read(Some(&self.after), session)?;
        let request = Request { before: before.into(), after: after.into() };
        let answer = diff::run(&request, &session.at()).map_err(|problem| {
            let failure = Keyring::default().problem(&problem);
            failure.at(if problem.place == "before" { from.clone() } else { to.clone() })
        })?;
        for (left_out, place) in [(&answer.left_out_before, &from), (&answer.left_out_after, &to)] {
            for one in left_out {
                session.note(&format!("key {} of {place}: {}", one.index, one.reason));
            }
        }
        show::answer(session, &answer, || text(session, &answer))?;
        if answer.same { Ok(()) } else { Err(Failure::new("the key sets differ")) }
    }
}

fn text(session: &Session<'_>, answer: &Answer) -> String {
    let mut out = String::new();
    let mut line = |ink: Ink, text: String| out.push_str(&(session.paint.ink(ink, text.trim_end()) + "\n"));
    for key in &answer.removed {
        line(Ink::Bad, format!("- {}", described(key)));
    }
    for key in &answer.added {
        line(Ink::Good, format!("+ {}", described(key)));
    }
    for replaced in &answer.replaced {
        line(Ink::Bad, format!("! `{}` is the id of another key now", harmless(&replaced.kid)));
        line(Ink::Bad, format!("  - {}", described(&replaced.before)));
        line(Ink::Good, format!("  + {}", described(&replaced.after)));
    }
    for changed in &answer.changed {
        let key = changed.kid.as_deref().or(changed.thumbprint.as_deref()).unwrap_or("a shared secret");
        for member in &changed.members {
            let (before, after) = (value(&member.before), value(&member.after));
            line(Ink::Warning, format!("~ {}: `{}` was {before}, is {after}", harmless(key), member.member));
        }
    }
    match answer.unchanged {
        0 => {}
        1 => line(Ink::Faint, "1 key is as it was".to_owned()),
        count => line(Ink::Faint, format!("{count} keys are as they were")),
    }
    out
}

fn described(key: &KeyFacts) -> String {
    let kid = key.kid.as_deref().map_or("(no kid)".to_owned(), harmless);
    let alg = key.alg.as_deref().map(harmless).unwrap_or_default();
    format!("{kid}  {}  {alg}", kind(key)).trim_end().to_owned()
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "not there".to_owned(),
        value => harmless(&value.to_string()),
    }
}
