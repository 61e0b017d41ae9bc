//! What kind of token something is, by what it says of itself. A guess for people, from facts; nothing decides by it.

use serde::Serialize;
use serde_json::Value;

/// What kind of token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A JWT of no kind that is known.
    Jwt,
    /// An access token: RFC 9068, or as makers mark theirs.
    AccessToken,
    /// An ID token (OpenID Connect Core 1.0 §2).
    IdToken,
    /// A refresh token, as makers mark theirs.
    RefreshToken,
    /// A logout token (OpenID Connect Back-Channel Logout 1.0).
    LogoutToken,
    /// A proof of possession (RFC 9449).
    DpopProof,
    /// A security event (RFC 8417).
    SecurityEvent,
    /// A client's assertion about itself (RFC 7523).
    ClientAssertion,
    /// A request object (RFC 9101).
    RequestObject,
    /// The answer of an introspection endpoint (RFC 9701).
    IntrospectionAnswer,
    /// A JWT with disclosures (RFC 9901).
    SdJwt,
    /// A signed message that is no JWT.
    SignedMessage,
    /// An encrypted message or token.
    Encrypted,
    /// A text without structure, or of a known maker: an opaque token, an API key.
    Opaque,
    /// A key or a set of keys.
    Key,
    /// Nothing that is known here.
    Unknown,
}

/// `typ`, in lower case and without `application/`.
const TYPES: [(&str, Kind); 10] = [
    ("at+jwt", Kind::AccessToken),
    ("logout+jwt", Kind::LogoutToken),
    ("dpop+jwt", Kind::DpopProof),
    ("secevent+jwt", Kind::SecurityEvent),
    ("client-authentication+jwt", Kind::ClientAssertion),
    ("oauth-authz-req+jwt", Kind::RequestObject),
    ("token-introspection+jwt", Kind::IntrospectionAnswer),
    ("dc+sd-jwt", Kind::SdJwt),
    ("vc+sd-jwt", Kind::SdJwt),
    ("rt+jwt", Kind::RefreshToken),
];

/// Claims by which makers say what their token is (Keycloak, Amazon Cognito).
const MARKS: [(&str, &str, Kind); 6] = [
    ("typ", "Bearer", Kind::AccessToken),
    ("typ", "ID", Kind::IdToken),
    ("typ", "Refresh", Kind::RefreshToken),
    ("typ", "Offline", Kind::RefreshToken),
    ("token_use", "access", Kind::AccessToken),
    ("token_use", "id", Kind::IdToken),
];

impl Kind {
    /// Of a signed token with these claims.
    pub(super) fn of_jwt(header: &Value, claims: &Value) -> Self {
        let typ = header["typ"].as_str().unwrap_or_default().to_ascii_lowercase();
        let typ = typ.strip_prefix("application/").unwrap_or(&typ);
        if let Some((_, kind)) = TYPES.iter().find(|(own, _)| *own == typ) {
            return *kind;
        }
        if let Some((.., kind)) = MARKS.iter().find(|(claim, value, _)| claims[*claim] == **value) {
            return *kind;
        }
        let has = |names: &[&str]| names.iter().all(|name| claims.get(name).is_some());
        let any = |names: &[&str]| names.iter().any(|name| claims.get(name).is_some());
        match () {
            () if header.get("jwk").is_some() && has(&["htm", "htu"]) => Self::DpopProof,
            () if claims["events"].get("http://schemas.openid.net/event/backchannel-logout").is_some() => {
                Self::LogoutToken
            }
            () if has(&["events"]) => Self::SecurityEvent,
            () if any(&["_sd", "_sd_alg"]) => Self::SdJwt,
            () if any(&["nonce", "at_hash", "c_hash", "s_hash"]) => Self::IdToken,
            () if any(&["scope", "scp"]) => Self::AccessToken,
            // RFC 7523 §3: about itself, to somebody, for once.
            () if has(&["iss", "sub", "aud", "jti"]) && claims["iss"] == claims["sub"] => {
                Self::ClientAssertion
            }
            () => Self::Jwt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_by_their_facts() {
        for (header, claims, want) in [
            (json!({}), json!({}), Kind::Jwt),
            (json!({ "typ": "application/AT+jwt" }), json!({}), Kind::AccessToken),
            (json!({ "typ": "JWT" }), json!({ "typ": "Refresh" }), Kind::RefreshToken),
            (json!({ "typ": "JWT" }), json!({ "token_use": "id" }), Kind::IdToken),
            (json!({ "jwk": {} }), json!({ "htm": "GET", "htu": "x" }), Kind::DpopProof),
            (
                json!({}),
                json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }),
                Kind::LogoutToken,
            ),
            (json!({}), json!({ "events": {} }), Kind::SecurityEvent),
            (json!({}), json!({ "at_hash": "x", "scope": "openid" }), Kind::IdToken),
            (json!({}), json!({ "scope": "openid" }), Kind::AccessToken),
            (json!({}), json!({ "iss": "c", "sub": "c", "aud": "x", "jti": "y" }), Kind::ClientAssertion),
            (json!([]), json!("text"), Kind::Jwt),
        ] {
            assert_eq!(Kind::of_jwt(&header, &claims), want, "{header} {claims}");
        }
    }
}
