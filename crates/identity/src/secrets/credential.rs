//! Credentials that we issue: `pck_<id>_<secret>` for applications, `pco_<id>_<secret>` for operators.
//!
//! The id is the record's UUID, 32 hexadecimal digits; it finds the record and is no secret. The secret is 43 letters and
//! digits, 256 bits. No character needs quoting anywhere, and scanners for leaked keys recognise the prefix.

use portcullis_fault::Secret;
use portcullis_model::Rng;
use uuid::Uuid;
use zeroize::Zeroize;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 is just above 2^256.
const SECRET_LEN: usize = 43;
const ID_LEN: usize = 32;

/// A credential, whole. Never shown by accident.
#[derive(Clone, Debug)]
pub struct Credential {
    prefix: &'static str,
    id: Uuid,
    secret: Secret<String>,
}

impl Credential {
    /// A new one for the record `id`.
    pub fn new(prefix: &'static str, id: Uuid, rng: &dyn Rng) -> Self {
        let mut secret = String::with_capacity(SECRET_LEN);
        let mut draw = [0; 64];
        while secret.len() < SECRET_LEN {
            rng.fill(&mut draw);
            // 248 is the largest multiple of 62 in a byte: above it some characters would be likelier.
            let usable = draw
                .iter()
                .filter(|byte| **byte < 248)
                .map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
            secret.extend(usable.take(SECRET_LEN - secret.len()));
        }
        draw.zeroize();
        Self { prefix, id, secret: Secret::new(secret) }
    }

    /// Takes `<prefix>_<id>_<secret>` apart; nothing when it is not exactly of that form.
    pub fn parse(prefix: &'static str, text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(prefix)?.strip_prefix('_')?.split_once('_')?;
        let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if id.len() != ID_LEN || !id.bytes().all(lower_hex) {
            return None;
        }
        if secret.len() != SECRET_LEN || !secret.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        Some(Self { prefix, id: Uuid::try_parse(id).ok()?, secret: Secret::new(secret.to_owned()) })
    }

    /// The record that it belongs to.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// All of it, to be shown once.
    pub fn text(&self) -> Secret<String> {
        Secret::new(format!("{}_{}_{}", self.prefix, self.id.as_simple(), self.secret.expose()))
    }

    /// What is hashed: kind, id and secret, so that a hash is worth nothing in another row or another table.
    pub(super) fn parts(&self) -> [&[u8]; 4] {
        [self.prefix.as_bytes(), b"\0", self.id.as_bytes(), self.secret.expose().as_bytes()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SystemRng;

    #[test]
    fn both_ways_and_nothing_else() {
        let id = Uuid::from_u128(7);
        let made = Credential::new("pck", id, &SystemRng::new());
        let text = made.text();
        let text = text.expose();
        assert!(
            text.starts_with("pck_00000000000000000000000000000007_") && text.len() == 80,
            "{}",
            text.len()
        );
        let read = Credential::parse("pck", text).unwrap();
        assert_eq!((read.id(), read.parts()), (id, made.parts()));
        assert!(!format!("{made:?}").contains(made.secret.expose()));
        for wrong in [
            text.replacen("pck", "pco", 1),
            text.to_uppercase(),
            text[..79].to_owned(),
            format!("{text}x"),
            text.replace("0007_", "000g_"),
            format!("{}é", &text[..78]),
            "pck__".to_owned(),
            "pck_' OR 1=1 --_x".to_owned(),
        ] {
            assert!(Credential::parse("pck", &wrong).is_none(), "{wrong}");
        }
    }

    #[derive(Debug)]
    struct Extreme;

    impl Rng for Extreme {
        fn fill(&self, bytes: &mut [u8]) {
            for (n, byte) in bytes.iter_mut().enumerate() {
                *byte = if n % 2 == 0 { 255 } else { 61 };
            }
        }
    }

    #[test]
    fn biased_bytes_are_drawn_again() {
        let made = Credential::new("pck", Uuid::nil(), &Extreme);
        assert_eq!(*made.secret.expose(), "z".repeat(43));
    }
}
