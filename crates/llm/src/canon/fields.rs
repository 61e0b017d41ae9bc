//! What a request can say, by name: which dialect can say it ([`Chat::says`](crate::dialect::chat::Chat::says)), and what
//! becomes of it where the target cannot.

pub mod answers;
mod rows;
mod take;

pub use rows::{REFUSED_NATIVES, ROWS};

use super::custom;
use super::request::Request;
use portcullis_fault::{Fault, codes};
use std::borrow::Cow;

/// Something that a request can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Field(pub &'static str);

macro_rules! fields {
    ($($(#[$doc:meta])* $constant:ident = $name:literal,)*) => {
        $($(#[$doc])* pub const $constant: Field = Field($name);)*
    };
}

fields! {
    /// Messages of the role system.
    SYSTEM = "system",
    /// Messages of the role developer, apart from system.
    DEVELOPER = "developer",
    /// System and developer messages behind others.
    SYSTEM_IN_THE_MIDDLE = "system_in_the_middle",
    /// Names of speakers.
    NAME = "name",
    /// Images.
    IMAGE = "image",
    /// Images by URL.
    IMAGE_URL = "image_url",
    /// Images by the provider's file id.
    IMAGE_FILE = "image_file",
    /// Sound.
    AUDIO = "audio",
    /// Video.
    VIDEO = "video",
    /// Documents.
    DOCUMENT = "document",
    /// Documents by URL.
    DOCUMENT_URL = "document_url",
    /// Documents by the provider's file id.
    DOCUMENT_FILE = "document_file",
    /// Documents as plain text.
    DOCUMENT_TEXT = "document_text",
    /// Documents as pieces of text.
    DOCUMENT_BLOCKS = "document_blocks",
    /// What a document is about.
    DOCUMENT_CONTEXT = "document_context",
    /// What a search found.
    SEARCH_RESULT = "search_result",
    /// How closely to look at an image.
    DETAIL = "detail",
    /// Tools, their calls and results.
    TOOLS = "tools",
    /// What a tool does, in words.
    TOOL_DESCRIPTION = "tool_description",
    /// That arguments keep to the schema.
    TOOL_STRICT = "tool_strict",
    /// What the text of a tool that takes text keeps to.
    TOOL_GRAMMAR = "tool_grammar",
    /// That some tool must be called.
    TOOL_CHOICE_REQUIRED = "tool_choice_required",
    /// That this tool must be called.
    TOOL_CHOICE_NAMED = "tool_choice_named",
    /// That no tool may be called.
    TOOL_CHOICE_NONE = "tool_choice_none",
    /// That only some of the tools may be called.
    TOOL_CHOICE_AMONG = "tool_choice_among",
    /// That at most one tool is called at once.
    PARALLEL_TOOLS = "parallel_tools",
    /// Tools that run at the provider.
    SERVER_TOOLS = "server_tools",
    /// Media in a tool's result.
    TOOL_RESULT_MEDIA = "tool_result_media",
    /// That a tool failed.
    TOOL_RESULT_FAILED = "tool_result_failed",
    /// Earlier thoughts of the model.
    THINKING = "thinking",
    /// The vendor's signature over thoughts; only its own vendor takes it back.
    THINKING_SIGNATURE = "thinking_signature",
    /// The beginning of the answer, which the model goes on with.
    PREFILL = "prefill",
    /// That the answer is a JSON object.
    JSON = "json",
    /// That the answer is JSON by a schema.
    JSON_SCHEMA = "json_schema",
    /// That the answer keeps exactly to the schema.
    SCHEMA_STRICT = "schema_strict",
    /// Sampling temperature.
    TEMPERATURE = "temperature",
    /// Nucleus sampling.
    TOP_P = "top_p",
    /// Sampling from the best so many.
    TOP_K = "top_k",
    /// Sampling from what is likely enough.
    MIN_P = "min_p",
    /// Frequency penalty.
    FREQUENCY_PENALTY = "frequency_penalty",
    /// Presence penalty.
    PRESENCE_PENALTY = "presence_penalty",
    /// Seed.
    SEED = "seed",
    /// Bias of single tokens.
    LOGIT_BIAS = "logit_bias",
    /// Probabilities of the words.
    LOGPROBS = "logprobs",
    /// Probabilities of other words in their places.
    TOP_LOGPROBS = "top_logprobs",
    /// Bound of the answer.
    MAX_TOKENS = "max_tokens",
    /// Stop sequences.
    STOP = "stop",
    /// Several answers.
    N = "n",
    /// Thinking, in steps.
    REASONING_EFFORT = "reasoning_effort",
    /// Thinking, in tokens.
    REASONING_BUDGET = "reasoning_budget",
    /// Whether thoughts are shown.
    REASONING_SUMMARY = "reasoning_summary",
    /// How long-winded to be.
    VERBOSITY = "verbosity",
    /// Settings of the vendor's filters.
    SAFETY = "safety",
    /// The caller's name for its end user.
    USER = "user",
    /// The caller's labels.
    METADATA = "metadata",
    /// Priority class.
    SERVICE_TIER = "service_tier",
    /// That the provider keeps the answer.
    STORE = "store",
    /// Answers that are not only text.
    MODALITIES = "modalities",
    /// Prompt-cache markers.
    CACHE = "cache",
    /// That the provider sets a prompt-cache marker by itself, behind all that is said.
    CACHE_AUTOMATIC = "cache_automatic",
    /// Citations in what was said before, and the wish for them.
    CITATIONS = "citations",
    /// What only one dialect knows.
    NATIVE = "native",
}

/// What becomes of a field that the target cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is left out: the answer may be worse, and means the same.
    Drop,
    /// The call is refused: without it the answer would mean something else.
    Refuse,
}

/// How strict a deployment is about what its dialect cannot say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Whatever cannot be said is refused.
    Strict,
    /// By each field's [`Rule`].
    #[default]
    Drop,
}

/// What was left out or changed on the way into another dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(Vec<Cow<'static, str>>);

impl Losses {
    /// A field was left out.
    pub fn dropped(&mut self, field: Field) {
        self.0.push(Cow::Borrowed(field.0));
    }

    /// A value was changed: which, and to what (`temperature=1`).
    pub fn changed(&mut self, what: impl Into<String>) {
        self.0.push(Cow::Owned(what.into()));
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As in the header `x-portcullis-dropped` and the record: names with commas, at most 1 KiB.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for name in &self.0 {
            if text.len() + name.len() + 2 > 1024 {
                text.push_str(", …");
                break;
            }
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(name);
        }
        text
    }
}

/// One row: a field, what becomes of it, how it is found and taken out.
#[derive(Debug)]
pub struct Row {
    /// Its name, as in requests of the first dialect that had it.
    pub field: Field,
    /// What becomes of it where it cannot be said.
    pub rule: Rule,
    /// What that means, for the reference.
    pub then: &'static str,
    /// Whether a request says it.
    pub used: fn(&Request) -> bool,
    /// Takes it out, or says it in another way that every dialect knows.
    pub remove: fn(&mut Request),
}

/// Who is to be told a request.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its dialect.
    pub dialect: &'a str,
    /// What that can say.
    pub says: &'a [Field],
    /// What this provider cannot be told although its dialect could say it.
    pub cannot: &'a [Field],
}

impl Target<'_> {
    fn takes(&self, field: Field) -> bool {
        self.says.contains(&field) && !self.cannot.contains(&field)
    }
}

/// Takes out of `request` what `target` cannot be told, or refuses it with `ai_request_invalid`: by [`ROWS`], and members,
/// parts and signatures of another dialect than the target's always.
pub fn fit(request: &mut Request, target: Target<'_>, mode: Mode, losses: &mut Losses) -> Result<(), Fault> {
    take::natives(request, target.dialect, mode, losses)?;
    if take::foreign_signatures(request, target.dialect) {
        // Not in strict mode either: a signature is nothing that the caller says, only what it was told to give back.
        losses.dropped(THINKING_SIGNATURE);
    }
    if target.takes(CACHE) && !target.takes(CACHE_AUTOMATIC) {
        take::mark_the_end(request);
    }
    for row in ROWS {
        if target.takes(row.field) {
            continue;
        }
        if !(row.used)(request) {
            if UNSAID.contains(&row.field) {
                (row.remove)(request);
            }
            continue;
        }
        if mode == Mode::Strict || row.rule == Rule::Refuse {
            return Err(untold(row.field.0));
        }
        (row.remove)(request);
        losses.dropped(row.field);
    }
    if !target.takes(TOOL_GRAMMAR) {
        // Nothing is lost: on the way back it is told from a function by the caller's own words.
        custom::as_functions(&mut request.tools);
    }
    let long = |user: &String| user.chars().count() > LONGEST_USER;
    if matches!(target.dialect, "openai" | "responses") && request.user.as_ref().is_some_and(long) {
        if mode == Mode::Strict {
            return Err(untold(USER.0));
        }
        request.user = None;
        losses.dropped(USER);
    }
    Ok(())
}

/// Characters of a user's name that OpenAI takes, and who has taken its format over: they refuse longer ones. Claude Code's has
/// about 150.
const LONGEST_USER: usize = 64;

/// Fields that a request can say without using them (`store: false`): whoever cannot be told them does so anyway, and may
/// refuse to hear it all the same.
const UNSAID: &[Field] = &[TOOL_STRICT, PARALLEL_TOOLS, SCHEMA_STRICT, STORE];

/// The refusal of something that the target cannot be told.
pub(crate) fn untold(name: &str) -> Fault {
    let shown: String = name.chars().take(64).collect();
    let what = match IN_WORDS.iter().find(|(field, _)| field.0 == name) {
        Some((_, words)) => format!("{words} (`{shown}`)"),
        None => format!("member `{shown}`"),
    };
    let what = format!(
        "{what} cannot be said to the provider of this model; leave it out, or ask for another model"
    );
    Fault::new(codes::AI_REQUEST_INVALID).detail(what)
}

/// Fields that are no members of any request, as callers know them.
const IN_WORDS: &[(Field, &str)] = &[
    (DEVELOPER, "a message of the developer's"),
    (SYSTEM_IN_THE_MIDDLE, "an instruction behind the beginning of the conversation"),
    (IMAGE, "an image"),
    (IMAGE_URL, "an image by its URL"),
    (IMAGE_FILE, "an image by the id of a file"),
    (AUDIO, "sound"),
    (VIDEO, "a video"),
    (SEARCH_RESULT, "a result of a search"),
    (DOCUMENT, "a document"),
    (DOCUMENT_TEXT, "a document that is text"),
    (DOCUMENT_BLOCKS, "a document in blocks"),
    (DOCUMENT_CONTEXT, "the context of a document"),
    (DOCUMENT_URL, "a document by its URL"),
    (DOCUMENT_FILE, "a document by the id of a file"),
    (SERVER_TOOLS, "a tool that runs at the provider"),
    (TOOL_STRICT, "that a tool's arguments keep to its schema"),
    (TOOL_CHOICE_AMONG, "a choice among some of the tools"),
    (TOOL_CHOICE_NAMED, "that one tool must be called"),
    (TOOL_CHOICE_REQUIRED, "that some tool must be called"),
    (TOOL_CHOICE_NONE, "that no tool may be called"),
    (PARALLEL_TOOLS, "that tools are called one at a time"),
    (TOOL_RESULT_MEDIA, "an image or a document in a tool's result"),
    (TOOL_RESULT_FAILED, "that a tool failed"),
    (THINKING, "what was thought before"),
    (PREFILL, "a beginning of the answer, as the last message"),
    (JSON, "an answer that is JSON"),
    (JSON_SCHEMA, "an answer by a JSON schema"),
    (SCHEMA_STRICT, "that an answer keeps to its schema exactly"),
    (CACHE, "a mark for the prompt's cache"),
    (CITATIONS, "citations"),
];

#[cfg(test)]
mod tests;
