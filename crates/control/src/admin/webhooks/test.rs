//! Sends something that did not happen.

use crate::Control;
use crate::answer::{Answer, absent};
use crate::caller::Caller;
use crate::input::Path;
use crate::sinks::Delivery;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

/// What became of a test.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tested {
    /// Whether it arrived.
    pub delivered: bool,
    /// What went wrong, when it did not.
    pub error: Option<String>,
}

/// Send a webhook an event of type `test`, now and once
#[utoipa::path(post, path = "/admin/v1/webhooks/{name}/test", operation_id = "test_webhook", tag = "webhooks", params(("name" = String, Path)), responses((status = 200, body = Tested)))]
pub async fn test(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Tested> {
    caller.whole()?;
    let sink = control.sinks().find(&name).ok_or_else(|| absent("webhook"))?;
    let delivery = control.sinks().test(&*sink, &caller.actor().name).await;
    Ok(Json(match delivery {
        Delivery::Done => Tested { delivered: true, error: None },
        Delivery::Failed { why, .. } | Delivery::Gone { why } => {
            Tested { delivered: false, error: Some(why) }
        }
    }))
}
