//! Subject rules: which claim of a token names the user, as what it is looked up, and what becomes of a subject that
//! nobody has.

use crate::claims::{Path, decode};
use portcullis_fault::{Fault, codes};
use portcullis_jose::Claims;
use portcullis_model::issuer::{Normalisation, SubjectRule, UnknownUser};
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
    allow_numeric: bool,
    pub unknown: UnknownUser,
    create: Vec<(Field, Path)>,
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
                || !rule.create.is_empty())
        {
            let message = "with `source`, the source says who somebody is; take `attribute`, `unknown` and `create` out";
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
            allow_numeric: rule.allow_numeric_sub,
            unknown: rule.unknown,
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
        for (field, path) in &self.create {
            match field {
                Field::ExternalId => new.external_id = path.scalar(claims),
                Field::Username => new.username = path.scalar(claims),
                Field::Email => new.email = path.scalar(claims),
                Field::EmailVerified => new.email_verified = path.scalar(claims).as_deref() == Some("true"),
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
        assert_eq!((new.username.as_deref(), new.email.as_deref()), (Some("ada"), Some("a@b")));
        assert_eq!(
            (new.roles, new.attributes.get("dept").map(String::as_str)),
            (vec!["x".to_owned(), "y".to_owned()], Some("7"))
        );
    }
}
