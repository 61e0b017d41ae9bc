//! Tries a user source.

use crate::Control;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::input::Path;
use axum::Json;
use axum::extract::State;
use portcullis_identity::sources::kinds;
use serde::Serialize;
use std::time::{Duration, Instant};

/// What a test of a source found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Tested {
    /// Whether it can be used.
    pub works: bool,
    /// What was seen, a line each.
    pub lines: Vec<String>,
    /// What does not work, and what to do.
    pub problem: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// For all servers of a source together.
const PATIENCE: Duration = Duration::from_secs(60);

/// Try a user source: connect, sign in, and ask for somebody whom nobody is
#[utoipa::path(post, path = "/admin/v1/sources/{source}/test", operation_id = "test_source", tag = "sources", params(("source" = String, Path, description = "name")), responses((status = 200, body = Tested)))]
pub async fn test(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Tested> {
    let (source, _) = super::seen(&control, &caller, &name).await?;
    let began = Instant::now();
    let made_of = kinds::Parts {
        egress: control.egress(),
        secrets: control.publisher().secrets(),
        clock: control.clock_handle(),
    };
    let probed = match kinds::open(&source, &made_of) {
        Ok(foreign) => match tokio::time::timeout(PATIENCE, foreign.probe()).await {
            Ok(probed) => probed.map_err(|failure| failure.message),
            Err(_) => Err(format!("it did not answer within {} s", PATIENCE.as_secs())),
        },
        Err((at, why)) => Err(format!("`{at}`: {why}")),
    };
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(match probed {
        Ok(lines) => Tested { works: true, lines, problem: None, took_ms },
        Err(problem) => Tested { works: false, lines: Vec::new(), problem: Some(problem), took_ms },
    }))
}
