//! What lives at a provider, by the id that the provider gave it, and whose it is here.
//!
//! A provider knows one account, ours: whoever knows an id can use it there. So an id is bound to the principal to whom it was
//! given, and to the account that gave it.

use crate::{ApplicationId, Name, Principal, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// Kinds of what lives at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An answer that the provider keeps (OpenAI's Responses).
    Response,
    /// A conversation that the provider keeps.
    Conversation,
    /// A part of either: what was said, thought or called.
    Item,
    /// A sound that a model made, to be referred to.
    Audio,
    /// A file.
    File,
    /// A batch of calls.
    Batch,
    /// A file whose calls were judged when it came: what a batch may be made of. The same file is a [`File`](Self::File), too.
    BatchInput,
    /// A prompt's beginning that the provider keeps (Gemini's `cachedContents`).
    CachedContent,
    /// A place where code runs.
    Container,
    /// A collection of files to search in.
    VectorStore,
    /// A prompt that was written at the provider.
    Prompt,
    /// A skill that was written at the provider.
    Skill,
    /// A guardrail that was written at the provider.
    Guardrail,
    /// A place in the storage of the provider's account: `s3://…`, `gs://…`.
    Storage,
    /// A realtime session.
    Session,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Response,
        Self::Conversation,
        Self::Item,
        Self::Audio,
        Self::File,
        Self::Batch,
        Self::BatchInput,
        Self::CachedContent,
        Self::Container,
        Self::VectorStore,
        Self::Prompt,
        Self::Skill,
        Self::Guardrail,
        Self::Storage,
        Self::Session,
    ];

    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Conversation => "conversation",
            Self::Item => "item",
            Self::Audio => "audio",
            Self::File => "file",
            Self::Batch => "batch",
            Self::BatchInput => "batch_input",
            Self::CachedContent => "cached_content",
            Self::Container => "container",
            Self::VectorStore => "vector_store",
            Self::Prompt => "prompt",
            Self::Skill => "skill",
            Self::Guardrail => "guardrail",
            Self::Storage => "storage",
            Self::Session => "session",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().find(|kind| kind.as_str() == text).copied().ok_or(UnknownKind)
    }
}

/// A word that is no [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl std::fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no kind of what lives at a provider")
    }
}

impl std::error::Error for UnknownKind {}

/// Whose something is: a user's, an application's, or a user's through an application, which neither the user alone nor
/// the user through another application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    /// The tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: Option<UserId>,
    /// The application.
    pub application: Option<ApplicationId>,
}

impl Holder {
    /// The principal as a holder.
    pub fn of(principal: &Principal) -> Self {
        Self {
            tenant: principal.tenant.id,
            user: principal.user.as_ref().map(|user| user.id),
            application: principal.application.as_ref().map(|application| application.id),
        }
    }
}

/// Something that lives at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// What it is.
    pub kind: Kind,
    /// Its id, as the provider gave it.
    pub object: String,
    /// Whose it is.
    pub holder: Holder,
    /// The provider that gave the id.
    pub provider: Name,
    /// With which of our keys there, counted from 1; `None` where we have no more than one.
    pub key: Option<u16>,
    /// The model at that provider that was asked; empty where none was.
    pub deployment: String,
    /// The model as the caller asked for it; `None` where none was.
    pub model: Option<Name>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the provider forgets it, where that is known.
    pub expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!("Response".parse::<Kind>(), Err(UnknownKind));
    }
}
