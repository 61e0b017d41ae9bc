//! One user of two, and two of one again.
//!
//! Whoever was merged is taken for the survivor, in one step however many merges there were: nobody is merged into one
//! who is merged, so there are no circles. What was moved is known, and taking a merge back moves it back.

use super::change::Work;
use super::users::{enter, living, shown};
use super::{Actor, Directory, conflict, not_found};
use portcullis_fault::Fault;
use portcullis_model::event::Change;
use portcullis_model::{User, UserId, UserStatus};
use portcullis_store::Page;
use portcullis_store::entity::merges::{self, Merge};
use portcullis_store::entity::{holdings, identifiers, identities, users};
use std::collections::BTreeSet;

impl Directory {
    /// Makes one user of two: the identities of `id` become `into`'s, and whoever comes as `id` is taken for `into`.
    ///
    /// # Errors
    /// One of them is not there or gone, they are one, or of two tenants.
    pub async fn merge(
        &self,
        actor: &Actor,
        id: UserId,
        into: UserId,
        reason: Option<String>,
    ) -> Result<User, Fault> {
        if id == into {
            return Err(conflict("a user cannot be merged into itself"));
        }
        let mut work = self.work(actor).await?;
        // In one order, so that two merges of the same two wait for each other.
        let (first, second) = (id.min(into), id.max(into));
        let first = living(&mut work, first).await?;
        let second = living(&mut work, second).await?;
        let (before, survivor) = if first.id == id { (first, second) } else { (second, first) };
        if before.tenant != survivor.tenant {
            return Err(conflict("the users are of two tenants"));
        }
        identities::reassign(&mut work.tx, id, into, work.now).await?;
        // What it has at providers follows its owner, and stays there: whose it had been is not kept.
        holdings::reassign(&mut work.tx, id, into).await?;
        self.carry_revocation(&mut work, id, into).await?;
        let merge = Merge {
            user: id,
            into,
            status_before: before.status,
            at: work.now,
            by: actor.name.clone(),
            reason: reason.clone(),
            undone: None,
        };
        merges::insert(&mut work.tx, &merge).await?;
        let mut user = before.clone();
        user.merged_into = Some(into);
        enter(&mut user, UserStatus::Merged, &work, actor, reason);
        users::update(&mut work.tx, &user).await?;
        // Whoever was merged into this one earlier follows in one step.
        let filter = users::Filter { merged_into: Some(id), ..users::Filter::default() };
        loop {
            let earlier = users::list(&mut work.tx, &filter, Page::first(Page::MOST)).await?;
            if earlier.is_empty() {
                break;
            }
            for earlier in earlier {
                lead(&mut work, earlier, into).await?;
            }
        }
        work.event(Some(user.tenant), Change::User { user: id, what: "merged".to_owned() });
        work.event(Some(user.tenant), Change::User { user: into, what: "changed".to_owned() });
        work.audit(Some(user.tenant), "user.merge", id, shown(&before), shown(&user)).await?;
        work.done().await?;
        Ok(user)
    }

    /// Takes a merge back: the user is what it was, with the identities that the merge took from it and that nobody has
    /// unlinked since, and so are those who had been merged into it. A merge of a release that kept no history leaves a
    /// suspended user without identities.
    pub(super) async fn unmerge(
        &self,
        actor: &Actor,
        id: UserId,
        into: UserId,
        reason: Option<String>,
    ) -> Result<User, Fault> {
        let mut work = self.work(actor).await?;
        let (first, second) = (id.min(into), id.max(into));
        let first = users::lock(&mut work.tx, first).await?.ok_or_else(|| not_found("user"))?;
        let second = users::lock(&mut work.tx, second).await?.ok_or_else(|| not_found("user"))?;
        let before = if first.id == id { first } else { second };
        if before.status != UserStatus::Merged || before.merged_into != Some(into) {
            return Err(conflict("the user was changed by somebody else at the same time; try again"));
        }
        let merge = merges::open(&mut work.tx, id).await?;
        let mut user = before.clone();
        user.merged_into = None;
        let status = merge.as_ref().map_or(UserStatus::Suspended, |merge| merge.status_before);
        enter(&mut user, status, &work, actor, reason);
        users::update(&mut work.tx, &user).await?;
        if let Some(merge) = &merge {
            for moved in identifiers::moved(&mut work.tx, id, merge.at).await? {
                let Some(issuer) = &moved.issuer else { continue };
                let subject = (issuer.as_str(), moved.value.as_str());
                identities::give(&mut work.tx, user.tenant, subject, (into, id), work.now).await?;
            }
            merges::undo(&mut work.tx, id, work.now, &actor.name).await?;
        }
        for earlier in merged_before(&mut work, id).await? {
            let earlier = users::lock(&mut work.tx, earlier).await?;
            if let Some(earlier) = earlier.filter(|earlier| earlier.merged_into == Some(into)) {
                lead(&mut work, earlier, id).await?;
            }
        }
        // Whose tokens were revoked meanwhile had this user's among them.
        self.carry_revocation(&mut work, into, id).await?;
        work.event(Some(user.tenant), Change::User { user: id, what: "restored".to_owned() });
        work.event(Some(user.tenant), Change::User { user: into, what: "changed".to_owned() });
        work.audit(Some(user.tenant), "user.restore", id, shown(&before), shown(&user)).await?;
        work.done().await?;
        Ok(user)
    }
}

/// A merged user is taken for somebody else from now on.
async fn lead(work: &mut Work<'_>, mut user: User, into: UserId) -> Result<(), Fault> {
    user.merged_into = Some(into);
    users::update(&mut work.tx, &user).await?;
    work.event(Some(user.tenant), Change::User { user: user.id, what: "merged".to_owned() });
    Ok(())
}

/// Everybody who was merged into `id`, or into somebody who was.
async fn merged_before(work: &mut Work<'_>, id: UserId) -> Result<BTreeSet<UserId>, Fault> {
    let mut all = BTreeSet::new();
    let mut next = vec![id];
    while let Some(into) = next.pop() {
        for merge in merges::open_into(&mut work.tx, into).await? {
            if all.insert(merge.user) {
                next.push(merge.user);
            }
        }
    }
    Ok(all)
}
