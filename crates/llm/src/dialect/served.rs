//! What a dialect serves: methods and paths, and what is asked there.

use super::chat::Chat;
use super::{Dialect, Exchange, Operation, request::Members};
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use portcullis_fault::{Fault, codes};
use portcullis_model::holding::Kind;
use std::borrow::Cow;

/// One row: where something is asked, and how. The same row says where a provider of the dialect is asked, below its
/// base URL.
#[derive(Debug)]
pub struct Served {
    /// With this method,
    pub method: Method,
    /// at this path below a base, with its leading slash. `{model}` stands for a model's name, slashes in it included:
    /// `/models/{model}:generateContent`. `{id}` stands for one segment, the id of something that lives at a provider:
    /// `/responses/{id}/cancel`.
    pub path: &'static str,
    /// this is asked,
    pub operation: Operation,
    /// as a stream or not, where the path says so; `None`: the body does, or there are no streams.
    pub stream: Option<bool>,
    /// What of the body decides something here; `None`: there is no body.
    pub members: Option<&'static Members>,
    /// The format of question and answer, where it is a chat that can be translated.
    pub chat: Option<&'static dyn Chat>,
    /// The format of question and answer, where it is something else that can be.
    pub exchange: Option<Exchange>,
    /// What the id in the path is of.
    pub object: Option<Kind>,
    /// What is answered here, always: `Content-Type` and body.
    pub says: Option<(&'static str, &'static str)>,
    /// Parameters of the caller's query that go on to the provider, beside its dialect's.
    pub parameters: &'static [&'static str],
}

/// A call that is served.
#[derive(Clone, Debug)]
pub struct Matched {
    /// The row.
    pub served: &'static Served,
    /// The model that the path names, percent-decoded.
    pub model: Option<String>,
    /// The id that the path names, percent-decoded, as it is named everywhere: `cachedContents/…`.
    pub object: Option<String>,
}

/// What cannot stand in one segment of a path (RFC 3986 §3.3); a slash within a model's name is encoded, too.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'@')
    .remove(b',');

impl Served {
    /// A row of calls with a body.
    pub const fn post(path: &'static str, operation: Operation, members: &'static Members) -> Self {
        let mut row = Self::row(Method::POST, path, operation);
        row.members = Some(members);
        row
    }

    /// A row of calls without one.
    pub const fn get(path: &'static str, operation: Operation) -> Self {
        Self::row(Method::GET, path, operation)
    }

    /// A row of calls that are always answered the same.
    pub const fn said(
        method: Method,
        path: &'static str,
        operation: Operation,
        content_type: &'static str,
        body: &'static str,
    ) -> Self {
        let mut row = Self::row(method, path, operation);
        row.says = Some((content_type, body));
        row
    }

    /// A row of calls about something that lives at a provider, without a body.
    pub const fn about(method: Method, path: &'static str, operation: Operation, kind: Kind) -> Self {
        let mut row = Self::row(method, path, operation);
        row.object = Some(kind);
        row
    }

    const fn row(method: Method, path: &'static str, operation: Operation) -> Self {
        Self {
            method,
            path,
            operation,
            stream: None,
            members: None,
            chat: None,
            exchange: None,
            object: None,
            says: None,
            parameters: &[],
        }
    }

    /// Whose body says something.
    #[must_use]
    pub const fn with(mut self, members: &'static Members) -> Self {
        self.members = Some(members);
        self
    }

    /// Whose callers' parameters of these names go on to the provider.
    #[must_use]
    pub const fn asking(mut self, parameters: &'static [&'static str]) -> Self {
        self.parameters = parameters;
        self
    }

    /// Whose question and answer have this format.
    #[must_use]
    pub const fn as_chat(mut self, chat: &'static dyn Chat) -> Self {
        self.chat = Some(chat);
        self
    }

    /// Whose one question and one answer have this format.
    #[must_use]
    pub const fn as_exchange(mut self, exchange: Exchange) -> Self {
        self.exchange = Some(exchange);
        self
    }

    /// Whose path says whether the answer is a stream.
    #[must_use]
    pub const fn streamed(mut self, stream: bool) -> Self {
        self.stream = Some(stream);
        self
    }

    /// Whether the path names the model.
    pub fn names_model(&self) -> bool {
        self.path.contains(MODEL)
    }

    /// The path for this model.
    pub fn path_for(&self, model: &str) -> Cow<'static, str> {
        with_model(self.path, model)
    }

    /// What stands before an id of a path's where the same thing is named anywhere else: Gemini names things by where they are.
    fn collection(&self) -> &'static str {
        match self.object {
            Some(Kind::CachedContent) => "cachedContents/",
            _ => "",
        }
    }

    /// The path for what has this id, as it is named everywhere.
    pub fn path_about(&self, id: &str) -> Cow<'static, str> {
        let id = id.strip_prefix(self.collection()).unwrap_or(id);
        match self.path.split_once(ID) {
            None => Cow::Borrowed(self.path),
            Some((before, after)) => {
                Cow::Owned(format!("{before}{}{after}", utf8_percent_encode(id, SEGMENT)))
            }
        }
    }

    /// Whether `path` is this row's; with what it names, percent-decoded. What it names is found before it is decoded: an
    /// encoded slash is a part of a name, and separates nothing.
    fn takes(&self, path: &Spelled<'_>) -> Option<Named> {
        let between = |place| {
            let (before, after) = self.path.split_once(place)?;
            let named = path.0.strip_prefix(before)?.strip_suffix(after)?;
            let named = percent_decode_str(named).decode_utf8().ok()?;
            Some(named.into_owned()).filter(|named| !named.is_empty())
        };
        if self.path.contains(MODEL) {
            return between(MODEL).map(|model| Named { model: Some(model), object: None });
        }
        if self.path.contains(ID) {
            // A segment that is a step up or has a slash in it would lead elsewhere.
            let id = between(ID).filter(|id| !id.contains('/') && !matches!(id.as_str(), "." | ".."));
            return id.map(|id| Named { model: None, object: Some(id) });
        }
        (path.0 == self.path).then_some(Named { model: None, object: None })
    }
}

/// What a path names.
struct Named {
    model: Option<String>,
    object: Option<String>,
}

/// A path below a base in the one spelling that rows have: with a plain `:`, which need not be encoded in a path and which
/// some clients encode. All else stays as it came.
struct Spelled<'p>(Cow<'p, str>);

impl<'p> Spelled<'p> {
    fn of(path: &'p str) -> Self {
        // A base without anything behind it is its root.
        let path = if path.is_empty() { "/" } else { path };
        Self(match path.contains("%3") {
            true => Cow::Owned(path.replace("%3A", ":").replace("%3a", ":")),
            false => Cow::Borrowed(path),
        })
    }
}

const MODEL: &str = "{model}";
const ID: &str = "{id}";

/// A path with a model's name in its place, where it has one.
pub(crate) fn with_model(path: &'static str, model: &str) -> Cow<'static, str> {
    match path.split_once(MODEL) {
        None => Cow::Borrowed(path),
        Some((before, after)) => {
            Cow::Owned(format!("{before}{}{after}", utf8_percent_encode(model, SEGMENT)))
        }
    }
}

/// What is asked at `path`, which is below one of the dialect's bases and keeps its leading slash.
///
/// `ai_operation_unknown` for another path, `method_not_allowed` for another method: see [`allowed`].
pub fn matched(dialect: &dyn Dialect, method: &Method, path: &str) -> Result<Matched, Fault> {
    let spelled = Spelled::of(path);
    let mut elsewhere = None;
    for served in dialect.serves() {
        let Some(Named { model, object }) = served.takes(&spelled) else { continue };
        if served.method == *method {
            let object = object.map(|id| format!("{}{id}", served.collection()));
            return Ok(Matched { served, model, object });
        }
        elsewhere = Some(served);
    }
    Err(match elsewhere {
        None => unknown(dialect, &spelled.0),
        // Nothing is made under an id: it is the name of an operation that is not served, as in `/responses/compact`.
        Some(served) if served.object.is_some() && *method == Method::POST => unknown(dialect, &spelled.0),
        Some(served) => Fault::new(codes::METHOD_NOT_ALLOWED).detail(format!(
            "this operation takes `{}`, not `{}`",
            served.method,
            shown(method.as_str())
        )),
    })
}

/// The methods that are served at `path`, for `Allow`.
pub fn allowed(dialect: &dyn Dialect, path: &str) -> String {
    let spelled = Spelled::of(path);
    let rows = dialect.serves().iter().filter(|served| served.takes(&spelled).is_some());
    let methods: Vec<&str> = rows.map(|served| served.method.as_str()).collect();
    methods.join(", ")
}

/// Whether the dialect serves at `path`, which is below one of its bases, something that names a model, and names it so that
/// no part of the name is empty or a step up or down. There an encoded slash leads nowhere: clients write a name as one segment
/// (`GET /models/meta-llama%2FLlama-3`), and what stands in its place is a name, compared with the names of models, and never a part of
/// another path.
pub fn names_model(dialect: &dyn Dialect, path: &str) -> bool {
    let spelled = Spelled::of(path);
    let mut models = dialect.serves().iter().filter_map(|served| served.takes(&spelled)?.model).peekable();
    // By whichever row it is read: one may take the end of a name for the operation, where another takes it for the name.
    models.peek().is_some()
        && models.all(|model| model.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

fn unknown(dialect: &dyn Dialect, path: &str) -> Fault {
    let known: Vec<_> =
        dialect.serves().iter().map(|served| format!("`{} {}`", served.method, served.path)).collect();
    Fault::new(codes::AI_OPERATION_UNKNOWN).detail(format!(
        "there is no operation `{}`; served are {}",
        shown(path),
        known.join(", ")
    ))
}

/// What came from outside, short enough to repeat.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::super::ALL;
    use super::*;

    fn of(name: &str) -> &'static dyn Dialect {
        *ALL.iter().find(|dialect| dialect.name() == name).unwrap()
    }

    #[test]
    fn a_name_is_found_before_it_is_decoded() {
        let (get, post) = (Method::GET, Method::POST);
        for (dialect, method, path, model, row) in [
            ("openai", &get, "/models/org%2Flarge", "org/large", "/models/{model}"),
            ("openai", &get, "/models/org/large", "org/large", "/models/{model}"),
            ("anthropic", &get, "/models/org%2Flarge", "org/large", "/models/{model}"),
            (
                "gemini",
                &post,
                "/models/org%2fl%3A8b%3AgenerateContent",
                "org/l:8b",
                "/models/{model}:generateContent",
            ),
            ("bedrock", &post, "/model/org%2Flarge%3A0/converse", "org/large:0", "/model/{model}/converse"),
            // A name that ends as an operation does.
            ("bedrock", &post, "/model/a%2Fconverse/invoke", "a/converse", "/model/{model}/invoke"),
            ("openai", &get, "/models/50%2525", "50%25", "/models/{model}"),
        ] {
            let matched = matched(of(dialect), method, path).unwrap();
            assert_eq!((matched.model.as_deref(), matched.served.path), (Some(model), row), "{path}");
            assert!(names_model(of(dialect), path), "{path}");
        }
        for (dialect, path) in [
            // Encoded, a slash separates nothing.
            ("openai", "/models%2Forg"),
            ("bedrock", "/model/org%2Fconverse"),
            ("bedrock", "/model%2Forg/converse"),
            ("openai", "/responses/a%2Fb"),
            ("openai", "/chat%2Fcompletions"),
            // Names that a reader could take for a way elsewhere.
            ("openai", "/models/..%2F..%2Fadmin"),
            ("gemini", "/models/a%2F..:generateContent"),
            ("openai", "/models/a%2F.%2Fb"),
            ("openai", "/models/a%2F%2Fb"),
            ("openai", "/models/%2Fa"),
            ("openai", "/models/a%2F"),
            ("openai", "/models/%ff"),
        ] {
            assert!(!names_model(of(dialect), path), "{path}");
        }
    }
}
