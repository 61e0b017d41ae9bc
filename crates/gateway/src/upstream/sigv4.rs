//! AWS Signature Version 4, for calls to Amazon Bedrock: a request, keys and a time in, headers out.
//!
//! With keys that the configuration names. Not here: profiles, roles of instances and containers, single sign-on; they need
//! calls of their own and files that are AWS's.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderName, HeaderValue};
use portcullis_fault::{Fault, codes};
use portcullis_model::Timestamp;
use portcullis_model::provider::Aws;
use portcullis_model::secret_ref::{SecretRef, SecretSource};
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// As Bedrock is named in signatures.
const SERVICE: &str = "bedrock";

/// Keys of an AWS account, and the region that they are used in.
pub(crate) struct Signer {
    keys: Credentials,
    region: Box<str>,
}

/// What is signed: exactly what is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    /// `https://host/path?query`, percent-encoded as it is sent.
    pub(crate) url: &'a str,
    pub(crate) content_type: &'a str,
    /// SHA-256 of the body.
    pub(crate) digest: [u8; 32],
}

impl Signer {
    /// With the keys of the configuration; what is wrong with them, by member.
    pub(crate) fn new(aws: &Aws, secrets: &dyn SecretSource) -> Result<Self, Vec<(&'static str, String)>> {
        let mut problems = Vec::new();
        let mut read = |member: &'static str, reference: &SecretRef| match secrets.read(reference) {
            Err(error) => {
                problems.push((member, error));
                String::new()
            }
            Ok(secret) => match std::str::from_utf8(secret.expose()) {
                Ok(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                    text.to_owned()
                }
                _ => {
                    problems
                        .push((member, "this is no key of AWS: it is empty, or has spaces in it".to_owned()));
                    String::new()
                }
            },
        };
        let id = read("access_key_id", &aws.access_key_id);
        let secret = read("secret_access_key", &aws.secret_access_key);
        let token = aws.session_token.as_ref().map(|reference| read("session_token", reference));
        if !is_region(&aws.region) {
            problems.push((
                "region",
                format!("this is no region, as `us-east-1`: `{}`", aws.region.escape_debug()),
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let keys = Credentials::new(id, secret, token, None, "portcullis");
        Ok(Self { keys, region: aws.region.as_str().into() })
    }

    /// The headers that sign `request` at `now`: `authorization`, `x-amz-date`, and `x-amz-security-token` for keys that
    /// have one. Signed are method, path, query, host, content type and body.
    pub(crate) fn sign(
        &self,
        request: Unsigned<'_>,
        now: Timestamp,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Fault> {
        let failed = |why: String| Fault::new(codes::INTERNAL).context(format!("no AWS signature: {why}"));
        let identity = self.keys.clone().into();
        let micros = u64::try_from(now.micros()).unwrap_or(0);
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(UNIX_EPOCH + Duration::from_micros(micros))
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let headers = [("content-type", request.content_type)];
        let signable = SignableRequest::new(
            request.method,
            request.url,
            headers.into_iter(),
            SignableBody::Precomputed(request.digest.iter().map(|byte| format!("{byte:02x}")).collect()),
        )
        .map_err(|error| failed(error.to_string()))?;
        let signed =
            sign(signable, &SigningParams::V4(parameters)).map_err(|error| failed(error.to_string()))?;
        let (instructions, _) = signed.into_parts();
        instructions
            .headers()
            .map(|(name, value)| {
                let name = HeaderName::try_from(name).map_err(|error| failed(error.to_string()))?;
                let mut value = HeaderValue::try_from(value).map_err(|error| failed(error.to_string()))?;
                value.set_sensitive(true);
                Ok((name, value))
            })
            .collect()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Whether it can stand in a host name.
fn is_region(region: &str) -> bool {
    (1..=32).contains(&region.len())
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_fault::Secret;
    use serde_json::Value;

    /// Secrets as they are written after `env:`.
    struct Plain;

    impl SecretSource for Plain {
        fn read(&self, reference: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
            match reference {
                SecretRef::Env(text) => Ok(Secret::new(text.clone().into_bytes())),
                other => Err(format!("cannot read {other}")),
            }
        }
    }

    fn aws(region: &str, id: &str, secret: &str, token: Option<&str>) -> Aws {
        let reference = |text: &str| SecretRef::Env(text.to_owned());
        Aws {
            region: region.to_owned(),
            access_key_id: reference(id),
            secret_access_key: reference(secret),
            session_token: token.map(reference),
        }
    }

    /// Against botocore's own signer: see `tests/fixtures/sigv4/make.py`.
    #[test]
    fn signs_as_botocore_does() {
        let document: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/sigv4/vectors.json")).unwrap();
        let vectors = document["vectors"].as_array().unwrap();
        assert!(vectors.len() >= 100);
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().unwrap();
            let token = vector["token"].as_str();
            let signer =
                Signer::new(&aws(text("region"), text("id"), text("secret"), token), &Plain).unwrap();
            let unsigned = Unsigned {
                method: text("method"),
                url: text("url"),
                content_type: "application/json",
                digest: portcullis_jose::sha256(text("body").as_bytes()),
            };
            let now = Timestamp::parse_rfc3339(text("time")).unwrap();
            let headers = signer.sign(unsigned, now).unwrap();
            let header = |name: &str| {
                let found = headers.iter().find(|(there, _)| there == name);
                found.map(|(_, value)| value.to_str().unwrap())
            };
            assert_eq!(header("authorization"), vector["authorization"].as_str(), "{}", text("url"));
            assert_eq!(header("x-amz-date"), vector["date"].as_str());
            assert_eq!(header("x-amz-security-token"), token);
            assert_eq!(headers.len(), 2 + usize::from(token.is_some()));
            assert!(headers.iter().all(|(_, value)| value.is_sensitive()));
        }
    }

    #[test]
    fn keys_that_are_none_are_told_and_not_shown() {
        let problems = Signer::new(&aws("EU west", "AKIA 1", "", None), &Plain).unwrap_err();
        let members: Vec<_> = problems.iter().map(|(member, _)| *member).collect();
        assert_eq!(members, ["access_key_id", "secret_access_key", "region"]);
        assert!(problems.iter().all(|(_, why)| !why.contains("AKIA")));
        let signer = Signer::new(&aws("eu-west-1", "AKIAX", "geheim", Some("token")), &Plain).unwrap();
        assert_eq!(format!("{signer:?}"), "Signer { region: \"eu-west-1\", .. }");
    }
}
