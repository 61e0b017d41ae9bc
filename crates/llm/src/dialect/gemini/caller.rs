//! The caller's side: where the dialect is spoken, what can be asked, how a refusal is said.

use super::{Gemini, error, wire};
use crate::dialect::request::Members;
use crate::dialect::request::reach::Rules;
use crate::dialect::{Base, Chat, CredentialPlace, Dialect, Exchange, Form, Operation, Served, count, embed};
use crate::json::write::Writer;
use crate::providers::Preset;
use bytes::Bytes;
use http::Method;
use portcullis_fault::Fault;
use portcullis_model::holding::Kind;

/// The path says which model, and whether to stream; names are one in either spelling.
const CHAT: Members = Members {
    text: &["contents", "systemInstruction", "system_instruction"],
    either_case: true,
    reach: &Rules::GEMINI,
    ..Members::PATH
};

/// Who asks for vectors may name the model once more; that it is the path's is seen to where the question is read.
const EMBED: Members = Members { text: &["content", "requests"], model_again: true, ..CHAT };

/// What is to be cached, for a model that is named as `models/…`.
const CACHE: Members = Members { model: true, model_prefix: "models/", ..CHAT };

/// What of a cached content can be changed: when it ends.
const CACHED: Members = Members { text: &[], ..CHAT };

static SERVES: &[Served] = &[
    Served::post("/models/{model}:generateContent", Operation::Chat, &CHAT)
        .as_chat(&Gemini::API)
        .streamed(false),
    Served::post("/models/{model}:streamGenerateContent", Operation::Chat, &CHAT)
        .as_chat(&Gemini::API)
        .streamed(true),
    Served::post("/models/{model}:countTokens", Operation::CountTokens, &CHAT)
        .as_exchange(Exchange::Count(&count::GEMINI)),
    Served::post("/models/{model}:embedContent", Operation::Embeddings, &EMBED)
        .as_exchange(Exchange::Embed(&embed::Gemini)),
    Served::post("/models/{model}:batchEmbedContents", Operation::Embeddings, &EMBED)
        .as_exchange(Exchange::Embed(&embed::Gemini)),
    Served::post("/cachedContents", Operation::CacheCreate, &CACHE),
    Served::get("/cachedContents", Operation::Caches),
    Served::about(Method::GET, "/cachedContents/{id}", Operation::Cache, Kind::CachedContent),
    Served::about(Method::PATCH, "/cachedContents/{id}", Operation::Cache, Kind::CachedContent)
        .with(&CACHED)
        .asking(&["updateMask", "update_mask"]),
    Served::about(Method::DELETE, "/cachedContents/{id}", Operation::Cache, Kind::CachedContent),
    Served::get("/models", Operation::Models),
    Served::get("/models/{model}", Operation::Model),
];

impl Dialect for Gemini {
    fn name(&self) -> &'static str {
        wire::NAME
    }

    fn bases(&self) -> &'static [Base] {
        // Libraries put the version behind the address that they are given; those that need none get along without.
        const BASES: &[Base] = &[
            Base::of("/gemini/v1beta"),
            Base::of("/gemini/v1alpha"),
            Base::of("/gemini/v1"),
            Base::of("/gemini"),
        ];
        BASES
    }

    fn serves(&self) -> &'static [Served] {
        SERVES
    }

    fn format(&self, served: &'static Served, query: Option<&str>) -> Option<&'static dyn Chat> {
        let events = |pair: &str| matches!(pair, "alt=sse" | "$alt=sse" | "%24alt=sse");
        match served.stream {
            Some(true) if !query.unwrap_or_default().split('&').any(events) => Some(&Self::ARRAY),
            _ => served.chat,
        }
    }

    fn credential_places(&self) -> &'static [CredentialPlace] {
        &[CredentialPlace::Bearer, CredentialPlace::Header("x-goog-api-key"), CredentialPlace::Query("key")]
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["alt", "$alt"]
    }

    /// Vertex AI has another wire for vectors, and counts only what its own callers ask.
    fn exchange(&self, preset: &Preset, operation: Operation) -> Option<Exchange> {
        match (preset.vendor, operation) {
            ("vertex", Operation::Embeddings) => Some(Exchange::Embed(&embed::Vertex)),
            ("vertex", Operation::CountTokens) => None,
            _ => preset.served(operation, false)?.exchange,
        }
    }

    fn error_body(&self, fault: &Fault, request_id: &str, pages: &str) -> Vec<u8> {
        error::refusal(fault, request_id, pages)
    }

    fn error_event(&self, fault: &Fault, request_id: &str, pages: &str, stream: Form<'_>) -> Bytes {
        let body = error::refusal(fault, request_id, pages);
        // An array has begun by then: its last item.
        let (before, after): (&[u8], &[u8]) = if stream.content_type.starts_with("application/json") {
            (b",\r\n", b"]")
        } else {
            (b"data: ", b"\r\n\r\n")
        };
        [before, &body, after].concat().into()
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

fn model(w: &mut Writer<'_>, name: &str) {
    w.member("name", &format!("models/{name}"));
    w.member("baseModelId", name);
    w.member("displayName", name);
    w.member(
        "supportedGenerationMethods",
        &["generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"],
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::request::{Request, StreamOptions};
    use crate::dialect::served::{allowed, matched};
    use portcullis_fault::codes;

    #[test]
    fn paths_and_methods() {
        let of = |method: Method, path: &str| match matched(&Gemini::API, &method, path) {
            Ok(matched) => {
                Ok((matched.served.operation, matched.served.stream, matched.model.unwrap_or_default()))
            }
            Err(fault) => Err(fault.code().name()),
        };
        let is = |operation, stream, model: &str| Ok((operation, stream, model.to_owned()));
        let chat = Operation::Chat;
        assert_eq!(
            of(Method::POST, "/models/gemini-3-pro:generateContent"),
            is(chat, Some(false), "gemini-3-pro")
        );
        assert_eq!(of(Method::POST, "/models/a/b:streamGenerateContent"), is(chat, Some(true), "a/b"));
        assert_eq!(
            of(Method::POST, "/models/llama3%3A8b:generateContent"),
            is(chat, Some(false), "llama3:8b")
        );
        assert_eq!(of(Method::POST, "/models/m:countTokens"), is(Operation::CountTokens, None, "m"));
        assert_eq!(of(Method::POST, "/models/m:batchEmbedContents"), is(Operation::Embeddings, None, "m"));
        assert_eq!(of(Method::GET, "/models"), is(Operation::Models, None, ""));
        assert_eq!(of(Method::GET, "/models/gemini-3-pro"), is(Operation::Model, None, "gemini-3-pro"));
        assert_eq!(of(Method::POST, "/models/x:predictLongRunning"), Err("method_not_allowed"));
        assert_eq!(of(Method::POST, "/cachedContents"), is(Operation::CacheCreate, None, ""));
        assert_eq!(of(Method::POST, "/tunedModels"), Err("ai_operation_unknown"));
        assert_eq!(allowed(&Gemini::API, "/models"), "GET");
    }

    #[test]
    fn a_cached_content_has_one_name_everywhere() {
        for (method, path) in [
            (Method::GET, "/cachedContents/c1"),
            (Method::PATCH, "/cachedContents/c%31"),
            (Method::DELETE, "/cachedContents/c1"),
        ] {
            let matched = matched(&Gemini::API, &method, path).unwrap();
            let id = matched.object.unwrap();
            assert_eq!(id, "cachedContents/c1", "{path}");
            assert_eq!(matched.served.path_about(&id), "/cachedContents/c1");
        }
        for path in ["/cachedContents/a%2Fb", "/cachedContents/..", "/cachedContents/", "/cachedContents/a/b"]
        {
            let refused = matched(&Gemini::API, &Method::GET, path).unwrap_err();
            assert_eq!(refused.code(), codes::AI_OPERATION_UNKNOWN, "{path}");
        }
        // Whatever an id is made of, it stays one segment.
        let row = matched(&Gemini::API, &Method::GET, "/cachedContents/c1").unwrap().served;
        assert_eq!(row.path_about("cachedContents/a?b/../c"), "/cachedContents/a%3Fb%2F..%2Fc");
    }

    #[test]
    fn a_cache_is_made_for_a_model_by_its_name_there() {
        let body = |model: &str| Bytes::from(format!(r#"{{"contents":[],"model":"{model}","ttl":"300s"}}"#));
        let read = |model: &str| Request::scan(&body(model), &CACHE);
        let request = read("models/fast").unwrap();
        assert_eq!(request.model(), "fast");
        let sent = |request: &Request, model| request.rewrite(model, StreamOptions::Keep);
        assert_eq!(sent(&request, "gemini-x"), body("models/gemini-x"));
        assert_eq!(sent(&request, "tunedModels/mine"), body("tunedModels/mine"));
        let request = read("fast").unwrap();
        assert_eq!((request.model(), sent(&request, "gemini-x")), ("fast", body("models/gemini-x")));
        assert!(Request::scan(&Bytes::from_static(b"{\"contents\":[]}"), &CACHE).is_err());
        let twice = Bytes::from_static(b"{\"model\":\"models/a\",\"model\":\"models/b\"}");
        assert_eq!(Request::scan(&twice, &CACHE).unwrap_err().code(), codes::AI_REQUEST_AMBIGUOUS);
    }

    #[test]
    fn a_refusal_in_mid_stream_keeps_to_its_form() {
        let fault = Fault::new(codes::UPSTREAM_CUT);
        let form = |content_type| Form { operation: Operation::Chat, content_type };
        let event = Gemini::API.error_event(&fault, "r", "/e", form("text/event-stream; charset=utf-8"));
        let event = std::str::from_utf8(&event).unwrap();
        assert!(
            event.starts_with("data: {\"error\":{\"code\":502,") && event.ends_with("}\r\n\r\n"),
            "{event}"
        );
        let item = Gemini::API.error_event(&fault, "r", "/e", form("application/json; charset=UTF-8"));
        let array = [b"[{}", &item[..]].concat();
        assert!(serde_json::from_slice::<serde_json::Value>(&array).is_ok());
    }

    #[test]
    fn models_as_the_library_reads_them() {
        let body: serde_json::Value =
            serde_json::from_slice(&Gemini::API.models_body(&["a", "b/c"], 0)).unwrap();
        assert_eq!(body["models"][1]["name"], "models/b/c");
    }
}
