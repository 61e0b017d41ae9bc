//! What a request reaches for at its provider, beyond the model: things that live there, by their ids, and tools that run
//! there. Both belong to the account that calls, which is the gateway's: whether a caller may have them only the gateway
//! can say.
//!
//! Read from the caller's own bytes, whichever deployment gets the call and however it is told. What a provider might
//! take for one of these names is taken for it here: names count without case and underscores, escapes decoded, wherever
//! in the request they stand, but for what the format says is the caller's own data ([`Rules`]).
//!
//! Not here: whose an id is, and which tools may be used.

mod ids;
mod name;
mod tools;
mod walk;

use self::walk::Walk;
use crate::json::tree;
use portcullis_fault::Fault;
use portcullis_model::holding::Kind;
use std::borrow::Cow;
use std::ops::Range;

/// What a request reaches for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// What lives at the provider; each once.
    pub ids: Vec<Id>,
    /// Tools that run at the provider; each once.
    pub tools: Vec<Tool>,
    /// Whether the model is to speak: what it says can be referred to.
    pub speech: bool,
}

/// The id of something that lives at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    /// What it is of.
    pub kind: Kind,
    /// As the caller wrote it, escapes decoded; of files of Gemini's, `files/…`.
    pub text: String,
}

/// A tool that runs at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its kind, one of [`kinds`]; the vendor's own word where it is none of them.
    pub kind: Cow<'static, str>,
    /// Of an MCP server, where it is: its URL, or the name of a connector of the vendor's.
    pub server: Option<String>,
}

/// Kinds of tools that run at providers.
pub mod kinds {
    /// Searches the web.
    pub const WEB_SEARCH: &str = "web_search";
    /// Reads pages of the web.
    pub const WEB_FETCH: &str = "web_fetch";
    /// Runs code.
    pub const CODE_INTERPRETER: &str = "code_interpreter";
    /// Searches files, collections and other data of the account.
    pub const FILE_SEARCH: &str = "file_search";
    /// Makes images.
    pub const IMAGE_GENERATION: &str = "image_generation";
    /// Looks at maps.
    pub const MAPS: &str = "maps";
    /// Calls an MCP server.
    pub const MCP: &str = "mcp";
}

/// How a format says what is the caller's own data, and what else is peculiar to it. Names are as [`name::plain`] has them.
#[derive(Debug)]
pub struct Rules {
    /// Members whose values are the caller's own: schemas, arguments, labels.
    opaque: &'static [&'static str],
    /// Whether there are items that may stand for what the provider keeps: OpenAI's Responses.
    items: bool,
    /// Whether tools say by the names of their members what they are: Gemini, Bedrock.
    named: bool,
    /// Whether a member of this name, as it is written, may mean that the request reaches for something.
    pub(super) matters: fn(&[u8]) -> bool,
}

/// Whose values are the caller's own in every format.
macro_rules! opaque {
    ($($more:literal),* $(,)?) => {
        &[
            "arguments", "format", "inputschema", "logitbias", "metadata", "parameterdefinitions", "parameters", "schema",
            "toolchoice", $($more),*
        ]
    };
}

impl Rules {
    /// Of most formats: OpenAI's and its like.
    pub const COMMON: Self = Self { opaque: opaque!(), items: false, named: false, matters: name::matters };
    /// OpenAI's Responses.
    pub const RESPONSES: Self = Self { items: true, matters: name::matters_in_items, ..Self::COMMON };
    /// Anthropic's Messages, where what tools are called with is JSON.
    pub const ANTHROPIC: Self = Self { opaque: opaque!("input"), ..Self::COMMON };
    /// Gemini's.
    pub const GEMINI: Self = Self {
        opaque: opaque!(
            "args",
            "labels",
            "parametersjsonschema",
            "response",
            "responsejsonschema",
            "responseschema",
            "toolconfig",
        ),
        named: true,
        ..Self::COMMON
    };
    /// Bedrock's Converse, whose `additionalModelRequestFields` are a model's own, and its calls in a model's own form.
    pub const BEDROCK: Self = Self {
        opaque: opaque!("input", "json", "promptvariables", "requestmetadata"),
        named: true,
        ..Self::COMMON
    };
}

impl Reach {
    /// Reads these members of a body that was found to be JSON, each of another name.
    ///
    /// # Errors
    /// See [`Request::reach`](super::Request::reach).
    pub(super) fn read(body: &[u8], members: &[Range<usize>], rules: &'static Rules) -> Result<Self, Fault> {
        // Which of two members of one name counts is up to each parser: there may be one only.
        let members = members.iter().map(|member| tree::member(body, member.clone()));
        let mut walk = Walk::new(rules);
        walk.body(&members.collect::<Result<Vec<_>, _>>()?)?;
        Ok(walk.reach)
    }

    /// Reads the fields of a form.
    pub(super) fn of_fields<'a>(
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
        rules: &'static Rules,
    ) -> Result<Self, Fault> {
        let mut walk = Walk::new(rules);
        for (name, content) in fields {
            let name = name.split(['[', '.']).next().unwrap_or_default();
            if name::matters(name.as_bytes()) {
                walk.field(name, &String::from_utf8_lossy(content))?;
            }
        }
        Ok(walk.reach)
    }

    /// Whether it reaches for a tool of this kind.
    pub fn has(&self, kind: &str) -> bool {
        self.tools.iter().any(|tool| tool.kind == kind)
    }
}

#[cfg(test)]
mod tests;
