//! The gateway passed the call, and the service behind refused it or failed.

use crate::case::Case;
use crate::cause::{self, Cause};
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::quoted;
use async_trait::async_trait;
use portcullis_fault::Code;
use portcullis_model::service::Forward;

pub(super) struct Downstream;

#[async_trait]
impl Check for Downstream {
    fn name(&self) -> &'static str {
        "downstream"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let Some(record) = &case.record else { return Seen::Nothing };
        if case.failed() == Some(Stage::Dispatch) {
            let service = record.service.as_deref().unwrap_or("?");
            let what = Code::find(case.code()).map_or(cause::DOWNSTREAM_REFUSED, Cause::from);
            return Seen::one(
                Finding::new(what, Stage::Dispatch, Likelihood::Certain, By::Operator, format!("the gateway let the call through, and service `{service}` behind it did not give an answer that could be used"))
                    .evidence(record.detail.clone().unwrap_or_default())
                    .evidence(format!("{} attempts, {} ms", record.attempts, record.timing.total / 1_000))
                    .action("check that the upstream runs and can be reached from here")
                    .command("portcullis doctor instance"),
            );
        }
        let Some(status) = record.upstream_status else { return Seen::Nothing };
        if status < 400 {
            return Seen::InOrder(format!("the service behind answered {status}"));
        }
        let service = record.service.as_deref().unwrap_or("?");
        let user = record.user.map(|user| format!("`X-User-Id: {user}`"));
        let mut finding = Finding::new(
            cause::DOWNSTREAM_REFUSED,
            Stage::Dispatch,
            Likelihood::Certain,
            By::Operator,
            format!(
                "the gateway let the call through, and service `{service}` behind it answered {status} itself"
            ),
        )
        .evidence(format!("upstream status {status}; the caller saw {}", record.status))
        .evidence(format!("it was told of the caller: {}", user.unwrap_or_else(|| "nobody".to_owned())));
        if let Some(capture) = &record.capture {
            let said: String = capture.response.chars().take(200).collect();
            finding = finding.evidence(format!("it said {}", quoted(&said)));
        }
        let action = match (status, case.service.as_ref().map(|service| service.forward)) {
            (401, Some(Forward::None)) => {
                "the service wants a credential of its own, and the gateway forwards none: set `forward = \"caller\"`, or let the service trust `X-User-Id` from the gateway"
            }
            (401 | 403, _) => {
                "look at the service's own log for this call: its own rules, or its own user table, refused it"
            }
            _ => "look at the service's own log for this call",
        };
        Seen::one(finding.action(action).command(format!("portcullis record show {}", record.id)))
    }
}
