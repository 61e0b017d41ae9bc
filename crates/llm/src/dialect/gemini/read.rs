//! Requests, read: `generateContent` into the canonical form.

mod config;
mod part;
mod tools;

pub(super) use part::{Ids, LABELS, Place, REDACTED, guess, is_held, part};

use super::schema::to_json_schema;
use super::wire::{NAME, each, inner, object, refuse, word};
use crate::canon::{Message, Native, Part, Request, Role, Safety};
use crate::dialect::chat::Incoming;
use crate::json::tree::{self, Node, Object, Path, Tree, typed};
use portcullis_fault::Fault;

/// What only this dialect knows, found on the way.
#[derive(Debug, Default)]
pub(super) struct Natives(pub(super) Vec<Native>);

impl Natives {
    /// The member `name` was not understood.
    pub(super) fn keep(&mut self, name: String, raw: &str) {
        self.0.push(Native { dialect: NAME, name, value: value(raw) });
    }

    /// What was found in the content `from`, from the `first` on, is in the message `to` now, `shift` parts further.
    fn renumber(&mut self, first: usize, from: usize, to: usize, shift: usize) {
        let prefix = format!("contents[{from}].parts[");
        for native in self.0.iter_mut().skip(first) {
            let Some((part, rest)) = native.name.strip_prefix(&prefix).and_then(|rest| rest.split_once(']'))
            else {
                continue;
            };
            if let Ok(part) = part.parse::<usize>() {
                native.name = format!("contents[{to}].parts[{}]{rest}", part + shift);
            }
        }
    }

    /// What is left of an object was not understood.
    pub(super) fn keep_rest(&mut self, within: &str, object: Object<'_, '_>) {
        for (name, node) in object.rest() {
            self.keep(format!("{within}{name}"), node.raw);
        }
    }
}

/// Adds a turn; by how much its parts were moved. Libraries keep a streamed answer as one turn for each of its chunks, and
/// results as one for each: together they are one.
fn add(messages: &mut Vec<Message>, message: Message) -> usize {
    let results = |message: &Message| {
        message.role == Role::User
            && !message.parts.is_empty()
            && message.parts.iter().all(|part| matches!(part, Part::ToolResult(_)))
    };
    match messages.last_mut() {
        Some(last) if last.role == Role::Assistant && message.role == Role::Assistant => {
            let mut parts = message.parts.into_iter();
            parts.next().into_iter().for_each(|part| join(&mut last.parts, part));
            let shift = last.parts.len().saturating_sub(1);
            parts.for_each(|part| follow(&mut last.parts, part));
            shift
        }
        Some(last) if results(last) && results(&message) => {
            let shift = last.parts.len();
            last.parts.extend(message.parts);
            shift
        }
        _ => {
            messages.push(message);
            0
        }
    }
}

/// JSON that was read before.
pub(super) fn value(raw: &str) -> serde_json::Value {
    serde_json::from_str(raw).unwrap_or_default()
}

/// Reads a request.
pub(super) fn request(asked: &Incoming<'_>) -> Result<Request, Fault> {
    let mut body = tree::read(asked.body)?.respelled(super::wire::camel)?;
    // Counting tokens takes the same, one object further in.
    let wrapped = body.take("generateContentRequest");
    let whole = wrapped.map(|node| object(node, Path::Member(&Path::Root, "generateContentRequest")));
    if let Some(whole) = whole.transpose()? {
        if body.take("contents").is_some() {
            return Err(refuse(
                &Path::Member(&Path::Root, "contents"),
                "and `generateContentRequest` are both there; send one of them",
            ));
        }
        body = whole;
    }
    let at = body.at;
    let named = body.string("model")?;
    let model = model(asked.model, named.as_deref(), &at)?;
    let (mut natives, mut ids) = (Natives::default(), Ids::default());
    let mut request =
        Request { model, stream: asked.stream == Some(true), stream_usage: true, ..Request::default() };

    if let Some(node) = body.take("systemInstruction") {
        let at = Path::Member(&at, "systemInstruction");
        let message = content(node, &at, Place::System, &mut ids, &mut natives)?;
        request.messages.push(Message { role: Role::System, ..message });
    }
    let contents = each(&mut body, "contents");
    if contents.is_empty() {
        return Err(body.missing("contents"));
    }
    let list = Path::Member(&at, "contents");
    for (index, node) in contents.into_iter().enumerate() {
        let at = Path::Item(&list, index);
        let before = natives.0.len();
        let message = content(node, &at, Place::Request, &mut ids, &mut natives)?;
        let shift = add(&mut request.messages, message);
        let place = request.messages.iter().filter(|message| message.role != Role::System).count() - 1;
        if (place, shift) != (index, 0) {
            natives.renumber(before, index, place, shift);
        }
    }
    tools::read(&mut body, &mut request, &mut natives)?;
    if let Some(config) = inner(&mut body, "generationConfig", &at)? {
        config::read(config, &mut request, &mut natives)?;
    }
    safety(&mut body, &mut request, &mut natives)?;
    request.service_tier =
        body.string("serviceTier")?.and_then(|tier| match tier.to_ascii_lowercase().as_str() {
            "standard" => Some("default".to_owned()),
            "unspecified" | "service_tier_unspecified" => None,
            other => Some(other.to_owned()),
        });
    request.store = body.boolean("store")?;
    if let Some(labels) = body.take("labels") {
        match labels.to_value() {
            serde_json::Value::Object(labels) => request.metadata = labels,
            _ => return Err(body.wrong("labels", "an object")),
        }
    }
    natives.keep_rest("", body);
    request.native = natives.0;
    Ok(request)
}

/// The path names the model; a body that names another one is refused.
fn model(path: Option<&str>, body: Option<&str>, at: &Path<'_>) -> Result<String, Fault> {
    let bare = |name: &str| name.strip_prefix("models/").unwrap_or(name).to_owned();
    match (path.map(bare), body) {
        (Some(path), Some(body)) if !body.ends_with(&path) => {
            Err(refuse(&Path::Member(at, "model"), "names another model than the path; leave it out"))
        }
        (Some(path), _) => Ok(path),
        (None, Some(body)) => Ok(bare(body)),
        (None, None) => Err(typed(&Path::Member(at, "model"), "a model's name")),
    }
}

/// One turn.
fn content(
    node: Node<'_>,
    at: &Path<'_>,
    place: Place,
    ids: &mut Ids,
    natives: &mut Natives,
) -> Result<Message, Fault> {
    let mut content = object(node, *at)?;
    let role = match content.string("role")?.as_deref() {
        _ if place == Place::System => Role::System,
        None | Some("user" | "function" | "") => Role::User,
        Some("model") => Role::Assistant,
        Some(_) => return Err(content.wrong("role", "`user` or `model`")),
    };
    let mut parts = Vec::new();
    let list = Path::Member(at, "parts");
    for (index, node) in each(&mut content, "parts").into_iter().enumerate() {
        if !matches!(node.tree, Tree::Object(_)) {
            return Err(typed(&Path::Item(&list, index), "an object"));
        }
        follow(&mut parts, part(node, &Path::Item(&list, index), place, ids, natives)?);
    }
    natives.keep_rest(&format!("{at}."), content);
    Ok(Message { role, parts, name: None })
}

/// Another part of the same turn. Thoughts come in pieces, their signature behind them; others want both in one.
fn follow(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Thinking(last)), Part::Thinking(next))
            if last.signature.is_none() && last.redacted.is_none() && next.redacted.is_none() =>
        {
            last.text.push_str(&next.text);
            last.signature = next.signature;
        }
        (_, part) => parts.push(part),
    }
}

/// The first part of a turn that goes on with the one before it.
fn join(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Text(last)), Part::Text(next)) if last.signature.is_none() => {
            last.text.push_str(&next.text);
            last.signature = next.signature;
        }
        (Some(_), Part::Text(next)) if next.text.is_empty() && next.signature.is_none() => {}
        (_, part) => follow(parts, part),
    }
}

fn safety(body: &mut Object<'_, '_>, request: &mut Request, natives: &mut Natives) -> Result<(), Fault> {
    let at = body.at;
    let list = Path::Member(&at, "safetySettings");
    for (index, node) in each(body, "safetySettings").into_iter().enumerate() {
        let at = Path::Item(&list, index);
        let mut setting = object(node, at)?;
        let category = word(&mut setting, "category")?.ok_or_else(|| setting.missing("category"))?;
        let threshold = word(&mut setting, "threshold")?.ok_or_else(|| setting.missing("threshold"))?;
        natives.keep_rest(&format!("safetySettings.{category}."), setting);
        request.safety.push(Safety { category, threshold });
    }
    Ok(())
}

/// A schema in the API's own form, or in JSON Schema beside it.
pub(super) fn schema(
    object: &mut Object<'_, '_>,
    own: &str,
    json: &[&str],
) -> Result<Option<serde_json::Value>, Fault> {
    let own_schema = object.take(own);
    let mut schema = None;
    for name in json {
        if let Some(node) = object.take(name) {
            if own_schema.is_some() || schema.is_some() {
                return Err(refuse(
                    &Path::Member(&object.at, name),
                    &format!("and `{own}` say the same; send one of them"),
                ));
            }
            schema = Some(node.to_value());
        }
    }
    if let Some(node) = own_schema {
        if !matches!(node.tree, Tree::Object(_)) {
            return Err(object.wrong(own, "an object"));
        }
        schema = Some(to_json_schema(node.to_value()));
    }
    Ok(schema)
}
