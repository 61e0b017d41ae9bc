//! What is served and how (RFC 7644 §4).

use super::answer::Reply;
use super::failure::{Failure, ScimType};
use super::{bulk, input, listing, schema};
use crate::Control;
use crate::input::Path;
use crate::scim::base;
use axum::extract::{RawQuery, State};
use portcullis_fault::codes;
use serde_json::{Value, json};

/// The kinds of resources.
pub const KINDS: [&schema::ResourceType; 2] = [&schema::USER, &schema::GROUP];

/// `GET /ServiceProviderConfig`
pub async fn provider(State(control): State<Control>) -> Reply {
    Reply::document(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": true, "maxOperations": bulk::MOST, "maxPayloadSize": input::MAX_BODY },
        "filter": { "supported": true, "maxResults": listing::MOST },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A credential of the role `provisioner`, as `Authorization: Bearer pco_…`",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true,
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{}/ServiceProviderConfig", base(&control)) },
    }))
}

/// `GET /ResourceTypes`
pub async fn resource_types(
    State(control): State<Control>,
    RawQuery(query): RawQuery,
) -> Result<Reply, Failure> {
    let base = base(&control);
    list(query, KINDS.iter().map(|kind| schema::resource_type(kind, &base)).collect())
}

/// `GET /ResourceTypes/{name}`
pub async fn resource_type(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Reply, Failure> {
    let kind = KINDS.iter().find(|kind| kind.name == name);
    let kind = kind.ok_or_else(|| Failure::absent("kind of resource", &name))?;
    Ok(Reply::document(schema::resource_type(kind, &base(&control))))
}

/// `GET /Schemas`
pub async fn schemas(State(control): State<Control>, RawQuery(query): RawQuery) -> Result<Reply, Failure> {
    let base = base(&control);
    list(query, all().map(|schema| schema::schema(schema, &base)).collect())
}

/// `GET /Schemas/{id}`
pub async fn schema(State(control): State<Control>, Path(id): Path<String>) -> Result<Reply, Failure> {
    let found = all().find(|schema| schema.id.eq_ignore_ascii_case(&id));
    let found = found.ok_or_else(|| Failure::absent("schema", &id))?;
    Ok(Reply::document(schema::schema(found, &base(&control))))
}

/// `/Me`: a provisioner is nobody's user.
pub async fn me() -> Failure {
    Failure::code(
        codes::NOT_IMPLEMENTED,
        "`/Me` is not served: a provisioner stands for no user; ask for `/Users/{id}`",
    )
}

fn all() -> impl Iterator<Item = &'static schema::Schema> {
    KINDS.iter().flat_map(|kind| std::iter::once(kind.schema).chain(kind.extensions.iter().copied()))
}

fn list(query: Option<String>, resources: Vec<Value>) -> Result<Reply, Failure> {
    // RFC 7644 §4: a filter is refused with 403.
    if input::query(query.as_deref())?.contains_key("filter") {
        let mut failure = Failure::code(
            codes::OPERATOR_FORBIDDEN,
            "what is served is listed as a whole; leave out `filter`",
        );
        failure.kind = Some(ScimType::InvalidFilter);
        return Err(failure);
    }
    let total = resources.len();
    Ok(Reply::document(listing::response(total as u64, 1, resources)))
}
