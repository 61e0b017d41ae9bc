//! A provider's no: whose fault it is, and how the caller is told.
//!
//! What is about our account there is our failure (502), whatever the dialect; everything else keeps its status and is
//! said in the caller's dialect.

use super::Refused;
use super::heads;
use super::plan::Translation;
use crate::meter::Answer;
use crate::record::Recording;
use crate::upstream::AnswerBody;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header, response};
use portcullis_fault::Fault;
use portcullis_llm::Dialect;
use portcullis_llm::dialect::openai::{self, ProviderAnswer};
use portcullis_llm::translate;

/// As much of an error as is looked at.
const LOOK: usize = 64 << 10;

/// Of a provider that speaks the caller's dialect: its own words pass.
pub(super) async fn passing(
    head: response::Parts,
    body: AnswerBody,
    dialect: &'static dyn Dialect,
    recording: &Recording,
) -> Result<Answer, Refused> {
    let (seen, body) = look(body).await?;
    let status = head.status.as_u16();
    let id = recording.record.id.to_string();
    let judged = openai::judge(status, &seen, &id);
    let chat = dialect.serves().iter().find_map(|row| row.chat);
    let restated = match (judged, chat) {
        (ProviderAnswer::Refused(fault), _) => return Err((fault, true)),
        (ProviderAnswer::Pass, _) => None,
        (ProviderAnswer::Restated(body), _) if dialect.name() == "openai" => Some((status, body)),
        // Any object is its dialect's own business.
        (ProviderAnswer::Restated(_), Some(chat)) if !is_object(&seen) => {
            let (status, body) = chat.write_error(&chat.read_error(status, &seen), &id);
            Some((status, body.into()))
        }
        (ProviderAnswer::Restated(_), _) => None,
    };
    Ok(match restated {
        None => answer(heads::to_caller(head), body),
        Some((status, bytes)) => answer(anew(head, status), AnswerBody::whole(bytes)),
    })
}

/// Of a provider that speaks another dialect: its words in the caller's.
pub(super) async fn translated(
    head: response::Parts,
    body: AnswerBody,
    plan: Translation<'_>,
    recording: &Recording,
) -> Result<Answer, Refused> {
    let (seen, _) = look(body).await?;
    let status = head.status.as_u16();
    let id = recording.record.id.to_string();
    if let ProviderAnswer::Refused(fault) = openai::judge(status, &seen, &id) {
        return Err((fault, true));
    }
    let (status, bytes) = translate::error(plan.outbound, plan.inbound, status, &seen, &id);
    Ok(answer(anew(head, status), AnswerBody::whole(Bytes::from(bytes))))
}

async fn look(body: AnswerBody) -> Result<(Vec<u8>, AnswerBody), Refused> {
    body.peek(LOOK).await.map_err(|cut| (Fault::new(cut.code).context(cut.why), true))
}

fn is_object(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok()
}

/// The head of an error that we put into words, with what it says about trying again.
fn anew(head: response::Parts, status: u16) -> response::Parts {
    let kept = head.status;
    let mut head = heads::anew(head);
    head.status = StatusCode::from_u16(status).unwrap_or(kept);
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head
}

fn answer(head: response::Parts, body: AnswerBody) -> Answer {
    Answer { head, body, reading: None, upload: None, capture: None, watch: None }
}
