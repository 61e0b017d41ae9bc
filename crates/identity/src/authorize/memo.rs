//! Calls that policies have let through, by everything that the policies looked at: the same question has the same
//! answer, and the path of a call asks the same few questions all the time.
//!
//! Only what was permitted is kept; a refusal is worked out anew each time, with its reasons. Nothing is kept where
//! policies look at the time or at a token's claims. A memory belongs to one compilation of the policies: what is
//! published next begins with none.

use super::mentions::Mentions;
use super::policies::Question;
use super::{CallFacts, ServiceRules};
use portcullis_jose::sha256;
use portcullis_model::team::TeamOf;
use portcullis_model::{Name, Principal};
use quick_cache::sync::Cache;
use std::net::IpAddr;
use std::sync::Arc;

/// How many questions are kept.
const MOST: usize = 10_000;
/// Bytes of a question that is kept: paths are of the caller's choosing.
const LONGEST: usize = 1_024;

/// Questions that were answered with yes, and what is kept of them for questions about models.
pub(super) struct Memo(Cache<Box<[u8]>, Option<Arc<Question>>>);

/// Everything that the answer hangs on. Equal bytes are equal questions: each part has its length before it.
pub(super) struct Asked(Vec<u8>);

impl Memo {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST))
    }

    /// What was kept, when this was permitted before.
    pub(super) fn permitted(&self, asked: &Asked) -> Option<Option<Arc<Question>>> {
        self.0.get(&*asked.0)
    }

    /// This was permitted.
    pub(super) fn keep(&self, asked: Asked, question: Option<Arc<Question>>) {
        self.0.insert(asked.0.into_boxed_slice(), question);
    }
}

impl Asked {
    /// What policies that look at `mentions` see of a call; `None` when it is not worth or not possible to remember it.
    pub(super) fn of(
        principal: &Principal,
        service: &ServiceRules,
        call: &CallFacts<'_>,
        mentions: &Mentions,
    ) -> Option<Self> {
        if mentions.has("time") || mentions.has("token") {
            return None;
        }
        let mut asked = Self(Vec::with_capacity(256));
        asked.part(principal.tenant.id.0.as_bytes());
        // A user or an application that changes is another one here: policies may look at its attributes.
        let user = principal.user.as_ref().map(|user| (user.id.0, user.updated_at));
        let application = principal.application.as_ref().map(|app| (app.id.0, app.updated_at));
        for (id, changed) in [user, application].into_iter().flatten() {
            asked.part(id.as_bytes());
            asked.part(&changed.micros().to_le_bytes());
        }
        asked.part(&[u8::from(user.is_some()), u8::from(application.is_some())]);
        if mentions.entities && !principal.teams.is_empty() {
            asked.part(&teams(&principal.teams));
        }
        asked.part(service.name().as_str().as_bytes());
        // As `entities::context` says them.
        if mentions.has("method") {
            asked.part(call.method.as_str().as_bytes());
        }
        if mentions.has("path") {
            asked.part(call.path.as_bytes());
        }
        if mentions.has("source") {
            match call.client {
                IpAddr::V4(address) => asked.part(&address.octets()),
                IpAddr::V6(address) => asked.part(&address.octets()),
            }
        }
        if mentions.has("roles") {
            asked.parts(&principal.roles);
        }
        if mentions.has("scopes") {
            asked.parts(&principal.scopes);
        }
        if mentions.has("issuer") {
            asked.part(principal.issuer.as_ref().map_or(b"", |issuer| issuer.as_str().as_bytes()));
        }
        if mentions.has("api_key") {
            asked.part(principal.api_key.as_ref().map_or(b"".as_slice(), |key| key.id.0.as_bytes()));
        }
        (asked.0.len() <= LONGEST).then_some(asked)
    }

    fn part(&mut self, bytes: &[u8]) {
        // A part longer than this is over the bound in any case.
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn parts(&mut self, texts: &[String]) {
        self.part(&(texts.len() as u64).to_le_bytes());
        texts.iter().for_each(|text| self.part(text.as_bytes()));
    }
}

/// Who is in which teams, in as many bytes however many they are. Neither a user nor an application changes with its teams.
fn teams(teams: &[TeamOf]) -> [u8; 32] {
    let mut text = Vec::with_capacity(64 * teams.len());
    for team in teams {
        // Names have no NUL, ids a fixed length.
        text.extend_from_slice(team.id.0.as_bytes());
        text.extend_from_slice(team.name.as_str().as_bytes());
        text.extend_from_slice(&[0, u8::from(team.direct)]);
        text.extend_from_slice(team.parent.as_ref().map_or("", Name::as_str).as_bytes());
        text.push(0);
    }
    sha256(&text)
}
