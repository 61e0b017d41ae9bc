//! A Google service account: the signed assertion that Vertex AI's access tokens are got with (RFC 7523 §2.1).
//!
//! Pure: the key file's text and the time go in, the grant's body comes out, and the token is read from the answer. Not here:
//! the request itself and how long its token is kept (`tokens.rs`).

mod tokens;

pub(crate) use tokens::{Account, Tokens};

use portcullis_fault::Secret;
use portcullis_jose::{Alg, Jwk, Protected, SigningKey, encode};
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use url::{Host, Url};

/// What a token is for: everything that the account may do in the cloud.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Seconds that an assertion is good for; an hour is the most that is taken.
const LIFETIME: i64 = 3600;

/// A service account, as its key file has it.
pub struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    token_url: Url,
    key: SigningKey,
}

/// A token, and how long it is good for.
#[derive(Debug)]
pub struct AccessToken {
    /// What goes behind `Bearer`.
    pub token: Secret<String>,
    /// From when it was given.
    pub lifetime: Duration,
}

/// What is wrong with a key file, or with the answer to a grant. Repeats nothing of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a JSON object.
    #[error("the service account's key is not the JSON file that the cloud console gives")]
    NotJson,
    /// A key of another kind.
    #[error("the key's `type` must be `service_account`")]
    Kind,
    /// A member is missing.
    #[error("a member is missing in the service account's key, `{0}`")]
    Missing(&'static str),
    /// The private key cannot be read.
    #[error("the service account's `private_key` is not an RSA key in PEM")]
    Key,
    /// The address is no https, nor on this machine.
    #[error("the service account's `token_uri` must begin with `https://`")]
    TokenUrl,
    /// The cryptographic library refused.
    #[error("the assertion could not be signed")]
    Sign,
    /// The answer has no token.
    #[error("the answer to the service account's grant has no `access_token`")]
    NoToken,
}

impl ServiceAccount {
    /// Reads the file that the cloud console gives.
    pub fn read(file: &Secret<String>) -> Result<Self, Error> {
        let file: Value = serde_json::from_str(file.expose()).map_err(|_| Error::NotJson)?;
        let text = |name: &'static str| file[name].as_str().ok_or(Error::Missing(name));
        if !file.is_object() {
            return Err(Error::NotJson);
        }
        if text("type")? != "service_account" {
            return Err(Error::Kind);
        }
        let token_url = file["token_uri"].as_str().unwrap_or("https://oauth2.googleapis.com/token");
        let token_url = Url::parse(token_url).map_err(|_| Error::TokenUrl)?;
        if token_url.scheme() != "https" && !is_here(&token_url) {
            return Err(Error::TokenUrl);
        }
        let key = Jwk::from_pem(text("private_key")?.as_bytes()).map_err(|_| Error::Key)?;
        Ok(Self {
            email: text("client_email")?.to_owned(),
            key_id: file["private_key_id"].as_str().map(str::to_owned),
            token_url,
            key: key.signing_key(Some(Alg::RS256)).map_err(|_| Error::Key)?,
        })
    }

    /// Where the grant is sent.
    pub fn token_url(&self) -> &Url {
        &self.token_url
    }

    /// The grant's body, `application/x-www-form-urlencoded`; `now` in seconds since 1970.
    pub fn grant(&self, now: i64) -> Result<Secret<String>, Error> {
        let assertion = self.assertion(now)?;
        // base64url and dots need no encoding.
        Ok(Secret::new(format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
        )))
    }

    fn assertion(&self, now: i64) -> Result<String, Error> {
        let claims = serde_json::json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_url.as_str(),
            "iat": now,
            "exp": now.saturating_add(LIFETIME),
        });
        let mut header = Protected::new().typ("JWT");
        if let Some(key_id) = &self.key_id {
            header = header.kid(key_id.as_str());
        }
        encode(&header, claims.to_string().as_bytes(), &self.key).map_err(|_| Error::Sign)
    }

    /// Reads the answer to a grant.
    pub fn token(answer: &[u8]) -> Result<AccessToken, Error> {
        let answer: Value = serde_json::from_slice(answer).map_err(|_| Error::NoToken)?;
        let token =
            answer["access_token"].as_str().filter(|token| !token.is_empty()).ok_or(Error::NoToken)?;
        let seconds = answer["expires_in"].as_u64().unwrap_or(0);
        Ok(AccessToken { token: Secret::new(token.to_owned()), lifetime: Duration::from_secs(seconds) })
    }
}

/// Whether it is plain HTTP to this machine.
fn is_here(url: &Url) -> bool {
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    url.scheme() == "http" && here
}

impl fmt::Debug for ServiceAccount {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").field("email", &self.email).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_jose::{Algs, Unverified};
    use serde_json::json;

    const KEY: &str = include_str!("../../../../fuzz/keys/rsa.pem");

    fn file() -> Value {
        json!({
            "type": "service_account",
            "private_key_id": "kid-1",
            "private_key": KEY,
            "client_email": "gateway@project.iam.gserviceaccount.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        })
    }

    fn read(file: &Value) -> Result<ServiceAccount, Error> {
        ServiceAccount::read(&Secret::new(file.to_string()))
    }

    #[test]
    fn the_assertion_verifies_and_says_who_and_until_when() {
        let account = read(&file()).unwrap();
        let grant = account.grant(1_800_000_000).unwrap();
        let assertion = grant.expose().split_once("&assertion=").unwrap().1;
        let unverified = Unverified::parse(assertion).unwrap();
        assert_eq!(unverified.kid(), Some("kid-1"));
        let verified = unverified.verify(&account.key.verifying_key(), Algs::of(&[Alg::RS256])).unwrap();
        let claims: Value = serde_json::from_str(verified.claims().json()).unwrap();
        assert_eq!(
            claims,
            json!({
                "iss": "gateway@project.iam.gserviceaccount.com",
                "scope": SCOPE,
                "aud": "https://oauth2.googleapis.com/token",
                "iat": 1_800_000_000,
                "exp": 1_800_003_600,
            })
        );
        assert!(!format!("{account:?}").contains("PRIVATE"));
    }

    #[test]
    fn each_wrong_key_file_is_named() {
        let with = |name: &str, value: Value| {
            let mut file = file();
            file[name] = value;
            read(&file).unwrap_err()
        };
        assert_eq!(with("type", json!("authorized_user")), Error::Kind);
        assert_eq!(with("client_email", Value::Null), Error::Missing("client_email"));
        assert_eq!(with("private_key", json!("none")), Error::Key);
        assert_eq!(with("private_key", json!(include_str!("../../../../fuzz/keys/ec.pem"))), Error::Key);
        for url in ["http://evil.example", "http://127.0.0.1.evil.example", "ftp://127.0.0.1", "token"] {
            assert_eq!(with("token_uri", json!(url)), Error::TokenUrl, "{url}");
        }
        for text in ["", "[]", "{"] {
            assert_eq!(
                ServiceAccount::read(&Secret::new(text.to_owned())).unwrap_err(),
                Error::NotJson,
                "{text}"
            );
        }
    }

    #[test]
    fn tokens_are_read_and_not_shown() {
        let token =
            ServiceAccount::token(br#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#)
                .unwrap();
        assert_eq!((token.token.expose().as_str(), token.lifetime.as_secs()), ("ya29.x", 3599));
        assert!(!format!("{token:?}").contains("ya29"));
        for answer in [&b""[..], b"{}", b"{\"access_token\":\"\"}", b"{\"error\":\"invalid_grant\"}"] {
            assert_eq!(ServiceAccount::token(answer).unwrap_err(), Error::NoToken);
        }
    }
}
