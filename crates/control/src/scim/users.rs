//! Users as SCIM resources: what a client said, with what the directory knows better put over it.

use super::client::Client;
use super::conditions::tag;
use super::failure::Failure;
use super::schema::{ENTERPRISE, USER};
use crate::{Control, text};
use portcullis_identity::directory::{Fed, ProvisionedUser};
use portcullis_model::{User, UserId, UserStatus};
use portcullis_store::entity::provisioned::{self, Provisioned, Users};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Attributes of the directory that follow the client's: name here, extension, name there. Subject rules and policies may
/// use them as `attributes.<name>`.
const FOLLOWING: &[(&str, bool, &str)] = &[
    ("employee_number", true, "employeeNumber"),
    ("cost_center", true, "costCenter"),
    ("organization", true, "organization"),
    ("division", true, "division"),
    ("department", true, "department"),
    ("title", false, "title"),
    ("user_type", false, "userType"),
];

/// The most roles of one user.
const MOST_ROLES: usize = 100;

/// A user whom the client sees.
///
/// # Errors
/// There is none, or the database cannot be asked.
pub async fn find(control: &Control, client: &Client, id: &str) -> Result<Fed<User>, Failure> {
    let Ok(user) = id.parse::<UserId>() else { return Err(Failure::absent("user", id)) };
    let feed = &client.feed;
    let asked = Users { id: Some(user), ..Users::of(feed.tenant, &feed.source) };
    let found = provisioned::list_users(control.store(), &asked, 0, 1).await?.pop();
    let (record, said) = found.ok_or_else(|| Failure::absent("user", id))?;
    Ok(Fed { record, said })
}

/// What a client can write of a user, as it is now.
pub fn writable(user: &User, said: Option<&Provisioned>) -> Map<String, Value> {
    let mut document = said.map(|said| said.document.clone()).unwrap_or_default();
    let name = user.username.clone().unwrap_or_else(|| stand_in(user));
    document.insert("userName".to_owned(), name.into());
    match &user.external_id {
        Some(id) => document.insert("externalId".to_owned(), id.clone().into()),
        None => document.remove("externalId"),
    };
    // One that a client removed is not shown, unless somebody else bars the user: whether it may call is as it was.
    let barred = user.status != UserStatus::Active && !user.status_changed_by.starts_with("scim:");
    let shown = said.is_none() || document.contains_key("active") || barred;
    if shown {
        document.insert("active".to_owned(), (user.status == UserStatus::Active).into());
    }
    if user.display_name != display_name(&document) {
        match &user.display_name {
            Some(name) => document.insert("displayName".to_owned(), name.clone().into()),
            None => document.remove("displayName"),
        };
    }
    put_email(&mut document, user.email.as_deref());
    // Roles that an operator took away are gone; those that an operator gave are not the client's.
    if let Some(Value::Array(roles)) = document.get_mut("roles") {
        roles.retain(|role| {
            role.get("value")
                .and_then(Value::as_str)
                .is_none_or(|role| user.roles.iter().any(|has| has == role))
        });
        if roles.is_empty() {
            document.remove("roles");
        }
    }
    document
}

/// Who has no user name is shown by the next best; nothing is changed by that.
fn stand_in(user: &User) -> String {
    let known = user.email.as_ref().or(user.external_id.as_ref());
    known.cloned().unwrap_or_else(|| user.id.to_string())
}

/// The whole resource.
pub fn shown(mut document: Map<String, Value>, fed: &Fed<User>, base: &str) -> Map<String, Value> {
    let user = &fed.record;
    let said_at = fed.said.as_ref().map_or(user.updated_at, |said| said.updated_at);
    let mut schemas = vec![USER.schema.id];
    if document.contains_key(ENTERPRISE.id) {
        schemas.push(ENTERPRISE.id);
    }
    document.insert("schemas".to_owned(), json!(schemas));
    document.insert("id".to_owned(), user.id.to_string().into());
    let meta = json!({
        "resourceType": "User",
        "created": user.created_at.rfc3339(),
        "lastModified": user.updated_at.max(said_at).rfc3339(),
        "location": format!("{base}/Users/{}", user.id),
        "version": tag(fed.seen()),
    });
    document.insert("meta".to_owned(), meta);
    document
}

/// The groups of a user, those above its own included (RFC 7643 §4.1.2): of the groups that the client can ask for, those
/// that list the user as a member to it. What other sources and operators say of teams is nothing to it.
///
/// # Errors
/// The database cannot be asked.
pub async fn groups(
    control: &Control,
    client: &Client,
    user: UserId,
    base: &str,
) -> Result<Option<Value>, Failure> {
    let feed = &client.feed;
    let found = provisioned::teams_of(control.store(), feed.tenant, &feed.source, user).await?;
    let groups: Vec<Value> = found
        .into_iter()
        .map(|(team, direct)| {
            json!({
                "value": team.id.to_string(),
                "$ref": format!("{base}/Groups/{}", team.id),
                "display": team.display_name.unwrap_or_else(|| team.name.to_string()),
                "type": if direct { "direct" } else { "indirect" },
            })
        })
        .collect();
    Ok(if groups.is_empty() { None } else { Some(Value::Array(groups)) })
}

/// What the directory makes of a document.
///
/// # Errors
/// Roles that cannot be kept.
pub fn provision(
    document: Map<String, Value>,
    before: Option<&Fed<User>>,
) -> Result<ProvisionedUser, Failure> {
    let word = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let old = before.and_then(|before| before.said.as_ref()).map(|said| &said.document);
    let user = before.map(|before| &before.record);
    let username = word("userName")
        .filter(|name| user.is_none_or(|user| user.username.is_some() || *name != stand_in(user)));
    let roles = roles(&document);
    text::list("roles", &roles, MOST_ROLES)?;
    for (what, value) in [("userName", &username), ("displayName", &display_name(&document))] {
        text::optional_line(what, value.as_deref())?;
    }
    let mut attributes = BTreeMap::new();
    for (name, extension, there) in FOLLOWING {
        let value = |document: &Map<String, Value>| {
            let within = if *extension { document.get(ENTERPRISE.id)?.as_object()? } else { document };
            within.get(*there)?.as_str().map(str::to_owned)
        };
        let (was, is) = (old.and_then(value), value(&document));
        if was.is_some() || is.is_some() {
            attributes.insert((*name).to_owned(), is);
        }
    }
    let standing = user.is_none_or(|user| user.status == UserStatus::Active);
    Ok(ProvisionedUser {
        external_id: word("externalId"),
        username,
        email: email(&document).map(str::to_owned),
        display_name: display_name(&document),
        roles: (old.map(self::roles).unwrap_or_default(), roles),
        attributes,
        active: document.get("active").and_then(Value::as_bool).unwrap_or(standing),
        document: kept(document, before.is_none()),
    })
}

/// What is kept as it was said: all but what the directory keeps.
fn kept(mut document: Map<String, Value>, new: bool) -> Map<String, Value> {
    document.remove("userName");
    document.remove("externalId");
    if new {
        document.entry("active").or_insert(Value::Bool(true));
    }
    document
}

fn roles(document: &Map<String, Value>) -> Vec<String> {
    let roles = document.get("roles").and_then(Value::as_array).into_iter().flatten();
    let mut names: Vec<String> = Vec::new();
    for role in roles.filter_map(|role| role.get("value")?.as_str()) {
        if !names.iter().any(|name| name == role) {
            names.push(role.to_owned());
        }
    }
    names
}

/// The name for people: the one that is said, or what the parts of the name make.
fn display_name(document: &Map<String, Value>) -> Option<String> {
    let part = |name: &str| document.get("name")?.get(name)?.as_str();
    let said = document.get("displayName").and_then(Value::as_str).or_else(|| part("formatted"));
    let parts = || {
        let parts: Vec<&str> = [part("givenName"), part("familyName")].into_iter().flatten().collect();
        if parts.is_empty() { None } else { Some(parts.join(" ")) }
    };
    said.map(str::to_owned).or_else(parts)
}

/// Which of the addresses is the directory's: the primary one, or the first.
fn chosen(document: &Map<String, Value>) -> Option<usize> {
    let list = document.get("emails")?.as_array()?;
    let valued = |(_, email): &(usize, &Value)| email.get("value").is_some();
    let primary = |(_, email): &(usize, &Value)| email.get("primary") == Some(&Value::Bool(true));
    let mut all = list.iter().enumerate().filter(valued);
    all.clone().find(primary).or_else(|| all.next()).map(|(i, _)| i)
}

fn email(document: &Map<String, Value>) -> Option<&str> {
    document.get("emails")?.get(chosen(document)?)?.get("value")?.as_str()
}

/// Puts the directory's address over the one that was said.
fn put_email(document: &mut Map<String, Value>, address: Option<&str>) {
    if email(document) == address {
        return;
    }
    let place = chosen(document);
    let emails = document.entry("emails").or_insert_with(|| json!([]));
    let Value::Array(list) = emails else { return };
    match (place, address) {
        (Some(i), Some(address)) => list[i]["value"] = address.into(),
        (Some(i), None) => drop(list.remove(i)),
        (None, Some(address)) => list.push(json!({ "value": address, "primary": true })),
        (None, None) => {}
    }
    if list.is_empty() {
        document.remove("emails");
    }
}
