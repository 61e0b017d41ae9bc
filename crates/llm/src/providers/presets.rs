//! Vendors, as rows ([`ALL`]): where they are, which dialect they speak, and how they differ from it. Most speak OpenAI's.
//!
//! How a vendor differs is data: what it refuses, where it reports usage, what its errors look like, and the page that
//! says so. Where a fact is not certain the row takes the harmless side: a vendor that is not asked for usage in streams
//! costs us an estimate, one that is asked and does not know the question refuses the call.

mod reference;
mod rows;

pub use reference::reference_markdown;
pub use rows::ALL;

use crate::dialect::openai::OpenAi;
use crate::dialect::request::StreamOptions;
use crate::dialect::{Dialect, Operation, Served, served};
use http::{HeaderName, HeaderValue};
use portcullis_model::provider::Api;
use std::borrow::Cow;

/// A vendor, in one of the dialects that it speaks.
#[derive(Debug)]
pub struct Preset {
    /// What `preset = "…"` says.
    pub name: &'static str,
    /// Whose models it serves, as the [catalogue](crate::catalog) has it; the catalogue need not know any.
    pub vendor: &'static str,
    /// Where its API is, up to and with the version, no trailing slash; `None`: it differs by account, and the operator
    /// gives it as `base_url`.
    pub base_url: Option<&'static str>,
    /// What `base_url` looks like where it differs by account, with `{…}` for what differs.
    pub template: Option<&'static str>,
    /// What it speaks.
    pub dialect: &'static dyn Dialect,
    /// How it wants our key.
    pub credential: Credential,
    /// What else every call there says in headers: `anthropic-version`.
    pub headers: &'static [(&'static str, &'static str)],
    /// How it reports usage in streams.
    pub stream_usage: StreamUsage,
    /// What it serves.
    pub operations: &'static [Operation],
    /// Operations whose path below `base_url` is not its dialect's, and that path; `{model}` stands for its model's name.
    pub paths: &'static [(Operation, &'static str)],
    /// Members of a request that it answers with an error, beside what the other fields say.
    pub refuses: &'static [&'static str],
    /// Members that those of its models refuse that think before they answer: left out where a call is written anew. Where
    /// there are any, the others refuse to hear how much to think (`reasoning_effort`).
    pub thinkers_refuse: &'static [&'static str],
    /// Whether it wants back what its models thought in earlier answers, as `reasoning_content`: some refuse a conversation
    /// in which a call of a tool comes without.
    pub thoughts_back: bool,
    /// Members of a request that it has by another name, and that name: `seed`, `random_seed`.
    pub renames: &'static [(&'static str, &'static str)],
    /// Parameters that every call there has, unless the operator gives others: `api-version`.
    pub query: &'static [(&'static str, &'static str)],
    /// Whether it takes messages of the role `developer`; one that does not has `system` for the same.
    pub developer_role: bool,
    /// Whether it takes tools that take text, OpenAI's `custom` ones; where a call is written anew for one that does not, they
    /// are functions.
    pub custom_tools: bool,
    /// How it takes the bound of an answer.
    pub max_tokens: MaxTokens,
    /// Where its answers say how much of a limit is left.
    pub rate_limits: RateLimits,
    /// What its errors look like.
    pub errors: ErrorShape,
    /// Whether `GET /models` lists its models.
    pub lists_models: bool,
    /// The page that says so.
    pub source: &'static str,
}

/// How a vendor wants our key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer …`.
    Bearer,
    /// The bare key in a header of this lower-case name.
    Header(&'static str),
    /// It needs none; one that is given goes as `Bearer`.
    Optional,
}

/// How a vendor reports usage in streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamUsage {
    /// When asked with `stream_options`.
    Asked,
    /// Not to be asked: it reports on its own, or not at all, or is not known to understand the question.
    Unasked,
    /// It refuses calls with `stream_options`, the caller's own too; it reports on its own, or not at all.
    Refused,
}

/// How a vendor takes the bound of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxTokens {
    /// `max_tokens` and `max_completion_tokens`.
    Both,
    /// `max_tokens` only; the other one is refused, or overlooked.
    Old,
    /// `max_completion_tokens` only, for some of its models at least.
    New,
}

/// Where a vendor's answers say how much of a limit is left. All of them send `Retry-After` with a 429, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimits {
    /// `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`.
    OpenAi,
    /// Headers that begin with this.
    Prefix(&'static str),
    /// Nowhere, as far as is known.
    Unknown,
}

/// What a vendor's errors look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorShape {
    /// `{"error":{"message":…}}`.
    OpenAi,
    /// `{"message":…}`, `message` a text or an object.
    Message,
    /// `{"error":"…"}`.
    Text,
    /// `{"detail":…}`, or one of the other shapes.
    Detail,
}

/// For a provider that is given by its `base_url` alone.
static GENERIC: Preset = Preset::row(
    "openai-compatible",
    None,
    &[
        Operation::Chat,
        Operation::Completions,
        Operation::Embeddings,
        Operation::Rerank,
        Operation::Images,
        Operation::ImageEdits,
        Operation::ImageVariations,
        Operation::Transcriptions,
        Operation::Translations,
        Operation::Speech,
        Operation::Moderations,
        Operation::Realtime,
        Operation::FileUpload,
        Operation::BatchCreate,
    ],
    "",
)
.optional();

impl Preset {
    /// The preset of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|preset| preset.name == name)
    }

    /// For a provider that is given by its `base_url` alone: all operations, the key as `Bearer` when there is one.
    pub fn generic() -> &'static Self {
        &GENERIC
    }

    /// Whether this is the built-in provider ([`echo`](super::echo)), which has no URL.
    pub fn is_echo(&self) -> bool {
        self.name == "echo"
    }

    /// Whether it serves `operation`.
    pub fn serves(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
    }

    /// Whether `api` can be chosen for its conversations: of one that speaks OpenAI's dialect, whether or not it is known to have
    /// Responses. More vendors have them by the month, and the operator knows.
    pub fn has(&self, api: Api) -> bool {
        let chats = self.dialect.name() == "openai" && self.serves(Operation::Chat);
        chats && !(self.is_echo() && api == Api::Responses)
    }

    /// Where and how it is asked for `operation`, as a stream or not; `None` when it is not served.
    pub fn served(&self, operation: Operation, stream: bool) -> Option<&'static Served> {
        let mut rows = self.dialect.serves().iter().filter(|row| row.operation == operation);
        rows.find(|row| row.stream.is_none_or(|said| said == stream)).filter(|_| self.serves(operation))
    }

    /// The path of a row of its dialect below `base_url`, for this model of its.
    pub fn path(&self, row: &Served, model: &str) -> Cow<'static, str> {
        self.own_path(row.operation, model).unwrap_or_else(|| row.path_for(model))
    }

    /// The path for `operation` where it is not the dialect's.
    pub fn own_path(&self, operation: Operation, model: &str) -> Option<Cow<'static, str>> {
        let (_, path) = self.paths.iter().find(|(own, _)| *own == operation)?;
        Some(served::with_model(path, model))
    }

    /// What to do with a call's `stream_options`.
    pub fn stream_options(&self) -> StreamOptions {
        match self.stream_usage {
            StreamUsage::Asked => StreamOptions::Ask,
            StreamUsage::Unasked => StreamOptions::Keep,
            StreamUsage::Refused => StreamOptions::Remove,
        }
    }

    /// Whether a call with this member is answered with an error.
    pub fn refuses(&self, member: &str) -> bool {
        match member {
            "stream_options" => self.stream_usage == StreamUsage::Refused,
            _ => self.refuses.contains(&member),
        }
    }

    /// Whether it can be called without a key.
    pub fn needs_key(&self) -> bool {
        self.credential != Credential::Optional
    }

    /// The header that carries `key`, marked sensitive; `None` when `key` cannot stand in a header.
    pub fn credential_header(&self, key: &[u8]) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = match self.credential {
            Credential::Header(name) => (HeaderName::from_static(name), HeaderValue::from_bytes(key)),
            Credential::Bearer | Credential::Optional => {
                (http::header::AUTHORIZATION, HeaderValue::from_bytes(&[b"Bearer ", key].concat()))
            }
        };
        let mut value = value.ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }

    /// A row as most are: OpenAI's ways throughout.
    const fn row(
        name: &'static str,
        base_url: Option<&'static str>,
        operations: &'static [Operation],
        source: &'static str,
    ) -> Self {
        Self {
            name,
            vendor: name,
            base_url,
            template: None,
            dialect: &OpenAi,
            credential: Credential::Bearer,
            headers: &[],
            stream_usage: StreamUsage::Asked,
            operations,
            paths: &[],
            refuses: &[],
            thinkers_refuse: &[],
            thoughts_back: false,
            renames: &[],
            query: &[],
            developer_role: true,
            custom_tools: false,
            max_tokens: MaxTokens::Both,
            rate_limits: RateLimits::Unknown,
            errors: ErrorShape::OpenAi,
            lists_models: true,
            source,
        }
    }

    const fn of(mut self, vendor: &'static str) -> Self {
        self.vendor = vendor;
        self
    }

    const fn like(mut self, template: &'static str) -> Self {
        self.template = Some(template);
        self
    }

    const fn key_in(mut self, header: &'static str) -> Self {
        self.credential = Credential::Header(header);
        self
    }

    /// A vendor with a wire of its own.
    const fn speaks(mut self, dialect: &'static dyn Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    const fn says(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.headers = headers;
        self
    }

    const fn optional(mut self) -> Self {
        self.credential = Credential::Optional;
        self
    }

    const fn usage(mut self, usage: StreamUsage) -> Self {
        self.stream_usage = usage;
        self
    }

    const fn at(mut self, paths: &'static [(Operation, &'static str)]) -> Self {
        self.paths = paths;
        self
    }

    const fn without(mut self, refuses: &'static [&'static str]) -> Self {
        self.refuses = refuses;
        self
    }

    const fn thinkers_without(mut self, refuses: &'static [&'static str]) -> Self {
        self.thinkers_refuse = refuses;
        self
    }

    const fn thoughts_back(mut self) -> Self {
        self.thoughts_back = true;
        self
    }

    const fn custom_tools(mut self) -> Self {
        self.custom_tools = true;
        self
    }

    const fn renaming(mut self, renames: &'static [(&'static str, &'static str)]) -> Self {
        self.renames = renames;
        self
    }

    const fn asks(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    const fn no_developer(mut self) -> Self {
        self.developer_role = false;
        self
    }

    const fn bound(mut self, max_tokens: MaxTokens) -> Self {
        self.max_tokens = max_tokens;
        self
    }

    const fn limits(mut self, rate_limits: RateLimits) -> Self {
        self.rate_limits = rate_limits;
        self
    }

    const fn errors(mut self, errors: ErrorShape) -> Self {
        self.errors = errors;
        self
    }

    const fn unlisted(mut self) -> Self {
        self.lists_models = false;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sound() {
        let mut names: Vec<_> = ALL.iter().map(|preset| preset.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len(), "two rows have one name");
        for preset in ALL.iter().chain([&GENERIC]) {
            assert!(
                preset.name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-'),
                "{}",
                preset.name
            );
            if let Some(url) = preset.base_url {
                let uri: http::Uri = url.parse().unwrap();
                let local = uri.host() == Some("127.0.0.1");
                assert!(!url.ends_with('/') && uri.query().is_none(), "{url}");
                assert_eq!(uri.scheme_str(), Some(if local { "http" } else { "https" }), "{url}");
                assert_eq!(
                    preset.credential == Credential::Optional,
                    local,
                    "{}: only local servers go without a key",
                    preset.name
                );
            }
            if let Credential::Header(name) = preset.credential {
                assert_eq!(HeaderName::from_static(name).as_str(), name);
            }
            for (at, operation) in preset.operations.iter().enumerate() {
                assert!(!operation.is_local(), "{}: {} is ours", preset.name, operation.name());
                assert!(
                    !preset.operations[..at].contains(operation),
                    "{}: {} twice",
                    preset.name,
                    operation.name()
                );
                assert!(
                    [false, true].iter().any(|stream| preset.served(*operation, *stream).is_some())
                        || preset.dialect.exchange(preset, *operation).is_some(),
                    "{}: {} is not of its dialect",
                    preset.name,
                    operation.name()
                );
            }
            for (name, value) in preset.headers {
                assert_eq!(HeaderName::from_static(name).as_str(), *name);
                assert!(!value.is_empty(), "{}: {name}", preset.name);
            }
            for (operation, path) in preset.paths {
                assert!(path.starts_with('/') && !path.ends_with('/'), "{}: {path}", preset.name);
                assert!(
                    preset.operations.contains(operation),
                    "{}: {operation:?} is not served",
                    preset.name
                );
            }
            for (at, member) in preset.refuses.iter().enumerate() {
                assert!(!preset.refuses[..at].contains(member), "{}: {member} twice", preset.name);
                assert!(
                    !["stream_options", "max_tokens", "max_completion_tokens", "model", "messages"]
                        .contains(member),
                    "{}: `{member}` has a field of its own",
                    preset.name
                );
            }
            for (name, value) in preset.query {
                let plain =
                    |text: &str| text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c));
                assert!(plain(name) && plain(value), "{}: {name}={value}", preset.name);
            }
            for (name, new) in preset.renames {
                assert!(!preset.refuses.contains(name) && !preset.refuses.contains(new), "{}", preset.name);
            }
            if let Some(template) = preset.template {
                assert!(preset.base_url.is_none(), "{}", preset.name);
                assert!(
                    template.starts_with("https://") && template.contains('{') && !template.ends_with('/'),
                    "{template}"
                );
            }
            assert!(
                preset.dialect.name() == "openai" || preset.stream_usage == StreamUsage::Asked,
                "{}: `stream_options` is OpenAI's",
                preset.name
            );
            let ours = preset.is_echo() || std::ptr::eq(preset, &raw const GENERIC);
            assert!(ours || preset.source.starts_with("https://"), "{} has no source", preset.name);
            assert!(
                ours || preset.base_url.is_some() != preset.template.is_some(),
                "{}: a URL, or what it looks like",
                preset.name
            );
        }
        assert!(Preset::find("echo").is_some_and(Preset::is_echo) && Preset::find("Echo").is_none());
    }

    #[test]
    fn keys_go_where_the_vendor_wants_them_and_are_not_shown() {
        let (name, value) = Preset::find("openai").unwrap().credential_header(b"sk-1").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("authorization", &b"Bearer sk-1"[..]));
        assert!(!format!("{value:?}").contains("sk-1"));
        let (name, value) = Preset::find("azure").unwrap().credential_header(b"k").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("api-key", &b"k"[..]));
        assert!(Preset::generic().credential_header(b"a\nb").is_none());
    }

    #[test]
    fn there_are_rows_for_forty_vendors_and_more() {
        let mut vendors: Vec<_> =
            ALL.iter().filter(|preset| !preset.is_echo()).map(|preset| preset.vendor).collect();
        vendors.sort_unstable();
        vendors.dedup();
        assert!(vendors.len() >= 40, "{}", vendors.len());
    }

    #[test]
    fn an_endpoint_is_chosen_where_there_are_several() {
        let outbound = |name: &str, api: Option<Api>| {
            let preset = Preset::find(name).unwrap();
            let chosen = api.filter(|api| preset.has(*api));
            preset.dialect.outbound(preset, None, chosen).map(|chat| chat.name())
        };
        for (name, api, format) in [
            ("openai", None, Some("openai")),
            ("openai", Some(Api::ChatCompletions), Some("openai")),
            ("openai", Some(Api::Responses), Some("responses")),
            ("azure", Some(Api::Responses), Some("responses")),
            ("anthropic", Some(Api::Responses), Some("anthropic")),
            ("echo", Some(Api::Responses), Some("openai")),
            ("voyage", Some(Api::Responses), None),
        ] {
            assert_eq!(outbound(name, api), format, "{name} {api:?}");
        }
        assert!(
            Preset::generic().has(Api::Responses) && Preset::find("echo").unwrap().has(Api::ChatCompletions)
        );
        for none in ["anthropic", "ollama", "voyage"] {
            assert!(!Api::ALL.iter().any(|api| Preset::find(none).unwrap().has(*api)), "{none}");
        }
    }

    #[test]
    fn a_path_of_its_own_is_used_and_no_other() {
        let preset = Preset::find("perplexity").unwrap();
        let path = |operation| preset.served(operation, false).map(|row| preset.path(row, "m"));
        assert_eq!(path(Operation::Embeddings).as_deref(), Some("/v1/embeddings"));
        assert_eq!(path(Operation::Chat).as_deref(), Some("/chat/completions"));
        assert_eq!(path(Operation::Models), None);
        let azure = Preset::find("azure-deployments").unwrap();
        let row = azure.served(Operation::Chat, false).unwrap();
        assert_eq!(azure.path(row, "gpt 4o"), "/deployments/gpt%204o/chat/completions");
    }

    #[test]
    fn what_a_vendor_refuses_is_known_whoever_asks() {
        let mistral = Preset::find("mistral").unwrap();
        assert!(
            mistral.refuses("stream_options") && mistral.refuses("logit_bias") && !mistral.refuses("tools")
        );
        assert_eq!(mistral.stream_options(), StreamOptions::Remove);
        assert_eq!(Preset::find("openai").unwrap().stream_options(), StreamOptions::Ask);
        assert_eq!(Preset::find("nvidia").unwrap().stream_options(), StreamOptions::Keep);
    }
}
