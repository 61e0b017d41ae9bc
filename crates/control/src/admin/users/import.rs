//! Makes and changes users from a file.

use crate::Control;
use crate::admin::tenants;
use crate::answer::{Answer, Refused, invalid};
use crate::caller::Caller;
use crate::input::{Query, parse};
use crate::known::{Ahead, Known};
use axum::Json;
use axum::extract::{FromRequest, Request, State};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use portcullis_fault::{Fault, codes};
use portcullis_identity::directory;
use serde::{Deserialize, Serialize};

/// Largest body of an import, in bytes.
const MAX_IMPORT: usize = 64 * 1024 * 1024;

/// A file of users.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserImport {
    /// The tenant that they belong to: id or name.
    pub tenant: String,
    /// How the file is written.
    pub format: ImportFormat,
    /// The file itself; at most 200,000 rows. Columns (or members): `external_id`, `username`, `email`, `email_verified`,
    /// `display_name`, `roles`, `status`, `reason`, `attributes.<name>`, `identity.<issuer>`. A row means the user with its
    /// `external_id`, or else with its `username`; what a row does not name stays, an empty cell or `null` removes. A new
    /// `email` is unverified unless the row says otherwise.
    pub content: String,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// The share of the tenant's users, in per cent, that the file may suspend or delete; more stops it. Default 10.
    #[schema(maximum = 100)]
    pub most_barred: Option<u8>,
}

/// How a file of users is written.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportFormat {
    /// Comma-separated values with a header; several roles are separated by `;`.
    Csv,
    /// One JSON object on each line.
    Jsonl,
}

/// What an import did, or would do.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsersImported {
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// Rows of the file.
    pub rows: usize,
    /// Users who are new.
    pub created: usize,
    /// Users of whom something changes other than the status.
    pub changed: usize,
    /// Users who are suspended.
    pub suspended: usize,
    /// Users who are let in: suspended or pending until now.
    pub admitted: usize,
    /// Users who are deleted.
    pub deleted: usize,
    /// Rows that change nothing.
    pub unchanged: usize,
    /// Rows that were written.
    pub written: usize,
    /// Why it was not done, or not to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// How many rows are wrong; with one of them nothing is written.
    pub wrong: usize,
    /// The first 100 of them.
    pub errors: Vec<ImportError>,
}

/// A row that is wrong.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ImportError {
    /// The line of the file that it begins on, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// A body that may be larger than others.
#[derive(Debug)]
pub struct Upload(UserImport);

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        #[expect(clippy::disallowed_methods, reason = "bounded by `Limited`")]
        let collected = Limited::new(request.into_body(), MAX_IMPORT).collect().await.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                let detail = format!("the body is larger than {MAX_IMPORT} bytes; take the file in parts");
                Refused(Fault::new(codes::BODY_TOO_LARGE).detail(detail))
            } else {
                Refused(Fault::new(codes::REQUEST_MALFORMED).detail("the body did not arrive").source(error))
            }
        })?;
        parse(&collected.to_bytes()).map(Self)
    }
}

/// Make and change users from a file of CSV or JSON lines, or say what that would do
#[utoipa::path(post, path = "/admin/v1/users/import", operation_id = "import_users", tag = "users", params(Ahead), request_body = UserImport, responses((status = 200, body = UsersImported)))]
pub async fn import(
    State(control): State<Control>,
    caller: Caller,
    Query(ahead): Query<Ahead>,
    Upload(import): Upload,
) -> Answer<UsersImported> {
    let tenant = tenants::seen(&control, &caller, &import.tenant).await?;
    let most_barred = import.most_barred.unwrap_or(10);
    if most_barred > 100 {
        return Err(invalid(format!(
            "body: `most_barred` is a share in per cent, 0 to 100, not `{most_barred}`"
        )));
    }
    let issuers = Known::of(&control, &tenant, ahead).issuers_to_name();
    let what = directory::Import {
        tenant: tenant.id,
        format: match import.format {
            ImportFormat::Csv => directory::Format::Csv,
            ImportFormat::Jsonl => directory::Format::JsonLines,
        },
        text: &import.content,
        dry_run: import.dry_run,
        most_barred,
        issuers: issuers.as_deref(),
    };
    let done = control.directory().import(caller.actor(), what).await?;
    let errors =
        done.errors.into_iter().map(|error| ImportError { line: error.line, reason: error.reason }).collect();
    Ok(Json(UsersImported {
        dry_run: import.dry_run,
        rows: done.rows,
        created: done.created,
        changed: done.changed,
        suspended: done.suspended,
        admitted: done.admitted,
        deleted: done.deleted,
        unchanged: done.unchanged,
        written: done.written,
        stopped: done.stopped,
        wrong: done.wrong,
        errors,
    }))
}
