//! The options that say what a token has to be, besides signed.

use clap::Args;
use portcullis_control::workbench;
use portcullis_model::Span;

/// What is expected of a token.
#[derive(Args, Clone, Debug, Default)]
pub struct Expectations {
    /// The `iss` it must have, character by character
    #[arg(long, value_name = "ISSUER", help_heading = "Expectations")]
    iss: Option<String>,
    /// An audience that is ours; the token must name one of them (repeatable)
    #[arg(long, value_name = "AUDIENCE", help_heading = "Expectations")]
    aud: Vec<String>,
    /// The `typ` its header must have, as `at+jwt` (repeatable: one of them)
    #[arg(long, value_name = "TYPE", help_heading = "Expectations")]
    typ: Vec<String>,
    /// A claim that must be there (repeatable)
    #[arg(long, value_name = "CLAIM", help_heading = "Expectations")]
    require: Vec<String>,
    /// How far clocks may differ, as `30s`
    #[arg(long, value_name = "SPAN", help_heading = "Expectations")]
    leeway: Option<Span>,
    /// How long ago it may have been issued, as `1h`
    #[arg(long, value_name = "SPAN", help_heading = "Expectations")]
    max_age: Option<Span>,
    /// Accept a token that never expires
    #[arg(long, help_heading = "Expectations")]
    no_expiry: bool,
}

impl Expectations {
    /// Whether anything is expected.
    pub fn are_any(&self) -> bool {
        self.iss.is_some()
            || !self.aud.is_empty()
            || !self.typ.is_empty()
            || !self.require.is_empty()
            || self.max_age.is_some()
            || self.leeway.is_some()
            || self.no_expiry
    }

    /// As the workbench takes them; nothing, when nothing is stated. `issuer` is whose keys they are: what they sign
    /// must say so, unless `--iss` says otherwise.
    pub fn stated(&self, issuer: Option<&str>) -> Option<workbench::Expectations> {
        if !self.are_any() && issuer.is_none() {
            return None;
        }
        Some(workbench::Expectations {
            issuer: self.iss.clone().or(issuer.map(str::to_owned)),
            audiences: self.aud.clone(),
            types: self.typ.clone(),
            required: self.require.clone(),
            expires: self.no_expiry.then_some(false),
            leeway: self.leeway,
            max_age: self.max_age,
            ..workbench::Expectations::default()
        })
    }
}
