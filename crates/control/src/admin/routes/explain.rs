//! Explains which deployment an AI call would get.

use crate::Control;
use crate::admin::tenants;
use crate::answer::{Answer, Refused, absent, invalid};
use crate::caller::Caller;
use crate::input::Body;
use axum::Json;
use axum::extract::State;
use portcullis_fault::{Fault, codes};
use portcullis_identity::supposed;
use portcullis_model::route::{RouteError, RouteExplanation, RouteQuestion};
use portcullis_model::{Application, Principal, Tenant, TenantId, User, UserId};
use portcullis_store::{Page, entity};
use serde::Deserialize;
use std::sync::Arc;

/// A call that might be made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RouteQuestion)]
pub struct Asked {
    /// The model, as callers name it.
    model: String,
    /// The caller's tenant, by id or name; needed with `user` and `application`, unless the user is given by its id.
    tenant: Option<String>,
    /// Who calls: user name or id.
    user: Option<String>,
    /// The application that calls: name or id. With `user`, on behalf of that user.
    application: Option<String>,
    /// As in the header `x-portcullis-tags`.
    #[serde(default)]
    tags: Vec<String>,
    /// As in the header `x-portcullis-conversation`.
    conversation: Option<String>,
    /// What the caller speaks: `openai` (the default), `anthropic`, `gemini`, ….
    dialect: Option<String>,
    /// What it asks: `chat` (the default), `embeddings`, ….
    operation: Option<String>,
    /// Whether the answer is to come as a stream, where the path says so.
    #[serde(default)]
    stream: bool,
    /// The body, in that dialect: how long it is counts, and what it needs. Kept nowhere.
    body: Option<String>,
}

/// Tags that are taken; calls have no more either.
const MOST_TAGS: usize = 32;

/// Say which deployment of a model an AI call would get, and why the others would not; sends nothing and changes nothing
///
/// By the very code of the request path, with the breakers, resting keys, calls under way and latencies of this process. Roles and teams are the
/// directory's: what a token or a key would say beside them is not known, and policies are asked as of the address `0.0.0.0`. Who is confined to a
/// tenant asks for that tenant, and sees the models that are granted to it.
#[utoipa::path(post, path = "/admin/v1/routes/explain", operation_id = "explain_route", tag = "routes", request_body = Asked, responses((status = 200, body = RouteExplanation)))]
pub async fn explain(
    State(control): State<Control>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Answer<RouteExplanation> {
    if asked.tags.len() > MOST_TAGS {
        return Err(invalid(format!("`tags` has more than {MOST_TAGS} entries")));
    }
    let confined = caller.scope(None)?;
    let principal = principal(&control, &caller, confined, &asked).await?;
    let granted = |model: &str| {
        // To who is confined to a tenant, what is not granted to it is not there.
        let tenant = principal.as_ref().filter(|_| confined.is_some()).map(|principal| &principal.tenant);
        tenant.is_none_or(|tenant| tenant.grants(model))
    };
    if !granted(&asked.model) {
        return Err(absent("model"));
    }
    let Asked { model, tags, conversation, dialect, operation, stream, body, .. } = asked;
    let question = RouteQuestion {
        model,
        principal: principal.clone(),
        tags,
        conversation,
        dialect,
        operation,
        stream,
        body,
    };
    let mut explanation = control.publisher().explain(&question).map_err(|error| match error {
        RouteError::UnknownModel => absent("model"),
        RouteError::Invalid(what) => invalid(what),
        RouteError::NotReady => Refused(Fault::new(codes::STORE_UNAVAILABLE).detail(error.to_string())),
    })?;
    for standby in &mut explanation.standby {
        standby.models.retain(|standby| granted(standby.model.as_str()));
    }
    explanation.standby.retain(|standby| !standby.models.is_empty());
    Ok(Json(explanation))
}

/// Who would call; nobody, where nobody is named.
async fn principal(
    control: &Control,
    caller: &Caller,
    confined: Option<TenantId>,
    asked: &Asked,
) -> Result<Option<Arc<Principal>>, Refused> {
    let (store, mut user) = (control.store(), None);
    if let Some(id) = asked.user.as_deref().and_then(|user| user.parse::<UserId>().ok()) {
        let found = entity::users::find(store, id).await?.ok_or_else(|| absent("user"))?;
        caller.over(found.tenant, "user")?;
        user = Some(found);
    }
    let tenant = match (&asked.tenant, user.as_ref().map(|user| user.tenant).or(confined)) {
        (Some(reference), _) => Some(tenants::seen(control, caller, reference).await?),
        (None, Some(id)) => Some(entity::tenants::find(store, id).await?.ok_or_else(|| absent("tenant"))?),
        (None, None) => None,
    };
    let Some(tenant) = tenant else {
        if asked.user.is_some() || asked.application.is_some() {
            return Err(invalid(
                "`tenant` is needed with `user` and `application`: names are a tenant's own",
            ));
        }
        return Ok(None);
    };
    match &user {
        Some(user) if user.tenant != tenant.id => return Err(absent("user")),
        Some(_) => {}
        None => {
            if let Some(name) = &asked.user {
                user = Some(named(control, &tenant, name).await?);
            }
        }
    }
    let application = match &asked.application {
        Some(reference) => Some(application(control, &tenant, reference).await?),
        None => None,
    };
    let user = match user {
        Some(user) => {
            let teams = entity::teams::list_by_user(store, user.id).await?;
            Some((user, teams))
        }
        None => None,
    };
    Ok(Some(Arc::new(supposed(Arc::new(tenant), user, application))))
}

/// The tenant's user of this name. One that is gone is as good as none, unless nobody else has the name.
async fn named(control: &Control, tenant: &Tenant, name: &str) -> Result<User, Refused> {
    let filter = entity::users::Filter {
        tenant: Some(tenant.id),
        username: Some(name.to_owned()),
        ..entity::users::Filter::default()
    };
    let found = entity::users::list(control.store(), &filter, Page::first(1)).await?;
    found.into_iter().next().ok_or_else(|| absent("user"))
}

async fn application(control: &Control, tenant: &Tenant, reference: &str) -> Result<Application, Refused> {
    let found = match reference.parse() {
        Ok(id) => entity::applications::find(control.store(), id).await?,
        Err(_) => entity::applications::find_by_name(control.store(), tenant.id, reference).await?,
    };
    found.filter(|found| found.tenant == tenant.id).ok_or_else(|| absent("application"))
}
