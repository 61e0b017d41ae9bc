//! An AI answer while it passes by: what it says about usage, what of it is not for the caller, and what a caller is told
//! when it breaks off.

use crate::record::Ending;
use crate::upstream::{AnswerBody, Cut};
use bytes::Bytes;
use http_body::Frame;
use portcullis_fault::{Fault, codes};
use portcullis_llm::dialect::openai::{self, UsageScanner};
use portcullis_llm::dialect::{Dialect, Form, Operation};
use portcullis_model::Usage;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What reads an answer.
pub(crate) struct Reading {
    scanner: UsageScanner,
    dialect: &'static dyn Dialect,
    /// Bytes of text in the request, for an estimate.
    request_text: u64,
    /// For the words of a refusal in the middle.
    request_id: String,
    pages: Arc<str>,
    ready: VecDeque<Bytes>,
    /// How it ended; nothing is read any more.
    ended: Option<Ending>,
    /// Whether there is usage to settle: models were asked.
    counts: bool,
}

impl Reading {
    /// Reads an answer with `scanner`. `counts`: its usage goes into the record.
    pub(crate) fn new(
        scanner: UsageScanner,
        dialect: &'static dyn Dialect,
        request_text: u64,
        request_id: String,
        pages: Arc<str>,
        counts: bool,
    ) -> Box<Self> {
        Box::new(Self {
            scanner,
            dialect,
            request_text,
            request_id,
            pages,
            ready: VecDeque::new(),
            ended: None,
            counts,
        })
    }

    /// Whether nothing follows what was taken.
    pub(super) fn is_over(&self) -> bool {
        // After `[DONE]` there is nothing that a caller waits for: the record is written before that is released.
        self.ready.is_empty() && (self.ended.is_some() || self.scanner.saw_done())
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
                    // Trailers say nothing in this dialect.
                    if let Ok(bytes) = frame.into_data() {
                        self.scanner.feed(bytes, &mut self.ready);
                    }
                }
                Some(Err(cut)) => {
                    let _ = self.scanner.finish(&mut self.ready);
                    if !self.scanner.is_stream() || self.scanner.saw_done() {
                        return Poll::Ready(Some(Err(cut)));
                    }
                    self.say(&Fault::new(cut.code));
                    self.ended = Some(Ending::UpstreamCut(cut.code, cut.why));
                }
                None => self.ended = Some(self.end()),
            }
        }
    }

    /// The answer came to its end; whether that is a good end.
    fn end(&mut self) -> Ending {
        match self.scanner.finish(&mut self.ready) {
            openai::Ending::Complete => Ending::Completed,
            openai::Ending::Failed => Ending::UpstreamCut(
                codes::UPSTREAM_CUT,
                "the provider ended its answer with an error of its own".to_owned(),
            ),
            openai::Ending::Cut => {
                if self.scanner.is_stream() {
                    self.say(&Fault::new(codes::UPSTREAM_CUT));
                }
                Ending::UpstreamCut(
                    codes::UPSTREAM_CUT,
                    "the provider's answer ended before its end".to_owned(),
                )
            }
        }
    }

    /// Ends the answer from our side. False when it has no words for that: it is not a stream.
    pub(super) fn interrupt(&mut self, fault: &Fault) -> bool {
        if !self.scanner.is_stream() {
            return false;
        }
        self.ready.clear();
        self.say(fault);
        self.ended = Some(Ending::Cut(fault.code(), fault.private_context()));
        true
    }

    fn say(&mut self, fault: &Fault) {
        let form = Form { operation: Operation::Chat, content_type: "text/event-stream" };
        let event = self.dialect.error_event(fault, &self.request_id, &self.pages, form);
        self.scanner.interrupt(event, &mut self.ready);
    }

    /// How it ended, once it did.
    pub(super) fn ending(&mut self) -> Ending {
        match self.ended.take() {
            Some(ending) => ending,
            None => self.end(),
        }
    }

    /// What was used.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.counts.then(|| self.scanner.settle(self.request_text))
    }
}
