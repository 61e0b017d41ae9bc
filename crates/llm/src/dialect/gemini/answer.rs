//! Whole answers, read and written. A stream's chunks are such answers too, each with a piece.

mod finish;
mod usage;

pub(super) use finish::{blocked, reason, stop};
pub(super) use usage::{read as read_usage, write as write_usage};

use super::citations::{self, Words};
use super::read::{Ids, Natives, Place, REDACTED, part};
use super::wire::{caller_signature, each, float, inner, integer, object};
use crate::canon::{Answer, Choice, Citation, Logprob, Media, Origin, Part, Stop, Text, Thinking, ToolCall};
use crate::dialect::chat::{Asked, Unreadable};
use crate::json::tree::{self, Object, Path, Tree};
use crate::json::write::Writer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_fault::Fault;

/// What a reader has against an answer, for the owner.
pub(super) fn unreadable(fault: Fault) -> Unreadable {
    Unreadable(fault.public_detail().to_owned())
}

/// Reads a whole answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, Unreadable> {
    let mut answer = chunk(body).map_err(unreadable)?;
    if answer.choices.is_empty() {
        return Err(Unreadable("the answer has neither `candidates` nor `promptFeedback`".to_owned()));
    }
    // One that does not say why it ended was not all there.
    if let Some(choice) = answer.choices.iter_mut().find(|choice| choice.stop == Stop::Other(String::new())) {
        choice.stop = stop("FINISH_REASON_UNSPECIFIED", false);
    }
    Ok(answer)
}

fn chunk(body: &[u8]) -> Result<Answer, Fault> {
    let (mut answer, mut body) = head(tree::read(body)?)?;
    let mut ids = Ids::default();
    for (index, candidate) in candidates(&mut body)?.into_iter().enumerate() {
        let fallback = u32::try_from(index).unwrap_or(u32::MAX);
        let (mut choice, mut rest) = self::candidate(candidate, fallback, &mut ids)?;
        let words = choice.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.text.as_str()),
            _ => None,
        });
        let words = Words::of(words);
        cite(&mut choice, citations::read(&mut rest, &words)?);
        let stop = rest.string("finishReason")?;
        let calls = choice.parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        choice.stop = stop.map_or(Stop::Other(String::new()), |word| finish::stop(&word, calls));
        answer.choices.push(choice);
    }
    if answer.choices.is_empty()
        && let Some(choice) = feedback(&mut body)?
    {
        answer.choices.push(choice);
    }
    Ok(answer)
}

/// Puts each source to the text where what is from it begins.
fn cite(choice: &mut Choice, sources: Vec<(Citation, usize)>) {
    if sources.is_empty() {
        return;
    }
    if !choice.parts.iter().any(|part| matches!(part, Part::Text(_))) {
        choice.parts.push(Part::Text(Text::default()));
    }
    let mut ends = Vec::new();
    for (index, part) in choice.parts.iter().enumerate() {
        if let Part::Text(text) = part {
            ends.push((index, ends.last().map_or(0, |(_, end)| *end) + text.text.len()));
        }
    }
    for (citation, start) in sources {
        let place = ends.partition_point(|(_, end)| *end <= start).min(ends.len() - 1);
        if let Some(Part::Text(text)) = choice.parts.get_mut(ends[place].0) {
            text.citations.push(citation);
        }
    }
}

/// What is beside the candidates.
pub(super) fn head<'a>(body: Object<'a, 'static>) -> Result<(Answer, Object<'a, 'static>), Fault> {
    let mut body = body.respelled(super::wire::camel)?;
    let usage = inner(&mut body, "usageMetadata", &Path::Root)?.map(read_usage).transpose()?;
    let service_tier = usage.as_ref().and_then(|usage| usage.tier.clone());
    let answer = Answer {
        id: body.string("responseId")?.unwrap_or_default(),
        model: body.string("modelVersion")?.unwrap_or_default(),
        usage: usage.map(|usage| usage.tokens),
        service_tier,
        ..Answer::default()
    };
    Ok((answer, body))
}

/// The candidates of an answer.
pub(super) fn candidates<'a>(body: &mut Object<'a, '_>) -> Result<Vec<Object<'a, 'static>>, Fault> {
    each(body, "candidates")
        .into_iter()
        .map(|node| object(node, Path::Member(&Path::Root, "candidates")))
        .collect()
}

/// The prompt was blocked: an answer without words.
pub(super) fn feedback(body: &mut Object<'_, '_>) -> Result<Option<Choice>, Fault> {
    let Some(mut feedback) = inner(body, "promptFeedback", &Path::Root)? else { return Ok(None) };
    let Some(reason) = feedback.string("blockReason")? else { return Ok(None) };
    let words = feedback.string("blockReasonMessage")?;
    Ok(Some(Choice {
        parts: words.map(Part::Refusal).into_iter().collect(),
        stop: blocked(&reason),
        ..Choice::default()
    }))
}

/// One candidate without its end and its sources; what is left of it.
pub(super) fn candidate<'a>(
    mut candidate: Object<'a, 'static>,
    fallback: u32,
    ids: &mut Ids,
) -> Result<(Choice, Object<'a, 'static>), Fault> {
    let at = candidate.at;
    let index = integer(&mut candidate, "index")?.and_then(|index| u32::try_from(index).ok());
    let mut choice = Choice { index: index.unwrap_or(fallback), ..Choice::default() };
    // What only this dialect knows of an answer's parts is lost in others.
    let mut natives = Natives::default();
    if let Some(mut content) = inner(&mut candidate, "content", &at)? {
        let list = Path::Member(&at, "parts");
        for (index, node) in each(&mut content, "parts").into_iter().enumerate() {
            let at = Path::Item(&list, index);
            choice.parts.push(part(node, &at, Place::Answer, ids, &mut natives)?);
        }
    }
    if let Some(mut result) = inner(&mut candidate, "logprobsResult", &at)? {
        choice.logprobs = logprobs(&mut result)?;
    }
    Ok((choice, candidate))
}

fn logprobs(result: &mut Object<'_, '_>) -> Result<Vec<Logprob>, Fault> {
    let at = result.at;
    let one = |node: tree::Node<'_>| -> Result<(String, f64), Fault> {
        let mut token = object(node, at)?;
        Ok((
            token.string("token")?.unwrap_or_default(),
            float(&mut token, "logProbability")?.unwrap_or_default(),
        ))
    };
    let mut tops = each(result, "topCandidates").into_iter();
    let mut logprobs = Vec::new();
    for node in each(result, "chosenCandidates") {
        let (token, logprob) = one(node)?;
        let mut top = Vec::new();
        if let Some(node) = tops.next() {
            let mut others = object(node, at)?;
            top = each(&mut others, "candidates").into_iter().map(one).collect::<Result<_, _>>()?;
        }
        logprobs.push(Logprob { token, logprob, top });
    }
    Ok(logprobs)
}

/// Writes a whole answer.
pub(super) fn write(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    Writer::new(&mut out).object(|w| {
        match &answer.choices[..] {
            // Nothing was answered.
            [Choice { parts, stop: Stop::Filtered, .. }] if let [Part::Refusal(words)] = &parts[..] => {
                w.name("promptFeedback").object(|w| {
                    w.member("blockReason", "SAFETY");
                    w.member("blockReasonMessage", words);
                });
            }
            choices => {
                w.name("candidates").array(|w| choices.iter().for_each(|choice| write_choice(w, choice)))
            }
        }
        if let Some(usage) = &answer.usage {
            w.name("usageMetadata").object(|w| write_usage(w, usage));
        }
        w.member("modelVersion", if answer.model.is_empty() { &asked.request.model } else { &answer.model });
        w.member("responseId", if answer.id.is_empty() { &*asked.id } else { &answer.id });
    });
    out
}

fn write_choice(w: &mut Writer<'_>, choice: &Choice) {
    w.object(|w| {
        let (mut refusal, mut broken) = (None, false);
        w.name("content").object(|w| {
            w.name("parts").array(|w| {
                for part in &choice.parts {
                    if let Part::Refusal(words) = part {
                        refusal = Some(words.as_str());
                    }
                    broken |= !write_part(w, part);
                }
            });
            w.member("role", "model");
        });
        let (reason, message) = reason(&choice.stop, broken, refusal);
        w.member("finishReason", reason);
        w.maybe("finishMessage", &message);
        w.member("index", &choice.index);
        let texts = choice.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some((text.text.as_str(), &text.citations[..])),
            _ => None,
        });
        citations::write(w, texts);
        write_logprobs(w, &choice.logprobs);
    });
}

/// Writes how likely the words were.
pub(super) fn write_logprobs(w: &mut Writer<'_>, logprobs: &[Logprob]) {
    if logprobs.is_empty() {
        return;
    }
    let sum: f64 = logprobs.iter().map(|it| it.logprob).sum();
    w.member("avgLogprobs", &(sum / logprobs.len() as f64));
    let one = |w: &mut Writer<'_>, token: &str, logprob: f64| {
        w.object(|w| {
            w.member("token", token);
            w.member("logProbability", &logprob);
        });
    };
    w.name("logprobsResult").object(|w| {
        w.name("chosenCandidates").array(|w| logprobs.iter().for_each(|it| one(w, &it.token, it.logprob)));
        if logprobs.iter().any(|it| !it.top.is_empty()) {
            w.name("topCandidates").array(|w| {
                for it in logprobs {
                    w.object(|w| {
                        w.name("candidates")
                            .array(|w| it.top.iter().for_each(|(token, logprob)| one(w, token, *logprob)));
                    });
                }
            });
        }
    });
}

/// Writes a part of an answer; false: a tool's call whose arguments are none.
pub(super) fn write_part(w: &mut Writer<'_>, part: &Part) -> bool {
    match part {
        Part::Text(text) => {
            // Sources alone go without words.
            if !text.text.is_empty() || text.signature.is_some() {
                write_text(w, &text.text, false, text.signature.as_deref());
            }
        }
        Part::Refusal(text) => write_text(w, text, false, None),
        Part::Thinking(Thinking { redacted: Some(redacted), .. }) => w.object(|w| {
            w.member("text", "");
            w.member("thought", &true);
            w.member("thoughtSignature", &STANDARD.encode(format!("{REDACTED}{redacted}")));
        }),
        Part::Thinking(thinking) => write_text(w, &thinking.text, true, thinking.signature.as_deref()),
        Part::Media(medium) => write_media(w, medium),
        Part::ToolCall(call) => return write_call(w, call),
        Part::Native { dialect, value } if *dialect == super::wire::NAME => w.value(value),
        Part::ToolResult(_) | Part::Native { .. } => {}
    }
    true
}

/// Writes words or thoughts.
pub(super) fn write_text(w: &mut Writer<'_>, text: &str, thought: bool, signature: Option<&str>) {
    w.object(|w| {
        w.member("text", text);
        if thought {
            w.member("thought", &true);
        }
        w.maybe("thoughtSignature", &signature.map(caller_signature));
    });
}

fn write_call(w: &mut Writer<'_>, call: &ToolCall) -> bool {
    let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    let Some(arguments) = tree::document(arguments.as_bytes())
        .ok()
        .filter(|node| matches!(node.tree, Tree::Object(_)))
        .map(|node| node.raw)
    else {
        return false;
    };
    w.object(|w| {
        w.name("functionCall").object(|w| {
            if !call.id.is_empty() {
                w.member("id", &call.id);
            }
            w.member("name", &call.name);
            w.name("args").raw(arguments);
        });
        w.maybe("thoughtSignature", &call.signature.as_deref().map(caller_signature));
    });
    true
}

fn write_media(w: &mut Writer<'_>, medium: &Media) {
    let mime = medium.mime.as_deref().unwrap_or("application/octet-stream");
    w.object(|w| match &medium.origin {
        Origin::Data(data) => w.name("inlineData").object(|w| {
            w.member("mimeType", mime);
            w.member("data", data);
        }),
        Origin::Text(text) => w.member("text", text),
        Origin::Blocks(blocks) => w.member("text", &blocks.join("\n\n")),
        Origin::Url(uri) | Origin::File(uri) => w.name("fileData").object(|w| {
            w.maybe("mimeType", &medium.mime);
            w.member("fileUri", uri);
        }),
    });
}
