//! The signature does not count: another key, the secret read in another way, altered content. What cannot be known is not
//! claimed.

use super::key_set::other_issuer;
use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{quoted, when};
use async_trait::async_trait;
use portcullis_fault::codes;
use portcullis_jose::{FindingSubject, Severity};

pub(super) struct Signature;

/// What explanation finds, who mends it, and how sure it is.
const CAUSES: [(&str, By, Likelihood); 17] = [
    ("content_altered", By::Caller, Likelihood::Certain),
    ("signed_with_known_secret", By::IssuerAdministrator, Likelihood::Certain),
    ("signature_of_other_token", By::Caller, Likelihood::Certain),
    ("signature_missing", By::Caller, Likelihood::Certain),
    ("verified_by_other_key", By::IssuerAdministrator, Likelihood::Certain),
    ("other_algorithm", By::IssuerAdministrator, Likelihood::Certain),
    ("ecdsa_der", By::IssuerAdministrator, Likelihood::Certain),
    ("secret_used_as_text", By::Operator, Likelihood::Certain),
    ("secret_line_break", By::Operator, Likelihood::Certain),
    ("secret_quoted", By::Operator, Likelihood::Certain),
    ("secret_is_base64", By::Operator, Likelihood::Certain),
    ("secret_is_hex", By::Operator, Likelihood::Certain),
    ("secret_too_short", By::Operator, Likelihood::Certain),
    ("hmac_confusion", By::IssuerAdministrator, Likelihood::Certain),
    ("signature_length", By::Caller, Likelihood::Likely),
    ("kid_other_material", By::IssuerAdministrator, Likelihood::Likely),
    ("signature_mismatch", By::Caller, Likelihood::Possible),
];

#[async_trait]
impl Check for Signature {
    fn name(&self) -> &'static str {
        "signature"
    }

    async fn examine(&self, case: &Case) -> Seen {
        if case.failed() != Some(Stage::Signature) {
            return match (&case.course.seen.signed, &case.token) {
                (Some(_), _) => Seen::InOrder("the signature counts under a key of the issuer".to_owned()),
                (None, None) => {
                    Seen::NotObservable("the signature is not kept: it stands as recorded".to_owned())
                }
                (None, Some(_)) => Seen::Nothing,
            };
        }
        let Some(token) = &case.token else {
            return Seen::NotObservable(
                "a record keeps no signature: give the token itself to find out whose it is".to_owned(),
            );
        };
        let signers = case.signers(token);
        let own = case.issuer().map(|issuer| &issuer.name);
        if let Some(signer) = signers.iter().find(|signer| Some(&signer.issuer) == own) {
            return Seen::one(rotated(case, signer));
        }
        if let Some(signer) = signers.first() {
            return Seen::one(other_issuer(case, signer, Stage::Signature));
        }
        let explained = case.explanation.iter().flat_map(|explanation| &explanation.findings);
        let about = explained.filter(|found| {
            found.severity == Severity::Error && matches!(&found.subject, FindingSubject::Part("signature"))
        });
        let findings = about.map(|found| {
            let (_, by, likelihood) = CAUSES
                .iter()
                .find(|(code, ..)| *code == found.code)
                .copied()
                .unwrap_or(("", By::IssuerAdministrator, Likelihood::Likely));
            let mut finding = Finding::new(found, Stage::Signature, likelihood, by, found.evidence.clone())
                .action(found.next)
                .page(codes::SIGNATURE_INVALID);
            if let Some(context) = case.course.refusal.as_ref().and_then(|refusal| refusal.context.clone()) {
                finding = finding.evidence(context);
            }
            if found.code == "signature_mismatch" || found.code == "kid_other_material" {
                finding = finding.evidence(
                    "whether the content was altered cannot be known for this algorithm: only RSA shows it",
                );
            }
            finding
        });
        Seen::all(findings.collect(), "nothing is known of the signature but that it does not count")
    }
}

/// A key of this issuer made it, and it is not the one that is published under that id now.
fn rotated(case: &Case, signer: &portcullis_identity::Signer) -> Finding {
    let kid = signer.kid.as_deref().map_or("none".to_owned(), quoted);
    match signer.replaced_at {
        Some(at) => Finding::new(
            cause::KEY_REPLACED_UNDER_SAME_KID,
            Stage::Signature,
            Likelihood::Certain,
            By::IssuerAdministrator,
            "the issuer has published another key under the same `kid` since the token was signed",
        )
        .evidence(format!("the signature counts under the key {kid} that was replaced {}", when(at, case.now)))
        .action("get a new token; and have the issuer give every key an id of its own: no verifier can keep two keys of one id"),
        None => Finding::new(
            cause::VERIFIED_BY_OTHER_KEY,
            Stage::Signature,
            Likelihood::Certain,
            By::IssuerAdministrator,
            "another key of the issuer than the one that the token names made the signature",
        )
        .evidence(format!("the signature counts under key {kid}"))
        .action("have the issuer write the `kid` of the key that it signs with"),
    }
    .page(codes::SIGNATURE_INVALID)
}
