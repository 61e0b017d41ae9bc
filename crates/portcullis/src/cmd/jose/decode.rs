//! `portcullis jose decode`: what a token says, without asking whether it is true.

use super::keys::Keyring;
use super::paint::{Ink, harmless};
use super::session::Session;
use super::{findings, input, show};
use crate::failure::{Done, Failure};
use clap::Args;
use portcullis_control::workbench::{Content, decode};
use std::fmt::Write;

/// Show what a token says, without verifying it
#[derive(Args, Debug)]
#[command(after_help = "\
Takes what people have on the clipboard: `Authorization: Bearer …`, quotes,
line breaks; what was left out is said on stderr. Signed and encrypted tokens,
compact and JSON serialisations, detached ones. What a token says is a claim
by whoever wrote it, until `verify` says otherwise.

Exit codes: 0 decoded, 1 not a token, 2 called wrongly or unreadable.

Examples:
  portcullis jose decode @token.txt
  pbpaste | portcullis jose decode
  portcullis jose decode @token.txt --output json | jq .claims.sub")]
pub struct Decode {
    /// The token, `@FILE`, or `-`; without it, what a pipe brings
    token: Vec<String>,
    /// The payload of a detached signature
    #[arg(long, value_name = "FILE")]
    payload: Option<String>,
}

impl Decode {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        let given = input::token(&self.token, &session.stdin)?;
        let given = input::without_line_end(&given);
        let payload = input::payload(self.payload.as_deref(), session)?;
        let request = decode::Request {
            token: given.to_owned(),
            payload: payload.as_deref().map(Content::of),
            now: None,
        };
        let answer =
            decode::run(&request, &session.at()).map_err(|problem| Keyring::default().problem(&problem))?;
        for finding in answer.findings.iter().filter(|finding| finding.repaired.is_some()) {
            session.note(&format!("{}; this is left out", finding.evidence));
        }
        if answer.decoded {
            return show::answer(session, &answer, || text(session, &answer));
        }
        show::answer(session, &answer, || findings::list(session, &answer.findings, Some(given)))?;
        let failure = Failure::new("this is no token that can be decoded");
        Err(match self.token.first().filter(|argument| std::path::Path::new(argument).is_file()) {
            Some(path) => failure.next(format!("there is a file of that name; to read it, write `@{path}`")),
            None => failure,
        })
    }
}

fn text(session: &Session<'_>, answer: &decode::Answer) -> String {
    let mut out = String::new();
    if answer.signatures.len() > 1 {
        for (index, signature) in answer.signatures.iter().enumerate() {
            for (name, header) in
                [("header", &signature.protected), ("unprotected header", &signature.unprotected)]
            {
                if let Some(header) = header {
                    let heading = format!("{name} of signature {index}");
                    out.push_str(&show::part(session, &heading, Ink::Header, header));
                }
            }
        }
    } else if let Some(header) = &answer.header {
        out.push_str(&show::part(session, "header", Ink::Header, header));
    }
    for (index, recipient) in answer.recipients.iter().enumerate().filter(|_| answer.recipients.len() > 1) {
        if let Some(header) = &recipient.header {
            out.push_str(&show::part(session, &format!("header of recipient {index}"), Ink::Key, header));
        }
    }
    match (&answer.claims, &answer.payload) {
        (Some(claims), _) => out.push_str(&show::claims(session, "payload", claims, &answer.times)),
        (None, Some(payload)) => out.push_str(&show::payload(session, payload)),
        (None, None) if answer.detached => {
            let what = "not in the message; `--payload FILE` shows it here";
            out.push_str(&show::text_part(session, "payload", Ink::Payload, what));
        }
        (None, None) => {}
    }
    if let Some(bytes) = answer.ciphertext_bytes {
        let what = format!("{bytes} bytes; `portcullis jose decrypt` reads them with the recipient's key");
        out.push_str(&show::text_part(session, "ciphertext", Ink::Payload, &what));
    }
    for signature in &answer.signatures {
        let what = match signature.signature_bytes {
            0 => "none: anybody could have written this".to_owned(),
            bytes => format!("{bytes} bytes, not verified"),
        };
        out.push_str(&show::text_part(session, "signature", Ink::Signature, &what));
    }
    if let Some(refused) = &answer.refused {
        let heading = session.paint.ink(Ink::Bad, "refused by every strict reader");
        let _ = writeln!(out, "{heading}\n  {} ({})", harmless(&refused.message), refused.name);
    }
    let telling: Vec<_> =
        answer.findings.iter().filter(|finding| finding.repaired.is_none()).cloned().collect();
    if !telling.is_empty() {
        let _ = writeln!(out, "{}", session.paint.ink(Ink::Strong, "findings"));
        out.push_str(&findings::list(session, &telling, None));
    }
    out
}
