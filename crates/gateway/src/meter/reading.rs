//! An AI answer while it passes by: what it says about usage, what of it is not for the caller, and what a caller is told
//! when it breaks off.

mod tape;

pub(crate) use tape::{Tape, Watched};

use crate::record::Ending;
use crate::upstream::{AnswerBody, Cut};
use bytes::Bytes;
use http::HeaderValue;
use http_body::Frame;
use portcullis_fault::{Fault, codes};
use portcullis_llm::dialect::{Dialect, Form, Operation, openai};
use portcullis_model::usage::UsageSource;
use portcullis_model::{RequestId, Usage};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What reads an answer.
pub(crate) struct Reading {
    tape: Tape,
    said: Said,
    ready: VecDeque<Bytes>,
    /// How it ended; nothing is read any more.
    ended: Option<Ending>,
}

/// What is known of the call whose answer is read: for the words of a refusal in the middle, and for an estimate.
pub(crate) struct Said {
    /// The caller's dialect.
    pub(crate) dialect: &'static dyn Dialect,
    /// What was asked.
    pub(crate) operation: Operation,
    /// `Content-Type` as the caller gets it.
    pub(crate) content_type: Option<HeaderValue>,
    /// Bytes of text in the request.
    pub(crate) request_text: u64,
    pub(crate) request_id: RequestId,
    pub(crate) pages: Arc<str>,
}

impl Reading {
    /// Reads an answer that runs through `tape`.
    pub(crate) fn new(tape: Tape, said: Said) -> Box<Self> {
        Box::new(Self { tape, said, ready: VecDeque::new(), ended: None })
    }

    /// Whether it is a stream of events.
    pub(crate) fn is_stream(&self) -> bool {
        self.tape.is_stream()
    }

    /// Whether nothing follows what was taken.
    pub(super) fn is_over(&self) -> bool {
        // After its last event there is nothing that a caller waits for: the record is written before that is released.
        self.ready.is_empty() && (self.ended.is_some() || self.tape.is_done())
    }

    pub(super) fn poll_piece(
        &mut self,
        source: &mut AnswerBody,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if self.ended.is_some() {
                return Poll::Ready(None);
            }
            match std::task::ready!(source.poll_piece(cx)) {
                Some(Ok(frame)) => {
                    // Trailers say nothing in these dialects.
                    let Ok(bytes) = frame.into_data() else { continue };
                    if let Err(why) = self.tape.feed(bytes, &mut self.ready) {
                        // What a provider does not say in its own dialect cannot be believed any further.
                        *source = AnswerBody::Ended;
                        let why = format!("the provider's answer cannot be read: {why}");
                        self.break_off(Cut::new(codes::UPSTREAM_INVALID, why));
                    }
                }
                Some(Err(cut)) => {
                    if self.tape.finish(&mut self.ready) == openai::Ending::Nothing {
                        // The caller was told, and is not told twice.
                        self.ended = Some(said_nothing());
                        continue;
                    }
                    if !self.tape.is_stream() || self.tape.is_done() {
                        return Poll::Ready(Some(Err(cut)));
                    }
                    if let Some(cut) = self.break_off(cut) {
                        return Poll::Ready(Some(Err(cut)));
                    }
                }
                None => match self.end() {
                    Ok(ending) => self.ended = Some(ending),
                    Err(cut) => return Poll::Ready(Some(Err(cut))),
                },
            }
        }
    }

    /// Tells the caller that the answer broke off; gives the reason back where there are no words for it.
    fn break_off(&mut self, cut: Cut) -> Option<Cut> {
        if !self.say(&Fault::new(cut.code)) {
            return Some(cut);
        }
        self.ended = Some(super::ended_by(&cut));
        None
    }

    /// The answer came to its end; whether that is a good end. `Err`: it is none, and the caller cannot be told in words.
    fn end(&mut self) -> Result<Ending, Cut> {
        Ok(match self.tape.finish(&mut self.ready) {
            openai::Ending::Complete => Ending::Completed,
            openai::Ending::Failed => Ending::UpstreamCut(
                codes::UPSTREAM_CUT,
                "the provider ended its answer with an error of its own".to_owned(),
            ),
            openai::Ending::Nothing => said_nothing(),
            openai::Ending::Cut => {
                let why = "the provider's answer ended before its end".to_owned();
                if self.tape.is_stream() && !self.say(&Fault::new(codes::UPSTREAM_CUT)) {
                    return Err(Cut::new(codes::UPSTREAM_CUT, why));
                }
                Ending::UpstreamCut(codes::UPSTREAM_CUT, why)
            }
        })
    }

    /// Ends the answer from our side. False when it has no words for that: it is not a stream.
    pub(super) fn interrupt(&mut self, fault: &Fault) -> bool {
        if !self.tape.is_stream() {
            return false;
        }
        // What came before it goes before it: the caller may stand in the middle of an event.
        if !self.say(fault) {
            return false;
        }
        self.ended = Some(Ending::Cut(fault.code(), fault.private_context()));
        true
    }

    fn say(&mut self, fault: &Fault) -> bool {
        let Said { dialect, operation, content_type, request_id, pages, .. } = &self.said;
        let content_type = content_type.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let form = Form { operation: *operation, content_type };
        let event = dialect.error_event(fault, &request_id.to_string(), pages, form);
        self.tape.interrupt(event, &mut self.ready)
    }

    /// How it ended, once it did.
    pub(super) fn ending(&mut self) -> Ending {
        match self.ended.take() {
            Some(ending) => ending,
            None => self.end().unwrap_or_else(|cut| Ending::UpstreamCut(cut.code, cut.why)),
        }
    }

    /// What was used: as reported, or an estimate at 4 bytes a token, rounded up, which is about right for English and high
    /// for most other languages.
    pub(super) fn usage(&self) -> Usage {
        self.tape.usage().unwrap_or_else(|| estimate(self.said.request_text, self.tape.text_bytes()))
    }
}

/// Of an answer whose model broke off before it said anything, whatever became of its body then.
fn said_nothing() -> Ending {
    let why = "the model broke off before it said anything";
    Ending::SaidNothing(codes::UPSTREAM_CUT, why.to_owned())
}

/// What so many bytes of text will have been in tokens.
pub(crate) fn estimate(request_text: u64, answer_text: u64) -> Usage {
    Usage {
        input_tokens: request_text.div_ceil(4),
        output_tokens: answer_text.div_ceil(4),
        source: UsageSource::Estimated,
        ..Usage::default()
    }
}
