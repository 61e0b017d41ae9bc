//! Who may have been meant by a text that is nobody's: current and past identifiers of users, tombstones too, that are the
//! same in another form or a typing error away.
//!
//! For people who look for the cause of a refusal. Nobody is ever resolved by it.

use super::Directory;
use portcullis_fault::Fault;
use portcullis_model::{TenantId, User, UserId, UserStatus};
use portcullis_store::entity::identifiers::{Field, Identifier, near};
use portcullis_store::entity::users;
use portcullis_store::near::{Difference, compare};
use std::collections::BTreeMap;

/// Near misses that are told.
const TOLD: usize = 20;

/// An identifier that a text may have been meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// Whose it is, or was: with tenant, status, and whom it was merged into.
    pub user: User,
    /// The identifier: which, its value, and until when it was the user's.
    pub identifier: Identifier,
    /// All that has to be overlooked for the two to be the same; none when they are.
    pub differences: Vec<Difference>,
    /// Characters that remain different then: 0, 1 or 2.
    pub distance: u8,
}

impl Directory {
    /// The users that `text` may have been meant for, the nearest first, at most 20. Of one tenant, or of all.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn near(&self, tenant: Option<TenantId>, text: &str) -> Result<Vec<NearMiss>, Fault> {
        let mut found: Vec<(Identifier, Vec<Difference>, u8)> = Vec::new();
        for identifier in near(&self.store, tenant, text).await? {
            if let Some(likeness) = compare(text, &identifier.value) {
                found.push((identifier, likeness.differences, likeness.distance));
            }
        }
        let mut users: BTreeMap<UserId, User> = BTreeMap::new();
        if let Some((user, differences)) = self.by_id(tenant, text).await? {
            let identifier = Identifier {
                id: 0,
                tenant: user.tenant,
                user: user.id,
                field: Field::Id,
                issuer: None,
                value: user.id.to_string(),
                since: user.created_at,
                until: None,
            };
            found.push((identifier, differences, 0));
            users.insert(user.id, user);
        }
        found.sort_by_key(|(identifier, differences, distance)| {
            (*distance, differences.len(), identifier.until.is_some(), identifier.user, identifier.id)
        });
        found.truncate(TOLD);
        let mut told = Vec::new();
        for (identifier, differences, distance) in found {
            if !users.contains_key(&identifier.user) {
                // Users are never removed; one that is not there is damage that others report.
                let Some(user) = users::find(&self.store, identifier.user).await? else { continue };
                users.insert(user.id, user);
            }
            if let Some(user) = users.get(&identifier.user) {
                told.push(NearMiss { user: user.clone(), identifier, differences, distance });
            }
        }
        let gone = |user: &User| matches!(user.status, UserStatus::Deleted | UserStatus::Merged);
        told.sort_by_key(|near| {
            (near.distance, near.differences.len(), near.identifier.until.is_some(), gone(&near.user))
        });
        Ok(told)
    }

    /// The user whose own id a text is, in whatever form.
    async fn by_id(
        &self,
        tenant: Option<TenantId>,
        text: &str,
    ) -> Result<Option<(User, Vec<Difference>)>, Fault> {
        let rest = text.trim().rsplit(['|', '\\', ':', '/', '#']).next().unwrap_or_default();
        let Ok(id) = rest.trim_matches(['{', '}']).parse::<UserId>() else { return Ok(None) };
        let user = users::find(&self.store, id).await?;
        let user = user.filter(|user| tenant.is_none_or(|tenant| tenant == user.tenant));
        Ok(user.and_then(|user| {
            let differences = compare(text, &user.id.to_string())?.differences;
            Some((user, differences))
        }))
    }
}
