//! What makes two keys the same key (RFC 7638), and the identifier that names the key itself (RFC 9278).

use super::super::given::{GivenKey, read};
use super::super::hidden::unseen;
use super::super::{At, Problem};
use serde::{Deserialize, Serialize};

/// Keys to name.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ThumbprintRequest)]
pub struct Request {
    /// The keys.
    pub keys: Vec<GivenKey>,
}

/// Their names, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ThumbprintAnswer)]
pub struct Answer {
    /// One per key.
    pub thumbprints: Vec<Thumbprint>,
}

/// The name of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Thumbprint {
    /// Which key, as the request has it: `keys[0]`, `keys[0].keys[3]`.
    pub key: String,
    /// Its `kid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The digest, SHA-256, base64url.
    pub thumbprint: String,
    /// The same as a URI (RFC 9278).
    pub uri: String,
    /// Whether it is of a shared secret: then it helps to guess the secret, and is not to be published (RFC 7638 §7).
    pub secret: bool,
}

unseen!(Request);

/// Names keys.
///
/// # Errors
/// A key is not what it should be.
pub fn run(request: &Request, at: &At) -> Result<Answer, Problem> {
    let keys = read("keys", &request.keys, at, at.now)?;
    let one = |entry: &super::super::given::Entry| {
        let key = entry.jwk()?;
        Ok(Thumbprint {
            key: entry.place.clone(),
            kid: key.kid().map(str::to_owned),
            thumbprint: key.thumbprint_text(),
            uri: key.thumbprint_uri(),
            secret: key.to_public().is_none(),
        })
    };
    Ok(Answer { thumbprints: keys.entries.iter().map(one).collect::<Result<_, Problem>>()? })
}

#[cfg(test)]
mod tests {
    use super::super::super::at::tests::at;
    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        // RFC 7638 §3.1.
        let jwk = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
        let request = Request { keys: vec![GivenKey::jwk(jwk), GivenKey::secret(b"x")] };
        let prints = run(&request, &at()).unwrap().thumbprints;
        assert_eq!(prints[0].thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert!(prints[0].uri.starts_with("urn:ietf:params:oauth:jwk-thumbprint:sha-256:Nzb"));
        assert_eq!((prints[0].kid.as_deref(), prints[0].secret), (Some("2011-04-29"), false));
        assert_eq!((prints[1].key.as_str(), prints[1].secret), ("keys[1]", true));
    }
}
