//! Makes a backup.

use crate::Control;
use crate::answer::{Answer, Refused, invalid};
use crate::caller::Caller;
use crate::input::Body;
use axum::Json;
use axum::extract::State;
use portcullis_fault::{Fault, codes};
use portcullis_store::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// Where to.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBackup {
    /// A directory on the server's machine that is not there yet; absolute.
    #[schema(value_type = String)]
    pub to: PathBuf,
}

/// A backup that was made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Backup {
    /// The directory.
    #[schema(value_type = String)]
    pub to: PathBuf,
}

/// Back up the embedded database and the keys beside it
///
/// Only over the unix socket: it writes where it is told on this machine, and there are keys in it.
#[utoipa::path(post, path = "/admin/v1/backups", operation_id = "create_backup", tag = "backups", request_body = NewBackup, responses((status = 200, body = Backup)))]
pub async fn create(
    State(control): State<Control>,
    caller: Caller,
    Body(backup): Body<NewBackup>,
) -> Answer<Backup> {
    caller.whole()?;
    if !caller.entrance().is_local() {
        return Err(Refused(
            Fault::new(codes::OPERATOR_FORBIDDEN)
                .detail("backups are made on the server's own machine: `portcullis backup`"),
        ));
    }
    if !backup.to.is_absolute() {
        return Err(invalid("body: `to` is an absolute path"));
    }
    portcullis_store::backup(control.store(), control.data(), &backup.to).await.map_err(
        |error| match error {
            // The caller is on this machine and named the path: what the system says about it is the answer.
            Error::File { .. } | Error::Unsupported(_) => {
                Refused(Fault::new(codes::RESOURCE_CONFLICT).detail(error.to_string()))
            }
            other => Refused(other.into()),
        },
    )?;
    control.note(&caller, None, "backup.create", backup.to.display().to_string(), Value::Null).await?;
    Ok(Json(Backup { to: backup.to }))
}
