//! A second deployment asked beside the first, when the first is silent for too long: whoever begins to answer first is heard,
//! and the other is hung up on. Before the first byte, and once for a call.
//!
//! What is hung up on may be billed all the same. So only what says something again and does nothing is ever asked twice:
//! conversations that run no tool at the provider and keep nothing there, embeddings, rankings and counts.

use super::{Failed, Journey, Stop};
use crate::meter::{Answer, estimate};
use crate::record::Recording;
use crate::upstream::ai::Deployment;
use crate::upstream::ai::route::{Draw, Target};
use portcullis_identity::ModelPermit;
use portcullis_llm::dialect::Operation;
use std::time::Duration;

/// Two deployments, by their places in a model, and when the second is asked.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    first: usize,
    second: usize,
    after: Duration,
}

/// How a race ended.
pub(super) struct Race {
    pub(super) outcome: Result<Answer, Stop>,
    /// Whether the second was asked.
    pub(super) both: bool,
}

/// Who was heard.
enum Heard {
    First(Answer),
    Second(Answer),
    Neither(Stop, Stop),
}

impl<'a> Journey<'a> {
    /// Who would be asked beside the `i`th of `order`; nobody, where nothing is to be asked twice.
    pub(super) fn beside(&self, target: &Target, order: &[usize], i: usize) -> Option<Pair> {
        let (first, second, after) = (*order.get(i)?, *order.get(i + 1)?, target.hedge?);
        (!self.hedged && self.may_be_doubled()).then_some(Pair { first, second, after })
    }

    fn may_be_doubled(&self) -> bool {
        match self.call.served.operation {
            Operation::Embeddings | Operation::Rerank | Operation::CountTokens => true,
            Operation::Chat => self.facts.acts == Some(false),
            _ => false,
        }
    }

    /// Asks the first, and after a while the second as well.
    pub(super) async fn race(
        &mut self,
        permit: &ModelPermit,
        target: &Target,
        pair: Pair,
        recording: &mut Recording,
    ) -> Race {
        let mut aside = recording.aside();
        let mut branch = self.branch();
        // That others stand by makes both wait for a first byte: a head alone does not win.
        let heard = {
            let mut first = Box::pin(self.deployment(permit, target, pair.first, true, recording));
            tokio::select! {
                biased;
                outcome = &mut first => return Race { outcome, both: false },
                () = tokio::time::sleep(pair.after) => {}
            }
            let mut second = Box::pin(branch.deployment(permit, target, pair.second, true, &mut aside));
            tokio::select! {
                biased;
                outcome = &mut first => match outcome {
                    Ok(answer) => Heard::First(answer),
                    Err(stop) => match second.await {
                        Ok(answer) => Heard::Second(answer),
                        Err(other) => Heard::Neither(stop, other),
                    },
                },
                outcome = &mut second => match outcome {
                    Ok(answer) => Heard::Second(answer),
                    Err(other) => match first.await {
                        Ok(answer) => Heard::First(answer),
                        Err(stop) => Heard::Neither(stop, other),
                    },
                },
            }
            // Whoever is not heard is dropped here, and with it its connection.
        };
        self.hedged = true;
        let (first, second) = (&target.deployments[pair.first], &target.deployments[pair.second]);
        let won = match &heard {
            Heard::First(_) => "lost",
            Heard::Second(_) => "won",
            Heard::Neither(..) => "failed",
        };
        metrics::counter!("portcullis_ai_hedges_total", "provider" => second.provider.to_string(),
            "deployment" => second.model.to_string(), "outcome" => won)
        .increment(1);
        let outcome = match heard {
            Heard::First(answer) => {
                branch.outrun(second, &mut aside);
                self.join(branch);
                self.answered(first, recording);
                recording.record.attempts = recording.record.attempts.saturating_add(aside.record.attempts);
                Ok(answer)
            }
            Heard::Second(answer) => {
                if self.outrun(first, recording) {
                    // It was silent for so long at least: whoever chooses by that is to know.
                    first.vitals.pace.took(pair.after, recording.now());
                }
                branch.answered(second, &aside);
                self.join(branch);
                recording.take_over(aside);
                Ok(answer)
            }
            Heard::Neither(stop, other) => {
                self.join(branch);
                recording.record.attempts = recording.record.attempts.saturating_add(aside.record.attempts);
                Err(worse(stop, other))
            }
        };
        Race { outcome, both: true }
    }

    /// The same call on another way.
    fn branch(&mut self) -> Journey<'a> {
        Journey {
            call: self.call,
            held: self.held,
            account: self.account.clone(),
            facts: self.facts.clone(),
            end: self.end,
            draw: Draw::new(self.draw.next()),
            conversation: self.conversation,
            sent: 0,
            tried: Vec::new(),
            worst: None,
            spent: false,
            hedged: true,
            at_work: None,
            answered_by: None,
        }
    }

    /// What came of the other way belongs to this one.
    fn join(&mut self, branch: Journey<'a>) {
        self.sent = self.sent.saturating_add(branch.sent);
        self.tried.extend(branch.tried);
        self.spent |= branch.spent;
        if let Some(Failed { refused, .. }) = &branch.worst
            && self.worst.as_ref().is_none_or(|worst| refused.class >= worst.refused.class)
        {
            self.worst = branch.worst;
        }
    }

    /// Notes that an attempt was given up, if one was under way, for another that began to answer first.
    fn outrun(&mut self, deployment: &Deployment, recording: &mut Recording) -> bool {
        let Some(key) = self.at_work.take() else { return false };
        if recording.record.upstream_status.is_none() {
            // Counted otherwise when its head comes.
            recording.record.attempts = recording.record.attempts.saturating_add(1);
        }
        self.note(deployment, key, "outrun", recording);
        if let Some(tried) = self.tried.last_mut() {
            // It has read the question by now, as far as anybody can know.
            tried.usage = Some(estimate(self.call.request.text_bytes(), 0));
        }
        true
    }

    /// Notes who answered, where that is not noted yet: of two it is to be told.
    fn answered(&mut self, deployment: &Deployment, recording: &Recording) {
        if !self.tried.iter().any(|tried| tried.outcome == "answered") {
            self.note(deployment, self.answered_by, "answered", recording);
        }
    }
}

/// The one of two failures after which less can be done.
fn worse(a: Stop, b: Stop) -> Stop {
    if a.class.may_work_elsewhere() && !b.class.may_work_elsewhere() { b } else { a }
}
