//! The algorithm is not one of the issuer's allow-list.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use async_trait::async_trait;
use portcullis_fault::codes;

pub(super) struct Algorithm;

#[async_trait]
impl Check for Algorithm {
    fn name(&self) -> &'static str {
        "algorithm"
    }

    async fn examine(&self, case: &Case) -> Seen {
        if case.failed() != Some(Stage::Algorithm) {
            return Seen::Nothing;
        }
        let alg = case.header.as_ref().and_then(|header| header.get("alg")?.as_str()).unwrap_or("none");
        if alg.eq_ignore_ascii_case("none") {
            return Seen::one(
                Finding::new(
                    cause::ALG_NONE,
                    Stage::Algorithm,
                    Likelihood::Certain,
                    By::IssuerAdministrator,
                    "the token is not signed (`alg` is `none`)",
                )
                .evidence("an unsigned token is anybody's")
                .action("have the issuer sign its tokens; no setting here accepts an unsigned one")
                .page(codes::ALGORITHM_NOT_ALLOWED),
            );
        }
        let mut finding = Finding::new(
            cause::ALGORITHM_NOT_ALLOWED,
            Stage::Algorithm,
            Likelihood::Certain,
            By::Operator,
            format!(
                "the token is signed with `{}`, which issuer `{}` may not use here",
                alg.escape_debug(),
                case.issuer().map_or("?", |issuer| issuer.name.as_str())
            ),
        );
        if let Some(issuer) = case.issuer() {
            let allowed = match issuer.algorithms.as_slice() {
                [] if issuer.secret.is_some() => "HS256, by default".to_owned(),
                [] => "RS256, ES256 and EdDSA, by default".to_owned(),
                named => named.join(", "),
            };
            finding = finding.evidence(format!("allowed: {allowed}"));
        }
        if let Some(context) = case.course.refusal.as_ref().and_then(|refusal| refusal.context.as_ref()) {
            finding = finding.evidence(context.clone());
        }
        Seen::one(
            finding
                .action("add it to `algorithms` of the issuer if the issuer means to use it; or have the issuer sign with an allowed one")
                .command("portcullis issuer list"),
        )
    }
}
