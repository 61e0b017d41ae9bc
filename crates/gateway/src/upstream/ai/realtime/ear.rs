//! Hears what a provider says of usage while its messages pass.

use crate::upstream::websocket::{Assembler, Piece, Side};
use portcullis_llm::catalog;
use portcullis_llm::dialect::openai::realtime::{Figures, LONGEST, Spent, Who};
use portcullis_model::Usage;
use std::sync::{Arc, Mutex, PoisonError};

/// Follows a provider's messages.
pub(crate) struct Ear {
    assembler: Assembler,
    /// Of the session's model.
    answers: Figures,
    /// Of those that transcribed what was said.
    heard: Vec<(Known, Figures)>,
    listener: Listener,
    /// What came makes no sense as frames: nothing more is known.
    deaf: bool,
}

/// A model, where the catalogue knows it.
type Known = Option<Arc<catalog::Model>>;

/// What a model used of a session.
pub(crate) struct Share {
    /// Whose; `None`: of the session's own model.
    pub(crate) listener: Option<Known>,
    pub(crate) usage: Usage,
}

/// Which model transcribes what is said: whoever reads the caller's events says so, whoever hears the provider asks.
#[derive(Clone, Default)]
pub(crate) struct Listener(Arc<Mutex<Option<Known>>>);

impl Listener {
    /// It is this one from now on.
    pub(super) fn is(&self, known: Known) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    /// `None`: nobody named one, so it is the session's own model.
    fn now(&self) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Ear {
    pub(crate) fn new(listener: Listener) -> Self {
        Self {
            assembler: Assembler::new(Side::Server, LONGEST),
            answers: Figures::default(),
            heard: Vec::new(),
            listener,
            deaf: false,
        }
    }

    /// The next bytes.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        if self.deaf {
            return;
        }
        self.assembler.feed(bytes);
        loop {
            match self.assembler.next() {
                Ok(Some(Piece::Message { text: true, payload, .. })) => self.take(&payload),
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(_) => {
                    self.deaf = true;
                    return;
                }
            }
        }
    }

    fn take(&mut self, message: &[u8]) {
        let Some(spent) = Spent::read(message) else { return };
        let listener = self.listener.now().filter(|_| spent.who == Who::Listener);
        let figures = match listener {
            None => &mut self.answers,
            Some(known) => {
                // As many as the configuration has, at most.
                let at = self.heard.iter().position(|(other, _)| same(other, &known)).unwrap_or_else(|| {
                    self.heard.push((known, Figures::default()));
                    self.heard.len() - 1
                });
                &mut self.heard[at].1
            }
        };
        figures.add(&spent);
    }

    /// What the session used, by who used it; nothing where nothing was said of it.
    pub(crate) fn shares(&self) -> Vec<Share> {
        let answers = self.answers.usage().map(|usage| Share { listener: None, usage });
        let heard = self.heard.iter().filter_map(|(known, figures)| {
            Some(Share { listener: Some(known.clone()), usage: figures.usage()? })
        });
        answers.into_iter().chain(heard).collect()
    }
}

fn same(one: &Known, other: &Known) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}
