//! Counting where no provider of a model counts: about how many tokens it will be, and said so.

use super::route::Target;
use super::{AiCall, Plan};
use crate::meter::Answer;
use http::{HeaderName, HeaderValue, header};
use portcullis_fault::Fault;
use portcullis_llm::dialect::{Exchange, Question, count};

/// Says that the number is an estimate.
static ESTIMATED: HeaderName = HeaderName::from_static("x-portcullis-estimated");

/// The answer to who wants to have something counted and whose model nobody counts for; `None` for all others.
pub(super) async fn estimated(target: &Target, call: &AiCall<'_>) -> Result<Option<Answer>, Fault> {
    let Some(inbound @ Exchange::Count(own)) = call.served.exchange else { return Ok(None) };
    if target.deployments.iter().any(|deployment| Plan::of(deployment, call).is_some()) {
        return Ok(None);
    }
    let question = call.question(inbound).await?;
    let Question::Count(request) = &*question else { return Ok(None) };
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head.headers.insert(&ESTIMATED, HeaderValue::from_static("tokens"));
    Ok(Some(Answer::local(head, (own.write_answer)(count::estimate(request)).into())))
}
