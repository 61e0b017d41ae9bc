//! What of a caller's events goes on to the provider: each is read first. One that may not is the session's end.

use super::Asked;
use super::ear::{Ear, Listener};
use crate::beside::Beside;
use crate::snapshot::{AiRoutes, Snapshot};
use crate::upstream::ai::held::Held;
use crate::upstream::ai::{Deployment, Way};
use crate::upstream::websocket::{Assembler, Broken, Goodbye, Piece, Side, barring, text};
use bytes::Bytes;
use portcullis_fault::{Fault, codes};
use portcullis_identity::ModelPermit;
use portcullis_llm::catalog;
use portcullis_llm::dialect::openai::realtime::Event;
use portcullis_llm::dialect::request::Reach;
use portcullis_model::holding::Kind;
use portcullis_model::{Clock, Name};
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes of one event: as much as the vendor takes.
const LONGEST: usize = 16 << 20;

/// Reads a caller's events.
pub(crate) struct Gate {
    assembler: Assembler,
    snapshot: Arc<Snapshot>,
    routes: Arc<AiRoutes>,
    /// Whose session it is, and which model it was opened with.
    permit: ModelPermit,
    /// The provider that has the session, and the model's name there.
    provider: Name,
    model: Name,
    /// Whose something is that lives there, and what time it is.
    held: Arc<Held>,
    clock: Arc<dyn Clock>,
    beside: Arc<Beside>,
    /// The session's own model, where the catalogue knows it, and which one transcribes.
    known: Option<Arc<catalog::Model>>,
    listener: Listener,
}

impl Gate {
    /// Of a session that a deployment agreed to.
    pub(super) fn new(asked: &Asked<'_>, deployment: &Deployment) -> Self {
        Self {
            assembler: Assembler::new(Side::Client, LONGEST),
            snapshot: asked.snapshot.clone(),
            routes: asked.routes.clone(),
            permit: asked.permit.clone(),
            provider: deployment.provider.clone(),
            model: deployment.model.clone(),
            held: asked.held.clone(),
            clock: asked.clock.clone(),
            beside: asked.beside.clone(),
            known: deployment.known.clone(),
            listener: Listener::default(),
        }
    }

    /// Who hears what the provider says of usage in this session.
    pub(crate) fn ear(&self) -> Ear {
        Ear::new(self.listener.clone())
    }

    /// Takes what the caller sent; what of it may go on now. `Err`: the session is over.
    pub(crate) async fn pass(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Goodbye> {
        self.assembler.feed(bytes);
        let mut passed = Vec::new();
        while let Some(piece) = self.assembler.next().map_err(broken)? {
            match piece {
                Piece::Control(frame) => passed.extend(frame),
                Piece::Message { text: false, .. } => {
                    let fault = Fault::new(codes::AI_REQUEST_INVALID)
                        .detail("a realtime session takes events of JSON, as messages of text");
                    return Err(Goodbye::saying(fault, 1003));
                }
                Piece::Message { frames, payload, .. } => {
                    let changed = self.event(&payload).await.map_err(|fault| {
                        let code = barring(&fault);
                        Goodbye::saying(fault, code)
                    })?;
                    match changed {
                        None => passed.extend(frames),
                        // A mask hides nothing from anybody who reads this; it keeps intermediaries from taking a message for
                        // something else (RFC 6455 §10.3), and is the caller's own.
                        Some(event) => passed.extend(text(&event, mask(&frames))),
                    }
                }
            }
        }
        Ok(passed)
    }

    /// One event; what it is to be instead, where that is something else.
    async fn event(&self, message: &Bytes) -> Result<Option<Vec<u8>>, Fault> {
        let read = message.clone();
        let read = move || {
            let event = Event::read(&read)?;
            let reach = event.request().reach()?;
            Ok::<_, Fault>((event, reach))
        };
        let (event, reach) = self.beside.work(message.len(), read).await??;
        self.reach(&reach).await?;
        let there = event.models().map(|model| self.there(model)).collect::<Result<Vec<_>, _>>()?;
        if let Some((_, known)) = event.listener().and_then(|at| there.get(at)) {
            self.listener.is((*known).cloned());
        }
        let names: Vec<Cow<'_, str>> = there.into_iter().map(|(name, _)| Cow::Borrowed(name)).collect();
        Ok(event.rewrite(&names))
    }

    /// Whether it may reach for what it reaches for at the provider.
    async fn reach(&self, reach: &Reach) -> Result<(), Fault> {
        let Some(target) = self.routes.models.get(self.permit.model()) else {
            return Err(codes::MODEL_NOT_FOUND.into());
        };
        target.within.tools(reach, &self.permit, &self.snapshot.identity)?;
        for id in &reach.ids {
            // Of the session itself, which is the caller's.
            let of_session = matches!(id.kind, Kind::Item | Kind::Conversation | Kind::Audio);
            if of_session || target.within.shares(&id.text) {
                continue;
            }
            let holding = self.held.find(self.permit.permit(), id.kind, &id.text, self.clock.now()).await?;
            if holding.provider != self.provider {
                return Err(Fault::new(codes::AI_REQUEST_INVALID).detail(
                    "the event refers to something that lives at another provider than this session",
                ));
            }
        }
        Ok(())
    }

    /// What a model that the caller names is called at the session's provider, and what the catalogue knows of it.
    fn there(&self, model: &str) -> Result<(&str, Option<&Arc<catalog::Model>>), Fault> {
        if model == self.permit.model().as_str() {
            return Ok((self.model.as_str(), self.known.as_ref()));
        }
        let granted = self.snapshot.identity.authorize_model(self.permit.permit(), model)?;
        let target = self.routes.models.get(granted.model()).ok_or(codes::MODEL_NOT_FOUND)?;
        let here = |deployment: &&Deployment| {
            deployment.provider == self.provider && matches!(deployment.way, Way::Http(_))
        };
        let deployment = target.deployments.iter().find(here).ok_or_else(|| {
            Fault::new(codes::AI_REQUEST_INVALID)
                .detail(format!("model `{model}` is not at the provider of this session"))
        })?;
        Ok((deployment.model.as_str(), deployment.known.as_ref()))
    }
}

fn broken(broken: Broken) -> Goodbye {
    Goodbye::saying(Fault::new(codes::REQUEST_MALFORMED).detail(broken.why), broken.code)
}

/// The mask of the first frame of a client's message.
fn mask(frames: &[u8]) -> [u8; 4] {
    let at = match frames.get(1).map_or(0, |second| second & 0x7f) {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    frames.get(at..at + 4).and_then(|mask| mask.try_into().ok()).unwrap_or_default()
}
