//! Bodies and queries, bounded.

use super::answer::MEDIA_TYPE;
use super::failure::{Failure, ScimType};
use axum::extract::{FromRequest, Request};
use http::header;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use portcullis_fault::{Fault, codes};
use serde_json::{Map, Value};

/// The largest body, in bytes.
pub const MAX_BODY: usize = 1 << 20;

/// The longest query, in bytes.
const MAX_QUERY: usize = 16_384;

/// A JSON object.
#[derive(Debug)]
pub struct Body(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let known = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| {
            let essence = value.as_bytes().split(|&c| c == b';').next().unwrap_or_default().trim_ascii();
            [MEDIA_TYPE, "application/json"].iter().any(|kind| essence.eq_ignore_ascii_case(kind.as_bytes()))
        });
        if !known {
            let detail = "the `content-type` is `application/scim+json` or `application/json`";
            return Err(Failure::new(ScimType::InvalidSyntax, detail));
        }
        #[expect(clippy::disallowed_methods, reason = "bounded by `Limited`")]
        let collected = Limited::new(request.into_body(), MAX_BODY).collect().await.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                Failure::code(codes::BODY_TOO_LARGE, format!("the body is larger than {MAX_BODY} bytes"))
            } else {
                Fault::new(codes::REQUEST_MALFORMED).detail("the body did not arrive").source(error).into()
            }
        })?;
        match serde_json::from_slice(&collected.to_bytes()) {
            Ok(Value::Object(body)) => Ok(Self(body)),
            Ok(_) => Err(Failure::new(ScimType::InvalidSyntax, "the body is a JSON object")),
            Err(error) => {
                let detail =
                    format!("the body is not JSON (line {}, column {})", error.line(), error.column());
                Err(Failure::new(ScimType::InvalidSyntax, detail))
            }
        }
    }
}

/// The parameters of a query string, by lower-case name; the last of a name counts.
///
/// # Errors
/// Too long.
pub fn query(text: Option<&str>) -> Result<Map<String, Value>, Failure> {
    let text = text.unwrap_or_default();
    if text.len() > MAX_QUERY {
        let detail = format!("the query is longer than {MAX_QUERY} bytes; use `POST …/.search`");
        return Err(Failure::new(ScimType::InvalidValue, detail));
    }
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    Ok(pairs.map(|(name, value)| (name.to_ascii_lowercase(), Value::String(value.into_owned()))).collect())
}
