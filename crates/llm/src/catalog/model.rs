//! A model as the catalogue knows it.

use super::price::Tariff;
use super::words::words;
use portcullis_model::provider::Api;

/// A model at one vendor. Limits that are `None` are not published, or not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Whose API serves it, as the presets have it ([`Preset::vendor`](crate::Preset)).
    pub vendor: String,
    /// What that API calls it.
    pub id: String,
    /// What else that API calls it, at the same price and with the same limits.
    pub aliases: Vec<String>,
    /// What it is for.
    pub kind: Kind,
    /// Tokens that it takes in. Where the vendor says only how much question and answer have together, that.
    pub context: Option<u64>,
    /// Tokens that it gives out at most, reasoning included.
    pub output: Option<u64>,
    /// Length of its vectors, where it makes some and unless asked for another.
    pub dimensions: Option<u64>,
    /// What it takes in.
    pub takes: Vec<Modality>,
    /// What it gives out.
    pub gives: Vec<Modality>,
    /// What it can do.
    pub abilities: Vec<Ability>,
    /// The one endpoint that takes its conversations, where its vendor has several and it does not answer at all of them.
    pub api: Option<Api>,
    /// When the vendor turns it off, `YYYY-MM-DD`.
    pub retires: Option<String>,
    /// What it costs.
    pub tariff: Option<Tariff>,
    /// Where the figures are from: a page's URL, or a contract's name.
    pub source: String,
    /// When they were looked up there, `YYYY-MM-DD`.
    pub checked: String,
}

words! {
    /// What a model is for.
    Kind {
        /// Answers messages.
        Chat = "chat",
        /// Makes vectors.
        Embedding = "embedding",
        /// Orders documents by a question.
        Rerank = "rerank",
        /// Judges what must not be said.
        Moderation = "moderation",
        /// Makes and changes images.
        Image = "image",
        /// Writes down speech.
        Transcription = "transcription",
        /// Speaks text.
        Speech = "speech",
        /// Talks, over a connection that stays open.
        Realtime = "realtime",
    }
}

words! {
    /// What goes in or comes out.
    Modality {
        /// Text.
        Text = "text",
        /// Images: where it is taken in, the model has vision.
        Image = "image",
        /// Sound.
        Audio = "audio",
        /// Moving images.
        Video = "video",
        /// Documents, PDF at least.
        File = "file",
    }
}

words! {
    /// What a model can do.
    Ability {
        /// Answers can be streams.
        Streaming = "streaming",
        /// Calls tools.
        Tools = "tools",
        /// Calls several tools in one answer.
        ParallelTools = "parallel_tools",
        /// Keeps to a JSON schema.
        StructuredOutput = "structured_output",
        /// Thinks before it answers.
        Reasoning = "reasoning",
        /// Reads what it has read before at another price.
        Caching = "caching",
        /// Goes on from the beginning of an answer that the caller wrote.
        Prefill = "prefill",
        /// Searches the web by itself.
        WebSearch = "web_search",
        /// Uses a screen, a mouse and a keyboard.
        ComputerUse = "computer_use",
    }
}

impl Model {
    /// Whether it can do this.
    pub fn has(&self, ability: Ability) -> bool {
        self.abilities.contains(&ability)
    }

    /// Whether it looks at images.
    pub fn sees(&self) -> bool {
        self.takes.contains(&Modality::Image)
    }

    /// Its id, then its aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.aliases).map(String::as_str)
    }

    /// Where a member of it is, in problems.
    pub(super) fn place(&self, member: &str) -> String {
        format!("models.{}/{}.{member}", self.vendor, self.id)
    }
}
