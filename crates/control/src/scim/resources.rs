//! Making, showing, changing and deleting one resource. A change is made to what was read; when somebody else changed it
//! meanwhile, it is read again and the change made to that, so that none is lost.

use super::answer::Reply;
use super::client::Client;
use super::conditions::{Conditions, tag};
use super::failure::{Failure, ScimType};
use super::input::{self, Body};
use super::project::Projection;
use super::schema::{GROUP, ResourceType, USER};
use super::{base, coerce, groups, patch, users};
use crate::Control;
use crate::input::Path;
use axum::extract::{RawQuery, State};
use http::{HeaderMap, StatusCode};
use portcullis_fault::codes;
use portcullis_identity::directory::Fed;
use portcullis_model::{Team, User};
use serde_json::{Map, Value};

/// How often a change is made anew when others are faster.
const TRIES: usize = 8;

/// A kind of resource, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `/Users`
    User,
    /// `/Groups`
    Group,
}

impl Kind {
    /// The kind that is served at this path.
    ///
    /// # Errors
    /// None is.
    pub fn at(endpoint: &str) -> Result<Self, Failure> {
        match endpoint {
            "Users" => Ok(Self::User),
            "Groups" => Ok(Self::Group),
            other => Err(Failure::absent("endpoint", other)),
        }
    }

    /// Its schemas.
    pub fn schemas(self) -> &'static ResourceType {
        match self {
            Self::User => &USER,
            Self::Group => &GROUP,
        }
    }
}

/// What becomes of a document that is to be changed.
pub enum Edit<'e> {
    /// It is this instead.
    Replace(&'e Map<String, Value>),
    /// These are applied to it.
    Patch(&'e [patch::Operation]),
}

impl Edit<'_> {
    fn applied(&self, kind: &ResourceType, now: Map<String, Value>) -> Result<Map<String, Value>, Failure> {
        let mut document = match self {
            Self::Replace(body) => {
                let mut document = coerce::document(kind, body)?;
                // Who does not say whether a user may call does not say that it may.
                if let (false, Some(active)) = (document.contains_key("active"), now.get("active")) {
                    document.insert("active".to_owned(), active.clone());
                }
                document
            }
            Self::Patch(operations) => patch::apply(kind, now, operations)?,
        };
        coerce::check(kind, &document)?;
        document.remove("schemas");
        Ok(document)
    }
}

/// `POST /Users`, `POST /Groups`
pub async fn create(
    State(control): State<Control>,
    client: Client,
    Path(endpoint): Path<String>,
    RawQuery(query): RawQuery,
    Body(body): Body,
) -> Result<Reply, Failure> {
    let projection = Projection::of(&input::query(query.as_deref())?)?;
    make(&control, &client, Kind::at(&endpoint)?, &body, &projection).await
}

/// `GET /Users/{id}`, `GET /Groups/{id}`
pub async fn show(
    State(control): State<Control>,
    client: Client,
    Path((endpoint, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Reply, Failure> {
    let projection = Projection::of(&input::query(query.as_deref())?)?;
    let conditions = Conditions::of(&headers);
    let reply = match Kind::at(&endpoint)? {
        Kind::User => {
            of_user(&control, &client, &users::find(&control, &client, &id).await?, &projection).await?
        }
        Kind::Group => of_group(&control, &groups::find(&control, &client, &id).await?, &projection).await?,
    };
    if reply.version.as_deref().is_some_and(|version| conditions.has(version)) {
        return Ok(Reply { status: StatusCode::NOT_MODIFIED, body: None, ..reply });
    }
    Ok(reply)
}

/// `PUT /Users/{id}`, `PUT /Groups/{id}`
pub async fn replace(
    State(control): State<Control>,
    client: Client,
    Path((endpoint, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Reply, Failure> {
    let projection = Projection::of(&input::query(query.as_deref())?)?;
    let edit = Edit::Replace(&body);
    edited(&control, &client, Kind::at(&endpoint)?, &id, &Conditions::of(&headers), &edit, &projection).await
}

/// `PATCH /Users/{id}`, `PATCH /Groups/{id}`
pub async fn change(
    State(control): State<Control>,
    client: Client,
    Path((endpoint, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Reply, Failure> {
    let projection = Projection::of(&input::query(query.as_deref())?)?;
    let operations = patch::read(&body)?;
    let edit = Edit::Patch(&operations);
    edited(&control, &client, Kind::at(&endpoint)?, &id, &Conditions::of(&headers), &edit, &projection).await
}

/// `DELETE /Users/{id}`, `DELETE /Groups/{id}`
pub async fn delete(
    State(control): State<Control>,
    client: Client,
    Path((endpoint, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Reply, Failure> {
    remove(&control, &client, Kind::at(&endpoint)?, &id, &Conditions::of(&headers)).await
}

/// Makes a resource.
///
/// # Errors
/// What is wrong with the body, or in the way.
pub async fn make(
    control: &Control,
    client: &Client,
    kind: Kind,
    body: &Map<String, Value>,
    projection: &Projection,
) -> Result<Reply, Failure> {
    let document = coerce::document(kind.schemas(), body)?;
    coerce::check(kind.schemas(), &document)?;
    let directory = control.directory();
    let reply = match kind {
        Kind::User => {
            let new = users::provision(document, None)?;
            let fed = directory.provision_user(&client.actor, &client.feed, new).await?;
            of_user(control, client, &fed, projection).await?
        }
        Kind::Group => {
            let new = groups::provision(document, &[])?;
            let fed = directory.provision_team(&client.actor, &client.feed, new).await?;
            of_group(control, &fed, projection).await?
        }
    };
    Ok(Reply { status: StatusCode::CREATED, ..reply })
}

/// Changes a resource.
///
/// # Errors
/// As [`make`]; there is no such resource, or its version is not the one that was asked for.
pub async fn edited(
    control: &Control,
    client: &Client,
    kind: Kind,
    id: &str,
    conditions: &Conditions,
    edit: &Edit<'_>,
    projection: &Projection,
) -> Result<Reply, Failure> {
    for _ in 0..TRIES {
        match kind {
            Kind::User => {
                let fed = users::find(control, client, id).await?;
                conditions.permit(&tag(fed.seen()))?;
                let now = users::writable(&fed.record, fed.said.as_ref());
                let wanted = users::provision(edit.applied(&USER, now)?, Some(&fed))?;
                let (directory, user) = (control.directory(), fed.record.id);
                let done =
                    directory.reprovision_user(&client.actor, &client.feed, user, fed.seen(), wanted).await?;
                if let Some(fed) = done {
                    return of_user(control, client, &fed, projection).await;
                }
            }
            Kind::Group => {
                let fed = groups::find(control, client, id).await?;
                let state = groups::state(control, fed.record.id).await?;
                conditions.permit(&tag(fed.seen(Some(state))))?;
                let members = groups::members(control, fed.record.id, groups::MOST_MEMBERS).await?;
                let mut now = groups::writable(&fed.record, fed.said.as_ref());
                if !members.is_empty() {
                    now.insert("members".to_owned(), groups::listed(&members, &base(control)));
                }
                let wanted = groups::provision(edit.applied(&GROUP, now)?, &members)?;
                let seen = fed.seen(conditions.matter().then_some(state));
                let (directory, team) = (control.directory(), fed.record.id);
                let done =
                    directory.reprovision_team(&client.actor, &client.feed, team, seen, wanted).await?;
                if let Some(fed) = done {
                    return of_group(control, &fed, projection).await;
                }
            }
        }
    }
    Err(busy())
}

/// Deletes a resource.
///
/// # Errors
/// As [`edited`].
pub async fn remove(
    control: &Control,
    client: &Client,
    kind: Kind,
    id: &str,
    conditions: &Conditions,
) -> Result<Reply, Failure> {
    let directory = control.directory();
    for _ in 0..TRIES {
        let done = match kind {
            Kind::User => {
                let fed = users::find(control, client, id).await?;
                conditions.permit(&tag(fed.seen()))?;
                directory.deprovision_user(&client.actor, &client.feed, fed.record.id, fed.seen()).await?
            }
            Kind::Group => {
                let fed = groups::find(control, client, id).await?;
                let state = groups::state(control, fed.record.id).await?;
                conditions.permit(&tag(fed.seen(Some(state))))?;
                let seen = fed.seen(conditions.matter().then_some(state));
                directory.deprovision_team(&client.actor, &client.feed, fed.record.id, seen).await?
            }
        };
        if done {
            return Ok(Reply::nothing());
        }
    }
    Err(busy())
}

fn busy() -> Failure {
    let mut failure =
        Failure::code(codes::RESOURCE_CONFLICT, "others keep changing this resource; try again");
    failure.kind = None::<ScimType>;
    failure
}

/// A user as an answer.
///
/// # Errors
/// The database cannot be asked.
pub async fn of_user(
    control: &Control,
    client: &Client,
    fed: &Fed<User>,
    projection: &Projection,
) -> Result<Reply, Failure> {
    let base = base(control);
    let mut resource = users::shown(users::writable(&fed.record, fed.said.as_ref()), fed, &base);
    if projection.wants(&USER, "groups")
        && let Some(groups) = users::groups(control, client, fed.record.id, &base).await?
    {
        resource.insert("groups".to_owned(), groups);
    }
    Ok(reply(&USER, resource, projection))
}

/// A group as an answer.
///
/// # Errors
/// More members than an answer has; or the database cannot be asked.
pub async fn of_group(control: &Control, fed: &Fed<Team>, projection: &Projection) -> Result<Reply, Failure> {
    let (base, team) = (base(control), fed.record.id);
    let state = groups::state(control, team).await?;
    let mut resource = groups::shown(groups::writable(&fed.record, fed.said.as_ref()), fed, state, &base);
    if state.0 > 0 && projection.wants(&GROUP, "members") {
        let members = groups::members(control, team, groups::MOST_MEMBERS).await?;
        resource.insert("members".to_owned(), groups::listed(&members, &base));
    }
    Ok(reply(&GROUP, resource, projection))
}

fn reply(kind: &ResourceType, mut resource: Map<String, Value>, projection: &Projection) -> Reply {
    let meta = |name: &str| resource.get("meta")?.get(name)?.as_str().map(str::to_owned);
    let (location, version) = (meta("location"), meta("version"));
    projection.apply(kind, &mut resource);
    Reply { status: StatusCode::OK, body: Some(Value::Object(resource)), location, version }
}
