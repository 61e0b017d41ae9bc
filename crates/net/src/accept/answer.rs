//! The body of an answer on its way out: says when the call is over, on HTTP/2 whether it is the client that keeps it
//! waiting, and ends as one that was cut when making it panics.

use super::Connection;
use super::streams::StreamPulse;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use portcullis_fault::{Defect, defect};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// One call under way, from its head to the end of its answer.
pub(super) struct Call(Arc<Connection>);

impl Call {
    /// `body` is the request body's length, when known. Also says whether the head had a bare LF.
    pub(super) fn begin(connection: &Arc<Connection>, body: Option<u64>) -> (Self, bool) {
        let bare_lf = connection.pulse.call_began(body);
        (Self(connection.clone()), bare_lf)
    }

    /// It cannot be served to its end.
    pub(super) fn failed(&self, defect: &Defect, what: &'static str) {
        let Connection { listener, peer, .. } = &*self.0;
        tracing::error!(listener = &**listener, %peer, %defect, "{what}");
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.pulse.call_ended();
    }
}

/// An answer's body.
pub(super) struct Answer<B> {
    body: Said<B>,
    stream: Option<Arc<StreamPulse>>,
    call: Call,
}

enum Said<B> {
    /// By the service.
    ByService(B),
    /// By the listener, for a service that cannot.
    Instead(Bytes),
    /// Nothing follows.
    Over,
}

impl<B> Answer<B> {
    pub(super) fn new(body: B, call: Call, stream: Option<Arc<StreamPulse>>) -> Self {
        Self::of(Said::ByService(body), call, stream)
    }

    /// What is said when there is no answer of the service's.
    pub(super) fn instead(text: Bytes, call: Call, stream: Option<Arc<StreamPulse>>) -> Self {
        Self::of(Said::Instead(text), call, stream)
    }

    fn of(body: Said<B>, call: Call, stream: Option<Arc<StreamPulse>>) -> Self {
        if let Some(stream) = &stream {
            stream.handed_over();
        }
        Self { body, stream, call }
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let frame = match &mut this.body {
            Said::ByService(body) => match defect::catch(|| Pin::new(body).poll_frame(cx)) {
                Ok(frame) => frame.map_err(Into::into),
                Err(defect) => {
                    this.call.failed(&defect, "the making of an answer panicked; it was cut");
                    this.body = Said::Over;
                    Poll::Ready(Some(Err(defect.into())))
                }
            },
            Said::Instead(text) => {
                let text = std::mem::take(text);
                this.body = Said::Over;
                Poll::Ready(Some(Ok(Frame::data(text))))
            }
            Said::Over => Poll::Ready(None),
        };
        if let Some(stream) = &this.stream {
            match frame {
                Poll::Pending => stream.waits_for_us(),
                Poll::Ready(_) => stream.handed_over(),
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Said::ByService(body) => body.is_end_stream(),
            Said::Instead(_) => false,
            Said::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Said::ByService(body) => body.size_hint(),
            Said::Instead(text) => SizeHint::with_exact(text.len() as u64),
            Said::Over => SizeHint::with_exact(0),
        }
    }
}
