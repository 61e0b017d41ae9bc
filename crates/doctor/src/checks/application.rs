//! A machine's token: no application here is its client, or the application is disabled.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{quoted, word};
use async_trait::async_trait;

pub(super) struct Application;

#[async_trait]
impl Check for Application {
    fn name(&self) -> &'static str {
        "application"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let machine = case.course.seen.machine.as_ref();
        let issuer = case.course.seen.issuer.as_ref().map_or("?", |name| name.as_str());
        match case.code() {
            "application_unknown" => {
                let (client, claim) = machine.cloned().unwrap_or_default();
                Seen::one(
                    Finding::new(cause::APPLICATION_UNKNOWN, Stage::Resolve, Likelihood::Certain, By::Operator, format!("this is a machine's token, and no application is its client {}", quoted(&client)))
                        .evidence(format!("`{claim}` says that it is a machine's; client of issuer `{issuer}`: {}", quoted(&client)))
                        .action("link the client to the application that it is; if a person called, correct `machine` of the issuer")
                        .command(format!("portcullis app link <application> --issuer {} --client {}", word(issuer), word(&client))),
                )
            }
            "application_disabled" => {
                let name = case
                    .course
                    .seen
                    .application
                    .as_ref()
                    .map(|application| application.name.to_string())
                    .unwrap_or_default();
                Seen::one(
                    Finding::new(
                        cause::APPLICATION_DISABLED,
                        Stage::Resolve,
                        Likelihood::Certain,
                        By::Operator,
                        format!("application {} is disabled", quoted(&name)),
                    )
                    .action("enable it, if it may call again; the audit log says who disabled it")
                    .command(format!("portcullis app enable {}", word(&name))),
                )
            }
            _ => match machine {
                Some((client, claim)) => {
                    Seen::InOrder(format!("a machine's token, by `{claim}`: client {}", quoted(client)))
                }
                None => Seen::Nothing,
            },
        }
    }
}
