//! The caller's side: where the dialect is spoken, what can be asked, how a refusal is said.
//!
//! Paths are those of the vendor's own Python library, 0.6.3. What manages models (pull, push, create, copy, delete) is not
//! served: that is done where the models are.

use super::{CHAT, GENERATE, NAME, Ollama};
use crate::dialect::request::Members;
use crate::dialect::{Base, Dialect, Exchange, Form, Operation, Served, embed};
use crate::json::write::Writer;
use bytes::Bytes;
use http::Method;
use portcullis_fault::Fault;
use portcullis_model::Timestamp;

/// A stream, unless something else is said; the bound of an answer is among the `options`.
const SAID: Members = Members { streams: true, max_tokens: false, text: &["messages"], ..Members::BODY };
const GENERATED: Members = Members { text: &["system", "prompt", "suffix"], ..SAID };
/// What never comes as a stream.
const ONCE: Members =
    Members { stream: false, max_tokens: false, text: &["input", "prompt"], ..Members::BODY };
const SHOW: Members = Members { text: &[], ..ONCE };

static SERVES: &[Served] = &[
    Served::post("/api/chat", Operation::Chat, &SAID).as_chat(&CHAT),
    Served::post("/api/generate", Operation::Completions, &GENERATED).as_chat(&GENERATE),
    Served::post("/api/embed", Operation::Embeddings, &ONCE).as_exchange(Exchange::Embed(&embed::Ollama)),
    Served::post("/api/embeddings", Operation::Embeddings, &ONCE)
        .as_exchange(Exchange::Embed(&embed::OllamaOne)),
    Served::get("/api/tags", Operation::Models),
    Served::post("/api/show", Operation::Model, &SHOW),
    // The version whose calls are served: clients ask for it to see whether somebody is there, and what they may send.
    Served::said(Method::GET, "/api/version", Operation::Version, JSON, r#"{"version":"0.12.6"}"#),
    // Models are in nobody's memory here.
    Served::said(Method::GET, "/api/ps", Operation::Version, JSON, r#"{"models":[]}"#),
    // What the vendor's program asks before anything else, and people with a browser.
    Served::said(Method::HEAD, "/", Operation::Version, TEXT, ALIVE),
    Served::said(Method::GET, "/", Operation::Version, TEXT, ALIVE),
];

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const ALIVE: &str = "Ollama is running";

impl Dialect for Ollama {
    fn name(&self) -> &'static str {
        NAME
    }

    fn bases(&self) -> &'static [Base] {
        const BASES: &[Base] = &[Base::of("/ollama")];
        BASES
    }

    fn serves(&self) -> &'static [Served] {
        SERVES
    }

    fn error_body(&self, fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
        let code = fault.code().public().name();
        let mut body = Vec::with_capacity(256);
        Writer::new(&mut body).object(|w| {
            w.member("error", fault.public_detail());
            // Members that Ollama does not have.
            w.member("code", code);
            w.member("request_id", request_id);
            w.member("doc_url", &format!("{pages}/{code}"));
        });
        body
    }

    fn error_event(&self, fault: &Fault, request_id: &str, pages: &str, _: Form<'_>) -> Bytes {
        let mut line = self.error_body(fault, request_id, pages);
        line.push(b'\n');
        line.into()
    }

    fn models_body(&self, names: &[&str], created: i64) -> Vec<u8> {
        let mut body = Vec::with_capacity(64 + names.len() * 256);
        Writer::new(&mut body).object(|w| {
            w.name("models").array(|w| {
                for name in names {
                    w.object(|w| {
                        w.member("name", name);
                        w.member("model", name);
                        w.member("modified_at", &time(created));
                        // It takes no room here.
                        w.member("size", &0);
                        w.member("digest", "");
                        details(w);
                    });
                }
            });
        });
        body
    }

    fn model_body(&self, _: &str, created: i64) -> Vec<u8> {
        let mut body = Vec::with_capacity(256);
        Writer::new(&mut body).object(|w| {
            w.member("modelfile", "");
            w.member("parameters", "");
            w.member("template", "");
            details(w);
            w.name("model_info").object(|_| {});
            // What may be asked here; what the model makes of it is its own matter.
            w.member("capabilities", &["completion", "tools", "vision", "embedding"]);
            w.member("modified_at", &time(created));
        });
        body
    }
}

/// `created`: seconds since 1970.
fn time(created: i64) -> String {
    Timestamp::from_micros(created.saturating_mul(1_000_000)).rfc3339()
}

/// What a file of a model is like: here it is at somebody else's.
fn details(w: &mut Writer<'_>) {
    w.name("details").object(|w| {
        for name in ["parent_model", "format", "family"] {
            w.member(name, "");
        }
        w.name("families").array(|_| {});
        w.member("parameter_size", "");
        w.member("quantization_level", "");
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::request::Request;
    use crate::dialect::served::{allowed, matched};
    use portcullis_fault::codes;
    use serde_json::Value;

    #[test]
    fn where_the_library_looks() {
        let of = |method: Method, path: &str| match matched(&CHAT, &method, path) {
            Ok(matched) => Ok(matched.served.operation),
            Err(fault) => Err(fault.code().name()),
        };
        assert_eq!(of(Method::POST, "/api/chat"), Ok(Operation::Chat));
        assert_eq!(of(Method::POST, "/api/generate"), Ok(Operation::Completions));
        assert_eq!(of(Method::POST, "/api/embed"), Ok(Operation::Embeddings));
        assert_eq!(of(Method::POST, "/api/embeddings"), Ok(Operation::Embeddings));
        assert_eq!(of(Method::GET, "/api/tags"), Ok(Operation::Models));
        assert_eq!(of(Method::POST, "/api/show"), Ok(Operation::Model));
        assert_eq!(of(Method::GET, "/api/version"), Ok(Operation::Version));
        assert_eq!(of(Method::GET, "/api/ps"), Ok(Operation::Version));
        for root in ["", "/"] {
            assert_eq!(of(Method::HEAD, root), Ok(Operation::Version));
            assert_eq!(allowed(&CHAT, root), "HEAD, GET");
        }
        assert_eq!(of(Method::POST, "/"), Err("method_not_allowed"));
        assert_eq!(of(Method::POST, "/api/pull"), Err("ai_operation_unknown"));
        assert_eq!(allowed(&CHAT, "/api/show"), "POST");
    }

    #[test]
    fn who_says_nothing_gets_a_stream() {
        for (path, body, streams) in [
            ("/api/chat", r#"{"model":"m","messages":[]}"#, true),
            ("/api/chat", r#"{"model":"m","messages":[],"stream":false}"#, false),
            ("/api/generate", r#"{"model":"m","prompt":"a"}"#, true),
            ("/api/embed", r#"{"model":"m","input":"a"}"#, false),
            ("/api/show", r#"{"model":"m","stream":true}"#, false),
        ] {
            let row = matched(&CHAT, &Method::POST, path).unwrap().served;
            let request =
                Request::scan(&Bytes::copy_from_slice(body.as_bytes()), row.members.unwrap()).unwrap();
            assert_eq!((request.model(), request.stream()), ("m", streams), "{path} {body}");
        }
    }

    #[test]
    fn bodies_as_the_library_reads_them() {
        let fault = Fault::new(codes::MODEL_NOT_FOUND);
        let form = Form { operation: Operation::Chat, content_type: "application/x-ndjson" };
        let line = CHAT.error_event(&fault, "r-1", "/e", form);
        let line = line.strip_suffix(b"\n").unwrap();
        assert!(!line.contains(&b'\n'));
        let said: Value = serde_json::from_slice(line).unwrap();
        assert_eq!(
            (&said["error"], &said["code"]),
            (&fault.public_detail().into(), &"model_not_found".into())
        );
        let list: Value = serde_json::from_slice(&CHAT.models_body(&["a", "b:latest"], 7)).unwrap();
        assert_eq!(list["models"][1]["model"], "b:latest");
        assert_eq!(list["models"][1]["modified_at"], "1970-01-01T00:00:07.000000Z");
        let one: Value = serde_json::from_slice(&CHAT.model_body("a", 7)).unwrap();
        assert!(one["model_info"].is_object() && one["details"]["families"].is_array());
        for row in SERVES.iter().filter_map(|row| row.says).filter(|(kind, _)| *kind == JSON) {
            assert!(serde_json::from_str::<Value>(row.1).unwrap().is_object());
        }
    }
}
