//! A provider's stream.

use super::super::answer::{self, Usage};
use super::super::read::{citation, unpacked};
use super::super::{NAME, error, formats};
use crate::canon::signature;
use crate::canon::{Delta, Event, Media, MediaKind, Opening, Origin, Part};
use crate::dialect::chat::{ReadStream, Unreadable};
use crate::json::tree::{self, Path};
use crate::stream::eventstream::{self, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

/// Reads a stream.
#[derive(Debug, Default)]
pub(in super::super) struct Reader {
    frames: eventstream::Reader,
    started: bool,
    stopped: bool,
    over: bool,
    /// Blocks that are open, by their number there.
    open: Vec<Block>,
    /// Parts so far.
    parts: u32,
    /// Bytes that are kept for blocks that go on as a whole.
    kept: usize,
}

#[derive(Debug)]
struct Block {
    index: u64,
    part: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    Thinking,
    Call,
    /// Goes on as a whole, when it is there.
    Image {
        format: String,
        data: Vec<String>,
    },
    /// As above: what a tool at the provider was asked or answered.
    Tool {
        start: Value,
        deltas: Vec<Value>,
    },
}

/// Blocks that are open at the same time; Bedrock has one.
const MAX_OPEN: usize = 256;

impl ReadStream for Reader {
    fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let mut frames = std::mem::take(&mut self.frames);
        let mut rest = bytes;
        let read = loop {
            match frames.next(&mut rest) {
                Ok(None) => break Ok(()),
                Ok(Some(_)) if self.over => {}
                Ok(Some(message)) => {
                    if let Err(error) = self.message(&message, events) {
                        break Err(error);
                    }
                }
                Err(error) => break Err(Unreadable(error.to_string())),
            }
        };
        self.frames = frames;
        read
    }

    fn finish(&mut self, events: &mut Vec<Event>) {
        // What it used was not said, but all else was.
        if self.stopped && !self.over && self.frames.is_between() {
            self.over = true;
            events.push(Event::End);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start {
    content_block_index: u64,
    #[serde(default)]
    start: StartOf,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct StartOf {
    tool_use: Option<Value>,
    tool_result: Option<Value>,
    image: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    format: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Went {
    content_block_index: u64,
    #[serde(default)]
    delta: DeltaOf,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct DeltaOf {
    text: Option<String>,
    tool_use: Option<Input>,
    tool_result: Option<Value>,
    reasoning_content: Option<Thoughts>,
    citation: Option<Value>,
    image: Option<Value>,
}

#[derive(Deserialize)]
struct Input {
    input: Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Thoughts {
    text: Option<String>,
    signature: Option<String>,
    redacted_content: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    content_block_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stopped {
    stop_reason: String,
    #[serde(default)]
    additional_model_response_fields: Value,
}

#[derive(Deserialize)]
struct Metadata {
    usage: Option<Usage>,
}

fn parsed<'a, T: Deserialize<'a>>(what: &str, payload: &'a [u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(payload)
        .map_err(|error| Unreadable(format!("the event `{what}` cannot be read: {error}")))
}

impl Reader {
    fn message(&mut self, message: &Message<'_>, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        if let Some(error) = error::read_event(message) {
            self.over = true;
            events.push(Event::Error(error));
            return Ok(());
        }
        let payload = message.payload;
        match message.text(":event-type").unwrap_or_default() {
            "messageStart" => self.start(events),
            "contentBlockStart" => {
                let start: Start = parsed("contentBlockStart", payload)?;
                self.start(events);
                self.block_start(start, events)?;
            }
            "contentBlockDelta" => {
                let went: Went = parsed("contentBlockDelta", payload)?;
                self.start(events);
                self.block_delta(went, events)?;
            }
            "contentBlockStop" => {
                let Index { content_block_index } = parsed("contentBlockStop", payload)?;
                self.close(content_block_index, events);
            }
            "messageStop" => {
                let stopped: Stopped = parsed("messageStop", payload)?;
                self.start(events);
                while let Some(block) = self.open.first() {
                    self.close(block.index, events);
                }
                if !std::mem::replace(&mut self.stopped, true) {
                    events.push(Event::Stop {
                        choice: 0,
                        stop: answer::stop(&stopped.stop_reason),
                        sequence: answer::sequence(&stopped.additional_model_response_fields),
                    });
                }
            }
            "metadata" => {
                let metadata: Metadata = parsed("metadata", payload)?;
                if let Some(usage) = metadata.usage {
                    events.push(Event::Usage(usage.tokens()));
                }
                // It is the last; before the end was said it ends nothing.
                if self.stopped {
                    self.over = true;
                    events.push(Event::End);
                }
            }
            // A kind of event that was not there when this was written.
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start { id: String::new(), model: String::new(), created: None, usage: None });
        }
    }

    fn block_start(&mut self, start: Start, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let index = start.content_block_index;
        self.close(index, events);
        let StartOf { tool_use, tool_result, image } = start.start;
        if let Some(call) = tool_use {
            let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
            if call.get("type").is_some_and(Value::is_string) {
                let start = json!({ "toolUse": call });
                return self.push(index, Kind::Tool { start, deltas: Vec::new() });
            }
            let opening = Opening::ToolCall { id: text("toolUseId"), name: text("name") };
            self.push(index, Kind::Call)?;
            events.push(Event::Open { choice: 0, part: self.parts - 1, opening });
        } else if let Some(result) = tool_result {
            self.push(index, Kind::Tool { start: json!({ "toolResult": result }), deltas: Vec::new() })?;
        } else if let Some(image) = image {
            self.push(index, Kind::Image { format: image.format, data: Vec::new() })?;
        }
        // A block whose kind is not said is what its first piece is.
        Ok(())
    }

    fn push(&mut self, index: u64, kind: Kind) -> Result<(), Unreadable> {
        if self.open.len() >= MAX_OPEN || self.parts == u32::MAX {
            return Err(Unreadable("more content blocks are open than can be kept".to_owned()));
        }
        self.open.push(Block { index, part: self.parts, kind });
        self.parts += 1;
        Ok(())
    }

    /// The part of the open block of this number and kind; it is opened where it is not.
    fn part(
        &mut self,
        index: u64,
        is: fn(&Kind) -> bool,
        kind: Kind,
        opening: Opening,
        events: &mut Vec<Event>,
    ) -> Result<u32, Unreadable> {
        if let Some(block) = self.open.iter().find(|block| block.index == index) {
            if is(&block.kind) {
                return Ok(block.part);
            }
            // Another kind under the same number is another part.
            self.close(index, events);
        }
        self.push(index, kind)?;
        let part = self.parts - 1;
        events.push(Event::Open { choice: 0, part, opening });
        Ok(part)
    }

    fn block_delta(&mut self, went: Went, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let index = went.content_block_index;
        let delta = went.delta;
        if let Some(block) = self.open.iter_mut().find(|block| block.index == index) {
            let (kept, limit) = (&mut self.kept, eventstream::MAX_MESSAGE);
            match &mut block.kind {
                Kind::Image { data, .. } => {
                    if let Some(bytes) =
                        delta.image.as_ref().and_then(|image| image["source"]["bytes"].as_str())
                    {
                        *kept += bytes.len();
                        data.push(bytes.to_owned());
                    }
                }
                Kind::Tool { deltas, .. } => {
                    for delta in
                        [delta.tool_use.map(|delta| delta.input), delta.tool_result].into_iter().flatten()
                    {
                        *kept += delta.to_string().len();
                        deltas.push(delta);
                    }
                }
                Kind::Text | Kind::Thinking | Kind::Call => return self.pieces(index, delta, events),
            }
            if *kept > limit {
                return Err(Unreadable("an image or a tool's result is larger than 16 MiB".to_owned()));
            }
            return Ok(());
        }
        self.pieces(index, delta, events)
    }

    fn pieces(&mut self, index: u64, delta: DeltaOf, events: &mut Vec<Event>) -> Result<(), Unreadable> {
        let mut say = |part, delta| events.push(Event::Delta { choice: 0, part, delta });
        if let Some(input) = delta.tool_use {
            let Some(block) =
                self.open.iter().find(|block| block.index == index && matches!(block.kind, Kind::Call))
            else {
                return Err(Unreadable("arguments came for a tool call that was not begun".to_owned()));
            };
            let arguments = match input.input {
                Value::String(text) => text,
                other => other.to_string(),
            };
            say(block.part, Delta::Arguments(arguments));
        }
        if let Some(text) = delta.text {
            let is = |kind: &Kind| matches!(kind, Kind::Text);
            let part = self.part(index, is, Kind::Text, Opening::Text, events)?;
            events.push(Event::Delta { choice: 0, part, delta: Delta::Text(text) });
        }
        if let Some(source) = delta.citation {
            let is = |kind: &Kind| matches!(kind, Kind::Text);
            let part = self.part(index, is, Kind::Text, Opening::Text, events)?;
            let text = source.to_string();
            // Where a citation makes no sense, the words are there all the same.
            if let Ok(node) = tree::document(text.as_bytes())
                && let Ok(citation) = citation(node, Path::Root)
            {
                events.push(Event::Delta { choice: 0, part, delta: Delta::Citation(citation) });
            }
        }
        if let Some(thoughts) = delta.reasoning_content {
            let is = |kind: &Kind| matches!(kind, Kind::Thinking);
            let part = self.part(index, is, Kind::Thinking, Opening::Thinking, events)?;
            let pieces = [
                thoughts.text.map(Delta::Thinking),
                thoughts.signature.map(|wire| Delta::Signature(signature::read(NAME, &wire))),
                thoughts.redacted_content.map(|wire| Delta::Redacted(unpacked(&wire))),
            ];
            for delta in pieces.into_iter().flatten() {
                events.push(Event::Delta { choice: 0, part, delta });
            }
        }
        Ok(())
    }

    fn close(&mut self, index: u64, events: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|block| block.index == index) else { return };
        let Block { part, kind, .. } = self.open.remove(at);
        let whole = match kind {
            Kind::Text | Kind::Thinking | Kind::Call => None,
            Kind::Image { format, data } => Some(image(&format, data)),
            Kind::Tool { start, deltas } => {
                Some(Part::Native { dialect: NAME, value: json!({ "start": start, "deltas": deltas }) })
            }
        };
        if let Some(whole) = whole {
            events.push(Event::Open { choice: 0, part, opening: Opening::Whole(Box::new(whole)) });
        }
        events.push(Event::Close { choice: 0, part });
    }
}

fn image(format: &str, mut data: Vec<String>) -> Part {
    let data = if data.len() == 1 {
        data.swap_remove(0)
    } else {
        // Each piece is padded by itself.
        let bytes: Vec<u8> = data.iter().filter_map(|piece| STANDARD.decode(piece).ok()).flatten().collect();
        STANDARD.encode(bytes)
    };
    let mime = formats::mime(MediaKind::Image, format).unwrap_or("application/octet-stream");
    Part::Media(Media {
        kind: MediaKind::Image,
        mime: Some(mime.to_owned()),
        origin: Origin::Data(data),
        ..Media::default()
    })
}
