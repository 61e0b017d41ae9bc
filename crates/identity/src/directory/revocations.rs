//! Revocations: of a token, of what a subject, a user or an issuer was given before a time, and of an issuer's key.

use super::change::Work;
use super::{Actor, Directory, not_found};
use portcullis_fault::Fault;
use portcullis_model::event::Change;
use portcullis_model::{TenantId, Timestamp, UserId};
use portcullis_store::entity::revocations::{self, Revocation, Revoked};
use portcullis_store::entity::users;
use serde_json::{Value, json};
use uuid::Uuid;

impl Directory {
    /// Revokes something, on every node within a second. What is revoked already keeps its entry, with the later times.
    ///
    /// `expires_at` says when the entry may be forgotten, because no token that it concerns can be valid any more.
    ///
    /// # Errors
    /// What is to be revoked cannot be stored, or the database cannot be asked.
    pub async fn revoke(
        &self,
        actor: &Actor,
        tenant: Option<TenantId>,
        mut what: Revoked,
        expires_at: Option<Timestamp>,
        reason: Option<String>,
    ) -> Result<Revocation, Fault> {
        let mut work = self.work(actor).await?;
        if let Revoked::User { user, .. } = &mut what {
            // Tokens of somebody who was merged are those of whoever it was merged into (one step, however many merges). Locked: a
            // merge under way is seen here, or carries what is written here.
            let there = users::lock(&mut work.tx, *user).await?.ok_or_else(|| not_found("user"))?;
            *user = there.merged_into.unwrap_or(*user);
        }
        let id = self.revocation_id(work.now);
        let entry =
            Revocation { id, tenant, what, expires_at, at: work.now, actor: actor.name.clone(), reason };
        let before = revocations::find_by_what(&mut work.tx, &entry.what).await?;
        revocations::insert(&mut work.tx, &entry).await?;
        let kept = revocations::find_by_what(&mut work.tx, &entry.what).await?.unwrap_or(entry);
        work.event(tenant, event(&kept.what));
        let before = before.as_ref().map_or(Value::Null, shown);
        work.audit(tenant, "revocation.create", kept.id, before, shown(&kept)).await?;
        work.done().await?;
        Ok(kept)
    }

    /// What was revoked of a user holds of the one that it is merged into: its tokens are that user's now.
    pub(super) async fn carry_revocation(
        &self,
        work: &mut Work<'_>,
        from: UserId,
        into: UserId,
    ) -> Result<(), Fault> {
        // The time is no part of what an entry is found by.
        let what = Revoked::User { user: from, issued_before: work.now };
        let Some(mut entry) = revocations::find_by_what(&mut work.tx, &what).await? else { return Ok(()) };
        if let Revoked::User { user, .. } = &mut entry.what {
            *user = into;
        }
        entry.id = self.revocation_id(work.now);
        revocations::insert(&mut work.tx, &entry).await?;
        work.event(entry.tenant, event(&entry.what));
        Ok(())
    }

    fn revocation_id(&self, now: Timestamp) -> Uuid {
        let mut entropy = [0; 10];
        self.rng.fill(&mut entropy);
        let millis = u64::try_from(now.micros().div_euclid(1_000)).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid()
    }

    /// Takes a revocation back.
    ///
    /// # Errors
    /// No such entry.
    pub async fn lift_revocation(&self, actor: &Actor, id: Uuid) -> Result<(), Fault> {
        let mut work = self.work(actor).await?;
        let entry = revocations::find(&mut work.tx, id).await?.ok_or_else(|| not_found("revocation"))?;
        revocations::delete(&mut work.tx, id).await?;
        work.event(entry.tenant, event(&entry.what));
        work.audit(entry.tenant, "revocation.delete", id, shown(&entry), Value::Null).await?;
        work.done().await
    }
}

fn event(what: &Revoked) -> Change {
    match what {
        Revoked::Key { issuer, kid } => Change::KeyDistrusted { issuer: issuer.clone(), kid: kid.clone() },
        _ => Change::Revocation,
    }
}

/// As the audit log shows it.
fn shown(entry: &Revocation) -> Value {
    let mut shown = match &entry.what {
        Revoked::Token { issuer, jti } => json!({ "issuer": issuer, "jti": jti }),
        Revoked::Digest(digest) => json!({ "digest": digest }),
        Revoked::Subject { issuer, subject, issued_before } => {
            json!({ "issuer": issuer, "subject": subject, "issued_before": issued_before.rfc3339() })
        }
        Revoked::User { user, issued_before } => {
            json!({ "user": user, "issued_before": issued_before.rfc3339() })
        }
        Revoked::Issuer { issuer, issued_before } => {
            json!({ "issuer": issuer, "issued_before": issued_before.rfc3339() })
        }
        Revoked::Key { issuer, kid } => json!({ "issuer": issuer, "kid": kid }),
    };
    shown["kind"] = entry.what.kind().into();
    shown["expires_at"] = entry.expires_at.map(Timestamp::rfc3339).into();
    shown["reason"] = entry.reason.clone().into();
    shown
}
