//! What is no JWT at all, and how it is known: by the form that its maker gives it.

use super::shape::Step;
use crate::finding::{Finding, Severity, Subject};

/// What begins so, and what it is. Longer beginnings first where one begins with another.
const BEGINNINGS: [(&str, &str); 24] = [
    ("pck_", "an API key of this gateway"),
    ("pco_", "an operator's credential of this gateway"),
    ("ya29.", "an access token of Google, which is opaque"),
    ("AIza", "an API key of Google"),
    ("github_pat_", "a personal access token of GitHub"),
    ("ghp_", "a personal access token of GitHub"),
    ("gho_", "an OAuth token of GitHub"),
    ("ghs_", "an app's token of GitHub"),
    ("glpat-", "a personal access token of GitLab"),
    ("xoxb-", "a bot token of Slack"),
    ("xoxp-", "a user token of Slack"),
    ("sk-ant-", "an API key of Anthropic"),
    ("sk-", "an API key of an AI provider"),
    ("sk_live_", "an API key of Stripe"),
    ("hvs.", "a token of HashiCorp Vault"),
    ("AKIA", "an access key id of AWS"),
    ("gAAAA", "a Fernet token"),
    ("PHNhbWw", "a SAML assertion in base64"),
    ("PD94bWw", "XML in base64, perhaps a SAML answer"),
    ("v1.", "a PASETO"),
    ("v2.", "a PASETO"),
    ("v3.", "a PASETO"),
    ("v4.", "a PASETO"),
    ("k4.", "a PASERK, a key for PASETO"),
];

/// Something that is known not to be a token of this kind. Never for what begins like one.
pub(super) fn known(text: &str) -> Option<Step> {
    let (_, what) = BEGINNINGS.iter().find(|(beginning, what)| {
        text.starts_with(beginning)
            && (!what.starts_with("a PASETO") || text.contains(".local.") || text.contains(".public."))
    })?;
    Some(Step::Stop(finding(format!("this is no JWT but {what}"))))
}

/// Something without the form of a token, of whatever kind.
pub(super) fn unknown() -> Step {
    Step::Stop(finding("this is no JWT but an opaque token, an API key or an id".into()))
}

fn finding(evidence: String) -> Finding {
    let next = "ask its issuer about it (RFC 7662 introspection), or use an issuer that writes JWTs";
    Finding::new(Severity::Error, "opaque_token", Subject::Input, evidence, next)
}
