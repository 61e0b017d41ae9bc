//! `portcullis jose verify`: whether a token is signed by a given key, and is what it has to be.

use super::expectations::Expectations;
use super::keys::{KeyOptions, Keyring};
use super::paint::{Ink, harmless, wrapped};
use super::session::Session;
use super::{findings, input, show};
use crate::failure::{Done, Failure};
use clap::{Args, ValueEnum};
use portcullis_control::workbench::verify::{self, Answer, Request};
use portcullis_control::workbench::{Content, LeftOut, Refusal};
use portcullis_jose::{Finding, Severity};
use std::fmt::Write;

/// Verify a token's signature and claims
#[derive(Args, Debug)]
#[command(after_help = "\
Strict: white space around the token and one `Bearer ` before it are left out
(and said), nothing else is repaired. `exp` is required; `alg` never chooses
the key: a key takes the algorithms of its type, `none` is nobody's. All that
is wrong is listed, not the first.

Exit codes: 0 valid, 1 not valid, 2 called wrongly or unreadable.

Examples:
  portcullis jose verify @token.txt --key issuer.pem \\
      --iss https://idp.example.com
  portcullis jose verify @token.txt --issuer https://idp.example.com \\
      --aud api://orders
  portcullis jose verify @token.txt --jwks https://idp.example.com/jwks.json \\
      --alg ES256
  portcullis jose verify @shared.txt --secret-from env:SECRET \\
      --secret-encoding base64
  portcullis jose verify @detached.txt --payload body.json --key issuer.pem
  portcullis jose verify @two-signatures.json --key a.jwk --key b.jwk \\
      --policy all
  portcullis jose verify @token.txt --key issuer.pem \\
      --now 2027-01-15T08:00:00Z && echo valid")]
pub struct Verify {
    /// The token, `@FILE`, or `-`; without it, what a pipe brings
    token: Vec<String>,
    #[command(flatten)]
    keys: KeyOptions,
    /// An algorithm that is allowed (repeatable; every one that the keys take, if none is named)
    #[arg(long = "alg", value_name = "ALG", help_heading = "Expectations")]
    algs: Vec<String>,
    #[command(flatten)]
    expectations: Expectations,
    /// The payload of a detached signature
    #[arg(long, value_name = "FILE")]
    payload: Option<String>,
    /// Which of several signatures must count: `any` (one), `all`, or `every-key` (each key has signed)
    #[arg(long, value_enum, value_name = "POLICY", default_value = "any", hide_possible_values = true)]
    policy: Policy,
}

/// Which of several signatures must count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// At least one
    Any,
    /// Every one
    All,
    /// One by each key
    EveryKey,
}

impl Verify {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        let given = input::token(&self.token, &session.stdin)?;
        let (token, note) = input::strict(&given);
        if let Some(note) = note {
            session.note(note);
        }
        if self.keys.are_none() {
            return Err(Failure::usage("there is no key to verify with")
                .next("name one: `--key FILE`, `--jwks FILE|URL`, `--issuer URL` or `--secret-from WHERE`"));
        }
        let payload = input::payload(self.payload.as_deref(), session)?;
        let ring = self.keys.read(session)?;
        let expect = self.expectations.stated(self.keys.issuer.as_deref());
        let request = Request {
            token: token.to_owned(),
            keys: ring.keys.clone(),
            algorithms: self.algs,
            // What is no claims set can be a signed message, unless claims are asked for.
            any_payload: expect.is_none(),
            expect,
            payload: payload.as_deref().map(Content::of),
            policy: match self.policy {
                Policy::Any => verify::Policy::Any,
                Policy::All => verify::Policy::All,
                Policy::EveryKey => verify::Policy::EveryKey,
            },
            ..Request::default()
        };
        let answer = verify::run(&request, &session.at()).map_err(|problem| ring.problem(&problem))?;
        left_out(session, &answer.left_out);
        show::answer(session, &answer, || text(session, &answer, &ring))?;
        if answer.valid { Ok(()) } else { Err(refused(&answer)) }
    }
}

/// Says which members of key sets are not used.
pub fn left_out(session: &Session<'_>, left_out: &[LeftOut]) {
    for LeftOut { index, kid, reason, .. } in left_out {
        let kid = kid.as_ref().map(|kid| format!(" (`{kid}`)")).unwrap_or_default();
        session.note(&format!("key {index}{kid} of the key set: {reason}"));
    }
}

/// All that is against the token, in the order of the checks.
fn against(answer: &Answer) -> impl Iterator<Item = &Refusal> {
    answer.refused.iter().chain(&answer.violations)
}

/// What a script's log gets to read: the names of what is said on stdout.
pub fn refused(answer: &Answer) -> Failure {
    let names: Vec<String> = match &causes(answer)[..] {
        [] => against(answer).map(|refusal| format!("`{}`", refusal.name)).collect(),
        causes => causes.iter().map(|cause| format!("`{}`", cause.code)).collect(),
    };
    Failure::new(format!("the token is not valid: {}", names.join(", ")))
        .next("`portcullis jose explain` with the same options shows what it says")
}

/// The causes, where they were looked for.
fn causes(answer: &Answer) -> Vec<Finding> {
    answer.findings.iter().filter(|finding| finding.severity != Severity::Info).cloned().collect()
}

/// The verdict, and if it is good what the token says.
pub fn text(session: &Session<'_>, answer: &Answer, ring: &Keyring) -> String {
    let mut out = String::new();
    if !answer.valid {
        let _ = writeln!(out, "{}", session.paint.ink(Ink::Bad, "not valid"));
        // The cause with the next step, or else what the checks say.
        let causes = causes(answer);
        out.push_str(&findings::list(session, &causes, None));
        for (index, refusal) in against(answer).enumerate().filter(|_| causes.is_empty()) {
            let _ = writeln!(out, "{}. {}", index + 1, session.paint.ink(Ink::Strong, refusal.name));
            for line in wrapped(&harmless(&refusal.message), session.width - 3) {
                let _ = writeln!(out, "   {line}");
            }
        }
        for each in &answer.refused_signatures {
            let _ = writeln!(out, "   signature {}: {}", each.signature, harmless(&each.refused.message));
        }
        for unused in &answer.unused {
            let place = ring.place(&unused.key);
            session.note(&format!("{place} is not for verifying: {}", unused.reason));
        }
        return out;
    }
    let _ = writeln!(out, "{}", session.paint.ink(Ink::Good, "valid"));
    for signer in &answer.signers {
        let place = ring.place(&signer.key);
        let key = match &signer.kid {
            Some(kid) => format!("key `{}` ({place})", harmless(kid)),
            None => place,
        };
        let _ = writeln!(out, "  {} by {key}", signer.algorithm);
    }
    if let Some(header) = &answer.header {
        out.push_str(&show::part(session, "header", Ink::Header, header));
    }
    match (&answer.claims, &answer.payload) {
        (Some(claims), _) => out.push_str(&show::claims(session, "payload", claims, &answer.times)),
        (None, Some(payload)) => out.push_str(&show::payload(session, payload)),
        (None, None) => {}
    }
    out
}
