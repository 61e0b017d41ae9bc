//! An open WebSocket: both directions, and what ends them.

use super::pipe::{Passed, Pipe, Side};
use crate::record::{Ending, Recording};
use crate::upstream::ai::realtime::Gate;
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use portcullis_fault::defect::outlive;
use portcullis_fault::{Fault, Retry, codes};
use portcullis_net::egress::Stream;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Time for a goodbye, each way: whoever was barred is gone within a second.
const GOODBYE: Duration = Duration::from_millis(400);
/// Time for the other direction when one has ended: whoever closes has said all that it had to say.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why we end a tunnel.
pub(crate) struct Goodbye {
    /// For the record, and in public for the caller.
    pub(crate) fault: Fault,
    /// Close code (RFC 6455 §7.4.1): 1008, 1013 where it passes, 1011 where it does not, or 1001 when we go away.
    code: u16,
    /// What the caller reads.
    reason: String,
}

/// The close code for whoever may not go on: 1008; but 1013 (IANA's registry: try again later) where that lies with us and
/// passes, and 1011 (RFC 6455 §7.4.1: unexpected condition) where it does not.
pub(crate) fn barring(fault: &Fault) -> u16 {
    match fault.code() {
        code if code.status() < 500 => 1008,
        code if code.retry() == Retry::No => 1011,
        _ => 1013,
    }
}

impl Goodbye {
    /// For who may not go on, with the code as its reason.
    pub(crate) fn barring(fault: Fault) -> Self {
        let code = barring(&fault);
        Self::new(fault, code)
    }

    /// With the code as its reason.
    pub(crate) fn new(fault: Fault, code: u16) -> Self {
        let reason = fault.code().public().name().to_owned();
        Self { fault, code, reason }
    }

    /// With the code and what is wrong as its reason, as much of it as there is room for.
    pub(crate) fn saying(fault: Fault, code: u16) -> Self {
        let reason = format!("{}: {}", fault.code().public().name(), fault.public_detail());
        Self { fault, code, reason }
    }
}

/// A tunnel, not yet begun.
pub(crate) struct Tunnel {
    /// The caller's connection, as soon as our agreement is written.
    pub(crate) client: OnUpgrade,
    /// The upstream's connection, and what it said already.
    pub(crate) upstream: Box<(Stream, Bytes)>,
    pub(crate) recording: Box<Recording>,
    /// How long both may be silent.
    pub(crate) pause: Duration,
    /// For the mask of a goodbye to the upstream.
    pub(crate) mask: [u8; 4],
    /// Reads what the caller says, where it is a model's session.
    pub(crate) gate: Option<Box<Gate>>,
}

impl Tunnel {
    /// Copies until either end closes, nobody says anything for too long, or `stop` says why it must end.
    pub(crate) async fn run(self, stop: impl Future<Output = Goodbye>) {
        let Self { client, upstream, mut recording, pause, mask, gate } = self;
        let Ok(client) = client.await else {
            // The caller was gone before our agreement reached it; dropping the recording says so.
            return;
        };
        let (stream, first) = *upstream;
        let (client_read, client_write) = tokio::io::split(TokioIo::new(client));
        let (upstream_read, upstream_write) = tokio::io::split(stream);
        let ear = gate.as_deref().map(Gate::ear);
        let mut up = Pipe::new(client_read, upstream_write, &Bytes::new()).through(gate);
        let mut down = Pipe::new(upstream_read, client_write, &first).heard_by(ear);
        let (sent, answered) = (Passed::default(), Passed::default());

        let ended = {
            let both = both((up.run(&sent), &sent), (down.run(&answered), &answered));
            let flow = async {
                tokio::select! {
                    ending = both => Err(ending),
                    goodbye = stop => Ok(goodbye),
                    () = silence(pause, &sent, &answered) => {
                        let fault = Fault::new(codes::REQUEST_TIMEOUT).context("both ends were silent for too long");
                        Ok(Goodbye::new(fault, 1001))
                    }
                }
            };
            // What it used up to a defect of ours is still on its record, and both ends hear of the end.
            outlive(pin!(flow)).await.unwrap_or_else(|defect| Ok(Goodbye::barring(defect.into())))
        };
        recording.record.bytes_in = sent.bytes.load(Ordering::Relaxed);
        recording.record.bytes_out = answered.bytes.load(Ordering::Relaxed);
        recording.shared(down.shares());
        match up.refused().map_or(ended, Ok) {
            Err(ending) => {
                if let Some(appended) = recording.close(ending) {
                    lost(appended.await);
                }
            }
            Ok(Goodbye { fault, code, reason }) => {
                if let Some(appended) = recording.close(Ending::Cut(fault.code(), fault.private_context())) {
                    lost(appended.await);
                }
                // What does not come to the end of its frame in time is closed without a word: there is no place for one.
                let (said, _) = tokio::join!(
                    tokio::time::timeout(GOODBYE, down.close(code, &reason, None)),
                    tokio::time::timeout(GOODBYE, up.close(1001, fault.code().public().name(), Some(mask))),
                );
                if matches!(said, Ok(Ok(()))) {
                    let _ = tokio::time::timeout(GOODBYE, up.drain()).await;
                }
            }
        }
    }
}

fn lost(written: Result<(), portcullis_store::spool::SpoolError>) {
    if let Err(error) = written {
        metrics::counter!("portcullis_records_lost_total").increment(1);
        tracing::error!(error = %error, "the record of a WebSocket could not be appended");
    }
}

/// Both directions; how it ended, from the caller's point of view. A connection that ends without a Close frame of either side was
/// cut (RFC 6455 §7.1.4): by whoever ended it first.
async fn both(
    (up, sent): (impl Future<Output = Result<(), (Side, std::io::Error)>>, &Passed),
    (down, answered): (impl Future<Output = Result<(), (Side, std::io::Error)>>, &Passed),
) -> Ending {
    let mut up = std::pin::pin!(up);
    let mut down = std::pin::pin!(down);
    let cut = |why: String| Ending::UpstreamCut(codes::UPSTREAM_CUT, why);
    let closing = || sent.closing.load(Ordering::Relaxed) || answered.closing.load(Ordering::Relaxed);
    tokio::select! {
        ended = &mut up => match ended {
            Err((Side::From, _)) => Ending::ClientClosed,
            Err((Side::To, error)) => cut(error.to_string()),
            Ok(()) => match tokio::time::timeout(LAST_WORDS, down).await {
                Ok(Err((Side::From, error))) => cut(error.to_string()),
                _ if closing() => Ending::Completed,
                _ => Ending::ClientClosed,
            },
        },
        ended = &mut down => match ended {
            Err((Side::From, error)) => cut(error.to_string()),
            Err((Side::To, _)) => Ending::ClientClosed,
            Ok(()) => {
                let _ = tokio::time::timeout(LAST_WORDS, up).await;
                if closing() { Ending::Completed } else { cut("it ended without a Close frame".to_owned()) }
            }
        },
    }
}

/// Ends when nothing has moved for `pause`, give or take as much again.
async fn silence(pause: Duration, up: &Passed, down: &Passed) {
    let moved = || (up.bytes.load(Ordering::Relaxed), down.bytes.load(Ordering::Relaxed));
    let mut before = moved();
    loop {
        tokio::time::sleep(pause).await;
        let now = moved();
        if now == before {
            return;
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that reads 1008 gives up, and one that reads 1013 comes again: nobody is to be turned away for good because
    /// nobody could be asked.
    #[test]
    fn what_passes_is_told_apart_from_what_does_not() {
        for (code, close) in [
            (codes::USER_SUSPENDED, 1008),
            (codes::TOKEN_REVOKED, 1008),
            (codes::SCOPE_INSUFFICIENT, 1008),
            (codes::RESOLUTION_UNAVAILABLE, 1013),
            (codes::KEYS_UNAVAILABLE, 1013),
            (codes::INTERNAL, 1011),
        ] {
            let goodbye = Goodbye::barring(Fault::new(code));
            assert_eq!((goodbye.code, goodbye.reason.as_str()), (close, code.public().name()));
        }
    }
}
