//! What can be asked, whatever dialect it is asked in.

use portcullis_model::provider::Api;

/// What a call asks for. Which wire format it is asked in is beside it: see [`Served`](super::Served).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A model's answer to a conversation.
    Chat,
    /// The same, in OpenAI's Responses format, whose answers may stay at the provider.
    Responses,
    /// An answer in that format which stayed at the provider: to be read, cancelled or deleted.
    StoredResponse,
    /// A model's continuation of a text: OpenAI's legacy completions, Ollama's generate.
    Completions,
    /// Vectors of texts.
    Embeddings,
    /// Documents in the order in which they answer a question.
    Rerank,
    /// How many tokens a conversation has.
    CountTokens,
    /// Images, of a text.
    Images,
    /// Images, of other images and a text.
    ImageEdits,
    /// Other images like one.
    ImageVariations,
    /// What was said in a recording.
    Transcriptions,
    /// The same, in English.
    Translations,
    /// A text, spoken.
    Speech,
    /// Whether a text or an image is one that must not be.
    Moderations,
    /// A conversation in events, over a WebSocket.
    Realtime,
    /// A file to be kept at the provider.
    FileUpload,
    /// One that is kept there: to be read or deleted.
    File,
    /// The caller's own that are kept there.
    Files,
    /// Calls that the provider makes later, out of a file.
    BatchCreate,
    /// Such calls: to be looked after, or cancelled.
    Batch,
    /// The caller's own of these.
    Batches,
    /// A prompt's beginning, to be kept at the provider.
    CacheCreate,
    /// One that is kept there: to be read, kept for longer, or deleted.
    Cache,
    /// The caller's own that are kept there.
    Caches,
    /// A call in the model's own form, which only its provider knows (Bedrock's `invoke`).
    Invoke,
    /// The models that the caller may use.
    Models,
    /// One of them.
    Model,
    /// What the vendor's server is: whether it is there, which version it is like, what it has loaded (Ollama's clients want to
    /// know).
    Version,
}

impl Operation {
    /// Every operation.
    pub const ALL: &'static [Self] = &[
        Self::Chat,
        Self::Responses,
        Self::StoredResponse,
        Self::Completions,
        Self::Embeddings,
        Self::Rerank,
        Self::CountTokens,
        Self::Images,
        Self::ImageEdits,
        Self::ImageVariations,
        Self::Transcriptions,
        Self::Translations,
        Self::Speech,
        Self::Moderations,
        Self::Realtime,
        Self::FileUpload,
        Self::File,
        Self::Files,
        Self::BatchCreate,
        Self::Batch,
        Self::Batches,
        Self::CacheCreate,
        Self::Cache,
        Self::Caches,
        Self::Invoke,
        Self::Models,
        Self::Model,
        Self::Version,
    ];

    /// As kept in records, and as pages say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::StoredResponse => "stored_response",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::CountTokens => "count_tokens",
            Self::Images => "images",
            Self::ImageEdits => "image_edits",
            Self::ImageVariations => "image_variations",
            Self::Transcriptions => "transcriptions",
            Self::Translations => "translations",
            Self::Speech => "speech",
            Self::Moderations => "moderations",
            Self::Realtime => "realtime",
            Self::FileUpload | Self::File | Self::Files => "files",
            Self::BatchCreate | Self::Batch | Self::Batches => "batches",
            Self::CacheCreate | Self::Cache | Self::Caches => "cached_contents",
            Self::Invoke => "invoke",
            Self::Models | Self::Model => "models",
            Self::Version => "version",
        }
    }

    /// What is asked at this endpoint.
    pub const fn at(api: Api) -> Self {
        match api {
            Api::ChatCompletions => Self::Chat,
            Api::Responses => Self::Responses,
        }
    }

    /// Whether it has a model's words for an answer, so that it can be said in the format of any other of these.
    pub const fn is_conversation(self) -> bool {
        matches!(self, Self::Chat | Self::Responses | Self::Completions)
    }

    /// Whether it is paid for by the piece, and dearly: a call that may have run is not made again unless that was asked for.
    pub const fn is_by_the_piece(self) -> bool {
        matches!(
            self,
            Self::Images
                | Self::ImageEdits
                | Self::ImageVariations
                | Self::Transcriptions
                | Self::Translations
                | Self::Speech
                | Self::BatchCreate
                | Self::CacheCreate
        )
    }

    /// Whether the gateway answers it itself, from what it was told about models.
    pub const fn is_local(self) -> bool {
        matches!(self, Self::Models | Self::Model | Self::Version)
    }
}
