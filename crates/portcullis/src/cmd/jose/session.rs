//! What the verbs of one invocation share: the time, the colours, stdin, and where remarks go.

use super::input::Stdin;
use super::paint::{Color, Ink, Paint, harmless};
use crate::cli::{Globals, Output};
use portcullis_control::workbench::At;
use portcullis_identity::secrets::SystemRng;
use portcullis_model::{Clock, SystemClock, Timestamp};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::sync::Arc;

/// Widest line of running text. Tokens and keys are as long as they are.
const WIDEST: usize = 100;

/// One invocation.
#[derive(Debug)]
pub struct Session<'g> {
    /// The options of every verb.
    pub globals: &'g Globals,
    /// The time by which tokens and keys are judged.
    pub now: Timestamp,
    /// For stdout.
    pub paint: Paint,
    /// Columns of running text.
    pub width: usize,
    /// Stdin, read at most once.
    pub stdin: Stdin,
    stderr: Paint,
}

impl<'g> Session<'g> {
    /// At this time, or at the machine's.
    pub fn new(globals: &'g Globals, color: Color, now: Option<Timestamp>) -> Self {
        let columns =
            rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col));
        let paint = |terminal| Paint::of(color, &globals.environment, terminal);
        Self {
            globals,
            now: now.unwrap_or_else(|| SystemClock.now()),
            paint: paint(std::io::stdout().is_terminal()),
            width: if columns == 0 { WIDEST } else { columns.clamp(40, WIDEST) },
            stdin: Stdin::default(),
            stderr: paint(std::io::stderr().is_terminal()),
        }
    }

    /// What the workbench's operations run with.
    pub fn at(&self) -> At {
        At::here(self.now, Arc::new(SystemRng::new()))
    }

    /// Whether a program reads the result.
    pub fn is_json(&self) -> bool {
        self.globals.output == Output::Json
    }

    /// A remark, on stderr: the result on stdout stays what it is.
    pub fn note(&self, text: &str) {
        let line = match self.globals.output {
            Output::Text => format!("{} {}\n", self.stderr.ink(Ink::Info, "note:"), harmless(text)),
            Output::Json => format!("{}\n", json!({ "note": text })),
        };
        // A closed stderr leaves nobody to tell.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
