//! Shared secrets: too short, too regular, or known to everybody.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::finding::{Finding, Severity, Subject};
use crate::jws::sha256;

/// The weakest HMAC has a hash of this many bytes.
const LEAST: usize = 32;

/// Secrets that stand in standards, tutorials, templates and the documentation of libraries. As text, folded to lower
/// case; whoever looks for weak tokens tries these first.
const KNOWN: &[&str] = &[
    "secret",
    "secretkey",
    "secret_key",
    "secret-key",
    "secret123",
    "mysecret",
    "my_secret",
    "my-secret",
    "mysecretkey",
    "my_secret_key",
    "my-secret-key",
    "mysupersecretkey",
    "supersecret",
    "supersecretkey",
    "super-secret",
    "super_secret",
    "topsecret",
    "top-secret",
    "verysecret",
    "jwtsecret",
    "jwt_secret",
    "jwt-secret",
    "jwt_secret_key",
    "jwt-secret-key",
    "your_jwt_secret",
    "your-jwt-secret",
    "your_secret_key",
    "your-secret-key",
    "yoursecretkey",
    "your-256-bit-secret",
    "your-384-bit-secret",
    "your-512-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-384-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    "shhhhh",
    "shhh",
    "keyboard cat",
    "changeme",
    "change_me",
    "change-me",
    "changeit",
    "change-this-secret",
    "replace_me",
    "password",
    "password1",
    "passw0rd",
    "default",
    "example",
    "example_key",
    "test",
    "testsecret",
    "test_secret",
    "test-secret",
    "testing",
    "dev",
    "development",
    "key",
    "private",
    "privatekey",
    "token",
    "hello",
    "helloworld",
    "admin",
    "root",
    "qwerty",
    "letmein",
    "abc123",
    "123456",
    "12345678",
    "1234567890",
    "0123456789abcdef",
    "00000000000000000000000000000000",
    "12345678901234567890123456789012",
    "0123456789abcdef0123456789abcdef",
    "abcdefghijklmnopqrstuvwxyz",
    "abcdefghijklmnopqrstuvwxyz123456",
    "qwertyuiopasdfghjklzxcvbnm123456",
    "thisisasecret",
    "this is a secret",
    "this-is-a-secret",
    "thisismysecretkey",
    "some-secret",
    "some_secret",
    "notasecret",
    "not-a-secret",
    "unsafe-secret",
    "insecure",
    "super-secret-jwt-token-with-at-least-32-characters-long",
];

/// Keys of the RFCs and their cookbooks, as base64url.
const STANDARDS: &[&str] = &[
    // RFC 7515 A.1, RFC 7797, RFC 7517 A.3
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    // RFC 7516 A.3
    "GawgguFyGrWKav7AX4VKUg",
    // RFC 7520 §3.5, §3.6, §5.7
    "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
    "AAPapAv4LbFbiVawEjagUBluYqN5rhna-8nuldDvOx8",
    "qC57l_uxcm7Nm3K-ct4GFjx8tM1U8CZ0NLBvdQstiS8",
    "XctOhJAkA-pD9Lh7ZgW_2A",
    "GZy6sIZ6wl9NJOKB-jnmVQ",
];

pub(super) fn audit(secret: &[u8], needed: Option<usize>, subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |severity, code, evidence: String, next| {
        findings.push(Finding::new(severity, code, subject.clone(), evidence, next));
    };
    const REPLACE: &str =
        "make a new one from a random source, as long as the hash: `portcullis jose key generate`";
    if is_known(secret) {
        say(
            Severity::Error,
            "secret_known",
            "the secret stands in tutorials, templates or standards".into(),
            "treat it as public: replace it at once, and refuse what it signed",
        );
    }
    let needed = needed.unwrap_or(LEAST);
    if secret.len() < needed {
        say(
            Severity::Error,
            "secret_too_short",
            format!("{} bytes, at least {needed} are needed", secret.len()),
            REPLACE,
        );
    }
    if crate::jwk::looks_like_key(secret) {
        say(
            Severity::Error,
            "secret_is_key",
            "the secret is the text or structure of a key or certificate".into(),
            "configure the public key as such: whoever has it could forge every token",
        );
    }
    let strength = strength(secret);
    if strength < 80.0 {
        say(
            Severity::Error,
            "secret_guessable",
            format!(
                "about {strength:.0} bits of entropy at most, judged by the characters used and repeated"
            ),
            REPLACE,
        );
    } else if strength < 8.0 * needed.min(secret.len()) as f64 * 0.6
        && secret.iter().all(|byte| (b' '..=b'~').contains(byte))
    {
        say(
            Severity::Warning,
            "secret_is_text",
            format!("printable text with about {strength:.0} bits of entropy at most"),
            "fewer bits are in it than in random bytes of that length; was it meant as base64 or hex?",
        );
    }
    findings
}

/// Whether everybody knows it, as it is or in another spelling.
pub(crate) fn is_known(secret: &[u8]) -> bool {
    let text = |bytes: &[u8]| {
        let folded = String::from_utf8_lossy(bytes.trim_ascii()).to_lowercase();
        KNOWN.contains(&&*folded)
    };
    let decoded =
        [STANDARD.decode(secret.trim_ascii()).ok(), URL_SAFE_NO_PAD.decode(secret.trim_ascii()).ok()];
    let standard = |bytes: &[u8]| {
        let digest = sha256(bytes);
        STANDARDS.iter().any(|known| {
            digest == sha256(known.as_bytes())
                || URL_SAFE_NO_PAD.decode(known).is_ok_and(|known| digest == sha256(&known))
        })
    };
    text(secret) || standard(secret) || decoded.iter().flatten().any(|bytes| text(bytes) || standard(bytes))
}

/// Every known secret as bytes, for trying them on a signature.
pub(crate) fn known() -> impl Iterator<Item = Vec<u8>> {
    let standards = STANDARDS.iter().filter_map(|known| URL_SAFE_NO_PAD.decode(known).ok());
    KNOWN.iter().map(|known| known.as_bytes().to_vec()).chain(standards)
}

/// An upper bound of the entropy in bits: by how often each byte occurs, by the length of its shortest period, and by
/// runs that count up, down or stand still.
fn strength(secret: &[u8]) -> f64 {
    if secret.is_empty() {
        return 0.0;
    }
    let period = (1..=secret.len() / 2)
        .take(64)
        .find(|period| secret.iter().zip(&secret[*period..]).all(|(a, b)| a == b))
        .unwrap_or(secret.len());
    let unit = &secret[..period];
    let mut counts = [0usize; 256];
    for byte in unit {
        counts[usize::from(*byte)] += 1;
    }
    let len = unit.len() as f64;
    let shannon: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| -(*count as f64 / len).log2() * *count as f64)
        .sum();
    let steps = unit.windows(3).filter(|three| {
        let (a, b) = (three[1].wrapping_sub(three[0]), three[2].wrapping_sub(three[1]));
        a == b && matches!(a, 0 | 1 | 255)
    });
    let free = 1.0 - steps.count() as f64 / len;
    // Few bytes cannot show more variety than their number allows, so a short random key is given its alphabet.
    let alphabet = match unit {
        _ if unit.iter().all(u8::is_ascii_digit) => 3.33,
        _ if unit.iter().all(u8::is_ascii_hexdigit) => 4.0,
        _ if unit.iter().all(u8::is_ascii_lowercase) || unit.iter().all(u8::is_ascii_uppercase) => 4.7,
        _ if unit.iter().all(|byte| (b' '..=b'~').contains(byte)) => 6.0,
        _ => 8.0,
    };
    let varied = shannon / len > 0.75 * len.log2().min(alphabet);
    let bits = if varied { alphabet * len } else { shannon };
    bits * free
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(secret: &[u8]) -> Vec<&'static str> {
        audit(secret, None, &Subject::Input).iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn random_secrets_are_left_alone() {
        for len in [32, 48, 64] {
            for _ in 0..50 {
                let mut secret = vec![0; len];
                aws_lc_rs::rand::fill(&mut secret).unwrap();
                assert_eq!(codes(&secret), Vec::<&str>::new());
            }
        }
    }

    #[test]
    fn what_everybody_knows_is_known_in_every_spelling() {
        for secret in ["secret", "SECRET", "secret\n", "c2VjcmV0", "your-256-bit-secret", "shhhhh"] {
            assert!(codes(secret.as_bytes()).contains(&"secret_known"), "{secret}");
        }
        assert!(codes(STANDARDS[0].as_bytes()).contains(&"secret_known"));
        assert!(codes(&URL_SAFE_NO_PAD.decode(STANDARDS[0]).unwrap()).contains(&"secret_known"));
    }

    #[test]
    fn regular_secrets_are_guessable() {
        for secret in [
            &[0u8; 32][..],
            &[0xff; 64],
            b"abababababababababababababababababababab",
            b"0123456789012345678901234567890123456789",
            b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
            &(0..64).collect::<Vec<u8>>(),
            b"secretsecretsecretsecretsecretsecretsecret",
        ] {
            assert!(codes(secret).contains(&"secret_guessable"), "{secret:?}");
        }
        assert!(codes(b"short").contains(&"secret_too_short"));
        assert!(
            codes(b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE")
                .contains(&"secret_is_key")
        );
    }
}
