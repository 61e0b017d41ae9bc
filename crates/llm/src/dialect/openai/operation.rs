//! What can be asked for below the dialect's base path.

use http::Method;
use portcullis_fault::{Fault, codes};

/// What a call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `POST /chat/completions`.
    ChatCompletions,
    /// `POST /completions`, the legacy one.
    Completions,
    /// `POST /embeddings`.
    Embeddings,
    /// `GET /models`.
    Models,
    /// `GET /models/{model}`, percent-decoded; it may hold slashes (`meta-llama/Llama-3`).
    Model(String),
}

/// Whole paths: where, with which method, what.
const PATHS: &[(&str, Method, Operation)] = &[
    ("/chat/completions", Method::POST, Operation::ChatCompletions),
    ("/completions", Method::POST, Operation::Completions),
    ("/embeddings", Method::POST, Operation::Embeddings),
    ("/models", Method::GET, Operation::Models),
];

impl Operation {
    /// The operation at `path`, which is below one of the dialect's bases and keeps its leading slash.
    ///
    /// `ai_operation_unknown` for another path, `method_not_allowed` for another method.
    pub fn of(method: &Method, path: &str) -> Result<Self, Fault> {
        let (served, operation) =
            if let Some((_, served, operation)) = PATHS.iter().find(|(known, ..)| *known == path) {
                (served, operation.clone())
            } else if let Some(model) = path.strip_prefix("/models/").filter(|model| !model.is_empty()) {
                let model = percent_encoding::percent_decode_str(model).decode_utf8();
                (&Method::GET, Self::Model(model.map_err(|_| unknown(path))?.into_owned()))
            } else {
                return Err(unknown(path));
            };
        if method != served {
            return Err(Fault::new(codes::METHOD_NOT_ALLOWED)
                .detail(format!("this operation takes `{served}`, not `{}`", shown(method.as_str()))));
        }
        Ok(operation)
    }

    /// As kept in records.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Models | Self::Model(_) => "models",
        }
    }

    /// Path below a provider's base URL; `None` for what the gateway answers itself.
    pub fn upstream_path(&self) -> Option<&'static str> {
        PATHS
            .iter()
            .find(|(_, method, operation)| operation == self && *method == Method::POST)
            .map(|(path, ..)| *path)
    }

    /// Whether its answers can be streams, so that `stream_options` means something.
    pub fn may_stream(&self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Completions)
    }
}

fn unknown(path: &str) -> Fault {
    let known: Vec<_> = PATHS.iter().map(|(path, method, _)| format!("`{method} {path}`")).collect();
    Fault::new(codes::AI_OPERATION_UNKNOWN).detail(format!(
        "there is no operation `{}`; served are {}",
        shown(path),
        known.join(", ")
    ))
}

/// What came from outside, short enough to repeat.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods() {
        let of =
            |method: Method, path: &str| Operation::of(&method, path).map_err(|fault| fault.code().name());
        assert_eq!(of(Method::POST, "/chat/completions"), Ok(Operation::ChatCompletions));
        assert_eq!(of(Method::POST, "/completions"), Ok(Operation::Completions));
        assert_eq!(of(Method::POST, "/embeddings"), Ok(Operation::Embeddings));
        assert_eq!(of(Method::GET, "/models"), Ok(Operation::Models));
        assert_eq!(of(Method::GET, "/models/gpt-4o"), Ok(Operation::Model("gpt-4o".to_owned())));
        assert_eq!(of(Method::GET, "/models/llama3%3A8b"), Ok(Operation::Model("llama3:8b".to_owned())));
        assert_eq!(
            of(Method::GET, "/models/meta-llama/Llama-3"),
            Ok(Operation::Model("meta-llama/Llama-3".to_owned()))
        );
        assert_eq!(of(Method::GET, "/chat/completions"), Err("method_not_allowed"));
        assert_eq!(of(Method::DELETE, "/models/a"), Err("method_not_allowed"));
        for path in ["", "/", "/chat", "/chat/completions/", "/models/", "/models/%ff", "/responses"] {
            assert_eq!(of(Method::GET, path), Err("ai_operation_unknown"), "{path}");
        }
    }

    #[test]
    fn what_goes_upstream() {
        assert_eq!(Operation::ChatCompletions.upstream_path(), Some("/chat/completions"));
        assert_eq!(Operation::Embeddings.upstream_path(), Some("/embeddings"));
        assert_eq!(Operation::Models.upstream_path(), None);
        assert_eq!(Operation::Model("a".to_owned()).upstream_path(), None);
        assert!(Operation::Completions.may_stream() && !Operation::Embeddings.may_stream());
    }
}
