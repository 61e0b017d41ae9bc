//! Which form a key file has: JWK, JWK set, PEM or DER. Read from its bytes, not from its name; what is in it, the
//! workbench reads.

use portcullis_control::workbench::GivenKey;

/// Something that is no key: what it is, and what to do with it.
#[derive(Debug, PartialEq, Eq)]
pub struct NoKey(pub &'static str, pub &'static str);

/// The key of a file.
///
/// # Errors
/// It has none of the forms.
pub fn given(bytes: &[u8]) -> Result<GivenKey, NoKey> {
    let text = std::str::from_utf8(bytes).map(|text| text.trim_start_matches('\u{feff}').trim());
    match text {
        Ok(text) if text.starts_with('{') => {
            // Which of the two it is decides only who reads it, strictly, afterwards.
            let is_set = serde_json::from_str::<serde_json::Value>(text)
                .is_ok_and(|json| json.get("keys").is_some() && json.get("kty").is_none());
            Ok(if is_set { GivenKey::jwks(text) } else { GivenKey::jwk(text) })
        }
        Ok(text) if text.contains("-----BEGIN ") => Ok(GivenKey::pem(text)),
        Ok(text) if text.starts_with("ssh-") || text.starts_with("ecdsa-sha2-") => {
            Err(NoKey("this is a key of OpenSSH", "convert it: `ssh-keygen -e -m PKCS8 -f FILE > key.pem`"))
        }
        Ok(text) if text.starts_with("eyJ") => {
            Err(NoKey("this is a token", "give the key here, and the token as the argument"))
        }
        // A sequence: everything in DER is one.
        _ if bytes.first() == Some(&0x30) => Ok(GivenKey::der(bytes)),
        _ => Err(NoKey(
            "this is no key: neither JWK nor PEM nor DER",
            "give a JWK, a JWK set, PEM, DER, a certificate or PKCS#12; a shared secret with `--secret-from file:PATH`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        let form = |bytes: &[u8]| {
            let key = given(bytes).unwrap();
            [key.jwk.is_some(), key.jwks.is_some(), key.pem.is_some(), key.der.is_some()]
                .iter()
                .position(|is| *is)
        };
        assert_eq!(form(b"{\"kty\":\"EC\"}"), Some(0));
        assert_eq!(form(b"{"), Some(0));
        assert_eq!(form(b"\xef\xbb\xbf {\"keys\":[]}\n"), Some(1));
        assert_eq!(form(b"# ours\n-----BEGIN CERTIFICATE-----"), Some(2));
        assert_eq!(form(b"0\x82\x01\x0a"), Some(3));
        assert!(given(b"ssh-ed25519 AAAA").unwrap_err().1.contains("ssh-keygen"));
        assert!(given(b"eyJhbGciOiJub25lIn0.e30.").unwrap_err().0.contains("token"));
        for wrong in [&b"hunter2"[..], b"\xff\xfe", b""] {
            let NoKey(what, next) = given(wrong).unwrap_err();
            assert!(next.contains("--secret-from") && !what.contains("hunter2"));
        }
    }
}
