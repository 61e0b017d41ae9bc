//! `portcullis jose explain`: why a token is refused, and what to do about it.

use super::expectations::Expectations;
use super::keys::KeyOptions;
use super::paint::Ink;
use super::session::Session;
use super::{findings, input, show, verify};
use crate::failure::{Done, Failure};
use clap::Args;
use portcullis_control::workbench::explain::{self, Answer, Request};
use portcullis_jose::Severity;
use std::fmt::Write;

/// Say why a token is refused, with evidence and the next step
#[derive(Args, Debug)]
#[command(after_help = "\
Goes through the steps of `verify` and looks for the cause of each refusal in
what is at hand: what was pasted around the token, which of the keys does
verify it, whether the secret is meant in another encoding, by how much a
clock is wrong, where two issuers differ. The more is at hand, the more it can
say. Nothing found here makes a token valid.

Exit codes: 0 valid, 1 not valid, 2 called wrongly or unreadable.

Examples:
  portcullis jose explain @token.txt --issuer https://idp.example.com \\
      --aud api://orders
  portcullis jose explain @broken.txt --key issuer.pem
  portcullis jose explain @broken.txt --good @token.txt --output json | jq \\
      -r '.findings[].code'
  portcullis jose explain @shared.txt --secret-from env:SECRET \\
      --secret-encoding base64")]
pub struct Explain {
    /// The token, `@FILE`, or `-`; without it, what a pipe brings
    token: Vec<String>,
    #[command(flatten)]
    keys: KeyOptions,
    /// An algorithm that is allowed (repeatable; every one that the keys take, if none is named)
    #[arg(long = "alg", value_name = "ALG", help_heading = "Expectations")]
    algs: Vec<String>,
    #[command(flatten)]
    expectations: Expectations,
    /// Another token to compare with, one that works: as for TOKEN (repeatable)
    #[arg(long, value_name = "TOKEN")]
    good: Vec<String>,
}

impl Explain {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        let given = input::token(&self.token, &session.stdin)?;
        let given = input::without_line_end(&given);
        let mut tokens = Vec::with_capacity(self.good.len());
        for good in &self.good {
            let text = input::text(Some(good), "the good token", &session.stdin)?;
            tokens.push(input::strict(&text).0.to_owned());
        }
        let ring = self.keys.read(session)?;
        let request = Request {
            token: given.to_owned(),
            keys: ring.keys.clone(),
            tokens,
            algorithms: self.algs,
            expect: self.expectations.stated(self.keys.issuer.as_deref()),
            ..Request::default()
        };
        let answer = explain::run(&request, &session.at()).map_err(|problem| ring.problem(&problem))?;
        verify::left_out(session, &answer.left_out);
        show::answer(session, &answer, || text(session, &answer, given))?;
        if answer.valid {
            return Ok(());
        }
        let worst = answer.findings.iter().find(|finding| finding.severity == Severity::Error);
        Err(Failure::new(match worst {
            Some(finding) => format!("the token is not valid: `{}`", finding.code),
            None => "the token is not known to be valid".to_owned(),
        }))
    }
}

fn text(session: &Session<'_>, answer: &Answer, given: &str) -> String {
    let mut out = String::new();
    let (ink, verdict) = if answer.valid { (Ink::Good, "valid") } else { (Ink::Bad, "not valid") };
    let _ = writeln!(out, "{}", session.paint.ink(ink, verdict));
    out.push_str(&findings::list(session, &answer.findings, Some(given)));
    if answer.header.is_some() || answer.claims.is_some() {
        out.push('\n');
    }
    if let Some(header) = &answer.header {
        out.push_str(&show::part(session, "header", Ink::Header, header));
    }
    if let Some(claims) = &answer.claims {
        let heading = if answer.valid { "payload" } else { "payload (nobody vouches for it)" };
        out.push_str(&show::claims(session, heading, claims, &answer.times));
    }
    out
}
