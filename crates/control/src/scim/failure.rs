//! Refusals as RFC 7644 §3.12 has them: `status`, `scimType` and `detail`, and nothing else, since clients refuse what they do
//! not know. The catalogue's code is in the header [`CODE`], with a link to its page; in bulk, at the end of `detail`.

use crate::answer::Refused;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};
use portcullis_fault::{Code, Fault, codes};
use serde_json::{Value, json};

/// The header with the catalogue's code.
pub const CODE: &str = "x-portcullis-code";

/// The kinds of RFC 7644, table 9, that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScimType {
    /// The filter, or what it compares.
    InvalidFilter,
    /// More would have to be looked at than is.
    TooMany,
    /// Something that must be unique is taken.
    Uniqueness,
    /// The attribute is not the client's to write.
    Mutability,
    /// The body is not what it should be.
    InvalidSyntax,
    /// The path names nothing.
    InvalidPath,
    /// The path leads to no value.
    NoTarget,
    /// A value is missing, or is not of its type.
    InvalidValue,
}

impl ScimType {
    /// As in the body.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
        }
    }
}

/// A refusal of a SCIM request.
#[derive(Debug)]
pub struct Failure {
    /// The catalogue's.
    pub fault: Fault,
    /// SCIM's, where it has one.
    pub kind: Option<ScimType>,
}

impl Failure {
    /// A request that is wrong.
    pub fn new(kind: ScimType, detail: impl Into<String>) -> Self {
        Self { fault: Fault::new(codes::PARAMETER_INVALID).detail(detail.into()), kind: Some(kind) }
    }

    /// A code that SCIM has no word for.
    pub fn code(code: Code, detail: impl Into<String>) -> Self {
        Self { fault: Fault::new(code).detail(detail.into()), kind: None }
    }

    /// There is no such resource, or it is not this client's to see.
    pub fn absent(what: &str, id: &str) -> Self {
        let id: String = id.chars().take(64).collect();
        Self::code(codes::RESOURCE_NOT_FOUND, format!("there is no such {what}: `{id}`"))
    }

    /// The body for one operation of many, which has no header to say the code in.
    pub fn within(&self) -> Value {
        let mut body = body(&self.fault, self.kind);
        let detail = format!("{} (`{}`)", self.fault.public_detail(), self.fault.code().public().name());
        body["detail"] = detail.into();
        body
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let kind = match fault.code() {
            code if code == codes::RESOURCE_CONFLICT => Some(ScimType::Uniqueness),
            code if code == codes::PARAMETER_INVALID => Some(ScimType::InvalidValue),
            _ => None,
        };
        Self { fault, kind }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        refused.0.into()
    }
}

impl From<portcullis_store::Error> for Failure {
    fn from(error: portcullis_store::Error) -> Self {
        Fault::from(error).into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Refused(self.fault).into_response();
        if let Some(kind) = self.kind {
            response.extensions_mut().insert(kind);
        }
        response
    }
}

/// The body of a refusal.
pub fn body(fault: &Fault, kind: Option<ScimType>) -> Value {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": fault.code().public().status().to_string(),
        "detail": fault.public_detail(),
    });
    if let Some(kind) = kind {
        body["scimType"] = kind.as_str().into();
    }
    body
}

/// The headers that say which code it is, and where its page is.
pub fn headers(fault: &Fault, pages: &str) -> Vec<(HeaderName, HeaderValue)> {
    let name = fault.code().public().name();
    let link = HeaderValue::from_str(&format!("<{pages}/{name}>; rel=\"describedby\"")).ok();
    let code = (HeaderName::from_static(CODE), HeaderValue::from_static(name));
    std::iter::once(code).chain(link.map(|link| (header::LINK, link))).collect()
}
