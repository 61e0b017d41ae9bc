//! Lists of what lives at providers. A provider knows one account, ours, so its own lists are of no use: a caller's list is
//! what the caller was given, newest first, each asked for by its id.

use super::held::{Mark, unknown};
use super::object::Place;
use super::{AiCall, Models};
use crate::meter::Answer;
use crate::record::Recording;
use bytes::Bytes;
use http::{HeaderValue, header};
use percent_encoding::percent_decode_str;
use portcullis_fault::{Fault, codes};
use portcullis_identity::Permit;
use portcullis_llm::dialect::Served;
use portcullis_model::holding::Kind;
use serde_json::json;
use serde_json::value::RawValue;
use std::borrow::Cow;
use tokio::time::Instant;

/// What a list has where nothing is said, and at most: each is a question to the provider.
const USUAL: u32 = 20;
const MOST: u32 = 100;

/// What a caller asks of a list.
struct Wish<'q> {
    limit: u32,
    after: Option<Cow<'q, str>>,
    purpose: Option<&'q str>,
}

impl<'q> Wish<'q> {
    fn read(kind: Kind, query: Option<&'q str>) -> Result<Self, Fault> {
        let mut wish = Self { limit: USUAL, after: None, purpose: None };
        let invalid = |detail: String| Fault::new(codes::AI_REQUEST_INVALID).detail(detail);
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (kind, name) {
                (Kind::CachedContent, "pageSize" | "page_size") | (Kind::File | Kind::Batch, "limit") => {
                    let number = value.parse::<u32>();
                    let number =
                        number.map_err(|_| invalid(format!("parameter `{name}` must be a number")))?;
                    wish.limit = number.clamp(1, MOST);
                }
                (Kind::CachedContent, "pageToken" | "page_token") | (Kind::File | Kind::Batch, "after")
                    if !value.is_empty() =>
                {
                    let id = percent_decode_str(value).decode_utf8();
                    wish.after = Some(id.map_err(|_| invalid(format!("parameter `{name}` is not UTF-8")))?);
                }
                (Kind::File, "purpose") => wish.purpose = Some(value),
                (Kind::File | Kind::Batch, "order") if value == "asc" => {
                    return Err(invalid("lists are in the order `desc`, newest first".to_owned()));
                }
                _ => {}
            }
        }
        Ok(wish)
    }
}

/// The caller's own of one kind, newest first; `row`: where one is asked for.
///
/// # Errors
/// `ai_request_invalid`, `ai_object_not_found` for no place to go on from, `store_unavailable`, and what a provider
/// fails with.
pub(crate) async fn list(
    permit: &Permit,
    models: &Models<'_>,
    (kind, row): (Kind, &'static Served),
    call: AiCall<'_>,
    recording: &mut Recording,
) -> Result<Answer, Fault> {
    let wish = Wish::read(kind, call.uri.query())?;
    let now = recording.now();
    let before = match (kind, wish.after.as_deref()) {
        (_, None) => None,
        // Clients delete what a page lists before they ask for the next.
        (Kind::CachedContent, Some(token)) => Some(Mark::read(token).ok_or_else(|| unknown(kind, token))?),
        (_, Some(id)) => Some(models.held.mark(permit, kind, id, now).await?),
    };
    let mut holdings = models.held.list(permit, kind, before.as_ref(), wish.limit + 1, now).await?;
    let more = holdings.len() > wish.limit as usize;
    holdings.truncate(wish.limit as usize);
    recording.record.timing.dispatched = recording.elapsed();
    let end = call.timeout.map(|span| Instant::now() + span);
    let call = AiCall { served: row, ..call };
    let mut data: Vec<Box<RawValue>> = Vec::new();
    let mut ids: Vec<&str> = Vec::new();
    for holding in &holdings {
        // What was made with a model that is not granted any more, or is not served there, cannot be used.
        let Ok(place) = Place::of(permit, models, holding) else { continue };
        let found = place.fetch(&call, &holding.object, models.held, end, recording).await?;
        let Some(document) = found else {
            models.held.release(permit, kind, &holding.object, &holding.provider).await?;
            continue;
        };
        if wish.purpose.is_none_or(|purpose| has_purpose(&document, purpose)) {
            data.push(document);
            ids.push(&holding.object);
        }
    }
    // The last that was looked at: what was left out is not looked at again.
    let next = holdings.last().filter(|_| more).map(|last| Mark::of(last).token());
    let list = match (kind, next) {
        (Kind::CachedContent, Some(next)) => json!({ "cachedContents": data, "nextPageToken": next }),
        (Kind::CachedContent, None) => json!({ "cachedContents": data }),
        _ => {
            json!({ "object": "list", "data": data, "has_more": more, "first_id": ids.first(), "last_id": ids.last() })
        }
    };
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Answer::local(head, Bytes::from(list.to_string())))
}

fn has_purpose(document: &RawValue, purpose: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(document.get()).is_ok_and(|file| file["purpose"] == purpose)
}
