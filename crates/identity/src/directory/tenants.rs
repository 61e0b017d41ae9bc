//! Tenants: the API's and the file's. What the file owns is changed in the file.

use super::{Actor, Directory, not_found};
use portcullis_fault::{Fault, codes};
use portcullis_model::event::Change;
use portcullis_model::tenant::{Origin, TenantEntry};
use portcullis_model::{Name, Tenant, TenantId};
use portcullis_store::Page;
use portcullis_store::entity::tenants;
use serde_json::{Value, json};

impl Directory {
    /// Makes a tenant that the API owns.
    ///
    /// # Errors
    /// A name that is taken.
    pub async fn create_tenant(
        &self,
        actor: &Actor,
        name: Name,
        models: Vec<String>,
    ) -> Result<Tenant, Fault> {
        let mut work = self.work(actor).await?;
        let tenant = self.new_tenant(name, models, Origin::Api, work.now);
        tenants::insert(&mut work.tx, &tenant).await?;
        work.event(Some(tenant.id), Change::Tenant { tenant: tenant.id });
        work.audit(Some(tenant.id), "tenant.create", tenant.id, Value::Null, shown(&tenant)).await?;
        work.done().await?;
        Ok(tenant)
    }

    /// Grants a tenant these models and no others.
    ///
    /// # Errors
    /// No such tenant, or one that the file owns.
    pub async fn change_tenant_models(
        &self,
        actor: &Actor,
        id: TenantId,
        models: Vec<String>,
    ) -> Result<Tenant, Fault> {
        self.change_tenant(actor, id, "tenant.change", |tenant| tenant.models = models).await
    }

    /// Bars everybody of a tenant, or lets them in again.
    ///
    /// # Errors
    /// No such tenant, or one that the file owns.
    pub async fn set_tenant_disabled(
        &self,
        actor: &Actor,
        id: TenantId,
        disabled: bool,
    ) -> Result<Tenant, Fault> {
        let action = if disabled { "tenant.disable" } else { "tenant.enable" };
        self.change_tenant(actor, id, action, |tenant| tenant.disabled = disabled).await
    }

    async fn change_tenant(
        &self,
        actor: &Actor,
        id: TenantId,
        action: &'static str,
        change: impl FnOnce(&mut Tenant),
    ) -> Result<Tenant, Fault> {
        let mut work = self.work(actor).await?;
        let before = tenants::lock(&mut work.tx, id).await?.ok_or_else(|| not_found("tenant"))?;
        if before.origin == Origin::File {
            let detail = format!(
                "the configuration file owns tenant `{}`; change its `[[tenants]]` entry",
                before.name
            );
            return Err(Fault::new(codes::OWNED_BY_FILE).detail(detail));
        }
        let mut tenant = before.clone();
        change(&mut tenant);
        if tenant == before {
            return Ok(tenant);
        }
        tenant.updated_at = work.now;
        tenants::update(&mut work.tx, &tenant).await?;
        work.event(Some(id), Change::Tenant { tenant: id });
        work.audit(Some(id), action, id, shown(&before), shown(&tenant)).await?;
        work.done().await?;
        Ok(tenant)
    }

    /// Makes the tenants of the file what it says. One that has left the file is disabled, not deleted; one of the API
    /// that the file names now is the file's. Writes nothing when nothing differs.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn upsert_file_tenants(&self, actor: &Actor, entries: &[TenantEntry]) -> Result<(), Fault> {
        let mut work = self.work(actor).await?;
        let mut there: Vec<Tenant> = Vec::new();
        loop {
            let page = Page { after: there.last().map(|tenant| tenant.id.0), limit: Page::MOST };
            let more = tenants::list(&mut work.tx, page).await?;
            let last = more.len() < Page::MOST as usize;
            there.extend(more);
            if last {
                break;
            }
        }
        let mut changed = false;
        for before in &there {
            let mut tenant = before.clone();
            match entries.iter().find(|entry| entry.name == before.name) {
                Some(entry) => {
                    tenant.models.clone_from(&entry.models);
                    tenant.origin = Origin::File;
                    tenant.disabled = false;
                }
                None if before.origin == Origin::File => tenant.disabled = true,
                None => {}
            }
            if tenant == *before {
                continue;
            }
            changed = true;
            tenant.updated_at = work.now;
            tenants::update(&mut work.tx, &tenant).await?;
            work.event(Some(tenant.id), Change::Tenant { tenant: tenant.id });
            work.audit(Some(tenant.id), "tenant.change", tenant.id, shown(before), shown(&tenant)).await?;
        }
        for entry in entries.iter().filter(|entry| there.iter().all(|tenant| tenant.name != entry.name)) {
            changed = true;
            let tenant = self.new_tenant(entry.name.clone(), entry.models.clone(), Origin::File, work.now);
            tenants::insert(&mut work.tx, &tenant).await?;
            work.event(Some(tenant.id), Change::Tenant { tenant: tenant.id });
            work.audit(Some(tenant.id), "tenant.create", tenant.id, Value::Null, shown(&tenant)).await?;
        }
        if changed { work.done().await } else { work.tx.rollback().await.map_err(Fault::from) }
    }

    fn new_tenant(
        &self,
        name: Name,
        models: Vec<String>,
        origin: Origin,
        now: portcullis_model::Timestamp,
    ) -> Tenant {
        let id = TenantId::generate(&*self.clock, &*self.rng);
        Tenant { id, name, models, origin, disabled: false, created_at: now, updated_at: now }
    }
}

/// As the audit log shows it.
fn shown(tenant: &Tenant) -> Value {
    json!({ "name": tenant.name, "models": tenant.models, "origin": tenant.origin, "disabled": tenant.disabled })
}
