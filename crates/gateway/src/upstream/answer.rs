//! The body of an answer on its way to the caller, wherever it comes from.

use super::ai::Claimed;
use super::endpoint::Endpoint;
use super::error::{Cut, Failure};
use super::h2::Seat;
use super::lane::Lane;
use super::watchdog::Watchdog;
use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use portcullis_fault::{Fault, codes};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// An answer's body. Dropped before its end, it takes its connection (HTTP/2: its stream) along.
pub(crate) enum AnswerBody {
    /// None, or at its end.
    Ended,
    /// At hand.
    Pieces(VecDeque<Bytes>),
    /// The beginning is at hand, the rest comes.
    After(VecDeque<Bytes>, Box<AnswerBody>),
    /// Made one by one.
    Made(Box<dyn Iterator<Item = Bytes> + Send>),
    /// As it comes, but for what has to be written down first.
    Claimed(Box<Claimed>),
    /// From an HTTP/1.1 connection, which is driven here.
    Lane {
        /// What the connection brings.
        incoming: Incoming,
        /// The connection.
        lane: Box<Lane>,
        /// Where it goes afterwards.
        endpoint: Arc<Endpoint>,
    },
    /// From an HTTP/2 connection.
    Seat {
        /// What the connection brings.
        incoming: Incoming,
        /// Its limits in time.
        watchdog: Watchdog,
        /// The place on the connection.
        _seat: Seat,
    },
}

impl AnswerBody {
    /// One piece at hand.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Ended } else { Self::Pieces(VecDeque::from([bytes])) }
    }

    /// Whether nothing follows.
    pub(crate) fn is_ended(&self) -> bool {
        match self {
            Self::Ended => true,
            Self::Pieces(pieces) => pieces.is_empty(),
            Self::After(first, rest) => first.is_empty() && rest.is_ended(),
            Self::Made(_) => false,
            Self::Claimed(claimed) => claimed.is_ended(),
            Self::Lane { incoming, .. } | Self::Seat { incoming, .. } => incoming.is_end_stream(),
        }
    }

    /// Takes at most about `limit` bytes of it, for a look: what was taken comes first in what is left.
    pub(crate) async fn peek(self, limit: usize) -> Result<(Vec<u8>, Self), Cut> {
        let mut rest = self;
        let (mut pieces, mut seen) = (VecDeque::new(), Vec::new());
        while seen.len() < limit {
            let Some(frame) = std::future::poll_fn(|cx| rest.poll_piece(cx)).await.transpose()? else {
                break;
            };
            if let Ok(piece) = frame.into_data() {
                seen.extend_from_slice(&piece);
                pieces.push_back(piece);
            }
        }
        Ok((seen, Self::After(pieces, Box::new(rest))))
    }

    /// Its first piece, for a look, and all of it; `None`: there is nothing in it.
    pub(crate) async fn first(self) -> Result<Option<(Bytes, Self)>, Cut> {
        let mut rest = self;
        while let Some(frame) = std::future::poll_fn(|cx| rest.poll_piece(cx)).await.transpose()? {
            let Ok(piece) = frame.into_data() else { continue };
            if piece.is_empty() {
                continue;
            }
            let whole = match rest.is_ended() {
                true => Self::whole(piece.clone()),
                false => Self::After(VecDeque::from([piece.clone()]), Box::new(rest)),
            };
            return Ok(Some((piece, whole)));
        }
        Ok(None)
    }

    /// All of it, at most `limit` bytes; `upstream_invalid` when there is more.
    pub(crate) async fn gather(self, limit: usize) -> Result<Vec<u8>, Cut> {
        let mut rest = self;
        let mut whole = Vec::new();
        while let Some(frame) = std::future::poll_fn(|cx| rest.poll_piece(cx)).await.transpose()? {
            let Ok(piece) = frame.into_data() else { continue };
            if whole.len() + piece.len() > limit {
                return Err(Cut::new(
                    codes::UPSTREAM_INVALID,
                    format!("its answer is longer than {limit} bytes"),
                ));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// The next piece.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let piece = match self {
            Self::Ended => None,
            Self::Pieces(pieces) => pieces.pop_front().map(Frame::data).map(Ok),
            Self::After(first, rest) => match first.pop_front() {
                Some(piece) => Some(Ok(Frame::data(piece))),
                None => std::task::ready!(rest.poll_piece(cx)),
            },
            Self::Made(pieces) => pieces.next().map(Frame::data).map(Ok),
            Self::Claimed(claimed) => std::task::ready!(claimed.poll_piece(cx)),
            Self::Lane { incoming, lane, .. } => std::task::ready!(poll_lane(incoming, lane, cx)),
            Self::Seat { incoming, watchdog, .. } => match Pin::new(incoming).poll_frame(cx) {
                Poll::Ready(piece) => {
                    watchdog.pet();
                    piece.map(|piece| piece.map_err(|error| Cut::new(codes::UPSTREAM_CUT, chain(&error))))
                }
                Poll::Pending => {
                    std::task::ready!(watchdog.poll(cx));
                    Some(Err(silent()))
                }
            },
        };
        match &piece {
            Some(Ok(_)) if !self.is_ended() => {}
            // The last byte was read, cleanly: this is where a connection goes back, and the only place.
            Some(Ok(_)) | None => {
                if let Self::Lane { lane, endpoint, .. } = std::mem::replace(self, Self::Ended) {
                    endpoint.pool.put(lane, cx);
                }
            }
            Some(Err(_)) => *self = Self::Ended,
        }
        Poll::Ready(piece)
    }
}

fn poll_lane(
    incoming: &mut Incoming,
    lane: &mut Lane,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
    // Only the connection fills this channel, and it is driven right here with the task's own waker.
    let quiet = &mut Context::from_waker(Waker::noop());
    if let Poll::Ready(piece) = Pin::new(&mut *incoming).poll_frame(quiet) {
        lane.watchdog.pet();
        return Poll::Ready(piece.map(|piece| piece.map_err(cut)));
    }
    let driven = lane.drive(cx);
    // What a connection that has ended left in the channel is still to be had.
    if let Poll::Ready(piece) = Pin::new(&mut *incoming).poll_frame(quiet) {
        lane.watchdog.pet();
        let why = match driven {
            Poll::Ready(Err(error)) => Some(error),
            _ => None,
        };
        return Poll::Ready(piece.map(|piece| piece.map_err(|error| cut(why.unwrap_or(error)))));
    }
    match driven {
        Poll::Ready(Err(error)) => Poll::Ready(Some(Err(cut(error)))),
        Poll::Ready(Ok(())) => Poll::Ready(Some(Err(Cut::new(codes::UPSTREAM_CUT, "the connection closed")))),
        Poll::Pending => {
            std::task::ready!(lane.watchdog.poll(cx));
            Poll::Ready(Some(Err(silent())))
        }
    }
}

fn silent() -> Cut {
    Cut::new(codes::UPSTREAM_TIMEOUT, "the upstream paused for too long within its answer")
}

/// A broken connection, unless what broke is the caller's own body.
fn cut(error: hyper::Error) -> Cut {
    match Failure::of(error, false) {
        Failure::Caller(error) => {
            let fault = Fault::from(error);
            Cut::new(fault.code(), fault.private_context().unwrap_or_else(|| fault.code().title().to_owned()))
        }
        Failure::Invalid(error) | Failure::Broken(error) | Failure::Unsent(error) => {
            Cut::new(codes::UPSTREAM_CUT, chain(&error))
        }
        Failure::Connect(_) | Failure::Silent(_) => silent(),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
