//! What a token has to say besides being signed, as a request states it.

use super::Problem;
use portcullis_jose::{Alg, Algs, Rules, claims};
use portcullis_model::Span;
use serde::Deserialize;

/// What is expected of a token's claims and `typ`. `exp` is required and judged unless `expires` is `false`; the rest is
/// looked at only where something is stated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectations {
    /// The `iss` it must have, character by character.
    pub issuer: Option<String>,
    /// Audiences that are ours: it must name one of them.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The claim that names the audience; `aud`, if nothing is said.
    pub audience_claim: Option<String>,
    /// The `typ` must be one of these; with `profile`, it may be one of these too.
    #[serde(default)]
    pub types: Vec<String>,
    /// Which kind of token.
    pub profile: Option<Profile>,
    /// Claims that must be there.
    #[serde(default)]
    pub required: Vec<String>,
    /// What `sub` has to be.
    #[serde(default)]
    pub subject: SubjectForm,
    /// Whether it must expire; `true`, if nothing is said.
    pub expires: Option<bool>,
    /// How far clocks may differ, as `30s`; none, if nothing is said.
    #[schema(value_type = Option<String>)]
    pub leeway: Option<Span>,
    /// How long ago it may have been issued, as `1h`.
    #[schema(value_type = Option<String>)]
    pub max_age: Option<Span>,
}

/// Which kind of token is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Any plain JWT: no `typ`, `JWT` or `at+jwt`.
    Generic,
    /// An access token of RFC 9068.
    Rfc9068,
}

/// What `sub` has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectForm {
    /// Anything, or not there.
    #[default]
    Any,
    /// A text that is not empty.
    Text,
    /// A text that is not empty, or a whole number.
    TextOrNumber,
}

/// Longest list and longest text of expectations.
const MOST: usize = 64;
const LONGEST: usize = 2048;

impl Expectations {
    pub(super) fn rules(&self) -> Result<Rules, Problem> {
        self.bounded()?;
        let mut rules = Rules::new();
        if let Some(issuer) = &self.issuer {
            rules = rules.issuer(issuer.as_str());
        }
        if !self.audiences.is_empty() {
            let claim = self.audience_claim.as_deref().unwrap_or("aud");
            rules = rules.audiences_in(claim, self.audiences.iter().map(String::as_str));
        }
        rules = rules.profile(match self.profile {
            None if self.types.is_empty() => claims::Profile::Generic,
            None => claims::Profile::Listed,
            Some(Profile::Generic) => claims::Profile::Generic,
            Some(Profile::Rfc9068) => claims::Profile::Rfc9068,
        });
        rules = self.types.iter().fold(rules, |rules, typ| rules.also_type(typ.as_str()));
        rules = self.required.iter().fold(rules, |rules, claim| rules.require(claim.as_str()));
        rules = rules.subject(match self.subject {
            SubjectForm::Any => portcullis_jose::SubjectForm::Any,
            SubjectForm::Text => portcullis_jose::SubjectForm::Text,
            SubjectForm::TextOrNumber => portcullis_jose::SubjectForm::TextOrNumber,
        });
        rules.exp_required = self.expires.unwrap_or(true);
        if let Some(leeway) = self.leeway {
            rules = rules.leeway(leeway.0);
        }
        if let Some(age) = self.max_age {
            rules = rules.max_age(age.0);
        }
        Ok(rules)
    }

    fn bounded(&self) -> Result<(), Problem> {
        let refused = |member: &str, message: String| {
            Problem::invalid("expectation_malformed", format!("expect.{member}"), message, "shorten it")
        };
        for (member, list) in
            [("audiences", &self.audiences), ("types", &self.types), ("required", &self.required)]
        {
            if list.len() > MOST {
                return Err(refused(member, format!("more than {MOST} entries")));
            }
            if list.iter().any(|text| text.len() > LONGEST) {
                return Err(refused(member, format!("an entry longer than {LONGEST} bytes")));
            }
        }
        if self.audience_claim.is_some() && self.audiences.is_empty() {
            return Err(Problem::invalid(
                "expectation_malformed",
                "expect.audience_claim",
                "a claim is named and no audience is expected in it",
                "name `audiences` too",
            ));
        }
        Ok(())
    }
}

/// The signature algorithms of a list of names; nothing where none is named.
pub(super) fn signature_algorithms(names: &[String]) -> Result<Option<Algs>, Problem> {
    if names.is_empty() {
        return Ok(None);
    }
    let one = |(index, name): (usize, &String)| {
        name.parse::<Alg>().map_err(|error| {
            Problem::invalid(
                error.name(),
                format!("algorithms[{index}]"),
                error.to_string(),
                "name registered algorithms, as `ES256`; `none` is never allowed",
            )
        })
    };
    names.iter().enumerate().map(one).collect::<Result<Algs, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stated_becomes_a_rule() {
        let stated: Expectations = serde_json::from_str(
            r#"{"issuer":"https://idp.example","audiences":["a"],"audience_claim":"azp","types":["dpop+jwt"],
                "required":["jti"],"subject":"text","expires":false,"leeway":"30s","max_age":"1h"}"#,
        )
        .unwrap();
        let rules = stated.rules().unwrap();
        assert_eq!(rules.profile, claims::Profile::Listed);
        assert_eq!((rules.leeway_micros, rules.max_age_micros), (30_000_000, Some(3_600_000_000)));
        assert_eq!((rules.exp_required, rules.subject), (false, portcullis_jose::SubjectForm::Text));
        assert_eq!(rules.audience.map(|rule| rule.claim), Some("azp".into()));
        let default = Expectations::default().rules().unwrap();
        assert_eq!(default, Rules::new());
        let wrong = Expectations { audience_claim: Some("azp".into()), ..Expectations::default() };
        assert_eq!(wrong.rules().unwrap_err().name, "expectation_malformed");
        let long = Expectations { required: vec!["x".repeat(LONGEST + 1)], ..Expectations::default() };
        assert_eq!(long.rules().unwrap_err().place, "expect.required");
        let none = signature_algorithms(&["ES256".into(), "NONE".into()]).unwrap_err();
        assert_eq!((none.name, none.place.as_str()), ("alg_none", "algorithms[1]"));
        assert_eq!(signature_algorithms(&[]).unwrap(), None);
    }
}
