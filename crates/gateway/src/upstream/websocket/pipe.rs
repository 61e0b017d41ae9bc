//! One direction of a tunnel, which can be stopped between two frames.

use super::frame::{self, Frames};
use super::tunnel::Goodbye;
use crate::upstream::ai::realtime::{Ear, Gate, Share};
use bytes::Bytes;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// As much as is on its way at a time; the reader waits until it is written.
const BUFFER: usize = 16 << 10;

/// Which end failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    From,
    To,
}

/// What has passed, for whoever looks on.
#[derive(Default)]
pub(super) struct Passed {
    pub(super) bytes: AtomicU64,
    /// A Close frame was among it.
    pub(super) closing: AtomicBool,
}

/// One direction.
pub(super) struct Pipe<R, W> {
    from: R,
    to: W,
    buffer: Vec<u8>,
    /// What of the buffer was read, and what of that was written.
    read: usize,
    written: usize,
    frames: Frames,
    /// Says what of it may go on.
    gate: Option<Box<Gate>>,
    /// Why nothing more of it may.
    refused: Option<Goodbye>,
    /// Hears what passes.
    ear: Option<Ear>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Pipe<R, W> {
    /// `first` was read already.
    pub(super) fn new(from: R, to: W, first: &Bytes) -> Self {
        let mut buffer = first.to_vec();
        let read = buffer.len();
        buffer.resize(BUFFER.max(read), 0);
        let frames = Frames::default();
        Self { from, to, buffer, read, written: 0, frames, gate: None, refused: None, ear: None }
    }

    /// Lets only pass what `gate` lets pass: whole frames, so that a goodbye can stand between any two of them.
    pub(super) fn through(mut self, gate: Option<Box<Gate>>) -> Self {
        self.gate = gate;
        self
    }

    /// Lets `ear` hear what passes, what was read already included.
    pub(super) fn heard_by(mut self, ear: Option<Ear>) -> Self {
        self.ear = ear;
        if let Some(ear) = &mut self.ear {
            ear.hear(&self.buffer[..self.read]);
        }
        self
    }

    /// Why the gate let nothing more pass.
    pub(super) fn refused(&mut self) -> Option<Goodbye> {
        self.refused.take()
    }

    /// What was heard of usage.
    pub(super) fn shares(&self) -> Vec<Share> {
        self.ear.as_ref().map(Ear::shares).unwrap_or_default()
    }

    /// Copies until the reading side ends, and then ends the writing side. Can be dropped at any point and gone on with.
    pub(super) async fn run(&mut self, passed: &Passed) -> Result<(), (Side, io::Error)> {
        loop {
            while self.written < self.read {
                self.write(self.read, passed).await?;
            }
            self.to.flush().await.map_err(|error| (Side::To, error))?;
            (self.read, self.written) = (0, 0);
            self.buffer.resize(BUFFER, 0);
            self.read = self.from.read(&mut self.buffer).await.map_err(|error| (Side::From, error))?;
            if self.read == 0 {
                return self.to.shutdown().await.map_err(|error| (Side::To, error));
            }
            if let Some(ear) = &mut self.ear {
                ear.hear(&self.buffer[..self.read]);
            }
            if let Some(gate) = &mut self.gate {
                // Nothing of it is to be written by whoever goes on after this was dropped.
                let read = std::mem::take(&mut self.read);
                // In a box: most tunnels have no gate, and all of them would keep room for this.
                match Box::pin(gate.pass(&self.buffer[..read])).await {
                    Ok(passed) => {
                        self.read = passed.len();
                        self.buffer = passed;
                    }
                    Err(goodbye) => {
                        self.refused = Some(goodbye);
                        return Err((Side::From, io::ErrorKind::PermissionDenied.into()));
                    }
                }
            }
        }
    }

    async fn write(&mut self, end: usize, passed: &Passed) -> Result<(), (Side, io::Error)> {
        let written =
            self.to.write(&self.buffer[self.written..end]).await.map_err(|error| (Side::To, error))?;
        if written == 0 {
            return Err((Side::To, io::ErrorKind::WriteZero.into()));
        }
        self.frames.follow(&self.buffer[self.written..self.written + written]);
        self.written += written;
        passed.bytes.fetch_add(written as u64, Ordering::Relaxed);
        passed.closing.store(self.frames.closing(), Ordering::Relaxed);
        Ok(())
    }

    /// Lets the frame that is under way come to its end, then says goodbye.
    pub(super) async fn close(
        &mut self,
        code: u16,
        reason: &str,
        mask: Option<[u8; 4]>,
    ) -> Result<(), (Side, io::Error)> {
        while !self.frames.at_boundary() {
            if self.written == self.read {
                (self.read, self.written) = (0, 0);
                self.buffer.resize(BUFFER, 0);
                self.read = self.from.read(&mut self.buffer).await.map_err(|error| (Side::From, error))?;
                if self.read == 0 {
                    return Err((Side::From, io::ErrorKind::UnexpectedEof.into()));
                }
            }
            let end = self.written + self.frames.finish_frame(&self.buffer[self.written..self.read]);
            self.to.write_all(&self.buffer[self.written..end]).await.map_err(|error| (Side::To, error))?;
            self.written = end;
        }
        let goodbye = frame::close(code, reason, mask);
        let sent = async {
            self.to.write_all(&goodbye).await?;
            self.to.flush().await?;
            self.to.shutdown().await
        };
        sent.await.map_err(|error| (Side::To, error))
    }

    /// Reads and forgets until the other end closes: closing with bytes unread would take our goodbye back (RFC 1122
    /// §4.2.2.13).
    pub(super) async fn drain(&mut self) {
        self.buffer.resize(BUFFER, 0);
        while matches!(self.from.read(&mut self.buffer).await, Ok(read) if read > 0) {}
    }
}
