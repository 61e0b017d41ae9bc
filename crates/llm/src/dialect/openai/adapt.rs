//! A call in OpenAI's dialect on its way to a vendor that speaks it but for some members: those are renamed or left out, by
//! the vendor's row in the presets. Every other byte stays as the caller sent it, and where nothing is to be changed so does
//! the buffer.
//!
//! Not here: calls that are written anew (`chat/write.rs`, by the same rows), and the model's name and `stream_options`, which
//! [`Request::rewrite`](crate::dialect::request::Request::rewrite) has seen to.

use super::chat::quirks;
use crate::canon::fields::{self, Field, Losses, Mode, Rule};
use crate::dialect::Operation;
use crate::json::strict::{Cursor, Error, What};
use crate::providers::presets::{MaxTokens, Preset};
use bytes::Bytes;
use memchr::memmem;
use portcullis_fault::Fault;
use std::ops::Range;

/// `body`, which was [scanned](crate::dialect::request::Request::scan), as the vendor takes it; `reasons`: whether the model is
/// known to think, for those vendors whose newer models alone refuse the older name of a bound.
///
/// `losses` hears what was left out. `ai_request_invalid` for what cannot be said there and cannot be left out either, or may
/// not ([`Mode::Strict`]).
pub fn adapt(
    body: &Bytes,
    preset: &Preset,
    operation: Operation,
    reasons: bool,
    mode: Mode,
    losses: &mut Losses,
) -> Result<Bytes, Fault> {
    let changes = Changes::of(preset, operation, reasons);
    if !changes.concern(body) {
        return Ok(body.clone());
    }
    // It was found to be one JSON object, each name once and written plainly: there is nothing to be refused here.
    let Ok(members) = members(body, changes.developer) else { return Ok(body.clone()) };
    changes.make(body, &members, mode, losses)
}

/// What a vendor has otherwise.
struct Changes {
    /// Members by another name.
    renamed: Vec<(&'static str, &'static str)>,
    /// Members that are refused.
    refused: &'static [&'static str],
    /// The role `developer` is `system`.
    developer: bool,
}

/// One member of the body.
struct Member {
    /// Between the quotes.
    name: Range<usize>,
    value: Range<usize>,
    /// Roles in it that the vendor does not know, with their quotes.
    roles: Vec<Range<usize>>,
}

impl Changes {
    fn of(preset: &Preset, operation: Operation, reasons: bool) -> Self {
        let chat = operation == Operation::Chat;
        let mut renamed = preset.renames.to_vec();
        match preset.max_tokens {
            MaxTokens::Old if chat => renamed.push((NEW, OLD)),
            MaxTokens::New if chat && reasons => renamed.push((OLD, NEW)),
            _ => {}
        }
        Self { renamed, refused: preset.refuses, developer: chat && !preset.developer_role }
    }

    /// Whether any of it may be in the body: most calls have none of it, and are not looked at twice.
    fn concern(&self, body: &[u8]) -> bool {
        let names = self.renamed.iter().map(|(name, _)| *name).chain(self.refused.iter().copied());
        let mut words = names.chain(self.developer.then_some("developer"));
        words.any(|word| memmem::find(body, word.as_bytes()).is_some())
    }

    fn make(
        &self,
        body: &Bytes,
        members: &[Member],
        mode: Mode,
        losses: &mut Losses,
    ) -> Result<Bytes, Fault> {
        let named = |name: &str| members.iter().any(|member| &body[member.name.clone()] == name.as_bytes());
        let Some(beginning) = members.first().map(|member| member.name.start - 1) else {
            return Ok(body.clone());
        };
        let mut written = body[..beginning].to_vec();
        let (mut changed, mut first) = (false, true);
        let mut before = beginning;
        for member in members {
            let (open, end) = (member.name.start - 1, member.value.end);
            let name = &body[member.name.clone()];
            let renamed = self.renamed.iter().find(|(old, _)| old.as_bytes() == name);
            let refused = self.refused.iter().find(|refused| refused.as_bytes() == name).copied();
            // Said by both names: the one that the vendor knows counts.
            let twice = renamed.filter(|(_, new)| named(new)).map(|(old, _)| *old);
            if let Some(gone) = refused.or(twice) {
                let said = !matches!(&body[member.value.clone()], b"null" | b"false");
                leave_out(gone, said, mode, losses)?;
                changed = true;
            } else {
                // The comma behind the member before it comes along, unless this one is the first by now.
                if !first {
                    written.extend_from_slice(&body[before..open]);
                }
                first = false;
                match renamed {
                    Some((_, new)) => {
                        written.push(b'"');
                        written.extend_from_slice(new.as_bytes());
                        written.push(b'"');
                        changed = true;
                    }
                    None => written.extend_from_slice(&body[open..=member.name.end]),
                }
                let mut from = member.name.end + 1;
                for role in &member.roles {
                    written.extend_from_slice(&body[from..role.start]);
                    written.extend_from_slice(br#""system""#);
                    from = role.end;
                }
                if !member.roles.is_empty() {
                    if mode == Mode::Strict {
                        return Err(fields::untold("developer"));
                    }
                    losses.dropped(fields::DEVELOPER);
                    changed = true;
                }
                written.extend_from_slice(&body[from..end]);
            }
            before = end;
        }
        if !changed {
            return Ok(body.clone());
        }
        written.extend_from_slice(&body[before..]);
        Ok(written.into())
    }
}

const OLD: &str = "max_tokens";
const NEW: &str = "max_completion_tokens";

/// Leaves a member out, or refuses the call: by what becomes of the field that it says. `said`: whether it says anything.
fn leave_out(member: &'static str, said: bool, mode: Mode, losses: &mut Losses) -> Result<(), Fault> {
    if !said {
        return Ok(());
    }
    let refuses =
        |field: &Field| fields::ROWS.iter().any(|row| row.field == *field && row.rule == Rule::Refuse);
    if mode == Mode::Strict || quirks::said_by(member).any(|field| refuses(&field)) {
        return Err(fields::untold(member));
    }
    losses.dropped(Field(member));
    Ok(())
}

/// The members at the top level.
fn members(body: &[u8], roles: bool) -> Result<Vec<Member>, Error> {
    let mut cursor = Cursor::new(body)?;
    let mut members = Vec::new();
    if !cursor.take(b'{') || cursor.take(b'}') {
        return Ok(members);
    }
    loop {
        let name = cursor.name()?.inside;
        let mut member = Member { name, value: cursor.at()..cursor.at(), roles: Vec::new() };
        if roles && &body[member.name.clone()] == b"messages" {
            messages(&mut cursor, body, &mut member.roles)?;
            member.value.end = cursor.at();
        } else {
            member.value = cursor.value(1, &mut 0)?;
        }
        members.push(member);
        if !cursor.more()? {
            return Ok(members);
        }
    }
}

/// Over `messages`; the roles in it that are `developer`.
fn messages(cursor: &mut Cursor<'_>, body: &[u8], roles: &mut Vec<Range<usize>>) -> Result<(), Error> {
    if cursor.peek() != Some(b'[') {
        return cursor.value(1, &mut 0).map(drop);
    }
    cursor.take(b'[');
    if cursor.close(b']') {
        return Ok(());
    }
    loop {
        if cursor.peek() == Some(b'{') {
            cursor.take(b'{');
            let mut more = !cursor.take(b'}');
            while more {
                let name = cursor.name()?.inside;
                let value = cursor.value(3, &mut 0)?;
                if &body[name] == b"role" && &body[value.clone()] == br#""developer""# {
                    roles.push(value);
                }
                more = cursor.more()?;
            }
        } else {
            cursor.value(2, &mut 0)?;
            cursor.space();
        }
        if !cursor.take(b',') {
            break;
        }
    }
    if cursor.close(b']') { Ok(()) } else { Err(cursor.wrong(What::CommaOrEnd)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::presets::{ALL, StreamUsage};
    use serde_json::Value;

    fn adapted(preset: &Preset, body: &str, mode: Mode) -> Result<(String, String), Fault> {
        let mut losses = Losses::default();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let adapted = adapt(&body, preset, Operation::Chat, true, mode, &mut losses)?;
        Ok((String::from_utf8(adapted.to_vec()).unwrap(), losses.text()))
    }

    fn mistral(body: &str) -> (String, String) {
        adapted(Preset::find("mistral").unwrap(), body, Mode::Drop).unwrap()
    }

    #[test]
    fn members_are_renamed_and_left_out_and_nothing_else_changes() {
        for (body, expected, lost) in [
            (r#"{"model":"m","seed":7}"#, r#"{"model":"m","random_seed":7}"#, ""),
            (r#"{ "max_completion_tokens" : 5 , "model":"m" }"#, r#"{ "max_tokens" : 5 , "model":"m" }"#, ""),
            (
                r#"{"max_completion_tokens":5,"max_tokens":4,"x":1}"#,
                r#"{"max_tokens":4,"x":1}"#,
                "max_completion_tokens",
            ),
            (r#"{"store":true,"user":"u","model":"m"}"#, r#"{"model":"m"}"#, "store, user"),
            (r#"{ "model":"m", "store" : false , "top_logprobs":null }"#, r#"{ "model":"m" }"#, ""),
            (r#"{"logit_bias":{"1":2}}"#, "{}", "logit_bias"),
            (
                r#"{"messages":[{"role":"developer","content":"{\"role\":\"developer\"}"} , {"content":"developer","role" : "user"}],"tools":[{"role":"developer"}]}"#,
                r#"{"messages":[{"role":"system","content":"{\"role\":\"developer\"}"} , {"content":"developer","role" : "user"}],"tools":[{"role":"developer"}]}"#,
                "developer",
            ),
            (r#"{"metadata":{"user":"u","seed":1}}"#, r#"{"metadata":{"user":"u","seed":1}}"#, ""),
            (
                r#"{"messages":[[],{}, 7 ,{"role":"developer"}]}"#,
                r#"{"messages":[[],{}, 7 ,{"role":"system"}]}"#,
                "developer",
            ),
            (r#"{"messages":"developer"}"#, r#"{"messages":"developer"}"#, ""),
            (r#"{"messages":[],"x":"developer"}"#, r#"{"messages":[],"x":"developer"}"#, ""),
        ] {
            assert_eq!(mistral(body), (expected.to_owned(), lost.to_owned()), "{body}");
        }
    }

    #[test]
    fn what_may_not_be_left_out_is_refused() {
        let strict = |body| adapted(Preset::find("mistral").unwrap(), body, Mode::Strict);
        for (body, member) in
            [(r#"{"user":"u"}"#, "`user`"), (r#"{"messages":[{"role":"developer"}]}"#, "`developer`")]
        {
            let fault = strict(body).unwrap_err();
            assert!(fault.public_detail().contains(member), "{}", fault.public_detail());
        }
        assert!(strict(r#"{"seed":1,"store":false}"#).is_ok(), "nothing is lost");
    }

    #[test]
    fn nothing_to_change_is_the_same_buffer() {
        let body = Bytes::from_static(br#"{"model":"m","max_tokens":5,"messages":[{"role":"user"}]}"#);
        for preset in ALL {
            let adapted =
                adapt(&body, preset, Operation::Chat, false, Mode::Strict, &mut Losses::default()).unwrap();
            assert_eq!(adapted.as_ptr(), body.as_ptr(), "{}", preset.name);
        }
        // The older name is all that legacy completions have.
        let old = Preset::find("openai").unwrap();
        let kept = adapt(&body, old, Operation::Completions, true, Mode::Drop, &mut Losses::default());
        assert_eq!(kept.unwrap().as_ptr(), body.as_ptr());
    }

    /// Whatever a row says of requests acts on one that passes.
    #[test]
    fn every_quirk_acts() {
        let mut acted = 0;
        for preset in ALL.iter().filter(|preset| preset.dialect.name() == "openai") {
            let value = |body: &str| -> Value {
                let (adapted, _) = adapted(preset, body, Mode::Drop).unwrap();
                serde_json::from_str(&adapted).unwrap()
            };
            for member in preset.refuses {
                assert!(
                    value(&format!(r#"{{"{member}":1,"a":2}}"#)).get(member).is_none(),
                    "{}",
                    preset.name
                );
                acted += 1;
            }
            for (old, new) in preset.renames {
                let value = value(&format!(r#"{{"{old}":1}}"#));
                assert!(value.get(old).is_none() && value[new] == 1, "{}", preset.name);
                acted += 1;
            }
            let role = value(r#"{"messages":[{"role":"developer"}]}"#)["messages"][0]["role"].clone();
            assert_eq!(role == "developer", preset.developer_role, "{}", preset.name);
            let (old, new) = (value(r#"{"max_tokens":1}"#), value(r#"{"max_completion_tokens":1}"#));
            let keeps = (old.get(OLD).is_some(), new.get(NEW).is_some());
            let expected = match preset.max_tokens {
                MaxTokens::Both => (true, true),
                MaxTokens::Old => (true, false),
                MaxTokens::New => (false, true),
            };
            assert_eq!(keeps, expected, "{}", preset.name);
            // `stream_options` are the request's own matter, by the same row.
            let request = crate::dialect::request::Request::scan(
                &Bytes::from_static(br#"{"model":"m","stream":true,"stream_options":{"x":1}}"#),
                &crate::dialect::request::Members::OPENAI,
            );
            let sent = request.unwrap().rewrite("m", preset.stream_options());
            let sent: Value = serde_json::from_slice(&sent).unwrap();
            let expected = match preset.stream_usage {
                StreamUsage::Asked => serde_json::json!({ "include_usage": true, "x": 1 }),
                StreamUsage::Unasked => serde_json::json!({ "x": 1 }),
                StreamUsage::Refused => Value::Null,
            };
            assert_eq!(sent["stream_options"], expected, "{}", preset.name);
        }
        assert!(acted > 10, "{acted}");
    }
}
