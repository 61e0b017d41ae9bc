//! What comes in, checked before a handler sees it: bounded JSON bodies, queries and path segments in which an unknown
//! or repeated member is refused, with a message that names the member.

use crate::answer::{Refused, invalid};
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use portcullis_fault::{Fault, codes};
use serde::de::DeserializeOwned;

/// Largest body of an admin request, in bytes. The largest legitimate one is a stored secret or a user with attributes.
pub const MAX_BODY: usize = 256 * 1024;

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let json = request.headers().get(http::header::CONTENT_TYPE).is_some_and(|value| {
            let essence = value.as_bytes().split(|&c| c == b';').next().unwrap_or_default();
            essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
        });
        if !json {
            return Err(invalid("the body is JSON and its `content-type` is `application/json`"));
        }
        #[expect(clippy::disallowed_methods, reason = "bounded by `Limited`")]
        let collected = Limited::new(request.into_body(), MAX_BODY).collect().await.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                Refused(
                    Fault::new(codes::BODY_TOO_LARGE)
                        .detail(format!("the body is larger than {MAX_BODY} bytes")),
                )
            } else {
                Refused(Fault::new(codes::REQUEST_MALFORMED).detail("the body did not arrive").source(error))
            }
        })?;
        parse(&collected.to_bytes()).map(Self)
    }
}

/// Reads JSON and says at which member it is not what it should be. What was sent is not repeated: it may be a secret.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let at = error.path().to_string();
        let inner = error.into_inner();
        let what = if inner.is_data() {
            without_value(&inner.to_string())
        } else {
            format!("is not JSON (line {}, column {})", inner.line(), inner.column())
        };
        invalid(if at == "." { format!("body: {what}") } else { format!("body: `{at}`: {what}") })
    })?;
    json.end().map_err(|_| invalid("body: something follows the JSON value"))?;
    Ok(value)
}

/// serde quotes the offending text in `invalid type: string "…"` and `invalid value: string "…"`; those two words are
/// enough to find it, and the text stays out of answers and logs.
fn without_value(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    match (message.strip_prefix("invalid type: string \""), message.rfind("\", expected ")) {
        (Some(_), Some(at)) => format!("invalid type: string, {}", &message[at + 3..]),
        _ => message.to_owned(),
    }
}

/// A query string.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(invalid(format!("query: {}", tail(&rejection.body_text())))),
        }
    }
}

/// Segments of the path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(axum::extract::rejection::PathRejection::FailedToDeserializePathParams(_)) => Err(Refused(
                Fault::new(codes::RESOURCE_NOT_FOUND)
                    .detail("the id in the path has the wrong form; ids are UUIDs"),
            )),
            Err(_) => Err(Refused(
                Fault::new(codes::INTERNAL)
                    .context("a handler takes path parameters that its route does not have"),
            )),
        }
    }
}

/// axum writes `Failed to deserialize query string: <what>`; only <what> is of use to the reader.
fn tail(text: &str) -> &str {
    text.split_once(": ").map_or(text, |(_, what)| what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Shape {
        name: String,
        n: Option<u8>,
    }

    fn said(body: &str) -> String {
        parse::<Shape>(body.as_bytes()).unwrap_err().0.public_detail().to_owned()
    }

    #[test]
    fn names_the_member_and_not_the_value() {
        assert!(said(r#"{"name":"a","x":1}"#).contains("unknown field `x`"));
        assert!(said(r#"{"name":"a","name":"b"}"#).contains("duplicate field `name`"));
        assert!(said(r#"{"name":"a","n":300}"#).contains("`n`"));
        let secret = said(r#"{"name":"a","n":"hunter2"}"#);
        assert!(!secret.contains("hunter2") && secret.contains("expected u8"), "{secret}");
        assert!(said(r#"{"name":"a"} x"#).contains("follows"));
        assert!(said("{").contains("line 1"));
    }
}
