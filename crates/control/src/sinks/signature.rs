//! Signatures as the Standard Webhooks specification has them: HMAC-SHA256 over `id.timestamp.body`, base64, behind `v1,`;
//! several with blanks between while a secret is changed.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis_model::Timestamp;

/// What notices are signed with.
pub struct Signer(Vec<hmac::Key>);

impl Signer {
    /// With these secrets, the newest first.
    pub fn new(keys: Vec<hmac::Key>) -> Self {
        Self(keys)
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let signed = [id.as_bytes(), b".", at.seconds().to_string().as_bytes(), b".", body].concat();
        let one = |key| format!("v1,{}", STANDARD.encode(hmac::sign(key, &signed)));
        self.0.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

/// A secret as it is handed around: `whsec_` and the base64 of 24 to 64 bytes. The error does not repeat it.
pub fn key(secret: &[u8]) -> Result<hmac::Key, String> {
    let wrong = "a webhook's secret is `whsec_` and the base64 of 24 to 64 random bytes; `openssl rand -base64 32` makes the second part";
    let text = secret.trim_ascii().strip_prefix(b"whsec_").ok_or(wrong)?;
    let bytes = STANDARD.decode(text).map_err(|_| wrong)?;
    if !(24..=64).contains(&bytes.len()) {
        return Err(format!("{wrong}; this one has {}", bytes.len()));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // Computed with Python's `hmac` over `msg_1.1614265330.{"test": 1}`.
        let old = key(b"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz").unwrap();
        let new = key(b"whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4").unwrap();
        let at = Timestamp::from_seconds(1_614_265_330);
        let body = br#"{"test": 1}"#;
        assert_eq!(
            Signer::new(vec![old.clone()]).sign("msg_1", at, body),
            "v1,SoPrr2Nhf+eZ6BHoQhnfZur0xz/4HvC4ioVh7kwScQY="
        );
        assert_eq!(
            Signer::new(vec![new, old]).sign("msg_1", at, body),
            "v1,hKxBf3pzHn4tuZq5a6tiK1DiznsjqZkBXwh0JqCrvJ8= v1,SoPrr2Nhf+eZ6BHoQhnfZur0xz/4HvC4ioVh7kwScQY="
        );
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_repeated() {
        for wrong in [&b"hunter2"[..], b"whsec_", b"whsec_hunter2!", b"whsec_aHVudGVyMg==", b""] {
            let error = key(wrong).unwrap_err();
            assert!(!error.contains("hunter2") && error.contains("whsec_"), "{error}");
        }
    }
}
