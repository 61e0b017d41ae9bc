//! Where ids of what lives at a provider stand in requests.

use super::name::plain;
use super::walk::{Members, Walk, all};
use crate::json::tree::{Node, Tree};
use portcullis_fault::Fault;
use portcullis_model::holding::Kind;

/// Names whose value is an id, or a list of ids.
const PLAIN: &[(&str, Kind)] = &[
    ("agentid", Kind::Prompt),
    ("approvalrequestid", Kind::Item),
    ("cachedcontent", Kind::CachedContent),
    ("collectionids", Kind::VectorStore),
    ("containerid", Kind::Container),
    ("conversationid", Kind::Conversation),
    ("datastore", Kind::VectorStore),
    ("fileid", Kind::File),
    ("fileids", Kind::File),
    ("filesearchstorenames", Kind::VectorStore),
    ("guardrailid", Kind::Guardrail),
    ("guardrailidentifier", Kind::Guardrail),
    ("inputfileid", Kind::File),
    ("knowledgeid", Kind::VectorStore),
    ("outputfileid", Kind::File),
    // OpenRouter's, which may say another model.
    ("preset", Kind::Prompt),
    ("previousresponseid", Kind::Response),
    ("ragcorpus", Kind::VectorStore),
    ("vectorstoreid", Kind::VectorStore),
    ("vectorstoreids", Kind::VectorStore),
];

/// Names whose value is an id, or an object with an `id`.
const WHOLE: &[(&str, Kind)] = &[("container", Kind::Container), ("conversation", Kind::Conversation)];

/// Names whose value says where something is.
const PLACES: &[&str] = &["fileuri", "fileurl", "gcsuri", "imageurl", "s3location", "s3uri", "uri", "url"];

/// Items of OpenAI's Responses that hold all that they mean: sent again, they stand for nothing else.
const COMPLETE: &[&str] = &[
    "applypatchcall",
    "computercall",
    "customtoolcall",
    "functioncall",
    "localshellcall",
    "message",
    "shellcall",
];

impl Walk {
    /// Notes what a member names.
    pub(super) fn ids(&mut self, name: &str, node: &Node<'_>, beside: &Members<'_>) -> Result<(), Fault> {
        let of =
            |table: &[(&str, Kind)]| table.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        if let Some(kind) = of(PLAIN) {
            return self.texts(kind, node);
        }
        if let Some(kind) = of(WHOLE) {
            self.texts(kind, node)?;
            return self.inner(kind, node);
        }
        match name {
            // What a model said aloud.
            "audio" => self.inner(Kind::Audio, node),
            "prompt" if self.rules.items => self.inner(Kind::Prompt, node),
            // The vendor's own skills are everybody's.
            "skillid" if all(beside, "type").any(|kind| kind.as_str() == Some("anthropic")) => Ok(()),
            "skillid" => self.texts(Kind::Skill, node),
            // An item by reference, wherever it stands.
            "type" if node.as_str().is_some_and(|kind| plain(kind) == "itemreference") => {
                all(beside, "id").try_for_each(|id| self.texts(Kind::Item, id))
            }
            _ if PLACES.contains(&name) => self.place(node, name == "fileuri"),
            _ => Ok(()),
        }
    }

    /// An item of the input of OpenAI's Responses. By its id the provider finds what the item leaves out.
    pub(super) fn item(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        let Tree::Object(members) = &node.tree else { return Ok(()) };
        let kinds: Vec<_> = all(members, "type").filter_map(Node::as_str).map(plain).collect();
        let has = |name| all(members, name).any(|node| node.tree != Tree::Null);
        let whole = match &kinds[..] {
            [] => has("role"),
            [kind] if COMPLETE.contains(&&**kind) => true,
            [kind] if kind == "reasoning" => has("encryptedcontent"),
            [kind] => kind.ends_with("output"),
            _ => false,
        };
        if whole { Ok(()) } else { all(members, "id").try_for_each(|id| self.texts(Kind::Item, id)) }
    }

    /// An id, or a list of them.
    fn texts(&mut self, kind: Kind, node: &Node<'_>) -> Result<(), Fault> {
        match &node.tree {
            Tree::String(text) if kind == Kind::File => self.id(kind, google_file(text).unwrap_or(text)),
            Tree::String(text) => self.id(kind, text),
            Tree::Array(items) => items.iter().try_for_each(|item| self.texts(kind, item)),
            _ => Ok(()),
        }
    }

    /// The `id` of an object.
    fn inner(&mut self, kind: Kind, node: &Node<'_>) -> Result<(), Fault> {
        let Tree::Object(members) = &node.tree else { return Ok(()) };
        all(members, "id").try_for_each(|id| self.texts(kind, id))
    }

    /// Where something is: among the account's own files or in its storage, or anywhere else, which is nothing to us.
    /// `native`: in the member in which Gemini has its own files.
    fn place(&mut self, node: &Node<'_>, native: bool) -> Result<(), Fault> {
        let Some(written) = node.as_str() else { return Ok(()) };
        // As parsers of URLs read them.
        let text: String = written.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
        let text = text.trim();
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => (String::new(), text),
        };
        match &*scheme {
            "data" => Ok(()),
            "http" | "https" => match google(rest) {
                None => Ok(()),
                Some(path) => self.id(Kind::File, google_file(path).unwrap_or(text)),
            },
            "gs" | "s3" | "arn" => self.id(Kind::Storage, text),
            // Whatever else this member says is the account's own.
            _ if native => self.id(Kind::File, google_file(text).unwrap_or(text)),
            _ => Ok(()),
        }
    }
}

/// The path of a URL, given what is behind its scheme, if its host is where Google keeps files of accounts.
fn google(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches(['/', '\\']);
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let googles = host == "googleapis.com" || host.ends_with(".googleapis.com");
    // What is public there needs no account, and what is not cannot be had without one that is named with it.
    (googles && host != "storage.googleapis.com").then_some(&rest[end..])
}

/// `files/…` out of a path or a name that ends in it.
fn google_file(path: &str) -> Option<&str> {
    let at = if path.starts_with("files/") { 0 } else { path.find("/files/")? + 1 };
    let path = &path[at..];
    let end =
        path["files/".len()..].find(['/', '?', '#', ':']).map_or(path.len(), |end| "files/".len() + end);
    (end > "files/".len()).then_some(&path[..end])
}
