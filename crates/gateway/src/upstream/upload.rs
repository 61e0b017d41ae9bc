//! What is sent upstream: nothing, bytes at hand, or the caller's body as it comes.

use crate::filters;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use portcullis_net::accept::{BodyError, Bounded};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// A request body.
pub(crate) enum Upload {
    /// None, or all of it was taken.
    Empty,
    /// At hand, and so repeatable.
    Whole(Bytes),
    /// On its way from the caller.
    Stream(Box<Stream>),
}

/// A body on its way from the caller.
pub(crate) struct Stream {
    body: Bounded<Incoming>,
    gauge: Arc<Gauge>,
}

/// What is known of a body on its way, for those who do not hold it.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    bytes: AtomicU64,
    done: AtomicBool,
    capture: Option<Mutex<Captured>>,
}

/// The beginning of a body.
#[derive(Debug)]
struct Captured {
    bytes: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl Gauge {
    /// Counts, and keeps the first `capture` bytes.
    pub(crate) fn new(capture: Option<usize>) -> Arc<Self> {
        let capture = capture.map(|limit| Mutex::new(Captured { bytes: Vec::new(), limit, cut: false }));
        Arc::new(Self { capture, ..Self::default() })
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the whole body was taken.
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// What was kept, and whether more was there.
    pub(crate) fn captured(&self) -> Option<(Vec<u8>, bool)> {
        let mut captured = self.capture.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        Some((std::mem::take(&mut captured.bytes), captured.cut))
    }

    fn count(&self, piece: &Bytes) {
        self.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
        if let Some(capture) = &self.capture {
            let mut captured = capture.lock().unwrap_or_else(PoisonError::into_inner);
            let room = captured.limit.saturating_sub(captured.bytes.len());
            captured.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
            captured.cut |= piece.len() > room;
        }
    }
}

impl Upload {
    /// The caller's body, within its bound.
    pub(crate) fn stream(body: Bounded<Incoming>, gauge: Arc<Gauge>) -> Self {
        Self::Stream(Box::new(Stream { body, gauge }))
    }

    /// A copy, when there can be one.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Stream(_) => None,
        }
    }

    /// The gauge of a body on its way.
    pub(crate) fn gauge(&self) -> Option<Arc<Gauge>> {
        match self {
            Self::Stream(stream) => Some(stream.gauge.clone()),
            Self::Empty | Self::Whole(_) => None,
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            whole @ Self::Whole(_) => match std::mem::replace(whole, Self::Empty) {
                Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Self::Empty | Self::Stream(_) => Poll::Ready(None),
            },
            Self::Stream(stream) => {
                let frame = std::task::ready!(Pin::new(&mut stream.body).poll_frame(cx));
                let frame = match frame {
                    Some(Ok(frame)) => match frame.into_trailers() {
                        Ok(mut trailers) => {
                            filters::from_caller(&mut trailers);
                            Some(Ok(Frame::trailers(trailers)))
                        }
                        Err(frame) => {
                            if let Some(piece) = frame.data_ref() {
                                stream.gauge.count(piece);
                            }
                            Some(Ok(frame))
                        }
                    },
                    other => other,
                };
                if frame.is_none() || stream.body.is_end_stream() {
                    stream.gauge.done.store(true, Ordering::Relaxed);
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(stream) => stream.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(stream) => stream.body.size_hint(),
        }
    }
}
