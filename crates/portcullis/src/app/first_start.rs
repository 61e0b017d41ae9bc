//! The first start makes an administrator, so that there is somebody who can make others. Its credential is in a file
//! that only we can read; it is not in the log.

use crate::failure::{Done, Failure};
use portcullis_fault::{Fault, Secret};
use portcullis_identity::directory::{Actor, Directory, NewOperator};
use portcullis_model::Name;
use portcullis_model::audit::OperatorRole;
use portcullis_store::{DataDir, Error, Page, entity};

/// Where it is, in the data directory.
pub const FILE: &str = "admin-credential";

/// Makes the administrator when there is no operator at all; the credential, when one was made.
pub async fn credential(data: &DataDir, directory: &Directory) -> Done<Option<Secret<String>>> {
    let failed = |error: Error| Failure::new(format!("the operators cannot be read: {error}"));
    if !entity::operators::list(directory.store(), Page::first(1)).await.map_err(failed)?.is_empty() {
        return Ok(None);
    }
    let actor = Actor::new("first start", "process");
    let name = Name::new("administrator").map_err(Failure::new)?;
    let new =
        NewOperator { name, role: OperatorRole::Operator, tenant: None, source: None, expires_at: None };
    let made = directory.create_operator(&actor, new).await;
    let (_, credential) =
        made.map_err(|fault: Fault| Failure::new(format!("the administrator cannot be made: {fault}")))?;
    // Of an earlier database in this directory; it opens nothing any more.
    let path = data.file(FILE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::from(error).at(path.display().to_string()));
        }
        _ => {}
    }
    let written = data.private(FILE, || format!("{}\n", credential.expose()).into_bytes());
    written.map_err(|error| Failure::new(error.to_string()))?;
    Ok(Some(credential))
}
