//! Applications, and the OAuth clients that are them.

use super::change::Work;
use super::{Actor, Directory, not_found};
use portcullis_fault::Fault;
use portcullis_model::event::Change;
use portcullis_model::{Application, ApplicationId, Name, TenantId};
use portcullis_store::entity::{applications, tenants};
use serde_json::{Value, json};

/// An application to be made.
#[derive(Clone, Debug)]
pub struct NewApplication {
    /// Whose.
    pub tenant: TenantId,
    /// Unique within the tenant.
    pub name: Name,
    /// Roles.
    pub roles: Vec<String>,
    /// OAuth clients that are this application: (issuer's name, client id).
    pub clients: Vec<(Name, String)>,
}

impl Directory {
    /// Makes an application.
    ///
    /// # Errors
    /// A name or client that is taken, a tenant that is not there.
    pub async fn create_application(&self, actor: &Actor, new: NewApplication) -> Result<Application, Fault> {
        let mut work = self.work(actor).await?;
        if tenants::find(&mut work.tx, new.tenant).await?.is_none() {
            return Err(not_found("tenant"));
        }
        let application = Application {
            id: ApplicationId::generate(&*self.clock, &*self.rng),
            tenant: new.tenant,
            name: new.name,
            roles: new.roles,
            clients: new.clients,
            disabled: false,
            created_at: work.now,
            updated_at: work.now,
        };
        applications::insert(&mut work.tx, &application).await?;
        work.event(Some(application.tenant), Change::Application { application: application.id });
        work.audit(
            Some(application.tenant),
            "application.create",
            application.id,
            Value::Null,
            shown(&application),
        )
        .await?;
        work.done().await?;
        Ok(application)
    }

    /// Bars an application, with all its keys and tokens, or lets it in again.
    ///
    /// # Errors
    /// No such application.
    pub async fn set_application_disabled(
        &self,
        actor: &Actor,
        id: ApplicationId,
        disabled: bool,
    ) -> Result<Application, Fault> {
        let action = if disabled { "application.disable" } else { "application.enable" };
        self.change_application(actor, id, action, |application| application.disabled = disabled).await
    }

    /// Gives an application these roles and no others.
    ///
    /// # Errors
    /// No such application.
    pub async fn set_application_roles(
        &self,
        actor: &Actor,
        id: ApplicationId,
        roles: Vec<String>,
    ) -> Result<Application, Fault> {
        self.change_application(actor, id, "application.change", |application| application.roles = roles)
            .await
    }

    /// Makes an issuer's client this application.
    ///
    /// # Errors
    /// No such application, or a client that is another application.
    pub async fn link_client(
        &self,
        actor: &Actor,
        id: ApplicationId,
        issuer: Name,
        client: String,
    ) -> Result<Application, Fault> {
        let client = (issuer, client);
        self.change_application(actor, id, "application.link", |application| {
            if !application.clients.contains(&client) {
                application.clients.push(client);
            }
        })
        .await
    }

    /// Takes an issuer's client from an application.
    ///
    /// # Errors
    /// No such application.
    pub async fn unlink_client(
        &self,
        actor: &Actor,
        id: ApplicationId,
        issuer: &Name,
        client: &str,
    ) -> Result<Application, Fault> {
        self.change_application(actor, id, "application.unlink", |application| {
            application.clients.retain(|(of, own)| of != issuer || own != client);
        })
        .await
    }

    async fn change_application(
        &self,
        actor: &Actor,
        id: ApplicationId,
        action: &'static str,
        change: impl FnOnce(&mut Application),
    ) -> Result<Application, Fault> {
        let mut work: Work<'_> = self.work(actor).await?;
        let before = applications::lock(&mut work.tx, id).await?.ok_or_else(|| not_found("application"))?;
        let mut application = before.clone();
        change(&mut application);
        if application == before {
            return Ok(application);
        }
        application.updated_at = work.now;
        applications::update(&mut work.tx, &application).await?;
        work.event(Some(application.tenant), Change::Application { application: id });
        work.audit(Some(application.tenant), action, id, shown(&before), shown(&application)).await?;
        work.done().await?;
        Ok(application)
    }
}

/// As the audit log shows it.
fn shown(application: &Application) -> Value {
    let clients: Vec<_> = application
        .clients
        .iter()
        .map(|(issuer, client)| json!({ "issuer": issuer, "client": client }))
        .collect();
    json!({ "name": application.name, "roles": application.roles, "clients": clients, "disabled": application.disabled })
}
