//! Credentials of the control plane, `pco_<id>_<secret>`.

use super::{Actor, Directory, conflict, not_found};
use crate::secrets::Credential;
use portcullis_fault::{Fault, Secret, codes};
use portcullis_model::audit::OperatorRole;
use portcullis_model::{Name, OperatorId, TenantId, Timestamp};
use portcullis_store::entity::operators::{self, Operator};
use serde_json::{Value, json};
use std::time::Duration;

/// A credential to be made.
#[derive(Clone, Debug)]
pub struct NewOperator {
    /// Who it is, in the audit log; unique.
    pub name: Name,
    /// What it may do.
    pub role: OperatorRole,
    /// The tenant of a tenant administrator or a provisioner.
    pub tenant: Option<TenantId>,
    /// What a provisioner feeds the directory from.
    pub source: Option<Name>,
    /// After this it is refused.
    pub expires_at: Option<Timestamp>,
}

/// Last use is written at most this often.
const USE_INTERVAL: Duration = Duration::from_secs(60);

impl Directory {
    /// Makes a credential; the second value is all of it, and it is kept nowhere.
    ///
    /// # Errors
    /// A name that is taken; a tenant administrator or a provisioner without a tenant, or another role with one; a provisioner
    /// without a source, or another role with one.
    pub async fn create_operator(
        &self,
        actor: &Actor,
        new: NewOperator,
    ) -> Result<(Operator, Secret<String>), Fault> {
        let confined = matches!(new.role, OperatorRole::TenantAdministrator | OperatorRole::Provisioner);
        if confined != new.tenant.is_some() {
            return Err(conflict(
                "a tenant administrator and a provisioner have a tenant, and nobody else does",
            ));
        }
        if (new.role == OperatorRole::Provisioner) != new.source.is_some() {
            return Err(conflict("a provisioner has a source, and nobody else does"));
        }
        let mut work = self.work(actor).await?;
        let id = OperatorId::generate(&*self.clock, &*self.rng);
        let credential = Credential::new("pco", id.0, &*self.rng);
        let operator = Operator {
            id,
            name: new.name,
            role: new.role,
            tenant: new.tenant,
            source: new.source,
            hash: self.pepper.hash(&credential),
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
            created_at: work.now,
        };
        operators::insert(&mut work.tx, &operator).await?;
        work.audit(operator.tenant, "operator.create", id, Value::Null, shown(&operator)).await?;
        work.done().await?;
        Ok((operator, credential.text()))
    }

    /// Ends a credential at once. One that is revoked already stays as it is.
    ///
    /// # Errors
    /// No such credential.
    pub async fn revoke_operator(&self, actor: &Actor, id: OperatorId) -> Result<Operator, Fault> {
        let mut work = self.work(actor).await?;
        let before = operators::find(&mut work.tx, id).await?.ok_or_else(|| not_found("operator"))?;
        if before.revoked_at.is_some() {
            return Ok(before);
        }
        let operator = Operator { revoked_at: Some(work.now), ..before.clone() };
        operators::update(&mut work.tx, &operator).await?;
        work.audit(operator.tenant, "operator.revoke", id, shown(&before), shown(&operator)).await?;
        work.done().await?;
        Ok(operator)
    }

    /// Whose credential this is. Nothing is remembered: the control plane is not asked often, and a revoked credential
    /// ends at once.
    ///
    /// # Errors
    /// Malformed, unknown, wrong, revoked or expired (one code); or the database cannot be asked.
    pub async fn authenticate_operator(&self, credential: &Secret<String>) -> Result<Operator, Fault> {
        let refuse = |why: &'static str| Fault::new(codes::OPERATOR_CREDENTIAL_INVALID).context(why);
        let presented = Credential::parse("pco", credential.expose())
            .ok_or_else(|| refuse("it is not `pco_<id>_<secret>`"))?;
        let operator = operators::find(&self.store, OperatorId(presented.id())).await?;
        let Some(operator) = operator else {
            // As much work as for one that exists.
            self.pepper.verify(&presented, &[0; 32]);
            return Err(refuse("there is none with this id"));
        };
        if !self.pepper.verify(&presented, &operator.hash) {
            return Err(refuse("the secret is wrong"));
        }
        let now = self.clock.now();
        if operator.revoked_at.is_some() {
            return Err(refuse("it was revoked"));
        }
        if operator.expires_at.is_some_and(|at| at <= now) {
            return Err(refuse("it has expired"));
        }
        if operator.last_used_at.is_none_or(|at| now.since(at) >= USE_INTERVAL) {
            self.note_use(&operator, now).await;
        }
        Ok(operator)
    }

    /// Worth knowing, not worth refusing anybody for.
    async fn note_use(&self, operator: &Operator, now: Timestamp) {
        let noted = async {
            let mut tx = self.store.begin().await?;
            // Read again within the transaction: it may have been revoked meanwhile.
            if let Some(current) = operators::find(&mut tx, operator.id).await? {
                operators::update(&mut tx, &Operator { last_used_at: Some(now), ..current }).await?;
            }
            tx.commit().await
        };
        if let Err(error) = noted.await {
            tracing::debug!(%error, "the last use of an operator's credential could not be noted");
        }
    }
}

/// As the audit log shows it: without the hash.
fn shown(operator: &Operator) -> Value {
    json!({
        "name": operator.name,
        "role": operator.role,
        "tenant": operator.tenant,
        "source": operator.source,
        "expires_at": operator.expires_at.map(Timestamp::rfc3339),
        "revoked_at": operator.revoked_at.map(Timestamp::rfc3339),
    })
}
