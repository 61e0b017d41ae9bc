//! Subject rules: which claim of a token names the user, what it looks like, as what it is looked up, and what becomes of a
//! subject that nobody has.

mod form;

use crate::claims::{Path, decode};
use form::Form;
use portcullis_fault::{Fault, codes};
use portcullis_jose::Claims;
use portcullis_model::issuer::{Normalisation, SubjectRule, UnknownUser, unfit_to_identify};
use portcullis_model::{Name, UserId};
use portcullis_store::entity::identifiers::ALIKE;
use portcullis_store::entity::users::Lookup;
use std::borrow::Cow;

/// A subject rule, prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    claim: Path,
    attribute: Attribute,
    normalise: Vec<Normalisation>,
    form: Option<Form>,
    fallback: Vec<Path>,
    allow_numeric: bool,
    pub unknown: UnknownUser,
    create: Vec<(Field, Path)>,
    /// The claim that says whether the token's address has been verified.
    email_verified: Path,
}

/// The claims that a rule falls back to, as they stand in a token; those that cannot name anybody are empty.
pub(crate) type Fallbacks<'c> = [&'c str; SubjectRule::MOST_FALLBACKS];

/// A look-up of a claim that is fallen back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fallback {
    pub lookup: Lookup,
    /// It is the very claim that the rule reads: whoever it finds has to be whom the rule finds.
    pub contests: bool,
}

/// As what a subject is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Attribute {
    Identity,
    Id,
    ExternalId,
    Username,
    Custom(String),
    /// Whatever this user source makes of it.
    Source(Name),
}

/// A field of a new user.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    ExternalId,
    Username,
    Email,
    EmailVerified,
    DisplayName,
    Roles,
    Attribute(String),
}

impl Rule {
    /// Prepares a rule; the error says which setting is wrong and what to do.
    pub fn compile(rule: &SubjectRule) -> Result<Self, (&'static str, String)> {
        if rule.source.is_some()
            && (rule.attribute != "identity"
                || rule.unknown != UnknownUser::Reject
                || !rule.fallback.is_empty()
                || !rule.create.is_empty())
        {
            let message = "with `source`, the source says who somebody is; take `attribute`, `fallback`, `unknown` and `create` out";
            return Err(("source", message.to_owned()));
        }
        let attribute = match rule.attribute.as_str() {
            "identity" if rule.source.is_some() => {
                Attribute::Source(rule.source.clone().ok_or(("source", String::new()))?)
            }
            "identity" => Attribute::Identity,
            "id" => Attribute::Id,
            "external_id" => Attribute::ExternalId,
            "username" => Attribute::Username,
            "email" => {
                return Err(("attribute", "an e-mail address is no identifier: it changes hands; use `identity`, `external_id`, `username` or `attributes.<name>`".to_owned()));
            }
            other => match other.strip_prefix("attributes.") {
                Some(name) if !name.is_empty() => Attribute::Custom(name.to_owned()),
                _ => {
                    return Err((
                        "attribute",
                        format!(
                            "a subject is looked up as `identity`, `id`, `external_id`, `username` or `attributes.<name>`, not `{other}`"
                        ),
                    ));
                }
            },
        };
        if rule.claim.is_empty() {
            return Err((
                "claim",
                "the claim that names the subject is missing; the usual one is `sub`".to_owned(),
            ));
        }
        if attribute == Attribute::Id && rule.unknown != UnknownUser::Reject {
            return Err(("unknown", "users cannot be made from an id of ours; use `unknown = \"reject\"`, or look up by another attribute".to_owned()));
        }
        for (i, claim) in rule.fallback.iter().enumerate() {
            let again = rule.fallback[..i].contains(claim)
                || (matches!(attribute, Attribute::Identity | Attribute::Id) && *claim == rule.claim);
            let wrong = match unfit_to_identify(claim) {
                Some(why) => format!("`{claim}` is {why}, and identifies nobody; fall back to an id"),
                None if claim.is_empty() => "a claim to fall back to is empty".to_owned(),
                None if again => format!("`{claim}` is asked about before; take it out"),
                None if i == SubjectRule::MOST_FALLBACKS => format!("at most {i} claims are fallen back to"),
                None => continue,
            };
            return Err(("fallback", wrong));
        }
        let form = rule.form.as_ref().map(Form::compile).transpose().map_err(|error| ("form", error))?;
        let create = rule
            .create
            .iter()
            .map(|(field, claim)| Ok((Field::parse(field)?, Path::new(claim))))
            .collect::<Result<Vec<_>, (_, String)>>()?;
        if !create.is_empty() && rule.unknown == UnknownUser::Reject {
            return Err((
                "create",
                "`create` has an effect only with `unknown = \"create\"` or `\"pending\"`".to_owned(),
            ));
        }
        Ok(Self {
            claim: Path::new(&rule.claim),
            attribute,
            normalise: rule.normalise.clone(),
            form,
            fallback: rule.fallback.iter().map(|claim| Path::new(claim)).collect(),
            allow_numeric: rule.allow_numeric_sub,
            unknown: rule.unknown,
            email_verified: create
                .iter()
                .find(|(field, _)| *field == Field::EmailVerified)
                .map_or_else(|| Path::new("email_verified"), |(_, path)| path.clone()),
            create,
        })
    }

    /// The claim's value as it stands in the token, once its type is one that can name somebody. Allocates nothing.
    pub fn raw<'c>(&self, claims: &'c Claims) -> Result<&'c str, Fault> {
        let Some(json) = self.claim.json(claims) else { return Err(self.missing()) };
        match json.as_bytes() {
            b"\"\"" => Err(self.missing()),
            [b'"', ..] => Ok(json),
            [b'0'..=b'9' | b'-', ..] if self.allow_numeric => {
                // One subject, one text: 42, 42.0 and 4.2e1 would be three.
                if json.bytes().all(|byte| byte.is_ascii_digit()) {
                    Ok(json)
                } else {
                    Err(Fault::new(codes::SUBJECT_INVALID).detail(format!(
                        "'{}' in the JWT is a number, but not a whole one",
                        self.claim.as_str()
                    )))
                }
            }
            [b'0'..=b'9' | b'-', ..] => Err(Fault::new(codes::SUBJECT_INVALID)
                .detail(format!("'{}' in the JWT is a number; it has to be a string", self.claim.as_str()))
                .context("`allow_numeric_sub` in the issuer's subject rule would accept it")),
            _ => Err(Fault::new(codes::SUBJECT_INVALID)
                .detail(format!("'{}' in the JWT is not a string", self.claim.as_str()))),
        }
    }

    /// The claim that names the subject, as configuration says it.
    pub fn claim(&self) -> &str {
        self.claim.as_str()
    }

    fn missing(&self) -> Fault {
        let fault = Fault::new(codes::SUBJECT_MISSING);
        if self.claim.as_str() == "sub" {
            fault
        } else {
            fault.detail(format!("JWT missing required '{}' claim", self.claim.as_str()))
        }
    }

    /// The value that is looked up: decoded and normalised.
    pub fn value<'c>(&self, raw: &'c str) -> Result<Cow<'c, str>, Fault> {
        let mut value =
            if raw.starts_with('"') { decode(raw).unwrap_or_default() } else { Cow::Borrowed(raw) };
        for step in &self.normalise {
            value = step_of(step, value);
        }
        if value.is_empty() {
            return Err(Fault::new(codes::SUBJECT_INVALID)
                .detail(format!("'{}' in the JWT is empty after normalisation", self.claim.as_str())));
        }
        Ok(value)
    }

    /// Whether a value looks as subjects of this issuer do.
    pub fn fits(&self, value: &str) -> Result<(), Fault> {
        match &self.form {
            Some(form) if !form.fits(value) => Err(Fault::new(codes::SUBJECT_INVALID)
                .detail(format!("'{}' in the JWT does not look as subjects of its issuer do", self.claim()))
                .context(format!("the issuer's subject rule accepts {form}"))),
            _ => Ok(()),
        }
    }

    /// What subjects look like, in words; nothing where anything will do.
    pub fn form(&self) -> Option<String> {
        self.form.as_ref().map(Form::to_string)
    }

    /// The claims that are fallen back to, as they stand in the token: as many as the rule has. Allocates nothing.
    pub fn fallbacks<'c, 'p>(&self, claims: &'c Claims, into: &'p mut Fallbacks<'c>) -> &'p [&'c str] {
        for (place, path) in into.iter_mut().zip(&self.fallback) {
            *place =
                path.json(claims).filter(|json| json.starts_with('"') && *json != "\"\"").unwrap_or_default();
        }
        into.get(..self.fallback.len()).unwrap_or_default()
    }

    /// The questions to the directory about what [`Rule::fallbacks`] found.
    pub fn fallback_lookups(&self, issuer: &Name, found: &[&str]) -> Vec<Fallback> {
        let each = self.fallback.iter().zip(found).filter_map(|(path, json)| {
            let subject = decode(json)?.into_owned();
            let contests = path.as_str() == self.claim();
            Some(Fallback { lookup: Lookup::Identity { issuer: issuer.clone(), subject }, contests })
        });
        each.collect()
    }

    /// The names of the claims that are fallen back to and that the token has.
    pub fn fallback_claims(&self, found: &[&str]) -> Vec<&str> {
        let each = self.fallback.iter().zip(found).filter(|(_, json)| !json.is_empty());
        each.map(|(path, _)| path.as_str()).collect()
    }

    /// Whether values that differ are the same under the rule. Exact rules and those by our own id have no such values.
    pub fn folds(&self) -> bool {
        !self.normalise.is_empty() && !matches!(self.attribute, Attribute::Id | Attribute::Source(_))
    }

    /// Whether a stored value is this one under the rule.
    pub fn same(&self, stored: &str, value: &str) -> bool {
        normalised(&self.normalise, stored) == value
    }

    /// How a value may be stored that is this one under the rule, but for case and white space around it.
    pub fn spellings(&self, value: &str) -> Vec<String> {
        let mut all = vec![value.to_owned()];
        for step in self.normalise.iter().rev() {
            let more: Vec<String> = match step {
                Normalisation::StripPrefix(prefix) => {
                    all.iter().map(|text| format!("{prefix}{text}")).collect()
                }
                Normalisation::StripSuffix(suffix) => {
                    all.iter().map(|text| format!("{text}{suffix}")).collect()
                }
                Normalisation::Trim | Normalisation::Lowercase => continue,
            };
            all.extend(more);
            all.truncate(ALIKE);
        }
        all
    }

    /// The question to the directory. `None`: the value cannot be anybody's.
    pub fn lookup(&self, issuer: &Name, value: &str) -> Option<Lookup> {
        let value = || value.to_owned();
        Some(match &self.attribute {
            Attribute::Identity => Lookup::Identity { issuer: issuer.clone(), subject: value() },
            Attribute::Id => Lookup::Id(value().parse::<UserId>().ok()?),
            Attribute::ExternalId => Lookup::ExternalId(value()),
            Attribute::Username => Lookup::Username(value()),
            Attribute::Custom(name) => Lookup::Attribute { name: name.clone(), value: value() },
            // Not in our own directory.
            Attribute::Source(_) => return None,
        })
    }

    /// As what the value is looked up, as configuration says it.
    pub fn attribute(&self) -> Cow<'_, str> {
        match &self.attribute {
            Attribute::Identity => "identity".into(),
            Attribute::Id => "id".into(),
            Attribute::ExternalId => "external_id".into(),
            Attribute::Username => "username".into(),
            Attribute::Custom(name) => format!("attributes.{name}").into(),
            Attribute::Source(name) => format!("source:{name}").into(),
        }
    }

    /// The user that a rule with `create` or `pending` would make.
    pub fn newcomer(&self, issuer: &Name, value: &str, claims: &Claims) -> Newcomer {
        let mut new = Newcomer::of(issuer, value);
        new.by = self.lookup(issuer, value);
        // Some issuers write it as a text.
        let verified = self.email_verified.scalar(claims).as_deref() == Some("true");
        for (field, path) in &self.create {
            match field {
                Field::ExternalId => new.external_id = path.scalar(claims),
                Field::Username => new.username = path.scalar(claims),
                // An address that nobody verified may be anybody's.
                Field::Email if verified => {
                    new.email = path.scalar(claims);
                    new.email_verified = new.email.is_some();
                }
                Field::Email | Field::EmailVerified => {}
                Field::DisplayName => new.display_name = path.scalar(claims),
                Field::Roles => new.roles = path.texts(claims),
                Field::Attribute(name) => {
                    if let Some(text) = path.scalar(claims) {
                        new.attributes.insert(name.clone(), text);
                    }
                }
            }
        }
        // What the user is found by comes last: no mapped claim may overrule it.
        match &self.attribute {
            Attribute::ExternalId => new.external_id = Some(value.to_owned()),
            Attribute::Username => new.username = Some(value.to_owned()),
            Attribute::Custom(name) => {
                new.attributes.insert(name.clone(), value.to_owned());
            }
            Attribute::Identity | Attribute::Id | Attribute::Source(_) => {}
        }
        new
    }
}

impl Field {
    fn parse(text: &str) -> Result<Self, (&'static str, String)> {
        Ok(match text {
            "external_id" => Self::ExternalId,
            "username" => Self::Username,
            "email" => Self::Email,
            "email_verified" => Self::EmailVerified,
            "display_name" => Self::DisplayName,
            "roles" => Self::Roles,
            other => match other.strip_prefix("attributes.") {
                Some(name) if !name.is_empty() => Self::Attribute(name.to_owned()),
                _ => {
                    let known = "`external_id`, `username`, `email`, `email_verified`, `display_name`, `roles` and `attributes.<name>`";
                    return Err(("create", format!("a new user has {known}, not `{other}`")));
                }
            },
        })
    }
}

/// A value after these steps.
pub(crate) fn normalised(steps: &[Normalisation], value: &str) -> String {
    steps.iter().fold(Cow::Borrowed(value), |value, step| step_of(step, value)).into_owned()
}

fn step_of<'v>(step: &Normalisation, value: Cow<'v, str>) -> Cow<'v, str> {
    let part = match step {
        Normalisation::Trim => value.trim(),
        Normalisation::Lowercase => return Cow::Owned(value.to_lowercase()),
        Normalisation::StripPrefix(prefix) => value.strip_prefix(prefix.as_str()).unwrap_or(&value),
        Normalisation::StripSuffix(suffix) => value.strip_suffix(suffix.as_str()).unwrap_or(&value),
    };
    if part.len() == value.len() { value } else { Cow::Owned(part.to_owned()) }
}

/// A user to be made from a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// The identity that is linked: issuer and subject. Its uniqueness keeps two calls from making two users.
    pub identity: (Name, String),
    /// What the rule looks it up by.
    pub by: Option<Lookup>,
    /// From the mapped claims.
    pub external_id: Option<String>,
    /// From the mapped claims.
    pub username: Option<String>,
    /// From the mapped claims.
    pub email: Option<String>,
    /// From the mapped claims.
    pub email_verified: bool,
    /// From the mapped claims.
    pub display_name: Option<String>,
    /// From the mapped claims.
    pub roles: Vec<String>,
    /// From the mapped claims.
    pub attributes: std::collections::BTreeMap<String, String>,
}

impl Newcomer {
    fn of(issuer: &Name, subject: &str) -> Self {
        Self {
            identity: (issuer.clone(), subject.to_owned()),
            by: None,
            external_id: None,
            username: None,
            email: None,
            email_verified: false,
            display_name: None,
            roles: Vec::new(),
            attributes: std::collections::BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::claims;
    use portcullis_model::issuer::SubjectForm;

    fn rule(change: impl FnOnce(&mut SubjectRule)) -> Rule {
        let mut rule = SubjectRule::default();
        change(&mut rule);
        Rule::compile(&rule).unwrap()
    }

    #[test]
    fn only_what_can_name_somebody_is_a_subject() {
        let exact = rule(|_| {});
        for (json, code) in [
            ("{}", codes::SUBJECT_MISSING),
            (r#"{"sub":""}"#, codes::SUBJECT_MISSING),
            (r#"{"sub":null}"#, codes::SUBJECT_MISSING),
            (r#"{"sub":42}"#, codes::SUBJECT_INVALID),
            (r#"{"sub":["a"]}"#, codes::SUBJECT_INVALID),
            (r#"{"sub":{"a":1}}"#, codes::SUBJECT_INVALID),
            (r#"{"sub":true}"#, codes::SUBJECT_INVALID),
        ] {
            assert_eq!(exact.raw(&claims(json)).unwrap_err().code(), code, "{json}");
        }
        let missing = exact.raw(&claims("{}")).unwrap_err();
        assert_eq!(missing.public_detail(), "JWT missing required 'sub' claim");
        let other = rule(|rule| rule.claim = "oid".into()).raw(&claims("{}")).unwrap_err();
        assert_eq!(other.public_detail(), "JWT missing required 'oid' claim");
        let numeric = rule(|rule| rule.allow_numeric_sub = true);
        assert_eq!(numeric.raw(&claims(r#"{"sub":42}"#)).unwrap(), "42");
        for json in [r#"{"sub":42.0}"#, r#"{"sub":4.2e1}"#, r#"{"sub":-1}"#] {
            assert_eq!(numeric.raw(&claims(json)).unwrap_err().code(), codes::SUBJECT_INVALID, "{json}");
        }
    }

    #[test]
    fn normalisation_is_off_unless_asked_for() {
        assert_eq!(rule(|_| {}).value(r#"" Ada""#).unwrap(), " Ada");
        assert_eq!(rule(|_| {}).value(r#""\u0041da""#).unwrap(), "Ada");
        let steps = rule(|rule| {
            rule.normalise = vec![
                Normalisation::Trim,
                Normalisation::StripPrefix("AD\\".into()),
                Normalisation::StripSuffix("@acme".into()),
                Normalisation::Lowercase,
            ];
        });
        assert_eq!(steps.value(r#"" AD\\Ada@acme ""#).unwrap(), "ada");
        assert_eq!(steps.value(r#"" ""#).unwrap_err().code(), codes::SUBJECT_INVALID);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (change, at) in [
            ((|rule: &mut SubjectRule| rule.attribute = "email".into()) as fn(&mut SubjectRule), "attribute"),
            (|rule| rule.attribute = "attributes.".into(), "attribute"),
            (|rule| rule.claim = String::new(), "claim"),
            (|rule| (rule.attribute, rule.unknown) = ("id".into(), UnknownUser::Create), "unknown"),
            (|rule| rule.create = [("email".into(), "email".into())].into(), "create"),
            (
                |rule| {
                    (rule.unknown, rule.create) =
                        (UnknownUser::Create, [("mail".into(), "email".into())].into())
                },
                "create",
            ),
            (|rule| rule.fallback = vec!["email".into()], "fallback"),
            (|rule| rule.fallback = vec!["https://acme.example/upn".into()], "fallback"),
            (|rule| rule.fallback = vec!["user.preferred_username".into()], "fallback"),
            (|rule| rule.fallback = vec![String::new()], "fallback"),
            (|rule| rule.fallback = vec!["sub".into()], "fallback"),
            (|rule| rule.fallback = vec!["oid".into(), "oid".into()], "fallback"),
            (|rule| rule.fallback = ["a", "b", "c", "d", "e"].map(String::from).into(), "fallback"),
            (|rule| rule.form = Some(SubjectForm::Pattern("(".into())), "form"),
            (|rule| rule.form = Some(SubjectForm::Pattern(String::new())), "form"),
            (|rule| rule.form = Some(SubjectForm::Pattern("(a{1000}){1000}".into())), "form"),
        ] {
            let mut rule = SubjectRule::default();
            change(&mut rule);
            assert_eq!(Rule::compile(&rule).unwrap_err().0, at);
        }
    }

    #[test]
    fn a_newcomer_is_what_the_claims_say_and_never_somebody_else() {
        let rule = rule(|rule| {
            rule.attribute = "username".into();
            rule.unknown = UnknownUser::Create;
            rule.create =
                [("username", "nick"), ("email", "email"), ("roles", "r.s"), ("attributes.dept", "dept")]
                    .map(|(a, b)| (a.to_owned(), b.to_owned()))
                    .into();
        });
        let claims = claims(r#"{"nick":"root","email":"a@b","r":{"s":["x","y",1]},"dept":7}"#);
        let new = rule.newcomer(&Name::new("corp").unwrap(), "ada", &claims);
        assert_eq!(new.username.as_deref(), Some("ada"));
        assert_eq!(
            (new.roles, new.attributes.get("dept").map(String::as_str)),
            (vec!["x".to_owned(), "y".to_owned()], Some("7"))
        );
    }

    #[test]
    fn an_address_is_taken_only_when_the_issuer_verified_it() {
        let with = |more: &[(&str, &str)]| {
            rule(|rule| {
                rule.unknown = UnknownUser::Create;
                rule.create = [("email", "mail")]
                    .iter()
                    .chain(more)
                    .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                    .collect();
            })
        };
        let of = |rule: &Rule, json: &str| {
            let new = rule.newcomer(&Name::new("corp").unwrap(), "ada", &claims(json));
            (new.email, new.email_verified)
        };
        let (usual, own) = (with(&[]), with(&[("email_verified", "xms_edov")]));
        for (rule, json, taken) in [
            (&usual, r#"{"mail":"a@b"}"#, false),
            (&usual, r#"{"mail":"a@b","email_verified":false}"#, false),
            (&usual, r#"{"mail":"a@b","email_verified":"yes"}"#, false),
            (&usual, r#"{"mail":"a@b","email_verified":[true]}"#, false),
            (&usual, r#"{"mail":"a@b","email_verified":true}"#, true),
            (&usual, r#"{"mail":"a@b","email_verified":"true"}"#, true),
            (&own, r#"{"mail":"a@b","email_verified":true}"#, false),
            (&own, r#"{"mail":"a@b","xms_edov":true}"#, true),
        ] {
            let expected = if taken { (Some("a@b".to_owned()), true) } else { (None, false) };
            assert_eq!(of(rule, json), expected, "{json}");
        }
        assert_eq!(of(&usual, r#"{"email_verified":true}"#), (None, false));
    }

    #[test]
    fn what_is_fallen_back_to_is_an_id_and_a_text() {
        let rule = rule(|rule| {
            rule.attribute = "external_id".into();
            rule.fallback = vec!["oid".into(), "sub".into()];
        });
        let claims = claims(r#"{"sub":"ada","oid":7}"#);
        let mut place = Fallbacks::default();
        let found = rule.fallbacks(&claims, &mut place);
        assert_eq!((found, rule.fallback_claims(found)), (&["", "\"ada\""][..], vec!["sub"]));
        let lookups = rule.fallback_lookups(&Name::new("corp").unwrap(), found);
        assert!(
            matches!(&lookups[..], [Fallback { lookup: Lookup::Identity { subject, .. }, contests: true }] if subject == "ada")
        );
    }
}
