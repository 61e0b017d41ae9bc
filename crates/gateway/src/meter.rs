//! An answer on its way to the caller: counted, read for what it says about usage, watched for its caller's suspension,
//! and its last piece held back until the call's record is in the spool.
//!
//! Dropped before its end (the caller went away) it takes the upstream along, and the record says so.

mod broken;
mod capture;
mod reading;

pub(crate) use capture::Capturing;
pub(crate) use reading::{Reading, Said, Tape, Watched, estimate};

use crate::body::{Body, Kind};
use crate::filters;
use crate::pipeline::Watch;
use crate::record::{Ending, Recording};
use crate::upstream::{AnswerBody, Cut, Gauge};
use bytes::Bytes;
use http::{Response, response};
use http_body::Frame;
use portcullis_fault::{Defect, Fault, codes, defect};
use portcullis_store::spool::Appended;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What goes to the caller, before it is watched.
pub(crate) struct Answer {
    /// Status and headers, ready to be sent.
    pub(crate) head: response::Parts,
    /// The body as it comes from where it comes.
    pub(crate) body: AnswerBody,
    /// On AI routes: what reads it.
    pub(crate) reading: Option<Box<Reading>>,
    /// The caller's body, while it may still be on its way.
    pub(crate) upload: Option<Arc<Gauge>>,
    /// Where bodies are captured.
    pub(crate) capture: Option<Capturing>,
    /// Whose answer it is; watched when it takes its time.
    pub(crate) watch: Option<Watch>,
}

impl Answer {
    /// An answer of our own.
    pub(crate) fn local(head: response::Parts, body: Bytes) -> Self {
        Self { head, body: AnswerBody::whole(body), reading: None, upload: None, capture: None, watch: None }
    }
}

/// Ends when a caller may no longer be served, with the reason.
type Revoked = Pin<Box<dyn Future<Output = Fault> + Send>>;

fn revoked(watch: Watch) -> Revoked {
    let mut standing = watch.standing();
    Box::pin(async move { standing.lost().await })
}

/// An answer under way.
pub(crate) struct Metered {
    source: AnswerBody,
    reading: Option<Box<Reading>>,
    upload: Option<Arc<Gauge>>,
    capture: Option<Capturing>,
    revoked: Option<Revoked>,
    /// Taken only when the answer never began.
    recording: Option<Box<Recording>>,
    /// The oldest piece that was not released, and the one after it.
    held: Option<Frame<Bytes>>,
    next: Option<Frame<Bytes>>,
    error: Option<Cut>,
    stage: Stage,
}

enum Stage {
    /// Nothing was released yet; a break is then a refusal.
    Looking,
    /// Pieces come.
    Flowing,
    /// It broke before anything was released.
    Stillborn(Cut),
    /// All have come; the record is on its way to the spool.
    Closing(Appended),
    /// The record is there: what is held may go.
    Over,
}

/// Sends an answer: at once when all of it is at hand, otherwise as it comes. An answer that breaks before any of it was
/// sent is a refusal like any other.
pub(crate) async fn watch(
    answer: Answer,
    recording: Box<Recording>,
) -> Result<Response<Body>, (Fault, Box<Recording>)> {
    let Answer { mut head, body, reading, upload, capture, watch } = answer;
    let mut recording = recording;
    recording.record.status = head.status.as_u16();
    filters::on_response(&mut head.headers, &recording.id, false);
    let mut metered = Metered {
        source: body,
        reading,
        upload,
        capture,
        revoked: None,
        recording: Some(recording),
        held: None,
        next: None,
        error: None,
        stage: Stage::Looking,
    };
    // One look, without waiting: a small answer is complete by now, and then goes out in one write, its record written.
    std::future::poll_fn(|cx| {
        if let Err(defect) = defect::catch(|| metered.advance(cx)) {
            metered.broken(&defect);
        }
        Poll::Ready(())
    })
    .await;
    match &mut metered.stage {
        Stage::Stillborn(cut) => {
            let fault = Fault::new(cut.code).context(std::mem::take(&mut cut.why));
            if let Some(mut recording) = metered.recording.take() {
                recording.record.bytes_out = 0;
                return Err((fault, recording));
            }
        }
        Stage::Closing(appended) => {
            let written = appended.await;
            metered.appended(written);
        }
        Stage::Looking | Stage::Flowing | Stage::Over => {}
    }
    let over = matches!(metered.stage, Stage::Over) && metered.error.is_none() && metered.source.is_ended();
    let body = match (over, metered.held.take()) {
        (true, None) => Body::default(),
        (true, Some(frame)) => match frame.into_data() {
            Ok(bytes) => Body::whole(bytes),
            Err(trailers) => {
                metered.held = Some(trailers);
                Body(Kind::Metered(Box::new(metered)))
            }
        },
        (false, held) => {
            metered.held = held;
            if matches!(metered.stage, Stage::Looking) {
                metered.stage = Stage::Flowing;
            }
            metered.revoked = watch.map(revoked);
            Body(Kind::Metered(Box::new(metered)))
        }
    };
    Ok(Response::from_parts(head, body))
}

impl Metered {
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
            && self.held.is_none()
            && self.error.is_none()
            && self.source.is_ended()
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        // A panic is a defect of ours, and costs this answer alone.
        match defect::catch(|| self.poll_some(cx)) {
            Ok(frame) => frame,
            Err(defect) => {
                self.broken(&defect);
                self.poll_some(cx)
            }
        }
    }

    fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        loop {
            self.advance(cx);
            match &mut self.stage {
                Stage::Looking | Stage::Flowing => {
                    let Some(frame) = self.held.take() else { return Poll::Pending };
                    self.held = self.next.take();
                    return Poll::Ready(Some(Ok(frame)));
                }
                Stage::Closing(appended) => {
                    let written = std::task::ready!(Pin::new(appended).poll(cx));
                    self.appended(written);
                }
                Stage::Over | Stage::Stillborn(_) => {
                    if let Some(frame) = self.held.take() {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    if let Some(error) = self.error.take() {
                        return Poll::Ready(Some(Err(error)));
                    }
                    // After `[DONE]` only the end of the framing is left; with it the connection can be used again.
                    while let Some(Ok(_)) = std::task::ready!(self.source.poll_piece(cx)) {}
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// Takes pieces until two are at hand, none is to be had now, or the last one is known to be the last.
    fn advance(&mut self, cx: &mut Context<'_>) {
        while matches!(self.stage, Stage::Looking | Stage::Flowing) && self.next.is_none() {
            if let Some(revoked) = &mut self.revoked
                && let Poll::Ready(fault) = revoked.as_mut().poll(cx)
            {
                self.revoked = None;
                self.cut_off(&fault);
                continue;
            }
            if self.held.is_some() && self.is_last() {
                self.finish(None);
                continue;
            }
            let Poll::Ready(piece) = self.poll_piece(cx) else { return };
            match piece {
                Some(Ok(frame)) if self.held.is_none() => self.held = Some(frame),
                Some(Ok(frame)) => self.next = Some(frame),
                Some(Err(cut)) if matches!(self.stage, Stage::Looking) => self.stage = Stage::Stillborn(cut),
                Some(Err(cut)) => self.finish(Some(cut)),
                None => self.finish(None),
            }
        }
    }

    /// Whether nothing can follow what is at hand.
    fn is_last(&self) -> bool {
        match &self.reading {
            Some(reading) => reading.is_over(),
            None => self.source.is_ended(),
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let piece = match &mut self.reading {
            Some(reading) => std::task::ready!(reading.poll_piece(&mut self.source, cx)),
            None => match std::task::ready!(self.source.poll_piece(cx)) {
                Some(Ok(frame)) => Some(Ok(match frame.into_trailers() {
                    Ok(mut trailers) => {
                        filters::from_upstream(&mut trailers);
                        Frame::trailers(trailers)
                    }
                    Err(frame) => frame,
                })),
                other => other,
            },
        };
        if let Some(Ok(frame)) = &piece
            && let Some(bytes) = frame.data_ref()
        {
            if let Some(recording) = &mut self.recording {
                recording.record.bytes_out += bytes.len() as u64;
            }
            if let Some(capture) = &mut self.capture {
                capture.response(bytes);
            }
        }
        Poll::Ready(piece)
    }

    /// The caller may no longer be served: the upstream is dropped, and the answer ends with what its dialect has for that.
    fn cut_off(&mut self, fault: &Fault) {
        self.source = AnswerBody::Ended;
        let in_words = self.reading.as_mut().is_some_and(|reading| reading.interrupt(fault));
        if !in_words {
            let cut = Cut::new(fault.code(), "the caller may no longer be served");
            self.close(Ending::Cut(fault.code(), fault.private_context()));
            // Not released: whatever is held was not asked for by anybody who may have it.
            (self.held, self.next) = (None, None);
            self.error = Some(cut);
        }
    }

    /// All pieces have come, or none will any more.
    fn finish(&mut self, cut: Option<Cut>) {
        let ending = match (&mut self.reading, &cut) {
            (_, Some(cut)) => ended_by(cut),
            (Some(reading), None) => reading.ending(),
            (None, None) => Ending::Completed,
        };
        if cut.is_some() {
            self.source = AnswerBody::Ended;
        }
        self.error = cut;
        self.close(ending);
    }

    fn close(&mut self, ending: Ending) {
        let Some(recording) = &mut self.recording else {
            self.stage = Stage::Over;
            return;
        };
        let record = &mut recording.record;
        if let Some(upload) = self.upload.take() {
            record.bytes_in = upload.bytes();
            if let (Some(capture), Some((bytes, cut))) = (&mut self.capture, upload.captured()) {
                capture.request(&bytes, cut);
            }
        }
        if let Some(reading) = &self.reading {
            record.usage = Some(reading.usage());
        }
        if let Some(capture) = self.capture.take() {
            record.capture = Some(capture.done());
        }
        self.stage = match recording.close(ending) {
            Some(appended) => Stage::Closing(appended),
            None => Stage::Over,
        };
    }

    fn appended(&mut self, written: Written) {
        self.stage = Stage::Over;
        if let Err(error) = written {
            // What is not recorded is not served, as far as that can still be had: the rest of it is not.
            metrics::counter!("portcullis_records_lost_total").increment(1);
            let id = self.recording.as_ref().map(|recording| recording.record.id.to_string());
            tracing::error!(request_id = id, error = %error, "the record of a call could not be appended");
            (self.held, self.next) = (None, None);
            self.error = Some(Cut::new(codes::RECORDS_UNAVAILABLE, "the call could not be recorded"));
        }
    }
}

type Written = <Appended as Future>::Output;

/// An answer that broke: by the upstream, or by a caller whose own body did not come to its end.
fn ended_by(cut: &Cut) -> Ending {
    if cut.code == codes::UPSTREAM_CUT
        || cut.code == codes::UPSTREAM_TIMEOUT
        || cut.code == codes::UPSTREAM_INVALID
    {
        Ending::UpstreamCut(cut.code, cut.why.clone())
    } else {
        Ending::Cut(cut.code, Some(cut.why.clone()))
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if self.recording.as_ref().is_some_and(|recording| recording.is_open()) {
            let ending = match Defect::unwinding() {
                None => Ending::ClientClosed,
                Some(defect) => Ending::Cut(codes::INTERNAL, Some(defect.to_string())),
            };
            // What is known so far belongs to the record of a call that its caller left. A second panic, while the thread
            // unwinds from a first, would end the process; the record closes itself then.
            let _ = defect::catch(|| self.close(ending));
        }
    }
}
