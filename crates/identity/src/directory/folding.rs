//! Before a rule that folds goes into force: would two users be one under it?

use portcullis_model::issuer::{Normalisation, TenantRule};
use portcullis_model::{Issuer, Problem, Tenant, User};
use portcullis_store::entity::users;
use portcullis_store::{Error, Page, Store};
use std::collections::HashMap;
use std::sync::Arc;

/// Collisions that are named of each rule.
const NAMED: usize = 3;

/// Users who would be taken for one another under an issuer's rule that folds (`lowercase`, `trim`): the rule must not be
/// published before they are told apart. Rules that look up by identity are not concerned: what was linked is exact.
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
        let folds =
            rule.normalise.iter().any(|step| matches!(step, Normalisation::Lowercase | Normalisation::Trim));
        if !folds || matches!(rule.attribute.as_str(), "identity" | "id") {
            continue;
        }
        let concerned = tenants.iter().filter(|tenant| match &issuer.tenant {
            TenantRule::Named(name) => *name == tenant.name,
            TenantRule::Mapped(map) => map.map.values().any(|name| *name == tenant.name),
        });
        for tenant in concerned {
            for (one, other) in collisions(store, tenant, rule.attribute.as_str()).await? {
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

async fn collisions(store: &Store, tenant: &Tenant, attribute: &str) -> Result<Vec<(String, String)>, Error> {
    let filter = users::Filter { tenant: Some(tenant.id), ..users::Filter::default() };
    let mut seen: HashMap<String, String> = HashMap::new();
    let mut found = Vec::new();
    let mut page = Page::first(Page::MOST);
    loop {
        let users = users::list(store, &filter, page).await?;
        for user in &users {
            let Some(value) = value(user, attribute) else { continue };
            match seen.insert(value.trim().to_lowercase(), value.to_owned()) {
                Some(other) if other != value => found.push((other, value.to_owned())),
                _ => {}
            }
            if found.len() == NAMED {
                return Ok(found);
            }
        }
        match users.last() {
            Some(last) if users.len() == Page::MOST as usize => page.after = Some(last.id.0),
            _ => return Ok(found),
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
