//! Calls whose two sides speak the same: bytes pass both ways, but for named spans.

use super::deployment::Way;
use super::{Attempt, Outgoing, Refused, heads, no};
use crate::meter::{Answer, Reading, Said, Tape, Watched};
use crate::record::Recording;
use crate::upstream::AnswerBody;
use http::{Uri, header, response};
use portcullis_llm::dialect::openai::UsageScanner;
use portcullis_llm::dialect::request::StreamOptions;
use portcullis_llm::dialect::{Dialect, Served};

impl Attempt<'_> {
    /// Sends a call as it is to a provider that speaks the caller's dialect, where `row` says.
    pub(super) async fn pass(
        &self,
        row: &'static Served,
        recording: &mut Recording,
    ) -> Result<Answer, Refused> {
        let Self { deployment, call, .. } = self;
        let model = deployment.model.as_str();
        let (head, body) = match &deployment.way {
            // Usage is asked for as of any provider, so that hiding it is exercised as well.
            Way::Echo(_) => {
                self.echo(row.operation, &call.request.rewrite(model, StreamOptions::Ask), recording)
            }
            Way::Http(way) => {
                let mut path = way.preset.path(row, model).into_owned();
                keep_parameters(call.uri, call.dialect, &mut path);
                let form = call.request.form();
                let headers = heads::passing(call.headers, call.dialect, form, way, &recording.id);
                let body = call.request.rewrite(model, way.preset.stream_options());
                self.send(way, Outgoing { path, headers, body }, recording).await?
            }
        };
        if !head.status.is_success() {
            return Err(no::passing(head, body, call.dialect, recording).await);
        }
        Ok(self.read(heads::to_caller(head), body, row, recording))
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
            request_id: recording.record.id.to_string(),
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

/// Adds the parameters of the caller's query that mean something to the provider, as they were written.
fn keep_parameters(uri: &Uri, dialect: &dyn Dialect, path: &mut String) {
    let known = dialect.parameters();
    let Some(query) = uri.query().filter(|_| !known.is_empty()) else { return };
    let mut sign = '?';
    for pair in query.split('&') {
        if known.contains(&pair.split('=').next().unwrap_or_default()) {
            path.push(sign);
            path.push_str(pair);
            sign = '&';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_llm::dialect::openai::OpenAi;

    #[test]
    fn a_callers_query_stays_here_unless_it_means_something_there() {
        let mut path = "/chat/completions".to_owned();
        keep_parameters(&"/v1/chat/completions?key=pck_1&alt=sse".parse().unwrap(), &OpenAi, &mut path);
        assert_eq!(path, "/chat/completions");
    }
}
