//! A request body within bounds.

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use portcullis_fault::{Fault, codes};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A body of at most so many bytes, of which some must arrive every so often while somebody waits for them.
#[derive(Debug)]
pub struct Bounded<B> {
    inner: B,
    limit: u64,
    left: u64,
    idle_timeout: Duration,
    /// Made when a byte first has to be waited for.
    patience: Option<Pin<Box<Sleep>>>,
    /// Whether `patience` runs.
    waiting: bool,
    over: bool,
}

/// Why a request body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than allowed.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// No byte came for that long.
    #[error("no byte of the body arrived for {} ms", after.as_millis())]
    TimedOut {
        /// The limit.
        after: Duration,
    },
    /// The client went away or broke HTTP's framing.
    #[error("the body broke off")]
    Aborted(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        let detail = error.to_string();
        match error {
            BodyError::TooLarge { .. } => Self::new(codes::BODY_TOO_LARGE).detail(detail),
            BodyError::TimedOut { .. } => Self::new(codes::REQUEST_TIMEOUT).detail(detail),
            BodyError::Aborted(source) => Self::new(codes::REQUEST_MALFORMED).detail(detail).source(source),
        }
    }
}

impl<B> Bounded<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin,
{
    /// Bounds `inner`.
    pub fn new(inner: B, max_bytes: u64, idle_timeout: Duration) -> Self {
        Self {
            inner,
            limit: max_bytes,
            left: max_bytes,
            idle_timeout,
            patience: None,
            waiting: false,
            over: false,
        }
    }

    /// Whether the body says beforehand (`Content-Length`) that it is too large. Asked before the first read, a client
    /// that expects `100 Continue` need not send it.
    pub fn declares_too_much(&self) -> bool {
        self.inner.size_hint().lower() > self.left
    }

    /// The whole body. One piece is passed on without a copy. Trailers are dropped.
    pub async fn read(mut self) -> Result<Bytes, BodyError> {
        let expected = self.inner.size_hint().lower();
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            let Ok(piece) = frame?.into_data() else { continue };
            if first.is_empty() && all.is_empty() {
                first = piece;
                continue;
            }
            if all.is_empty() {
                // What the client promises is within the limit by now; still, memory is taken as bytes come.
                let promised = usize::try_from(expected).unwrap_or(0).min(256 * 1024);
                all.reserve(promised.max(first.len() + piece.len()));
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&piece);
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.over = true;
        Poll::Ready(Some(Err(error)))
    }
}

impl<B> Body for Bounded<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        if this.declares_too_much() {
            return this.fail(BodyError::TooLarge { limit: this.limit });
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.waiting = false;
                let Some(frame) = frame else {
                    this.over = true;
                    return Poll::Ready(None);
                };
                let frame = match frame {
                    Ok(frame) => frame,
                    Err(error) => return this.fail(BodyError::Aborted(error.into())),
                };
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                match this.left.checked_sub(bytes) {
                    Some(left) => this.left = left,
                    None => return this.fail(BodyError::TooLarge { limit: this.limit }),
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Pending => {
                let idle_timeout = this.idle_timeout;
                let patience =
                    this.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle_timeout)));
                if !this.waiting {
                    patience.as_mut().reset(Instant::now() + idle_timeout);
                    this.waiting = true;
                }
                std::task::ready!(patience.as_mut().poll(cx));
                this.fail(BodyError::TimedOut { after: idle_timeout })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};
    use std::io;

    type Pieces = Vec<(u64, Result<&'static [u8], io::Error>)>;

    /// Each piece comes after so many seconds.
    fn stream(pieces: Pieces) -> impl Body<Data = Bytes, Error = io::Error> + Unpin {
        StreamBody::new(Box::pin(futures_util::stream::unfold(pieces.into_iter(), |mut pieces| async move {
            let (seconds, piece) = pieces.next()?;
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Some((piece.map(|bytes| Frame::data(Bytes::from_static(bytes))), pieces))
        })))
    }

    async fn code(pieces: Pieces) -> Result<Bytes, &'static str> {
        let bounded = Bounded::new(stream(pieces), 6, Duration::from_secs(10));
        bounded.read().await.map_err(|error| Fault::from(error).code().name())
    }

    #[tokio::test(start_paused = true)]
    async fn errors_are_told_apart() {
        assert_eq!(code(vec![(9, Ok(b"abc")), (9, Ok(b"def"))]).await, Ok(Bytes::from_static(b"abcdef")));
        assert_eq!(code(vec![(9, Ok(b"abc")), (9, Ok(b"defg"))]).await, Err("body_too_large"));
        assert_eq!(code(vec![(9, Ok(b"abc")), (11, Ok(b"d"))]).await, Err("request_timeout"));
        let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(code(vec![(0, Ok(b"abc")), (0, Err(gone()))]).await, Err("request_malformed"));
        assert_eq!(code(vec![]).await, Ok(Bytes::new()));
    }

    #[tokio::test]
    async fn pieces_may_be_larger_than_what_is_reserved_at_once() {
        static LARGE: [u8; 200 * 1024] = [7; 200 * 1024];
        for pieces in
            [vec![&LARGE[..], &LARGE], vec![&LARGE[..1], &LARGE, &LARGE], vec![&LARGE[..], &LARGE[..1]]]
        {
            let whole = pieces.concat();
            let body = Bounded::new(
                stream(pieces.into_iter().map(|piece| (0, Ok(piece))).collect()),
                1 << 20,
                Duration::from_secs(10),
            );
            assert_eq!(body.read().await.unwrap(), whole);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_not_a_slow_client() {
        let mut body = Bounded::new(stream(vec![(1, Ok(b"a")), (1, Ok(b"b"))]), 6, Duration::from_secs(10));
        for _ in 0..2 {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
            assert!(frame.unwrap().is_ok());
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
    }

    #[tokio::test]
    async fn what_is_declared_is_refused_before_it_is_read() {
        let body = Bounded::new(Full::new(Bytes::from_static(b"1234567")), 6, Duration::from_secs(1));
        assert!(body.declares_too_much());
        assert!(matches!(body.read().await, Err(BodyError::TooLarge { limit: 6 })));
    }

    #[tokio::test]
    async fn one_piece_is_not_copied() {
        let piece = Bytes::from_static(b"123456");
        let body = Bounded::new(Full::new(piece.clone()), 6, Duration::from_secs(1));
        assert_eq!(body.read().await.unwrap().as_ptr(), piece.as_ptr());
    }
}
