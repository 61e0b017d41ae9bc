//! What an answer says was made at the provider, to be referred to later: ids, found beside bytes that pass.
//!
//! Only where the format says that the provider itself put them. What a model wrote (arguments of calls, words) is the
//! caller's to choose, and whoever could claim an id by having it written down could claim anybody's.

use crate::json::tree::{self, Node, Tree};
use crate::stream::sse::{Kind as Piece, Scanner};
use portcullis_model::Timestamp;
use portcullis_model::holding::Kind;
use std::collections::HashSet;

/// In which format an answer names what was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OpenAI's Responses: the answer itself, unless it is not to be kept, and what is in it.
    Responses,
    /// OpenAI's chats: what was said aloud.
    Chat,
    /// Anthropic's Messages: where code ran, and the files that it made.
    Messages,
    /// OpenAI's file that was uploaded.
    File {
        /// Whether calls are in it that were judged.
        calls: bool,
    },
    /// OpenAI's batch: itself, and the files of its results.
    Batch,
    /// Gemini's cached content.
    CachedContent,
}

/// Something that was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Made {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// When the provider forgets it, where it says so.
    pub expires_at: Option<Timestamp>,
}

/// Finds what was made in a stream of events while it passes.
#[derive(Debug)]
pub struct Finder {
    form: Form,
    scanner: Scanner,
    event: Vec<u8>,
    /// The event is longer than is kept.
    lost: bool,
    seen: HashSet<(Kind, String)>,
    /// Whether the answer stays at the provider.
    kept: bool,
}

/// Longest event that is read: a whole answer with some images in it.
const LONGEST: usize = 64 << 20;
/// What one answer makes at most; an id beyond is nobody's.
const MOST: usize = 1_024;

impl Finder {
    /// In a stream of this format.
    pub fn new(form: Form) -> Self {
        Self {
            form,
            scanner: Scanner::new(),
            event: Vec::new(),
            lost: false,
            seen: HashSet::new(),
            kept: true,
        }
    }

    /// What `chunk` completes the naming of; each once in a stream.
    pub fn feed(&mut self, chunk: &[u8]) -> Vec<Made> {
        let mut made = Vec::new();
        let mut at = 0;
        while let Some((piece, range)) = self.scanner.next(chunk, &mut at) {
            match piece {
                Piece::Data if self.event.len() + range.len() > LONGEST => self.lost = true,
                Piece::Data => self.event.extend_from_slice(&chunk[range]),
                Piece::DataEnd => self.event.push(b'\n'),
                Piece::End => {
                    if !std::mem::take(&mut self.lost) && may_name(&self.event) {
                        made.extend(self.form.read(&self.event, &mut self.kept));
                    }
                    self.event.clear();
                }
                Piece::Outside | Piece::Framing | Piece::Type | Piece::Tail => {}
            }
        }
        made.retain(|one| self.seen.len() < MOST && self.seen.insert((one.kind, one.id.clone())));
        made
    }
}

/// Whether an event may name something: most are pieces of text.
fn may_name(event: &[u8]) -> bool {
    const NAMES: [&[u8]; 4] = [b"\"id\"", b"\"container_id\"", b"\"file_id\"", b"\"container\""];
    NAMES.iter().any(|name| memchr::memmem::find(event, name).is_some())
}

impl Form {
    /// What a whole answer says was made.
    pub fn made(self, json: &[u8]) -> Vec<Made> {
        self.read(json, &mut true)
    }

    fn read(self, json: &[u8], kept: &mut bool) -> Vec<Made> {
        let Ok(document) = tree::document(json) else { return Vec::new() };
        let mut made = Vec::new();
        match self {
            Self::Responses => responses(&document, kept, &mut made),
            Self::Chat => chat(&document, &mut made),
            Self::Messages => messages(&document, &mut made),
            Self::File { calls } => file(&document, calls, &mut made),
            Self::Batch => batch(&document, &mut made),
            Self::CachedContent => cached_content(&document, &mut made),
        }
        made.truncate(MOST);
        made
    }
}

fn note(made: &mut Vec<Made>, kind: Kind, id: Option<&Node<'_>>, expires_at: Option<Timestamp>) {
    if let Some(id) = id.and_then(Node::as_str).filter(|id| !id.is_empty()) {
        made.push(Made { kind, id: id.to_owned(), expires_at });
    }
}

fn items<'n, 'a>(node: Option<&'n Node<'a>>) -> &'n [Node<'a>] {
    match node.map(|node| &node.tree) {
        Some(Tree::Array(items)) => items,
        _ => &[],
    }
}

/// An answer, or an event that has one or an item of one in it. `kept`: whether it stays at the provider, as far as is
/// known; of a stream, its first event says.
fn responses(document: &Node<'_>, kept: &mut bool, made: &mut Vec<Made>) {
    let event = document.member("type").is_some();
    let answer = if event { document.member("response") } else { Some(document) };
    if let Some(answer) = answer {
        *kept = answer.member("store").is_none_or(|store| store.tree != Tree::Bool(false));
        if *kept {
            note(made, Kind::Response, answer.member("id"), None);
            note(made, Kind::Conversation, answer.member("conversation").and_then(|c| c.member("id")), None);
        }
        items(answer.member("output")).iter().for_each(|one| item(one, *kept, made));
    }
    if let Some(one) = document.member("item").filter(|_| event) {
        item(one, *kept, made);
    }
}

/// An item. Of answers that do not stay, the provider knows what its own tools did.
fn item(item: &Node<'_>, kept: bool, made: &mut Vec<Made>) {
    let kind = item.member("type").and_then(Node::as_str).unwrap_or_default();
    let callers = matches!(kind, "message" | "reasoning" | "function_call" | "custom_tool_call");
    if kept || !callers {
        note(made, Kind::Item, item.member("id"), None);
    }
    if kind == "code_interpreter_call" {
        note(made, Kind::Container, item.member("container_id"), None);
    }
}

/// A chat's answer, or a chunk of one.
fn chat(document: &Node<'_>, made: &mut Vec<Made>) {
    for choice in items(document.member("choices")) {
        for said in ["message", "delta"] {
            let Some(audio) = choice.member(said).and_then(|said| said.member("audio")) else { continue };
            let expires = audio.member("expires_at").and_then(|at| at.raw.parse().ok());
            note(made, Kind::Audio, audio.member("id"), expires.map(Timestamp::from_seconds));
        }
    }
}

/// An answer, or an event of a stream.
fn messages(document: &Node<'_>, made: &mut Vec<Made>) {
    let container = |node: Option<&Node<'_>>, made: &mut Vec<Made>| {
        note(made, Kind::Container, node.and_then(|node| node.member("container")?.member("id")), None);
    };
    container(Some(document), made);
    container(document.member("message"), made);
    container(document.member("delta"), made);
    let blocks = items(document.member("content")).iter().chain(document.member("content_block"));
    for block in blocks {
        let of_code = |kind: &str| kind.ends_with("code_execution_tool_result");
        if !block.member("type").and_then(Node::as_str).is_some_and(of_code) {
            continue;
        }
        for output in items(block.member("content").and_then(|content| content.member("content"))) {
            note(made, Kind::File, output.member("file_id"), None);
        }
    }
}

/// A file that was uploaded.
fn file(document: &Node<'_>, calls: bool, made: &mut Vec<Made>) {
    let expires = document.member("expires_at").and_then(|at| at.raw.parse().ok());
    let kinds = [Some(Kind::File), calls.then_some(Kind::BatchInput)];
    for kind in kinds.into_iter().flatten() {
        note(made, kind, document.member("id"), expires.map(Timestamp::from_seconds));
    }
}

/// A batch. Its input was the caller's before.
fn batch(document: &Node<'_>, made: &mut Vec<Made>) {
    note(made, Kind::Batch, document.member("id"), None);
    note(made, Kind::File, document.member("output_file_id"), None);
    note(made, Kind::File, document.member("error_file_id"), None);
}

/// A cached content, which is named by where it is.
fn cached_content(document: &Node<'_>, made: &mut Vec<Made>) {
    let expires = document.member("expireTime").and_then(Node::as_str).and_then(Timestamp::parse_rfc3339);
    note(made, Kind::CachedContent, document.member("name"), expires);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(made: &[Made]) -> Vec<String> {
        made.iter().map(|one| format!("{} {}", one.kind, one.id)).collect()
    }

    const KEPT: &str = r#"{"id":"resp_1","object":"response","store":true,"conversation":{"id":"conv_1"},"previous_response_id":"resp_0",
        "output":[{"type":"message","id":"msg_1","content":[{"type":"output_text","annotations":[{"type":"file_citation","file_id":"file-theirs"}]}]},
        {"type":"function_call","id":"fc_1","call_id":"c","arguments":"{\"file_id\":\"file-theirs\"}"},
        {"type":"code_interpreter_call","id":"ci_1","container_id":"cntr_1"}]}"#;
    const NAMED: &[&str] = &[
        "response resp_1",
        "conversation conv_1",
        "item msg_1",
        "item fc_1",
        "item ci_1",
        "container cntr_1",
    ];

    #[test]
    fn an_answer_that_stays_is_named_with_what_is_in_it() {
        assert_eq!(shown(&Form::Responses.made(KEPT.as_bytes())), NAMED);
        let not_kept = KEPT.replace("\"store\":true", "\"store\":false");
        let without = &["item ci_1", "container cntr_1"];
        assert_eq!(shown(&Form::Responses.made(not_kept.as_bytes())), without);
        assert_eq!(Form::Responses.made(b"no json"), []);
        assert_eq!(Form::Responses.made(b"[]"), []);
    }

    #[test]
    fn files_and_batches_are_named_with_what_belongs_to_them() {
        let file = br#"{"id":"file-1","object":"file","purpose":"batch","expires_at":1763800000}"#;
        assert_eq!(shown(&Form::File { calls: false }.made(file)), ["file file-1"]);
        let made = Form::File { calls: true }.made(file);
        assert_eq!(shown(&made), ["file file-1", "batch_input file-1"]);
        assert_eq!(made[0].expires_at, Some(Timestamp::from_seconds(1_763_800_000)));
        let batch = br#"{"id":"batch_1","input_file_id":"file-1","output_file_id":"file-2","error_file_id":null,"metadata":{"output_file_id":"file-3"}}"#;
        assert_eq!(shown(&Form::Batch.made(batch)), ["batch batch_1", "file file-2"]);
    }

    #[test]
    fn what_is_cached_is_named_until_it_expires() {
        let cached = br#"{"name":"cachedContents/c1","model":"models/gemini-x","displayName":"cachedContents/c2","expireTime":"2025-11-22T10:09:10.5Z"}"#;
        let made = Form::CachedContent.made(cached);
        assert_eq!(shown(&made), ["cached_content cachedContents/c1"]);
        assert_eq!(made[0].expires_at, Some(Timestamp::from_micros(1_763_806_150_500_000)));
    }

    #[test]
    fn a_stream_names_each_once_however_it_is_cut() {
        let data = KEPT.replace('\n', "\ndata:");
        let stream = format!(
            "event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_1\",\"output\":[]}}}}\n\n\
             data: {{\"type\":\"response.output_item.added\",\"item\":{{\"type\":\"message\",\"id\":\"msg_1\"}}}}\r\n\r\n\
             data: {{\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"delta\":\"\\\"id\\\"\"}}\n\n: ping\n\n\
             data: {{\"type\":\"response.completed\",\"response\":{data}}}\n\n"
        );
        for size in [1, 7, 64, stream.len()] {
            let mut finder = Finder::new(Form::Responses);
            let mut made = Vec::new();
            let mut before_items = None;
            for chunk in stream.as_bytes().chunks(size) {
                let named = finder.feed(chunk);
                if before_items.is_none() && !named.is_empty() {
                    before_items = Some(named[0].kind);
                }
                made.extend(named);
            }
            let mut named = shown(&made);
            assert_eq!(before_items, Some(Kind::Response), "the answer itself before anything in it");
            named.sort_unstable();
            let mut expected = NAMED.to_vec();
            expected.sort_unstable();
            assert_eq!(named, expected, "{size}");
        }
    }

    #[test]
    fn what_a_model_wrote_is_not_made() {
        let answer = r#"{"type":"message","container":{"id":"container_1","expires_at":"2026-11-22T00:00:00Z"},"content":[
            {"type":"tool_use","id":"t","name":"f","input":{"file_id":"file_theirs","container":{"id":"container_theirs"}}},
            {"type":"text","text":"file_id"},
            {"type":"bash_code_execution_tool_result","tool_use_id":"s","content":{"type":"bash_code_execution_result","stdout":"file_id: file_theirs","content":[{"type":"bash_code_execution_output","file_id":"file_1"}]}}]}"#;
        assert_eq!(shown(&Form::Messages.made(answer.as_bytes())), ["container container_1", "file file_1"]);
        let event = r#"{"type":"content_block_start","content_block":{"type":"tool_use","input":{"file_id":"file_theirs"}}}"#;
        assert_eq!(Form::Messages.made(event.as_bytes()), []);
        let end = r#"{"type":"message_delta","delta":{"container":{"id":"container_1"}}}"#;
        assert_eq!(shown(&Form::Messages.made(end.as_bytes())), ["container container_1"]);
    }

    #[test]
    fn what_was_said_aloud_expires() {
        let answer = r#"{"id":"chatcmpl-1","choices":[{"message":{"audio":{"id":"audio_1","expires_at":1700000000,"data":""}}}]}"#;
        let made = Form::Chat.made(answer.as_bytes());
        assert_eq!(shown(&made), ["audio audio_1"]);
        assert_eq!(made[0].expires_at, Some(Timestamp::from_seconds(1_700_000_000)));
        let chunk = r#"{"choices":[{"delta":{"audio":{"id":"audio_1"}}}]}"#;
        assert_eq!(shown(&Form::Chat.made(chunk.as_bytes())), ["audio audio_1"]);
    }
}
