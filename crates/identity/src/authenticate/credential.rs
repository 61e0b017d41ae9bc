//! Finding the one credential of a request.
//!
//! Nothing is believed here and nothing is decoded. Two credentials are refused rather than ranked: which of them a
//! server picks is what an attacker would like to know.

use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, ORIGIN, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{Method, Uri};
use portcullis_fault::{Fault, codes};
use portcullis_model::service::CredentialPlaces;
use std::borrow::Cow;
use std::fmt;

/// The parts of a request that may hold a credential.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'r> {
    /// The method.
    pub method: &'r Method,
    /// The target, query included.
    pub uri: &'r Uri,
    /// The headers.
    pub headers: &'r HeaderMap,
}

impl<'r> From<&'r http::request::Parts> for Presented<'r> {
    fn from(parts: &'r http::request::Parts) -> Self {
        Self { method: &parts.method, uri: &parts.uri, headers: &parts.headers }
    }
}

impl<'r, B> From<&'r http::Request<B>> for Presented<'r> {
    fn from(request: &'r http::Request<B>) -> Self {
        Self { method: request.method(), uri: request.uri(), headers: request.headers() }
    }
}

/// Where a credential may be, beside `Authorization`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// A header that holds the bare token or key.
    pub header: Option<HeaderName>,
    /// A cookie that holds the bare token.
    pub cookie: Option<String>,
    /// Origins that may use the cookie.
    pub origins: Vec<String>,
    /// The places of the AI dialects.
    pub dialect: DialectPlaces,
}

/// Where clients of the AI dialects put their key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DialectPlaces {
    /// `x-api-key`.
    pub x_api_key: bool,
    /// `api-key`.
    pub api_key: bool,
    /// `x-goog-api-key`.
    pub x_goog_api_key: bool,
    /// `?key=`.
    pub key_parameter: bool,
    /// The subprotocol `openai-insecure-api-key.…` of a WebSocket, which is all that a browser can say when it opens one.
    pub subprotocol: bool,
}

impl DialectPlaces {
    /// None of them.
    pub const NONE: Self = Self {
        x_api_key: false,
        api_key: false,
        x_goog_api_key: false,
        key_parameter: false,
        subprotocol: false,
    };
    /// All of them.
    pub const ALL: Self =
        Self { x_api_key: true, api_key: true, x_goog_api_key: true, key_parameter: true, subprotocol: true };
    /// The headers, not the query.
    pub const HEADERS: Self = Self { key_parameter: false, subprotocol: false, ..Self::ALL };
}

impl Places {
    /// Only `Authorization` and these of a dialect.
    pub fn dialect(dialect: DialectPlaces) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// As a service states them.
    ///
    /// # Errors
    /// A header or origin that is none; says what it should look like.
    pub fn of_service(places: &CredentialPlaces) -> Result<Self, String> {
        let header = match &places.header {
            None => None,
            Some(name) => match HeaderName::try_from(name.as_str()) {
                Ok(name) if name == AUTHORIZATION => None,
                Ok(name) if name == COOKIE => {
                    return Err("a cookie is named by `cookie`, not by `header = \"cookie\"`".to_owned());
                }
                Ok(name) => Some(name),
                Err(_) => return Err(format!("this is no header name: `{}`", name.escape_debug())),
            },
        };
        if let Some(cookie) = &places.cookie {
            let sound = !cookie.is_empty()
                && cookie.bytes().all(|b| b.is_ascii_graphic() && !b"=;,\"\\".contains(&b));
            if !sound {
                return Err(format!("this is no cookie name: `{}`", cookie.escape_debug()));
            }
        }
        for origin in &places.origins {
            let parsed = url::Url::parse(origin).ok().map(|url| url.origin()).filter(url::Origin::is_tuple);
            if parsed.is_none_or(|parsed| parsed.ascii_serialization() != *origin) {
                return Err(format!(
                    "an origin is scheme, host and port only, as `https://app.example.com`, not `{origin}`"
                ));
            }
        }
        Ok(Self {
            header,
            cookie: places.cookie.clone(),
            origins: places.origins.clone(),
            dialect: DialectPlaces::NONE,
        })
    }
}

/// Where a credential was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `Authorization: Bearer …`.
    Authorization,
    /// The header that the service names.
    Header,
    /// The cookie that the service names.
    Cookie,
    /// `x-api-key`.
    XApiKey,
    /// `api-key`.
    ApiKey,
    /// `x-goog-api-key`.
    GoogApiKey,
    /// `?key=`.
    KeyParameter,
    /// `Sec-WebSocket-Protocol`.
    Subprotocol,
}

impl Place {
    /// As shown to people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "`Authorization`",
            Self::Header => "the service's credential header",
            Self::Cookie => "the service's cookie",
            Self::XApiKey => "`x-api-key`",
            Self::ApiKey => "`api-key`",
            Self::GoogApiKey => "`x-goog-api-key`",
            Self::KeyParameter => "`?key=`",
            Self::Subprotocol => "a subprotocol of the WebSocket",
        }
    }
}

/// What a credential looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// Parts with dots between: a token.
    Token,
    /// `pck_…`: an API key.
    ApiKey,
}

/// The credential of a request. Never shown.
pub struct Credential<'r> {
    /// Where it was.
    pub place: Place,
    /// What it looks like.
    pub kind: CredentialKind,
    /// The token or key itself.
    pub text: Cow<'r, str>,
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("place", &self.place)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The prefix of API keys.
pub(crate) const API_KEY_PREFIX: &str = "pck_";
/// The prefix of operators' credentials, which mean nothing on the gateway.
pub(crate) const OPERATOR_PREFIX: &str = "pco_";

static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
static API_KEY: HeaderName = HeaderName::from_static("api-key");
static X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

impl<'r> Credential<'r> {
    /// Finds the one credential.
    ///
    /// # Errors
    /// None, more than one, one of no known shape, or a cookie from a foreign origin.
    pub fn find(request: &Presented<'r>, places: &Places) -> Result<Self, Fault> {
        let mut found: Option<(Place, Cow<'r, str>)> = None;
        if let Some(value) = single(request.headers, &AUTHORIZATION, Place::Authorization)? {
            keep(&mut found, Place::Authorization, Cow::Borrowed(bearer(value)?))?;
        }
        let headers = [
            (places.header.as_ref(), Place::Header),
            (places.dialect.x_api_key.then_some(&X_API_KEY), Place::XApiKey),
            (places.dialect.api_key.then_some(&API_KEY), Place::ApiKey),
            (places.dialect.x_goog_api_key.then_some(&X_GOOG_API_KEY), Place::GoogApiKey),
        ];
        let mut seen: Option<&HeaderName> = None;
        for (name, place) in headers {
            let Some(name) = name else { continue };
            // A service may name a header that its dialect has anyway: one place, not two.
            if seen == Some(name) {
                continue;
            }
            if let Some(value) = single(request.headers, name, place)? {
                keep(&mut found, place, Cow::Borrowed(value))?;
                seen = Some(name);
            }
        }
        if places.dialect.key_parameter
            && let Some(value) = parameter(request.uri.query().unwrap_or_default())?
        {
            keep(&mut found, Place::KeyParameter, value)?;
        }
        if places.dialect.subprotocol {
            for value in subprotocols(request.headers) {
                keep(&mut found, Place::Subprotocol, Cow::Borrowed(value))?;
            }
        }
        if let Some(name) = &places.cookie
            && let Some(value) = cookie(request.headers, name)?
        {
            keep(&mut found, Place::Cookie, Cow::Borrowed(value))?;
        }
        let Some((place, text)) = found else { return Err(Fault::new(codes::CREDENTIAL_MISSING)) };
        if place == Place::Cookie {
            check_origin(request, places)?;
        }
        let kind = kind_of(&text)?;
        Ok(Self { place, kind, text })
    }
}

fn keep<'r>(
    found: &mut Option<(Place, Cow<'r, str>)>,
    place: Place,
    text: Cow<'r, str>,
) -> Result<(), Fault> {
    if let Some((first, _)) = found {
        let detail = format!(
            "the call carries a credential in {} and one in {}; send one",
            first.as_str(),
            place.as_str()
        );
        return Err(Fault::new(codes::CREDENTIAL_CONFLICT).detail(detail));
    }
    *found = Some((place, text));
    Ok(())
}

/// The one value of a header. Empty counts as absent: some clients send `x-api-key:` when they have no key.
fn single<'r>(headers: &'r HeaderMap, name: &HeaderName, place: Place) -> Result<Option<&'r str>, Fault> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        let detail = format!("the call carries more than one credential in {}", place.as_str());
        return Err(Fault::new(codes::CREDENTIAL_CONFLICT).detail(detail));
    }
    let text =
        value.to_str().map_err(|_| malformed("the credential has characters that no token or key has"))?;
    let text = text.trim_matches([' ', '\t']);
    Ok((!text.is_empty()).then_some(text))
}

/// What follows `Bearer` (RFC 6750 §2.1; RFC 9110 §11.1: the scheme's case does not matter).
fn bearer(value: &str) -> Result<&str, Fault> {
    let (scheme, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        // What AWS's libraries send when they find keys of an account (Signature Version 4, and 4a).
        if scheme.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("AWS4-")) {
            return Err(Fault::new(codes::AWS_SIGNATURE_REFUSED).detail(
                "the call is signed with AWS keys; send a credential of this gateway instead: AWS's libraries take it from `AWS_BEARER_TOKEN_BEDROCK`",
            ));
        }
        // A token without its scheme is what people send who have read no documentation.
        let bare = rest.is_empty() && (value.starts_with(API_KEY_PREFIX) || value.matches('.').count() >= 2);
        return Err(malformed(if bare {
            "`Authorization` holds a credential without its scheme; write `Authorization: Bearer <credential>`"
        } else {
            "the scheme of `Authorization` is not `Bearer`"
        }));
    }
    let rest = rest.trim_matches([' ', '\t']);
    if rest.is_empty() {
        return Err(malformed("`Authorization: Bearer` is not followed by a credential"));
    }
    Ok(rest)
}

fn malformed(detail: &'static str) -> Fault {
    Fault::new(codes::CREDENTIAL_MALFORMED).detail(detail)
}

/// `key` of a query, percent-decoding undone. Given twice, which one counts would be a matter of taste.
fn parameter(query: &str) -> Result<Option<Cow<'_, str>>, Fault> {
    let mut values = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "key");
    let Some((_, value)) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Fault::new(codes::CREDENTIAL_CONFLICT)
            .detail("the call carries more than one credential in `?key=`"));
    }
    Ok((!value.is_empty()).then_some(value))
}

/// Keys among the subprotocols that a WebSocket is offered with. What is no WebSocket offers none.
fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter(|_| headers.contains_key(UPGRADE));
    let names = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    names.filter_map(|name| name.trim_matches([' ', '\t']).strip_prefix("openai-insecure-api-key."))
}

/// The cookie of that name (RFC 6265 §4.2.1), over all `Cookie` headers (HTTP/2 splits them, RFC 9113 §8.2.3).
fn cookie<'r>(headers: &'r HeaderMap, name: &str) -> Result<Option<&'r str>, Fault> {
    let mut found = None;
    for header in headers.get_all(COOKIE) {
        // Other people's cookies may hold anything; one that cannot be read cannot be ours.
        let Ok(text) = header.to_str() else { continue };
        for pair in text.split(';') {
            let Some((key, value)) = pair.trim_matches([' ', '\t']).split_once('=') else { continue };
            if key != name {
                continue;
            }
            if found.is_some() {
                let detail = "the call carries the service's cookie more than once";
                return Err(Fault::new(codes::CREDENTIAL_CONFLICT).detail(detail));
            }
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            found = Some(value).filter(|value| !value.is_empty());
        }
    }
    Ok(found)
}

/// Browsers add cookies to requests of any page. A method that changes something, or an upgrade (whose messages no
/// same-origin policy confines), therefore has to come from an origin that the service names.
fn check_origin(request: &Presented<'_>, places: &Places) -> Result<(), Fault> {
    let safe = matches!(*request.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    // RFC 8441: over HTTP/2 an upgrade is a CONNECT, which is no safe method either.
    if safe && !request.headers.contains_key(UPGRADE) {
        return Ok(());
    }
    let mut origins = request.headers.get_all(ORIGIN).iter();
    let presented = origins.next().filter(|_| origins.next().is_none()).and_then(|value| value.to_str().ok());
    match presented {
        Some(origin) if places.origins.iter().any(|allowed| allowed == origin) => Ok(()),
        Some(origin) => Err(Fault::new(codes::ORIGIN_REFUSED).context(format!(
            "`Origin` is `{}`",
            origin.chars().take(256).collect::<String>().escape_debug()
        ))),
        None => Err(Fault::new(codes::ORIGIN_REFUSED).context("the call has no single `Origin`")),
    }
}

/// By shape: a key by its prefix, a token by its dots. Anything else is nothing that was issued here.
fn kind_of(text: &str) -> Result<CredentialKind, Fault> {
    if text.contains(',') {
        // What some proxies make of two headers.
        return Err(Fault::new(codes::CREDENTIAL_CONFLICT)
            .detail("the call carries more than one credential in one header"));
    }
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return Err(malformed("the credential has white space in it"));
    }
    if text.starts_with(API_KEY_PREFIX) {
        return Ok(CredentialKind::ApiKey);
    }
    if text.starts_with(OPERATOR_PREFIX) {
        return Err(malformed("this is an operator's credential; it is for the control plane only"));
    }
    if text.contains('.') {
        return Ok(CredentialKind::Token);
    }
    Err(Fault::new(codes::CREDENTIAL_MALFORMED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    const JWT: &str = "aaa.bbb.ccc";
    const KEY: &str = "pck_x_y";

    fn places() -> Places {
        Places {
            header: Some(HeaderName::from_static("x-token")),
            cookie: Some("session".to_owned()),
            origins: vec!["https://app.example.com".to_owned()],
            dialect: DialectPlaces::ALL,
        }
    }

    fn find(
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<(Place, CredentialKind, String), Fault> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let places = places();
        Credential::find(&Presented::from(&request), &places).map(|c| (c.place, c.kind, c.text.into_owned()))
    }

    #[test]
    fn one_credential_is_found_in_each_place() {
        for (target, headers, place, kind) in [
            ("/", vec![("authorization", "Bearer aaa.bbb.ccc")], Place::Authorization, CredentialKind::Token),
            ("/", vec![("authorization", "bEARER   pck_x_y ")], Place::Authorization, CredentialKind::ApiKey),
            ("/", vec![("x-token", JWT)], Place::Header, CredentialKind::Token),
            ("/", vec![("x-api-key", KEY)], Place::XApiKey, CredentialKind::ApiKey),
            ("/", vec![("api-key", KEY), ("x-api-key", "")], Place::ApiKey, CredentialKind::ApiKey),
            ("/", vec![("x-goog-api-key", KEY)], Place::GoogApiKey, CredentialKind::ApiKey),
            ("/?a=b&key=pck_x_y", vec![], Place::KeyParameter, CredentialKind::ApiKey),
            (
                "/",
                vec![("cookie", "a=b; session=aaa.bbb.ccc"), ("cookie", "c")],
                Place::Cookie,
                CredentialKind::Token,
            ),
        ] {
            let (at, what, text) = find("GET", target, &headers).unwrap();
            assert_eq!((at, what), (place, kind), "{headers:?}");
            assert_eq!(text, if kind == CredentialKind::Token { JWT } else { KEY });
        }
    }

    #[test]
    fn none_and_two_are_refused_as_such() {
        for (target, headers, code) in [
            ("/", vec![], codes::CREDENTIAL_MISSING),
            ("/", vec![("x-api-key", " ")], codes::CREDENTIAL_MISSING),
            (
                "/",
                vec![("authorization", "Bearer a.b.c"), ("authorization", "Bearer a.b.c")],
                codes::CREDENTIAL_CONFLICT,
            ),
            ("/", vec![("authorization", "Bearer a.b.c, Bearer a.b.c")], codes::CREDENTIAL_CONFLICT),
            ("/", vec![("authorization", "Bearer a.b.c"), ("x-api-key", KEY)], codes::CREDENTIAL_CONFLICT),
            ("/?key=pck_a_b", vec![("authorization", "Bearer pck_a_b")], codes::CREDENTIAL_CONFLICT),
            ("/?key=pck_a_b&key=pck_a_b", vec![], codes::CREDENTIAL_CONFLICT),
            ("/?k%65y=pck_a_b&key=pck_a_b", vec![], codes::CREDENTIAL_CONFLICT),
            ("/", vec![("cookie", "session=a.b.c"), ("cookie", "session=a.b.d")], codes::CREDENTIAL_CONFLICT),
            ("/", vec![("cookie", "session=a.b.c"), ("api-key", KEY)], codes::CREDENTIAL_CONFLICT),
            ("/", vec![("authorization", "Basic YTpi")], codes::CREDENTIAL_MALFORMED),
            (
                "/",
                vec![(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/bedrock/aws4_request, SignedHeaders=host, Signature=0a",
                )],
                codes::AWS_SIGNATURE_REFUSED,
            ),
            ("/", vec![("authorization", "aws4-ecdsa-p256-sha256 x")], codes::AWS_SIGNATURE_REFUSED),
            ("/", vec![("authorization", "AWS4 x")], codes::CREDENTIAL_MALFORMED),
            ("/", vec![("authorization", "Bearer")], codes::CREDENTIAL_MALFORMED),
            ("/", vec![("authorization", "a.b.c")], codes::CREDENTIAL_MALFORMED),
            ("/", vec![("authorization", "Bearer a.b.c x")], codes::CREDENTIAL_MALFORMED),
            ("/", vec![("authorization", "Bearer Bearer a.b.c")], codes::CREDENTIAL_MALFORMED),
            ("/", vec![("authorization", "Bearer sk-abcdef")], codes::CREDENTIAL_MALFORMED),
            ("/", vec![("authorization", "Bearer pco_a_b")], codes::CREDENTIAL_MALFORMED),
        ] {
            assert_eq!(find("GET", target, &headers).unwrap_err().code(), code, "{target} {headers:?}");
        }
    }

    #[test]
    fn a_cookie_needs_the_services_own_origin_where_it_matters() {
        let cookie = ("cookie", "session=a.b.c");
        assert!(find("GET", "/", &[cookie, ("origin", "https://evil.example")]).is_ok());
        assert!(find("POST", "/", &[cookie, ("origin", "https://app.example.com")]).is_ok());
        for headers in [
            vec![cookie],
            vec![cookie, ("origin", "https://evil.example")],
            vec![cookie, ("origin", "null")],
            vec![cookie, ("origin", "https://app.example.com.evil.example")],
            vec![cookie, ("origin", "https://app.example.com"), ("origin", "https://evil.example")],
        ] {
            assert_eq!(find("POST", "/", &headers).unwrap_err().code(), codes::ORIGIN_REFUSED, "{headers:?}");
        }
        let upgrade = [cookie, ("upgrade", "websocket"), ("origin", "https://evil.example")];
        assert_eq!(find("GET", "/", &upgrade).unwrap_err().code(), codes::ORIGIN_REFUSED);
    }

    #[test]
    fn places_of_a_service_are_checked() {
        let places = |header: Option<&str>, cookie: Option<&str>, origin: &str| {
            Places::of_service(&CredentialPlaces {
                header: header.map(Into::into),
                cookie: cookie.map(Into::into),
                origins: vec![origin.to_owned()],
            })
        };
        assert!(places(Some("X-Token"), Some("__Host-s"), "https://a.example").is_ok());
        assert!(places(Some("X Token"), None, "https://a.example").is_err());
        assert!(places(None, Some("a=b"), "https://a.example").is_err());
        for origin in ["https://a.example/", "a.example", "*", "https://a.example:443"] {
            assert!(places(None, None, origin).is_err(), "{origin}");
        }
    }
}
