//! What items of requests and answers have in common.

use crate::canon::{Citation, Logprob};
use crate::json::write::Writer;
use serde::Deserialize;
use serde_json::Value;

/// One of `annotations`; `None` for those that have no address, which name files at the vendor.
pub(super) fn citation(annotation: &Value) -> Option<Citation> {
    if annotation.get("type")?.as_str()? != "url_citation" {
        return None;
    }
    let text = |name: &str| annotation.get(name).and_then(Value::as_str).map(str::to_owned);
    let place =
        |name: &str| annotation.get(name).and_then(Value::as_u64).and_then(|at| u32::try_from(at).ok());
    Some(Citation {
        title: text("title"),
        url: text("url"),
        span: place("start_index").zip(place("end_index")),
        ..Citation::default()
    })
}

/// Writes a citation, whose `url` is this.
pub(super) fn annotation(citation: &Citation, url: &str, w: &mut Writer<'_>) {
    let (start, end) = citation.span.unwrap_or_default();
    w.object(|w| {
        w.member("type", "url_citation");
        w.member("url", url);
        w.member("title", citation.title.as_deref().unwrap_or(url));
        w.member("start_index", &start);
        w.member("end_index", &end);
    });
}

/// One of `logprobs`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Token {
    token: String,
    logprob: f64,
    top_logprobs: Vec<Token>,
}

impl Token {
    pub(super) fn into_canon(self) -> Logprob {
        Logprob {
            token: self.token,
            logprob: self.logprob,
            top: self.top_logprobs.into_iter().map(|other| (other.token, other.logprob)).collect(),
        }
    }
}

/// Writes the value of `logprobs`.
pub(super) fn logprobs(logprobs: &[Logprob], w: &mut Writer<'_>) {
    let token = |w: &mut Writer<'_>, token: &str, logprob: f64| {
        w.member("token", token);
        w.member("logprob", &logprob);
        w.member("bytes", token.as_bytes());
    };
    w.array(|w| {
        for logprob in logprobs {
            w.object(|w| {
                token(w, &logprob.token, logprob.logprob);
                w.name("top_logprobs").array(|w| {
                    for (other, likely) in &logprob.top {
                        w.object(|w| token(w, other, *likely));
                    }
                });
            });
        }
    });
}
