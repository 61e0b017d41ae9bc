//! Pages about messages that several codes share. They are served beside the codes' pages, and a refusal never carries
//! their names.

use super::Language;
use crate::{Code, codes};

/// A message that many servers say for many reasons.
#[derive(Clone, Copy, Debug)]
pub struct Umbrella {
    /// Its name in the address. No code has it.
    pub slug: &'static str,
    /// What it can stand for, the likeliest first.
    pub codes: &'static [Code],
    english: &'static str,
    chinese: &'static str,
}

macro_rules! umbrellas {
    ($($slug:literal: [$($code:ident),+ $(,)?];)+) => {
        /// Every umbrella page.
        pub const ALL: &[Umbrella] = &[$(Umbrella {
            slug: $slug,
            codes: &[$(codes::$code),+],
            english: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors/umbrella/", $slug, ".en.md")),
            chinese: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors/umbrella/", $slug, ".zh.md")),
        }),+];
    };
}

umbrellas! {
    "user_from_sub_claim_does_not_exist": [
        USER_UNKNOWN, USER_DELETED, USER_SUSPENDED, USER_PENDING, SUBJECT_UNRESOLVED, SUBJECT_INVALID, SUBJECT_AMBIGUOUS,
        SUBJECT_MISSING, ISSUER_UNKNOWN, TENANT_UNKNOWN, RESOLUTION_UNAVAILABLE,
    ];
    "jwt_claims_validation_failed": [
        AUDIENCE_MISMATCH, ISSUER_UNKNOWN, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, TOKEN_FROM_FUTURE, TOKEN_TYPE_MISMATCH,
        CLAIM_MISSING, CLAIM_INVALID, SUBJECT_MISSING, SUBJECT_INVALID, SIGNATURE_INVALID,
    ];
    "signature_verification_failed": [
        SIGNATURE_INVALID, KEY_UNKNOWN, ALGORITHM_NOT_ALLOWED, KEYS_UNAVAILABLE, KEY_DISTRUSTED, TOKEN_MALFORMED,
    ];
    "invalid_token": [
        TOKEN_EXPIRED, SIGNATURE_INVALID, AUDIENCE_MISMATCH, ISSUER_UNKNOWN, TOKEN_MALFORMED, TOKEN_REVOKED,
        TOKEN_NOT_YET_VALID, TOKEN_FROM_FUTURE, TOKEN_TYPE_MISMATCH, TOKEN_REPLAYED, SUBJECT_UNRESOLVED, KEYS_UNAVAILABLE,
        API_KEY_INVALID,
    ];
    "unauthorized": [
        CREDENTIAL_MISSING, CREDENTIAL_MALFORMED, TOKEN_EXPIRED, SIGNATURE_INVALID, AUDIENCE_MISMATCH, ISSUER_UNKNOWN,
        SUBJECT_UNRESOLVED, API_KEY_INVALID, API_KEY_UNKNOWN,
    ];
}

impl Umbrella {
    /// The page's source, in Markdown.
    pub const fn source(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::Chinese => self.chinese,
        }
    }

    /// The message, as its page's title has it.
    pub fn title(&self, language: Language) -> &'static str {
        let first = self.source(language).lines().next().unwrap_or_default();
        first.split_once(": ").map_or(self.slug, |(_, title)| title)
    }
}

/// The umbrella page of this name.
pub fn find(slug: &str) -> Option<&'static Umbrella> {
    ALL.iter().find(|umbrella| umbrella.slug == slug)
}
