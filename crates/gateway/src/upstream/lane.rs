//! One HTTP/1.1 connection to an upstream, and the call that it carries.
//!
//! Nobody but that call drives it: there is no task per connection, so nothing has to wake anybody, head and body reach
//! the caller in one write, and a call that is dropped takes its connection along, which is how a caller who hangs up
//! cancels the upstream.

use super::error::Failure;
use super::upload::Upload;
use super::watchdog::Watchdog;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use portcullis_net::egress::Stream;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// A connection.
pub(crate) struct Lane {
    sender: http1::SendRequest<Upload>,
    connection: http1::Connection<TokioIo<Stream>, Upload>,
    over: bool,
    /// How many calls it has carried.
    pub(crate) calls: u64,
    /// How long the upstream said that it keeps it.
    pub(crate) keep: Option<Duration>,
    /// Behind a forward proxy: calls are in absolute form, with these credentials for the proxy.
    pub(crate) proxy: Option<Option<HeaderValue>>,
    pub(crate) watchdog: Watchdog,
}

impl Lane {
    /// Prepares a connection.
    pub(crate) async fn open(stream: Stream) -> Result<Box<Self>, hyper::Error> {
        let proxy = stream.forward_proxy().map(|credentials| credentials.cloned());
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Box::new(Self {
            sender,
            connection,
            over: false,
            calls: 0,
            keep: None,
            proxy,
            watchdog: Watchdog::new(),
        }))
    }

    /// Moves bytes. Ready when the connection is over.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        if self.over {
            return Poll::Ready(Ok(()));
        }
        let ended = std::task::ready!(self.connection.poll_without_shutdown(cx));
        self.over = true;
        Poll::Ready(ended)
    }

    /// Whether it can carry a call now: the last one is over, and the upstream neither closed nor said anything since.
    pub(crate) fn is_clean(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx).is_pending() && self.sender.is_ready()
    }

    /// Sends a call and waits for the head of its answer, at most `pause` from when the request is out.
    pub(crate) async fn send(
        &mut self,
        request: Request<Upload>,
        pause: Duration,
        end: Option<Instant>,
    ) -> Result<Response<Incoming>, (Failure, Option<Request<Upload>>)> {
        self.calls += 1;
        let gauge = request.body().gauge();
        self.watchdog.watch(pause, end);
        let mut answer = pin!(self.sender.try_send_request(request));
        let (connection, over, watchdog) = (&mut self.connection, &mut self.over, &mut self.watchdog);
        std::future::poll_fn(|cx| {
            // The connection first: the answer can only come from it, so nobody else need be woken for it. (Should the
            // task's budget be spent in between, the watchdog's poll below asks for another turn.) The connection's own
            // end is reported through the answer.
            if !*over && connection.poll_without_shutdown(cx).is_ready() {
                *over = true;
            }
            if let Poll::Ready(answer) = answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return Poll::Ready(answer.map_err(|mut error| {
                    let back = error.take_message();
                    (Failure::of(error.into_error(), back.is_some()), back)
                }));
            }
            while watchdog.poll(cx).is_ready() {
                let uploading = gauge.as_ref().is_some_and(|gauge| !gauge.is_done());
                if !uploading || end.is_some_and(|end| end <= Instant::now()) {
                    return Poll::Ready(Err((Failure::Silent(pause), None)));
                }
                // The upstream cannot answer what it has not got; a body that stalls has a limit of its own.
                watchdog.watch(pause, end);
            }
            Poll::Pending
        })
        .await
    }

    /// Takes the connection apart after the upstream has switched protocols: the stream, and what it said already.
    pub(crate) fn into_stream(self: Box<Self>) -> (Stream, bytes::Bytes) {
        let parts = self.connection.into_parts();
        (parts.io.into_inner(), parts.read_buf)
    }
}
