//! The models that are there, and who may use them: granted to the tenant, within the key's limits, not denied by policy.

use super::permit::ModelPermit;
use super::{Permit, Policies};
use portcullis_fault::{Fault, codes};
use portcullis_model::{Model, Name};
use std::collections::BTreeSet;

/// The models that are there.
#[derive(Debug)]
pub(crate) struct Models(BTreeSet<Name>);

impl Models {
    pub fn of(models: &[Model]) -> Self {
        Self(models.iter().map(|model| model.name.clone()).collect())
    }

    /// By name.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.iter()
    }

    pub fn authorize(&self, policies: &Policies, permit: &Permit, model: &str) -> Result<ModelPermit, Fault> {
        // Not said to the caller as text: it is whatever was sent.
        let shown = || model.chars().take(128).collect::<String>().escape_debug().to_string();
        let Some(name) = self.0.get(model) else {
            return Err(
                Fault::new(codes::MODEL_NOT_FOUND).context(format!("no model `{}` is configured", shown()))
            );
        };
        let Some(principal) = permit.principal() else {
            // The gateway's own calls may use what is there; nobody else comes here unknown.
            return match permit.system_purpose() {
                Some(_) => Ok(ModelPermit::new(permit.clone(), name.clone())),
                None => Err(Fault::new(codes::MODEL_NOT_GRANTED)
                    .context("nobody was recognised, and models are granted to tenants")),
            };
        };
        if !principal.tenant.grants(model) {
            let context = format!("model `{}` is not granted to tenant `{}`", shown(), principal.tenant.name);
            return Err(Fault::new(codes::MODEL_NOT_GRANTED).context(context));
        }
        if let Some(key) = &principal.api_key
            && !key.limits.models.is_empty()
            && !key.limits.models.iter().any(|allowed| allowed == model)
        {
            return Err(Fault::new(codes::API_KEY_CONFINED)
                .detail("the API key may not be used for this model")
                .context(format!("key `{}` is for: {}", key.name, key.limits.models.join(", "))));
        }
        policies.authorize_model(permit, name)?;
        Ok(ModelPermit::new(permit.clone(), name.clone()))
    }
}
