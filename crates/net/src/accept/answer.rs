//! The body of an answer on its way out: says when the call is over, and on HTTP/2 whether it is the client that keeps
//! it waiting.

use super::Connection;
use super::streams::StreamPulse;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
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
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.pulse.call_ended();
    }
}

/// An answer's body.
pub(super) struct Answer<B> {
    body: B,
    stream: Option<Arc<StreamPulse>>,
    _call: Call,
}

impl<B> Answer<B> {
    pub(super) fn new(body: B, call: Call, stream: Option<Arc<StreamPulse>>) -> Self {
        if let Some(stream) = &stream {
            stream.handed_over();
        }
        Self { body, stream, _call: call }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if let Some(stream) = &this.stream {
            match frame {
                Poll::Pending => stream.waits_for_us(),
                Poll::Ready(_) => stream.handed_over(),
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
