//! The directory: does it answer, how fast, is the breaker open.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::when;
use async_trait::async_trait;
use std::time::Instant;

pub(super) struct Source;

/// Slower than this is worth knowing, in milliseconds.
const SLOW: u128 = 200;

#[async_trait]
impl Check for Source {
    fn name(&self) -> &'static str {
        "directory"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let began = Instant::now();
        let ping = case.store.ping().await;
        let took = began.elapsed().as_millis();
        let state = case.probe.as_ref().map(|probe| probe.directory());
        // Whose subject is looked up in a user source was refused for that one's sake, if our own directory answers.
        let outside =
            case.course.caller.as_ref().is_some_and(|caller| case.identity.source_of(caller).is_some());
        let refused = matches!(case.code(), "resolution_unavailable" | "resolution_overloaded");
        let likelihood = if refused { Likelihood::Certain } else { Likelihood::Aside };
        let context =
            case.course.refusal.as_ref().filter(|_| refused).and_then(|refusal| refusal.context.clone());
        let finding = |code, summary: String| {
            let finding = Finding::new(code, Stage::Resolve, likelihood, By::Operator, summary)
                .action("check the database of `[storage]`, its address, and the network between; callers are told 503 meanwhile, never that they do not exist")
                .command("portcullis doctor instance");
            context.iter().fold(finding, |finding, context| finding.evidence(context.clone()))
        };
        let mut findings = Vec::new();
        if let Some(state) = &state {
            if let Some(until) = state.open_until {
                findings.push(
                    finding(
                        cause::BREAKER_OPEN,
                        format!(
                            "the directory failed {} times in a row and is left alone for a while",
                            state.failures
                        ),
                    )
                    .evidence(format!("until {}", when(until, case.now)))
                    .evidence(state.last_error.clone().unwrap_or_default()),
                );
            }
            if state.deaf {
                findings.push(
                    Finding::new(
                        cause::EVENT_STREAM_LOST,
                        Stage::Resolve,
                        Likelihood::Aside,
                        By::Operator,
                        "this node does not hear of changes in the directory; it asks again for everybody",
                    )
                    .action("check the connection to the database: it is restored by itself"),
                );
            }
        }
        let aside = |finding: &Finding| finding.likelihood == Likelihood::Aside;
        match ping {
            Err(error) => findings.push(
                finding(cause::DIRECTORY_UNREACHABLE, "the directory does not answer".to_owned())
                    .evidence(error.to_string())
                    .evidence(format!("after {took} ms")),
            ),
            Ok(()) if took > SLOW => findings.push(finding(
                cause::DIRECTORY_SLOW,
                format!("the directory took {took} ms to answer a ping"),
            )),
            Ok(()) if refused && !outside && findings.iter().all(aside) => findings.push(
                finding(
                    cause::DIRECTORY_WAS_UNREACHABLE,
                    "the directory could not be asked at that moment, and answers now".to_owned(),
                )
                .evidence(format!("it answered in {took} ms")),
            ),
            Ok(()) => {}
        }
        let breaker = if state.is_some() {
            "the breaker is closed"
        } else {
            "the breaker is not observable without a running process"
        };
        Seen::all(findings, format!("it answered in {took} ms; {breaker}"))
    }
}
