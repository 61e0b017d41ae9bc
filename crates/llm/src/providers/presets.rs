//! Vendors that speak OpenAI's dialect, as rows. A vendor with a wire of its own gets a file of its own beside this one.
//!
//! Where a fact is not certain the row takes the harmless side: a vendor that is not asked for usage in streams costs us
//! an estimate, one that is asked and does not know the question refuses the call.

use crate::dialect::openai::Operation;
use http::{HeaderName, HeaderValue};

/// A vendor that speaks OpenAI's dialect.
#[derive(Debug)]
pub struct Preset {
    /// What `preset = "…"` says.
    pub name: &'static str,
    /// Where its API is, up to and with the version, no trailing slash; `None`: it differs by account, and the operator
    /// gives it as `base_url`.
    pub base_url: Option<&'static str>,
    /// How it wants our key.
    pub credential: Credential,
    /// How it reports usage in streams.
    pub stream_usage: StreamUsage,
    /// What it serves, as [`Operation::name`] has it.
    pub operations: &'static [&'static str],
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
}

const CHAT: &str = "chat_completions";
const COMPLETIONS: &str = "completions";
const EMBEDDINGS: &str = "embeddings";

use Credential::{Bearer, Header, Optional};
use StreamUsage::{Asked, Unasked};

/// Every preset: name, base URL, credential, usage in streams, operations.
#[rustfmt::skip]
pub static ALL: &[Preset] = &[
    row("echo", None, Optional, Asked, &[CHAT, COMPLETIONS, EMBEDDINGS]), // built in: `providers::echo`
    row("openai", Some("https://api.openai.com/v1"), Bearer, Asked, &[CHAT, COMPLETIONS, EMBEDDINGS]),
    row("azure", None, Header("api-key"), Asked, &[CHAT, COMPLETIONS, EMBEDDINGS]), // https://<resource>.openai.azure.com/openai/v1
    row("anthropic-compat", Some("https://api.anthropic.com/v1"), Bearer, Asked, &[CHAT]),
    row("gemini-compat", Some("https://generativelanguage.googleapis.com/v1beta/openai"), Bearer, Asked, &[CHAT, EMBEDDINGS]),
    row("mistral", Some("https://api.mistral.ai/v1"), Bearer, Unasked, &[CHAT, EMBEDDINGS]), // refuses members that it does not know; reports on its own
    row("groq", Some("https://api.groq.com/openai/v1"), Bearer, Asked, &[CHAT]),
    row("deepseek", Some("https://api.deepseek.com/v1"), Bearer, Asked, &[CHAT]),
    row("xai", Some("https://api.x.ai/v1"), Bearer, Asked, &[CHAT, COMPLETIONS]),
    row("openrouter", Some("https://openrouter.ai/api/v1"), Bearer, Asked, &[CHAT, COMPLETIONS]),
    row("together", Some("https://api.together.xyz/v1"), Bearer, Unasked, &[CHAT, COMPLETIONS, EMBEDDINGS]),
    row("fireworks", Some("https://api.fireworks.ai/inference/v1"), Bearer, Unasked, &[CHAT, COMPLETIONS, EMBEDDINGS]), // reports in the last chunk with a choice
    row("perplexity", Some("https://api.perplexity.ai"), Bearer, Unasked, &[CHAT]), // reports in every chunk
    row("cerebras", Some("https://api.cerebras.ai/v1"), Bearer, Unasked, &[CHAT, COMPLETIONS]),
    row("nvidia", Some("https://integrate.api.nvidia.com/v1"), Bearer, Unasked, &[CHAT, EMBEDDINGS]),
    row("deepinfra", Some("https://api.deepinfra.com/v1/openai"), Bearer, Asked, &[CHAT, COMPLETIONS, EMBEDDINGS]),
    row("cohere-compat", Some("https://api.cohere.ai/compatibility/v1"), Bearer, Unasked, &[CHAT, EMBEDDINGS]),
    row("sambanova", Some("https://api.sambanova.ai/v1"), Bearer, Unasked, &[CHAT]),
    row("huggingface", Some("https://router.huggingface.co/v1"), Bearer, Unasked, &[CHAT]),
    row("dashscope", Some("https://dashscope.aliyuncs.com/compatible-mode/v1"), Bearer, Asked, &[CHAT, EMBEDDINGS]),
    row("dashscope-intl", Some("https://dashscope-intl.aliyuncs.com/compatible-mode/v1"), Bearer, Asked, &[CHAT, EMBEDDINGS]),
    row("moonshot", Some("https://api.moonshot.cn/v1"), Bearer, Unasked, &[CHAT]), // reports within the last choice
    row("zhipu", Some("https://open.bigmodel.cn/api/paas/v4"), Bearer, Unasked, &[CHAT, EMBEDDINGS]),
    row("siliconflow", Some("https://api.siliconflow.cn/v1"), Bearer, Unasked, &[CHAT, EMBEDDINGS]),
    row("volcengine", Some("https://ark.cn-beijing.volces.com/api/v3"), Bearer, Asked, &[CHAT, EMBEDDINGS]),
    row("ollama", Some("http://127.0.0.1:11434/v1"), Optional, Asked, &[CHAT, COMPLETIONS, EMBEDDINGS]),
    row("vllm", Some("http://127.0.0.1:8000/v1"), Optional, Asked, &[CHAT, COMPLETIONS, EMBEDDINGS]),
    row("lmstudio", Some("http://127.0.0.1:1234/v1"), Optional, Unasked, &[CHAT, COMPLETIONS, EMBEDDINGS]),
];

/// For a provider that is given by its `base_url` alone.
static GENERIC: Preset = row("openai-compatible", None, Optional, Asked, &[CHAT, COMPLETIONS, EMBEDDINGS]);

const fn row(
    name: &'static str,
    base_url: Option<&'static str>,
    credential: Credential,
    stream_usage: StreamUsage,
    operations: &'static [&'static str],
) -> Preset {
    Preset { name, base_url, credential, stream_usage, operations }
}

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
    pub fn serves(&self, operation: &Operation) -> bool {
        self.operations.contains(&operation.name())
    }

    /// Whether to ask it for usage in streams.
    pub fn ask_for_usage(&self) -> bool {
        self.stream_usage == Asked
    }

    /// Whether it can be called without a key.
    pub fn needs_key(&self) -> bool {
        self.credential != Optional
    }

    /// The header that carries `key`, marked sensitive; `None` when `key` cannot stand in a header.
    pub fn credential_header(&self, key: &[u8]) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = match self.credential {
            Header(name) => (HeaderName::from_static(name), HeaderValue::from_bytes(key)),
            Bearer | Optional => {
                (http::header::AUTHORIZATION, HeaderValue::from_bytes(&[b"Bearer ", key].concat()))
            }
        };
        let mut value = value.ok()?;
        value.set_sensitive(true);
        Some((name, value))
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
                    preset.credential == Optional,
                    local,
                    "{}: only local servers go without a key",
                    preset.name
                );
            }
            if let Header(name) = preset.credential {
                assert_eq!(HeaderName::from_static(name).as_str(), name);
            }
            let known = [Operation::ChatCompletions, Operation::Completions, Operation::Embeddings];
            assert!(preset.serves(&Operation::ChatCompletions), "{}", preset.name);
            assert_eq!(
                known.iter().filter(|operation| preset.serves(operation)).count(),
                preset.operations.len(),
                "{}: an operation is unknown or there twice",
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
}
