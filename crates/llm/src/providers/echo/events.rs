//! A streamed answer, made event by event as it is taken, so that a long one costs no memory ahead of time.

use super::reply::{Envelope, Reply, pieces, quoted, usage_json};
use bytes::Bytes;
use portcullis_model::Usage;

/// The events of a streamed answer.
#[derive(Debug)]
pub struct Events {
    envelope: Envelope,
    /// Up to the choices.
    head: String,
    replies: Vec<Reply>,
    usage: Option<Usage>,
    /// Pieces until it breaks off, if it is to.
    cut: Option<usize>,
    /// Which reply, and how far into it.
    choice: usize,
    at: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Role,
    Body,
    Usage,
    Done,
    End,
}

/// Characters of a fragment of tool arguments.
const FRAGMENT: usize = 8;

impl Events {
    pub(super) fn new(envelope: Envelope, replies: Vec<Reply>, usage: Option<Usage>, cut: bool) -> Self {
        let object = if envelope.chat { "chat.completion.chunk" } else { "text_completion" };
        let head = format!(
            "data: {{\"id\":\"{}\",\"object\":\"{object}\",\"created\":{},\"model\":{},\"choices\":[",
            envelope.id(),
            envelope.created,
            quoted(&envelope.model)
        );
        Self { envelope, head, replies, usage, cut: cut.then_some(3), choice: 0, at: 0, stage: Stage::Role }
    }

    /// An event with one choice or none. Usage is there, as null, in every event when it was asked for.
    fn event(&self, choice: &str, usage: &str) -> Bytes {
        let usage = match (&self.usage, usage) {
            (None, _) => String::new(),
            (Some(_), usage) => format!(",\"usage\":{usage}"),
        };
        Bytes::from(format!("{}{choice}]{usage}}}\n\n", self.head))
    }

    fn delta(&self, delta: &str, finish: Option<&str>) -> Bytes {
        let finish = finish.map_or("null".to_owned(), quoted);
        let (index, name) = (self.choice, if self.envelope.chat { "delta" } else { "text" });
        self.event(
            &format!("{{\"index\":{index},\"{name}\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}"),
            "null",
        )
    }

    /// The next piece of the reply at hand.
    fn piece(&mut self) -> Option<Bytes> {
        let reply = self.replies.get(self.choice)?;
        let (piece, delta) = match reply {
            Reply::Text { text, .. } => {
                let piece = pieces(&text[self.at..]).next()?;
                (
                    piece.len(),
                    if self.envelope.chat {
                        format!("{{\"content\":{}}}", quoted(piece))
                    } else {
                        quoted(piece)
                    },
                )
            }
            Reply::Call { arguments, .. } => {
                let rest = arguments.get(self.at..).filter(|rest| !rest.is_empty())?;
                let end = rest.char_indices().nth(FRAGMENT).map_or(rest.len(), |(at, _)| at);
                (
                    end,
                    format!(
                        "{{\"tool_calls\":[{{\"index\":0,\"function\":{{\"arguments\":{}}}}}]}}",
                        quoted(&rest[..end])
                    ),
                )
            }
        };
        self.at += piece;
        Some(self.delta(&delta, None))
    }
}

impl Iterator for Events {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.stage {
                Stage::Role => {
                    self.stage = Stage::Body;
                    match &self.replies[self.choice] {
                        _ if !self.envelope.chat => {}
                        Reply::Text { .. } => {
                            return Some(
                                self.delta(r#"{"role":"assistant","content":"","refusal":null}"#, None),
                            );
                        }
                        Reply::Call { name, .. } => {
                            let (id, name) = (self.envelope.call_id(), quoted(name));
                            let call = format!(
                                "{{\"index\":0,\"id\":\"{id}\",\"type\":\"function\",\"function\":{{\"name\":{name},\"arguments\":\"\"}}}}"
                            );
                            return Some(self.delta(
                                &format!(
                                    "{{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{call}]}}"
                                ),
                                None,
                            ));
                        }
                    }
                }
                Stage::Body => {
                    if self.cut == Some(0) {
                        self.stage = Stage::End;
                        continue;
                    }
                    self.cut = self.cut.map(|left| left - 1);
                    if let Some(event) = self.piece() {
                        return Some(event);
                    }
                    let last = self.delta(
                        if self.envelope.chat { "{}" } else { "\"\"" },
                        Some(self.replies[self.choice].finish_reason()),
                    );
                    self.choice += 1;
                    self.at = 0;
                    self.stage = if self.choice < self.replies.len() { Stage::Role } else { Stage::Usage };
                    return Some(last);
                }
                Stage::Usage => {
                    self.stage = Stage::Done;
                    if let Some(usage) = self.usage {
                        return Some(self.event("", &usage_json(usage)));
                    }
                }
                Stage::Done => {
                    self.stage = Stage::End;
                    return Some(Bytes::from_static(b"data: [DONE]\n\n"));
                }
                Stage::End => return None,
            }
        }
    }
}
