//! Many operations in one request (RFC 7644 §3.7). Each is a change of its own: those before a failure stay. What is made
//! may be referred to as `bulkId:<id>` by operations before and after it; they wait for each other.

use super::answer::Reply;
use super::client::Client;
use super::conditions::Conditions;
use super::failure::{Failure, ScimType};
use super::input::Body;
use super::project::Projection;
use super::resources::{Edit, Kind, edited, make, remove};
use super::{PATH, base, patch};
use crate::Control;
use axum::extract::State;
use http::StatusCode;
use portcullis_fault::codes;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// The most operations of one request.
pub const MOST: usize = 1_000;

/// How a reference begins.
const REFERENCE: &str = "bulkId:";

/// How long one request may work; what was not begun by then is to be sent again.
const TIME: Duration = Duration::from_secs(60);

struct Operation {
    method: String,
    path: String,
    bulk_id: Option<String>,
    version: Option<String>,
    data: Map<String, Value>,
}

/// `POST /Bulk`
pub async fn bulk(
    State(control): State<Control>,
    client: Client,
    Body(body): Body,
) -> Result<Reply, Failure> {
    let fail_on = body.get("failOnErrors").and_then(Value::as_u64).filter(|most| *most > 0);
    let operations = read(&body)?;
    let mut turn = control.turns().take(&client.feed, TIME).await?;
    // Looked for once: what waits for others is looked at again and again.
    let references: Vec<Vec<&str>> = operations.iter().map(references).collect();
    let known: HashSet<String> =
        operations.iter().filter_map(|operation| operation.bulk_id.clone()).collect();
    let mut made: HashMap<String, Option<String>> = HashMap::new();
    let mut answers: Vec<Option<Value>> = operations.iter().map(|_| None).collect();
    let (mut waiting, mut errors): (Vec<usize>, u64) = ((0..operations.len()).collect(), 0);
    'all: loop {
        let mut rest = Vec::new();
        let before = waiting.len();
        for i in waiting {
            let operation = &operations[i];
            let references = &references[i];
            let unknown = references.iter().find(|id| !known.contains(**id));
            let failed = references.iter().find(|id| matches!(made.get(**id), Some(None)));
            let done = if let Some(id) = unknown.or(failed) {
                Err(Failure::new(
                    ScimType::InvalidValue,
                    format!("no operation made this: `{REFERENCE}{id}`"),
                ))
            } else if references.iter().any(|id| !made.contains_key(*id)) {
                rest.push(i);
                continue;
            } else if turn.go_on().await.is_err() {
                let detail = format!("not begun: the request took longer than {TIME:?}; send it again");
                Err(Failure::code(codes::TOO_MANY_REQUESTS, detail))
            } else {
                run(&control, &client, operation, &made).await
            };
            answers[i] = Some(answer(&control, operation, done, &mut made, &mut errors));
            if fail_on.is_some_and(|most| errors >= most) {
                break 'all;
            }
        }
        if rest.is_empty() {
            break;
        }
        if rest.len() == before {
            // Each waits for another.
            for i in rest {
                let detail = "operations refer to each other in a circle: make them first, and refer to them by a change afterwards";
                let failure = Err(Failure::new(ScimType::InvalidValue, detail));
                answers[i] = Some(answer(&control, &operations[i], failure, &mut made, &mut errors));
                if fail_on.is_some_and(|most| errors >= most) {
                    break 'all;
                }
            }
            break;
        }
        waiting = rest;
    }
    Ok(Reply::document(json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
        "Operations": answers.into_iter().flatten().collect::<Vec<_>>(),
    })))
}

fn read(body: &Map<String, Value>) -> Result<Vec<Operation>, Failure> {
    let syntax = |detail: String| Failure::new(ScimType::InvalidSyntax, detail);
    let Some(Value::Array(list)) = body.get("Operations") else {
        return Err(syntax("the body is a BulkRequest with a list of `Operations`".to_owned()));
    };
    if list.len() > MOST {
        return Err(Failure::code(
            codes::BODY_TOO_LARGE,
            format!("more than {MOST} operations in one request"),
        ));
    }
    let mut ids = HashSet::new();
    let mut operations = Vec::with_capacity(list.len());
    for (i, one) in list.iter().enumerate() {
        let text = |name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
        let method = text("method").unwrap_or_default().to_ascii_uppercase();
        if !["POST", "PUT", "PATCH", "DELETE"].contains(&&*method) {
            return Err(syntax(format!(
                "the `method` of operation {i} is `POST`, `PUT`, `PATCH` or `DELETE`"
            )));
        }
        let bulk_id = text("bulkId").filter(|id| !id.is_empty());
        if method == "POST" && bulk_id.is_none() {
            return Err(syntax(format!("operation {i} makes something, and has no `bulkId`")));
        }
        if method == "POST" && bulk_id.as_ref().is_some_and(|id| !ids.insert(id.clone())) {
            return Err(syntax(format!("the `bulkId` of operation {i} is there twice")));
        }
        let Some(path) = text("path") else { return Err(syntax(format!("operation {i} has no `path`"))) };
        let data = match one.get("data") {
            Some(Value::Object(data)) => data.clone(),
            _ if method == "DELETE" => Map::new(),
            _ => return Err(syntax(format!("operation {i} has no `data`"))),
        };
        let version = match one.get("version") {
            None | Some(Value::Null) => None,
            Some(Value::String(version)) => Some(version.clone()),
            Some(_) => return Err(syntax(format!("the `version` of operation {i} is text"))),
        };
        operations.push(Operation { method, path, bulk_id, version, data });
    }
    Ok(operations)
}

/// What an operation refers to, besides itself.
fn references(operation: &Operation) -> Vec<&str> {
    fn within<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::String(text) => found.extend(text.strip_prefix(REFERENCE)),
            Value::Array(list) => list.iter().for_each(|value| within(value, found)),
            Value::Object(map) => map.values().for_each(|value| within(value, found)),
            _ => {}
        }
    }
    let mut found: Vec<&str> =
        operation.path.rsplit('/').next().and_then(|id| id.strip_prefix(REFERENCE)).into_iter().collect();
    operation.data.values().for_each(|value| within(value, &mut found));
    found
}

fn resolved(value: &mut Value, made: &HashMap<String, Option<String>>) {
    match value {
        Value::String(text) => {
            if let Some(Some(id)) = text.strip_prefix(REFERENCE).and_then(|id| made.get(id)) {
                text.clone_from(id);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| resolved(value, made)),
        Value::Object(map) => map.values_mut().for_each(|value| resolved(value, made)),
        _ => {}
    }
}

async fn run(
    control: &Control,
    client: &Client,
    operation: &Operation,
    made: &HashMap<String, Option<String>>,
) -> Result<Reply, Failure> {
    let path = operation.path.strip_prefix(PATH).unwrap_or(&operation.path);
    let mut segments = path.trim_matches('/').split('/');
    let (endpoint, id, more) = (segments.next().unwrap_or_default(), segments.next(), segments.next());
    let kind = Kind::at(endpoint)?;
    let mut data = operation.data.clone();
    data.values_mut().for_each(|value| resolved(value, made));
    let id = id.map(|id| {
        let known = id.strip_prefix(REFERENCE).and_then(|id| made.get(id)?.clone());
        known.unwrap_or_else(|| id.to_owned())
    });
    let (projection, conditions) = (Projection::default(), Conditions::version(operation.version.as_deref()));
    match (operation.method.as_str(), id, more) {
        ("POST", None, None) => make(control, client, kind, &data, &projection).await,
        ("PUT", Some(id), None) => {
            edited(control, client, kind, &id, &conditions, &Edit::Replace(&data), &projection).await
        }
        ("PATCH", Some(id), None) => {
            let operations = patch::read(&data)?;
            edited(control, client, kind, &id, &conditions, &Edit::Patch(&operations), &projection).await
        }
        ("DELETE", Some(id), None) => remove(control, client, kind, &id, &conditions).await,
        (method, ..) => {
            let detail = format!("`{method}` is not for this path: `{}`", operation.path);
            Err(Failure::new(ScimType::InvalidPath, detail))
        }
    }
}

/// What is said of an operation, and what of it others may refer to.
fn answer(
    control: &Control,
    operation: &Operation,
    done: Result<Reply, Failure>,
    made: &mut HashMap<String, Option<String>>,
    errors: &mut u64,
) -> Value {
    let mut said = json!({ "method": operation.method });
    if let Some(id) = &operation.bulk_id {
        said["bulkId"] = id.clone().into();
    }
    let mut id = None;
    match done {
        Ok(reply) => {
            said["status"] = reply.status.as_u16().to_string().into();
            id = reply.body.as_ref().and_then(|body| body.get("id")?.as_str().map(str::to_owned));
            let path = operation.path.trim_start_matches('/');
            let location = reply.location.unwrap_or_else(|| format!("{}/{path}", base(control)));
            said["location"] = location.into();
            if let Some(version) = reply.version {
                said["version"] = version.into();
            }
        }
        Err(failure) => {
            *errors += 1;
            let status = StatusCode::from_u16(failure.fault.code().status())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            said["status"] = status.as_u16().to_string().into();
            if operation.method != "POST" {
                said["location"] =
                    format!("{}/{}", base(control), operation.path.trim_start_matches('/')).into();
            }
            said["response"] = failure.within();
        }
    }
    if let ("POST", Some(bulk_id)) = (operation.method.as_str(), &operation.bulk_id) {
        made.insert(bulk_id.clone(), id);
    }
    said
}
