//! A call in the words of policies: who, what, and the circumstances.

use super::mentions::Mentions;
use super::schema::Words;
use super::{CallFacts, ServiceRules};
use crate::claims::decode;
use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use portcullis_jose::Claims;
use portcullis_model::{Name, Principal, Tenant};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Claims that policies can look at, in the order of the token.
const MOST_CLAIMS: usize = 64;
/// Values of one claim.
const MOST_VALUES: usize = 256;
/// Bytes of one value; a longer one is left out, not cut: a cut one would be another value.
const LONGEST: usize = 1_024;

type Expression = RestrictedExpression;

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn text(text: &str) -> Expression {
    Expression::new_string(text.to_owned())
}

fn texts(texts: &[String]) -> Expression {
    Expression::new_set(texts.iter().map(|one| text(one)))
}

/// The principal's id in policies.
pub(super) fn principal_uid(words: &Words, principal: &Principal) -> Option<EntityUid> {
    match (&principal.user, &principal.application) {
        (Some(user), _) => Some(uid(&words.user, &user.id.to_string())),
        (None, Some(application)) => Some(uid(&words.application, &application.id.to_string())),
        (None, None) => None,
    }
}

/// A team's id says whose team it is. A team's name has no `/`: no other tenant's team has this id.
fn team_uid(words: &Words, tenant: &Tenant, team: &Name) -> EntityUid {
    uid(&words.team, &format!("{}/{team}", tenant.name))
}

pub(super) fn service_uid(words: &Words, name: &Name) -> EntityUid {
    uid(&words.service, name.as_str())
}

pub(super) fn model_uid(words: &Words, name: &Name) -> EntityUid {
    uid(&words.model, name.as_str())
}

/// Everybody and everything that a call involves, without its token. `models` are added for questions about them.
pub(super) fn entities(
    words: &Words,
    principal: &Principal,
    service: &ServiceRules,
) -> Result<Entities, String> {
    let say = |error: &dyn std::fmt::Display| error.to_string();
    let mut all = vec![tenant(words, &principal.tenant)?];
    let home = uid(&words.tenant, principal.tenant.name.as_str());
    let mut homes = HashSet::from([home.clone()]);
    for team in &*principal.teams {
        let id = team_uid(words, &principal.tenant, &team.name);
        if team.direct {
            homes.insert(id.clone());
        }
        let attributes = HashMap::from([
            ("name".to_owned(), text(team.name.as_str())),
            ("tenant".to_owned(), Expression::new_entity_uid(home.clone())),
        ]);
        let above = team.parent.iter().map(|parent| team_uid(words, &principal.tenant, parent));
        let above = above.chain([home.clone()]).collect();
        all.push(Entity::new(id, attributes, above).map_err(|error| say(&error))?);
    }
    if let Some(user) = &principal.user {
        let mut attributes = HashMap::from([
            ("tenant".to_owned(), Expression::new_entity_uid(home.clone())),
            ("email_verified".to_owned(), Expression::new_bool(user.email_verified)),
            ("roles".to_owned(), texts(&user.roles)),
        ]);
        let optional =
            [("username", &user.username), ("external_id", &user.external_id), ("email", &user.email)];
        for (name, value) in optional {
            if let Some(value) = value {
                attributes.insert(name.to_owned(), text(value));
            }
        }
        let tags = user.attributes.iter().map(|(name, value)| (name.clone(), text(value)));
        let id = uid(&words.user, &user.id.to_string());
        all.push(Entity::new_with_tags(id, attributes, homes.clone(), tags).map_err(|error| say(&error))?);
    }
    if let Some(application) = &principal.application {
        let attributes = HashMap::from([
            ("tenant".to_owned(), Expression::new_entity_uid(home.clone())),
            ("name".to_owned(), text(application.name.as_str())),
            ("roles".to_owned(), texts(&application.roles)),
        ]);
        let id = uid(&words.application, &application.id.to_string());
        all.push(Entity::new(id, attributes, homes).map_err(|error| say(&error))?);
    }
    let mut attributes = HashMap::from([("name".to_owned(), text(service.name().as_str()))]);
    let mut parents = HashSet::new();
    if let Some(owner) = &service.tenant {
        let owner = uid(&words.tenant, owner.name.as_str());
        attributes.insert("tenant".to_owned(), Expression::new_entity_uid(owner.clone()));
        parents.insert(owner);
    }
    all.push(
        Entity::new(service_uid(words, service.name()), attributes, parents).map_err(|error| say(&error))?,
    );
    Entities::from_entities(all, None).map_err(|error| say(&error))
}

fn tenant(words: &Words, tenant: &Tenant) -> Result<Entity, String> {
    let id = uid(&words.tenant, tenant.name.as_str());
    Entity::new(id, HashMap::from([("name".to_owned(), text(tenant.name.as_str()))]), HashSet::new())
        .map_err(|error| error.to_string())
}

pub(super) fn model(words: &Words, name: &Name) -> Result<Entity, String> {
    Entity::new(
        model_uid(words, name),
        HashMap::from([("name".to_owned(), text(name.as_str()))]),
        HashSet::new(),
    )
    .map_err(|error| error.to_string())
}

/// The token's claims, each a set of strings.
pub(super) fn token(words: &Words, claims: &Claims) -> Result<Entity, String> {
    let tags = claims.members().filter_map(|(name, json)| {
        let values = values(json)?;
        (name.len() <= LONGEST)
            .then(|| (name.into_owned(), Expression::new_set(values.into_iter().map(Expression::new_string))))
    });
    Entity::new_with_tags(words.token.clone(), [], [], tags.take(MOST_CLAIMS))
        .map_err(|error| error.to_string())
}

/// A claim as a set of strings; nothing for objects, and for what is too long.
fn values(json: &str) -> Option<Vec<String>> {
    match json.as_bytes().first()? {
        b'{' | b'n' => None,
        b'"' => decode(json).filter(|text| text.len() <= LONGEST).map(|text| vec![text.into_owned()]),
        b'[' => {
            let values: Vec<Value> = serde_json::from_str(json).ok()?;
            let texts = values.into_iter().filter_map(|value| match value {
                Value::String(text) => Some(text),
                Value::Number(number) => Some(number.to_string()),
                Value::Bool(yes) => Some(yes.to_string()),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            });
            Some(texts.filter(|text| text.len() <= LONGEST).take(MOST_VALUES).collect())
        }
        _ => Some(vec![json.to_owned()]).filter(|values| values[0].len() <= LONGEST),
    }
}

/// The circumstances of a call, as far as policies look at them.
pub(super) fn context(
    words: &Words,
    principal: &Principal,
    service: &ServiceRules,
    call: &CallFacts<'_>,
    mentions: &Mentions,
    with_token: bool,
) -> Result<Context, String> {
    let mut pairs = Vec::new();
    let mut say = |name: &str, value: &dyn Fn() -> Option<Expression>| {
        if mentions.has(name)
            && let Some(value) = value()
        {
            pairs.push((name.to_owned(), value));
        }
    };
    say("method", &|| Some(text(call.method.as_str())));
    say("path", &|| Some(text(call.path)));
    say("service", &|| Some(text(service.name().as_str())));
    say("source", &|| Some(Expression::new_ip(call.client.to_string())));
    say("time", &|| Some(Expression::new_datetime(moment(call.now.micros().div_euclid(1_000)))));
    say("roles", &|| Some(texts(&principal.roles)));
    say("scopes", &|| Some(texts(&principal.scopes)));
    say("issuer", &|| principal.issuer.as_ref().map(|issuer| text(issuer.as_str())));
    say("api_key", &|| principal.api_key.as_ref().map(|key| text(&key.id.to_string())));
    say("application", &|| {
        let application = principal.application.as_ref()?;
        Some(Expression::new_entity_uid(uid(&words.application, &application.id.to_string())))
    });
    say("token", &|| with_token.then(|| Expression::new_entity_uid(words.token.clone())));
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

/// As Cedar's `datetime` reads it: `2026-11-22T08:09:10.123Z`.
fn moment(millis: i64) -> String {
    let mut text = portcullis_model::Timestamp::from_micros(millis.saturating_mul(1_000)).rfc3339();
    // Cedar takes milliseconds, and writes exactly three digits of them.
    text.truncate("2026-11-22T08:09:10.123".len());
    text.push('Z');
    text
}
