//! A request, read.

use super::NAME;
use crate::canon::{Message, Native, Part, Request, Role, Sampling};
use crate::dialect::chat::Incoming;
use crate::json::tree::{self, Node, Object, Path, Tree, invalid, typed};
use portcullis_fault::Fault;
use serde_json::{Map, Value};

/// Tokens of an answer where nothing is said: the format's own rule.
const MAX_TOKENS: u64 = 16;

pub(super) fn request(asked: &Incoming<'_>) -> Result<Request, Fault> {
    let mut body = tree::read(asked.body)?;
    let at = body.at;
    let prompt = prompt(&mut body)?;
    let mut request = Request {
        model: body.need_string("model")?,
        messages: vec![Message { role: Role::User, parts: vec![Part::text(prompt)], name: None }],
        stream: body.boolean("stream")?.unwrap_or(false),
        max_tokens: Some(body.count("max_tokens")?.unwrap_or(MAX_TOKENS)),
        n: small(&mut body, "n")?,
        user: body.string("user")?,
        ..Request::default()
    };
    no_chat(&mut body, request.n)?;
    if let Some(options) = body.take("stream_options") {
        let mut options = options.object(Path::Member(&at, "stream_options"))?;
        request.stream_usage = options.boolean("include_usage")?.unwrap_or(false);
    }
    request.sampling = Sampling {
        temperature: body.float("temperature")?,
        top_p: body.float("top_p")?,
        frequency_penalty: body.float("frequency_penalty")?,
        presence_penalty: body.float("presence_penalty")?,
        seed: body.integer("seed")?,
        logit_bias: match body.value("logit_bias") {
            None => Map::new(),
            Some(Value::Object(map)) => map,
            Some(_) => return Err(body.wrong("logit_bias", "an object")),
        },
        ..Sampling::default()
    };
    request.stop = match body.take("stop") {
        None => Vec::new(),
        Some(Node { tree: Tree::String(one), .. }) => vec![one.into_owned()],
        Some(node) => {
            let path = Path::Member(&at, "stop");
            let items = node.list(&path).map_err(|_| typed(&path, "a string or a list of strings"))?;
            let items = items.into_iter().enumerate();
            items.map(|(index, item)| item.string(&Path::Item(&path, index))).collect::<Result<_, _>>()?
        }
    };
    let rest = body.rest();
    request.native.extend(rest.map(|(name, node)| Native {
        dialect: NAME,
        name: name.into_owned(),
        value: node.to_value(),
    }));
    Ok(request)
}

/// The one text.
fn prompt(body: &mut Object<'_, '_>) -> Result<String, Fault> {
    let wanted = "one text that is not empty: the provider of this model has chats only, and takes no tokens and no second prompt";
    let text = match body.take("prompt") {
        None => return Err(body.missing("prompt")),
        Some(Node { tree: Tree::String(text), .. }) => text.into_owned(),
        Some(Node { tree: Tree::Array(mut items), .. }) => match (items.pop(), items.is_empty()) {
            (Some(Node { tree: Tree::String(text), .. }), true) => text.into_owned(),
            _ => return Err(body.wrong("prompt", wanted)),
        },
        Some(_) => return Err(body.wrong("prompt", wanted)),
    };
    if text.is_empty() { Err(body.wrong("prompt", wanted)) } else { Ok(text) }
}

/// Refuses what a chat has no words for.
fn no_chat(body: &mut Object<'_, '_>, n: Option<u32>) -> Result<(), Fault> {
    let said = [
        ("suffix", body.string("suffix")?.is_some_and(|suffix| !suffix.is_empty())),
        ("echo", body.boolean("echo")? == Some(true)),
        ("logprobs", body.take("logprobs").is_some_and(|node| node.tree != Tree::Bool(false))),
        ("best_of", body.count("best_of")?.is_some_and(|best| best > u64::from(n.unwrap_or(1)))),
    ];
    match said.into_iter().find(|(_, said)| *said) {
        None => Ok(()),
        Some((name, _)) => Err(invalid(format!(
            "member `{name}` cannot be said in a chat, and the provider of this model has nothing else; leave it out, or ask for another model"
        ))),
    }
}

fn small(body: &mut Object<'_, '_>, name: &str) -> Result<Option<u32>, Fault> {
    let Some(count) = body.count(name)? else { return Ok(None) };
    u32::try_from(count).map(Some).map_err(|_| body.wrong(name, "a whole number below 2^32"))
}
