//! Before a rule that normalises, or falls back, goes into force: would two users be one under it?

use crate::rules::normalised;
use portcullis_model::issuer::{SubjectRule, TenantRule};
use portcullis_model::{Issuer, Name, Problem, Tenant, User, UserId};
use portcullis_store::entity::{identities, users};
use portcullis_store::{Error, Page, Store};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Collisions that are named of each rule and tenant.
const NAMED: usize = 3;

/// Users who would be taken for one another under an issuer's rule that normalises, or that looks its claim up a second way:
/// the rule must not be published before they are told apart. Tombstones count: who was deleted must not come back as somebody else.
///
/// # Errors
/// The database cannot be asked.
pub async fn colliding_subjects(
    store: &Store,
    issuers: &[Issuer],
    tenants: &[Arc<Tenant>],
) -> Result<Vec<Problem>, Error> {
    let mut problems = Vec::new();
    for issuer in issuers {
        let rule = &issuer.subject;
        // Other claims that are fallen back to are other texts: nothing can be said of them beforehand.
        let twice = rule.fallback.contains(&rule.claim);
        if (rule.normalise.is_empty() && !twice) || rule.attribute == "id" {
            continue;
        }
        let concerned = tenants.iter().filter(|tenant| match &issuer.tenant {
            TenantRule::Named(name) => *name == tenant.name,
            TenantRule::Mapped(map) => map.map.values().any(|name| *name == tenant.name),
        });
        for tenant in concerned {
            let mut seen = Seen { rule, owners: HashMap::new(), found: Vec::new(), contested: Vec::new() };
            match rule.attribute.as_str() {
                "identity" => linked(store, tenant, &issuer.name, &mut seen, Seen::note).await?,
                attribute => named(store, tenant, attribute, &mut seen).await?,
            }
            if twice {
                linked(store, tenant, &issuer.name, &mut seen, Seen::contest).await?;
            }
            for (subject, one, other) in seen.contested {
                let message = format!(
                    "`{}` of tenant `{}` would be two users: {one} by `{}`, and {other} by its `identity`; unlink or change one of them, or take the fallback out",
                    subject.escape_debug(),
                    tenant.name,
                    rule.attribute
                );
                problems.push(Problem::new(format!("issuers.{}.subject.fallback", issuer.name), message));
            }
            for (one, other) in seen.found {
                let message = format!(
                    "under this rule `{}` and `{}` of tenant `{}` would be one user: change one of them, or take the normalisation out",
                    one.escape_debug(),
                    other.escape_debug(),
                    tenant.name
                );
                problems.push(Problem::new(format!("issuers.{}.subject.normalise", issuer.name), message));
            }
        }
    }
    Ok(problems)
}

/// Whose each normalised value is.
struct Seen<'r> {
    rule: &'r SubjectRule,
    owners: HashMap<String, (String, UserId)>,
    found: Vec<(String, String)>,
    contested: Vec<(String, UserId, UserId)>,
}

impl Seen<'_> {
    /// Notes a value; whether enough collisions are known.
    fn note(&mut self, value: &str, owner: UserId) -> bool {
        match self.owners.entry(normalised(&self.rule.normalise, value)) {
            Entry::Occupied(other) => {
                let (text, of) = other.get();
                // Two users with the very same value are ambiguous under any rule, and refused when they come.
                if *of != owner && text != value {
                    self.found.push((text.clone(), value.to_owned()));
                }
            }
            Entry::Vacant(place) => {
                place.insert((value.to_owned(), owner));
            }
        }
        self.found.len() >= NAMED
    }

    /// Compares a linked subject with whose the value is; whether enough is known.
    fn contest(&mut self, subject: &str, owner: UserId) -> bool {
        match self.owners.get(&normalised(&self.rule.normalise, subject)) {
            Some((_, of)) if *of != owner => self.contested.push((subject.to_owned(), *of, owner)),
            _ => {}
        }
        self.contested.len() >= NAMED
    }
}

async fn named(store: &Store, tenant: &Tenant, attribute: &str, seen: &mut Seen<'_>) -> Result<(), Error> {
    let filter = users::Filter { tenant: Some(tenant.id), ..users::Filter::default() };
    let mut page = Page::first(Page::MOST);
    loop {
        let users = users::list(store, &filter, page).await?;
        for user in &users {
            // Whoever is merged is the survivor already.
            let owner = user.merged_into.unwrap_or(user.id);
            if value(user, attribute).is_some_and(|value| seen.note(value, owner)) {
                return Ok(());
            }
        }
        match users.last() {
            Some(last) if users.len() == Page::MOST as usize => page.after = Some(last.id.0),
            _ => return Ok(()),
        }
    }
}

async fn linked<'r>(
    store: &Store,
    tenant: &Tenant,
    issuer: &Name,
    seen: &mut Seen<'r>,
    note: fn(&mut Seen<'r>, &str, UserId) -> bool,
) -> Result<(), Error> {
    let mut after = String::new();
    loop {
        let page = identities::list_by_issuer(store, tenant.id, issuer, &after).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.subject);
        if page.iter().any(|identity| note(seen, &identity.subject, identity.user)) {
            return Ok(());
        }
    }
}

fn value<'u>(user: &'u User, attribute: &str) -> Option<&'u str> {
    match attribute {
        "external_id" => user.external_id.as_deref(),
        "username" => user.username.as_deref(),
        other => user.attributes.get(other.strip_prefix("attributes.")?).map(String::as_str),
    }
}
