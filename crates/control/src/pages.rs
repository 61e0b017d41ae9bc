//! What anybody may read: the pages of the catalogue, and the description of the API.

use crate::Control;
use crate::answer::Refused;
use crate::{caller, figures, openapi};
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use portcullis_fault::pages::{self, Aside};
use portcullis_fault::{Fault, codes};
use std::sync::OnceLock;

/// `/errors/<code>`, with an optional suffix for language and format. Anybody may read it; whoever presents a credential of
/// the control plane is shown how the code fares here as well, a tenant administrator among the own tenant's calls.
pub async fn page(
    State(control): State<Control>,
    crate::input::Path(tail): crate::input::Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Refused> {
    let (Some(code), Some(caller)) = (pages::code(&tail), caller::if_any(&control, &request).await?) else {
        return find(&tail, query.as_deref(), &headers, None);
    };
    let figures = figures::of(&control, code, caller.scope(None)?).await;
    let aside = match &figures {
        Ok(figures) => Aside {
            section: &|language| figures::words::section(figures, language),
            document: serde_json::to_value(&**figures).unwrap_or_default(),
        },
        // Whoever looks up what to do is told so without them, most of all while something is slow.
        Err(refused) => {
            tracing::debug!(fault = %refused.0, "a page is shown without its figures");
            Aside { section: &figures::words::absent, document: serde_json::Value::Null }
        }
    };
    let mut response = find(&tail, query.as_deref(), &headers, Some(&aside))?;
    // Not for whoever comes next through the same cache.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

/// `/errors`: all codes, or those that `q` asks for.
pub async fn index(RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, Refused> {
    find("", query.as_deref(), &headers, None)
}

fn find(
    tail: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    aside: Option<&Aside<'_>>,
) -> Result<Response, Refused> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let page = pages::find_with(tail, query, text(header::ACCEPT), text(header::ACCEPT_LANGUAGE), aside)
        .ok_or_else(|| {
            Fault::new(codes::RESOURCE_NOT_FOUND).detail("no code has this name; `/errors` lists all")
        })?;
    let known = page.is_known(text(header::IF_NONE_MATCH));
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { page.body.into_response() };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    out.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(page.language));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    out.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Language"));
    // The pages bring no script and need nothing from elsewhere; their style is inline.
    out.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    );
    if let Ok(etag) = HeaderValue::from_str(&page.etag) {
        out.insert(header::ETAG, etag);
    }
    Ok(response)
}

/// `/openapi.json`.
pub async fn openapi() -> Response {
    // Derived once: it does not change while the process runs.
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let text = DOCUMENT.get_or_init(|| openapi::document().to_json().unwrap_or_default());
    ([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response()
}
