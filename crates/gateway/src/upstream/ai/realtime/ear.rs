//! Hears what a provider says of usage while its messages pass.

use crate::upstream::websocket::{Assembler, Piece, Side};
use portcullis_llm::dialect::openai::realtime::{Figures, LONGEST};
use portcullis_model::Usage;

/// Follows a provider's messages.
pub(crate) struct Ear {
    assembler: Assembler,
    figures: Figures,
    /// What came makes no sense as frames: nothing more is known.
    deaf: bool,
}

impl Ear {
    pub(crate) fn new() -> Self {
        Self { assembler: Assembler::new(Side::Server, LONGEST), figures: Figures::default(), deaf: false }
    }

    /// The next bytes.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        if self.deaf {
            return;
        }
        self.assembler.feed(bytes);
        loop {
            match self.assembler.next() {
                Ok(Some(Piece::Message { text: true, payload, .. })) => self.figures.take(&payload),
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(_) => {
                    self.deaf = true;
                    return;
                }
            }
        }
    }

    /// What the session used; `None`: nothing was said of it.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.figures.usage()
    }
}
