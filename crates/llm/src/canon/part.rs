//! Pieces of messages.

use super::request::Cache;
use serde_json::Value;

/// A piece of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Words.
    Text(Text),
    /// An image, a sound, a video, a document.
    Media(Media),
    /// What the model thought; only of the assistant.
    Thinking(Thinking),
    /// A wish to have a tool called; only of the assistant.
    ToolCall(ToolCall),
    /// What a tool answered; only of the user.
    ToolResult(ToolResult),
    /// The model's words for why it will not; only of the assistant.
    Refusal(String),
    /// What only one dialect knows (a server-side tool's call or result, a container upload): that dialect's name, and
    /// its JSON as it was. Lost on the way into another.
    Native {
        /// The dialect that knows it.
        dialect: &'static str,
        /// As it was said there.
        value: Value,
    },
}

/// Words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// The words.
    pub text: String,
    /// Where the model has them from.
    pub citations: Vec<Citation>,
    /// A prompt-cache marker behind this part.
    pub cache: Option<Cache>,
    /// What the vendor wants back unchanged with this part (Gemini's `thoughtSignature`).
    pub signature: Option<String>,
}

/// An image, a sound, a video, a document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Media {
    /// Which of them.
    pub kind: MediaKind,
    /// Media type (`image/png`), where it is said. With [`Origin::Data`] always.
    pub mime: Option<String>,
    /// Where its bytes are.
    pub origin: Origin,
    /// File name or title.
    pub name: Option<String>,
    /// How closely to look (`low`, `high`, `auto`).
    pub detail: Option<String>,
    /// What a document is about, for the model alone: not to be cited.
    pub context: Option<String>,
    /// Whether the answer is to cite it.
    pub cite: Option<bool>,
    /// Where a search found it, as citations name it: a document with this is a search result.
    pub source: Option<String>,
    /// A prompt-cache marker behind this part.
    pub cache: Option<Cache>,
}

/// What a medium is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A document: PDF, text.
    #[default]
    Document,
}

/// Where a medium's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Here, in standard base64 with padding.
    Data(String),
    /// Here, as text (a plain-text document).
    Text(String),
    /// Here, as pieces of text that are cited one by one.
    Blocks(Vec<String>),
    /// At this URL.
    Url(String),
    /// At the provider, under this id.
    File(String),
}

/// What the model thought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thinking {
    /// In words, or a summary of them; empty where it is withheld.
    pub text: String,
    /// The vendor's signature over it: it must come back unchanged with the next request, to the same vendor only. Here
    /// and everywhere with its owner, see [`signature`](super::signature).
    pub signature: Option<String>,
    /// Encrypted thoughts in place of words (`redacted_thinking`, `encrypted_content`), with their owner as well.
    pub redacted: Option<String>,
}

/// A wish to have a tool called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Ties the result to it. A dialect without ids makes one (`call_0`, …), unique within the conversation.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as JSON text, as the model wrote them: not necessarily valid.
    pub arguments: String,
    /// What the vendor wants back unchanged with this part.
    pub signature: Option<String>,
    /// A prompt-cache marker behind this part.
    pub cache: Option<Cache>,
}

/// What a tool answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolResult {
    /// Of which call.
    pub id: String,
    /// The tool's name, for dialects that tie results to names; found from the call where the dialect has only ids.
    pub name: Option<String>,
    /// Text and media.
    pub content: Vec<Part>,
    /// Whether the tool failed.
    pub failed: bool,
    /// A prompt-cache marker behind this part.
    pub cache: Option<Cache>,
}

/// Where words are from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation {
    /// The page's or document's title.
    pub title: Option<String>,
    /// Its address.
    pub url: Option<String>,
    /// Which of the request's documents, from 0.
    pub document: Option<u32>,
    /// The words there.
    pub quote: Option<String>,
    /// Where in the answer's text, in characters: from, up to.
    pub span: Option<(u32, u32)>,
    /// Where in what is cited.
    pub place: Option<Place>,
    /// What the vendor wants back unchanged with it (`encrypted_index`), with its owner like a
    /// [`signature`](super::signature).
    pub token: Option<String>,
}

/// Where in a document: from, up to and without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In characters, from 0.
    Characters(u32, u32),
    /// In pages, from 1.
    Pages(u32, u32),
    /// In blocks, from 0.
    Blocks(u32, u32),
}

impl Default for Origin {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Part {
    /// Words and nothing else.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Text { text: text.into(), ..Text::default() })
    }
}
