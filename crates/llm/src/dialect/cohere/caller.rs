//! The caller's side: where the dialect is spoken, what can be asked, how a refusal is said.
//!
//! Paths are those of the vendor's own Python library, 7.3.1, whose clients ask for models under version 1, and the older
//! one for vectors and orders, too.

use super::{CHAT, Cohere, NAME};
use crate::dialect::request::Members;
use crate::dialect::{Base, Dialect, Exchange, Form, Operation, Served, embed, rerank};
use crate::json::write::Writer;
use bytes::Bytes;
use portcullis_fault::Fault;

const SAID: Members = Members { text: &["messages", "documents"], ..Members::BODY };
/// What never comes as a stream.
const ONCE: Members = Members { stream: false, max_tokens: false, ..Members::BODY };
const EMBED: Members = Members { text: &["texts", "inputs"], ..ONCE };
const RERANK: Members = Members { text: &["query", "documents"], ..ONCE };

static SERVES: &[Served] = &[
    Served::post("/v2/chat", Operation::Chat, &SAID).as_chat(&CHAT),
    Served::post("/v2/embed", Operation::Embeddings, &EMBED).as_exchange(Exchange::Embed(&embed::Cohere)),
    Served::post("/v1/embed", Operation::Embeddings, &EMBED).as_exchange(Exchange::Embed(&embed::CohereOne)),
    Served::post("/v2/rerank", Operation::Rerank, &RERANK).as_exchange(Exchange::Rerank(&rerank::Cohere)),
    Served::post("/v1/rerank", Operation::Rerank, &RERANK).as_exchange(Exchange::Rerank(&rerank::Cohere)),
    Served::get("/v1/models", Operation::Models),
    Served::get("/v1/models/{model}", Operation::Model),
];

impl Dialect for Cohere {
    fn name(&self) -> &'static str {
        NAME
    }

    fn bases(&self) -> &'static [Base] {
        const BASES: &[Base] = &[Base::of("/cohere")];
        BASES
    }

    fn serves(&self) -> &'static [Served] {
        SERVES
    }

    fn error_body(&self, fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
        let mut body = Vec::with_capacity(256);
        Writer::new(&mut body).object(|w| {
            w.member("id", request_id);
            w.member("message", fault.public_detail());
            ours(w, fault, request_id, pages);
        });
        body
    }

    /// Streams have no event for errors: they end with the reason `ERROR`, and say which.
    fn error_event(&self, fault: &Fault, request_id: &str, pages: &str, _: Form<'_>) -> Bytes {
        let mut event = b"event: message-end\ndata: ".to_vec();
        Writer::new(&mut event).object(|w| {
            w.member("type", "message-end");
            w.member("id", request_id);
            w.name("delta").object(|w| {
                w.member("finish_reason", "ERROR");
                w.member("error", fault.public_detail());
            });
            ours(w, fault, request_id, pages);
        });
        event.extend_from_slice(b"\n\n");
        event.into()
    }

    fn models_body(&self, names: &[&str], _: i64) -> Vec<u8> {
        let mut body = Vec::with_capacity(64 + names.len() * 128);
        Writer::new(&mut body).object(|w| {
            w.name("models").array(|w| names.iter().for_each(|name| w.object(|w| model(w, name))));
        });
        body
    }

    fn model_body(&self, name: &str, _: i64) -> Vec<u8> {
        let mut body = Vec::with_capacity(128);
        Writer::new(&mut body).object(|w| model(w, name));
        body
    }
}

/// Members that Cohere does not have.
fn ours(w: &mut Writer<'_>, fault: &Fault, request_id: &str, pages: &str) {
    let code = fault.code().public().name();
    w.member("code", code);
    w.member("request_id", request_id);
    w.member("doc_url", &format!("{pages}/{code}"));
}

fn model(w: &mut Writer<'_>, name: &str) {
    w.member("name", name);
    // What may be asked here; what the model makes of it is its own matter.
    w.member("endpoints", &["chat", "embed", "rerank"]);
    w.member("finetuned", &false);
    w.member("is_deprecated", &false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::Event;
    use crate::dialect::Chat;
    use crate::dialect::served::matched;
    use http::Method;
    use portcullis_fault::codes;
    use serde_json::Value;

    #[test]
    fn where_the_library_looks() {
        let of = |method: Method, path: &str| {
            matched(&Cohere, &method, path).map(|matched| matched.served.operation).ok()
        };
        assert_eq!(of(Method::POST, "/v2/chat"), Some(Operation::Chat));
        assert_eq!(of(Method::POST, "/v2/embed"), Some(Operation::Embeddings));
        assert_eq!(of(Method::POST, "/v1/embed"), Some(Operation::Embeddings));
        assert_eq!(of(Method::POST, "/v2/rerank"), Some(Operation::Rerank));
        assert_eq!(of(Method::POST, "/v1/rerank"), Some(Operation::Rerank));
        assert_eq!(of(Method::GET, "/v1/models"), Some(Operation::Models));
        assert_eq!(of(Method::GET, "/v1/models/command-a-03-2025"), Some(Operation::Model));
        assert_eq!(of(Method::POST, "/v1/chat"), None, "version 1 is another format");
    }

    #[test]
    fn a_refusal_ends_a_stream_as_a_failure() {
        let fault = Fault::new(codes::UPSTREAM_CUT);
        let form = Form { operation: Operation::Chat, content_type: "text/event-stream" };
        let event = Cohere.error_event(&fault, "r-1", "/e", form);
        let (mut reader, mut events) = (CHAT.reader(), Vec::new());
        reader.feed(&event, &mut events).unwrap();
        let [Event::Error(error)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(error.message, fault.public_detail());
        let body: Value = serde_json::from_slice(&Cohere.error_body(&fault, "r-1", "/e")).unwrap();
        assert_eq!((&body["code"], &body["doc_url"]), (&"upstream_cut".into(), &"/e/upstream_cut".into()));
        assert_eq!(body["message"], fault.public_detail());
    }

    #[test]
    fn models_as_the_library_reads_them() {
        let body: Value = serde_json::from_slice(&Cohere.models_body(&["a", "b/c"], 0)).unwrap();
        assert_eq!(
            (&body["models"][1]["name"], &body["models"][0]["endpoints"][0]),
            (&"b/c".into(), &"chat".into())
        );
    }
}
