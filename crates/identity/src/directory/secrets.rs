//! Secrets that are set through the API: sealed before they are stored, and never given out again.

use super::{Actor, Directory, not_found};
use portcullis_fault::{Fault, Secret, codes};
use portcullis_model::event::Change;
use portcullis_store::entity::secrets;
use serde_json::{Value, json};

impl Directory {
    /// Sets what `stored:<name>` means.
    ///
    /// # Errors
    /// The name cannot be stored, or the database cannot be asked.
    pub async fn put_secret(&self, actor: &Actor, name: &str, value: Secret<Vec<u8>>) -> Result<(), Fault> {
        let mut work = self.work(actor).await?;
        let before = secrets::find(&mut work.tx, name).await?.map_or(Value::Null, |_| json!({ "set": true }));
        let sealed = self
            .custody
            .seal(name, value.expose(), &*self.rng)
            .map_err(|error| Fault::new(codes::INTERNAL).source(error))?;
        let secret = secrets::Sealed {
            name: name.to_owned(),
            sealed,
            updated_at: work.now,
            updated_by: actor.name.clone(),
        };
        secrets::set(&mut work.tx, &secret).await?;
        work.event(None, Change::Secret { name: name.to_owned() });
        work.audit(None, "secret.put", name, before, json!({ "set": true })).await?;
        work.done().await
    }

    /// Forgets a secret. Whoever refers to it gets none from then on.
    ///
    /// # Errors
    /// No such secret.
    pub async fn delete_secret(&self, actor: &Actor, name: &str) -> Result<(), Fault> {
        let mut work = self.work(actor).await?;
        if !secrets::delete(&mut work.tx, name).await? {
            return Err(not_found("secret"));
        }
        work.event(None, Change::Secret { name: name.to_owned() });
        work.audit(None, "secret.delete", name, json!({ "set": true }), Value::Null).await?;
        work.done().await
    }
}
