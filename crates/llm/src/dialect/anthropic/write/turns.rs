//! Who speaks when, as the API demands it: the user first, then in turns, nobody without words.

use super::content;
use crate::canon::{Losses, Part, Request, Role, fields};
use crate::json::tree::invalid;
use portcullis_fault::Fault;

/// What one says until the other speaks.
pub(super) struct Turn<'r> {
    /// The assistant, otherwise the user.
    pub(super) assistant: bool,
    pub(super) parts: Vec<&'r Part>,
    /// The answer begins with it: nothing may follow the last word.
    pub(super) prefill: bool,
}

/// The turns of a request, without its instructions. Texts in which there is nothing to see are left out, and so are
/// thoughts that nobody signed: the API refuses both.
pub(super) fn turns<'r>(request: &'r Request, losses: &mut Losses) -> Result<Vec<Turn<'r>>, Fault> {
    let mut turns: Vec<Turn<'r>> = Vec::with_capacity(request.messages.len());
    let mut unsigned = false;
    for message in &request.messages {
        let assistant = match message.role {
            Role::User => false,
            Role::Assistant => true,
            Role::System | Role::Developer => continue,
        };
        let parts = message.parts.iter().filter(|part| {
            let thought = matches!(part, Part::Thinking(thinking) if !content::is_signed(thinking));
            unsigned |= thought;
            !thought && !content::is_blank(part)
        });
        match turns.last_mut() {
            Some(turn) if turn.assistant == assistant => turn.parts.extend(parts),
            _ => turns.push(Turn { assistant, parts: parts.collect(), prefill: false }),
        }
        if turns.last().is_some_and(|turn| turn.parts.is_empty()) {
            turns.pop();
        }
    }
    if unsigned {
        losses.dropped(fields::THINKING);
    }
    for turn in turns.iter_mut().filter(|turn| !turn.assistant) {
        // Results come before everything else that the user says.
        turn.parts.sort_by_key(|part| !matches!(part, Part::ToolResult(_)));
    }
    if let Some(last) = turns.last_mut() {
        last.prefill = last.assistant;
        if last.assistant
            && let Some(Part::Text(text)) = last.parts.last()
            && text.text.ends_with(char::is_whitespace)
        {
            losses.changed("prefill without white space at its end");
        }
    }
    match turns.first() {
        None => Err(invalid("member `messages` must have something that the user or the model said")),
        Some(first) if first.assistant => {
            losses.changed("messages begin with the user");
            turns.insert(0, Turn { assistant: false, parts: vec![&SILENCE], prefill: false });
            Ok(turns)
        }
        Some(_) => Ok(turns),
    }
}

/// What the user says before a conversation that the model began: a turn may not be empty.
static SILENCE: Part = Part::Refusal(String::new());

/// Whether it is the user's silence; what to write for it.
pub(super) fn silence(part: &Part) -> Option<&'static str> {
    std::ptr::eq(part, &SILENCE).then_some("…")
}

/// About how many bytes they have, so that the body is allocated once.
pub(super) fn size(turns: &[Turn<'_>]) -> usize {
    let size = |part: &Part| match part {
        Part::Text(text) => text.text.len() + text.text.len() / 16,
        Part::Thinking(thinking) => thinking.text.len() + 512,
        Part::ToolCall(call) => call.arguments.len(),
        _ => 256,
    };
    turns.iter().flat_map(|turn| &turn.parts).map(|part| size(part) + 64).sum()
}
