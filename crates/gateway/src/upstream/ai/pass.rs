//! Calls whose two sides speak the same: bytes pass both ways, but for named spans.

use super::deployment::Way;
use super::route::Class;
use super::translated::{busy, kind, tell};
use super::{Attempt, Outgoing, Refused, disguised, heads, no, refused};
use crate::meter::{Answer, Reading, Said, Tape, Watched, estimate};
use crate::record::Recording;
use crate::upstream::AnswerBody;
use bytes::Bytes;
use http::{Method, Uri, header, response};
use percent_encoding::percent_decode_str;
use portcullis_llm::Preset;
use portcullis_llm::canon::Losses;
use portcullis_llm::catalog::Ability;
use portcullis_llm::dialect::openai::{self, UsageScanner};
use portcullis_llm::dialect::request::StreamOptions;
use portcullis_llm::dialect::{Operation, Served};
use std::borrow::Cow;

impl Attempt<'_> {
    /// Sends a call as it is to a provider that speaks the caller's dialect, where `row` says.
    pub(super) async fn pass(
        &self,
        row: &'static Served,
        recording: &mut Recording,
    ) -> Result<Answer, Refused> {
        let Self { deployment, call, .. } = self;
        let model = deployment.model.as_str();
        let mut losses = Losses::default();
        recording.record.dropped = None;
        let (head, body) = match &deployment.way {
            // Usage is asked for as of any provider, so that hiding it is exercised as well.
            Way::Echo(_) => {
                self.echo(row.operation, &call.request.rewrite(model, StreamOptions::Ask), recording)
            }
            Way::Http(way) => {
                let mut path = way.preset.path(row, model);
                keep_parameters(call.uri, call.dialect.parameters(), &mut path);
                let form = call.request.form();
                let headers = heads::passing(call.headers, call.dialect, form, way, &recording.id);
                let (body, lost) = self.adapted(row.operation, way.preset).await?;
                losses = lost;
                recording.record.dropped = (!losses.is_empty()).then(|| losses.text());
                let outgoing = Outgoing { method: Method::POST, path, headers, body };
                self.send(way, outgoing, recording).await?
            }
        };
        if !head.status.is_success() {
            let mut refused = no::passing(head, body, call.dialect, recording).await;
            if let Ok(answer) = &mut refused.said {
                tell(&losses, &mut answer.head);
            }
            return Err(refused);
        }
        let (head, body) = match row.chat {
            Some(_) if !call.stream || kind(&head) == b"application/json" => {
                // For the record of a caller that goes away while this waits: the provider has read the question by now.
                recording.record.usage = Some(estimate(call.request.text_bytes(), 0));
                let answer = disguised::whole(head, body, call.dialect, recording).await;
                recording.record.usage = None;
                answer?
            }
            _ => (head, body),
        };
        let body = match self.makes(row) {
            Some(form) => self.claimed(form, &head.headers, body, recording).await?,
            None => body,
        };
        let mut head = heads::to_caller(head);
        tell(&losses, &mut head);
        Ok(self.read(head, body, row, recording))
    }

    /// The body as the vendor takes it, in the dialect that both speak.
    async fn adapted(
        &self,
        operation: Operation,
        preset: &'static Preset,
    ) -> Result<(Bytes, Losses), Refused> {
        let Self { deployment, call, .. } = self;
        let (request, model, mode) = (call.request.clone(), deployment.model.clone(), deployment.mode);
        let reasons = deployment.known.as_deref().is_some_and(|known| known.has(Ability::Reasoning));
        let adapt = move || {
            let body = request.rewrite(model.as_str(), preset.stream_options());
            let mut losses = Losses::default();
            // Forms are not JSON, and nothing is known of them that vendors differ in.
            if preset.dialect.name() != "openai" || request.form().is_some() {
                return Ok((body, losses));
            }
            let body = openai::adapt(&body, preset, operation, reasons, mode, &mut losses)?;
            Ok((body, losses))
        };
        let adapted = call.work(call.request.body().len(), adapt).await.map_err(busy)?;
        adapted.map_err(|fault| refused(Class::Unsayable, fault))
    }

    /// The answer, read while it passes.
    fn read(
        &self,
        mut head: response::Parts,
        body: AnswerBody,
        row: &'static Served,
        recording: &Recording,
    ) -> Answer {
        let call = self.call;
        let content_type = head.headers.get(header::CONTENT_TYPE);
        let counted = || row.exchange.and_then(|exchange| exchange.watch());
        let tape = match call.format() {
            _ if row.members.is_some_and(|members| members.stream_options) => {
                let hide_usage = call.stream && !call.request.asked_for_usage();
                let scanner = UsageScanner::of(content_type, hide_usage);
                Some(Tape::Scan(scanner))
            }
            Some(chat) => Some(Tape::Watch(Watched::new(chat.watch(call.stream), content_type))),
            // Vectors and orders; images, sound; nothing of what only counts, or only its provider understands.
            None => counted()
                .or_else(|| call.dialect.watch(row.operation, call.request, content_type))
                .map(|watch| Tape::Watch(Watched::new(watch, content_type))),
        };
        let said = Said {
            dialect: call.dialect,
            operation: row.operation,
            content_type: content_type.cloned(),
            request_text: call.request.text_bytes(),
            request_id: recording.record.id,
            pages: call.pages.clone(),
        };
        let reading = tape.map(|tape| Reading::new(tape, said));
        if reading.as_ref().is_some_and(|reading| reading.is_stream()) {
            // What is hidden, and what may have to be said in the middle, changes its length.
            head.headers.remove(header::CONTENT_LENGTH);
        }
        Answer { head, body, reading, upload: None, capture: None, watch: None }
    }
}

/// Adds the parameters of the caller's query that are among `known`, which mean something to the provider, as they were
/// written.
pub(super) fn keep_parameters(uri: &Uri, known: &[&str], path: &mut Cow<'static, str>) {
    let Some(query) = uri.query().filter(|_| !known.is_empty()) else { return };
    let mut sign = '?';
    for pair in query.split('&') {
        let name = percent_decode_str(pair.split('=').next().unwrap_or_default());
        if name.decode_utf8().is_ok_and(|name| known.contains(&&*name)) {
            let path = path.to_mut();
            path.push(sign);
            path.push_str(pair);
            sign = '&';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_query_stays_here_unless_it_means_something_there() {
        let kept = |uri: &str, known: &[&str]| {
            let mut path = Cow::Borrowed("/p");
            keep_parameters(&uri.parse().unwrap(), known, &mut path);
            path
        };
        assert_eq!(kept("/v1/chat/completions?key=pck_1&alt=sse", &[]), "/p");
        let known = ["include[]", "stream"];
        assert_eq!(
            kept("/r?key=pck_1&include%5B%5D=a%26key&stream=true&Stream=1", &known),
            "/p?include%5B%5D=a%26key&stream=true"
        );
    }
}
