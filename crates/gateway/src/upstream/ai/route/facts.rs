//! What is known of a call when its deployment is chosen.

use super::draw::Hash;
use super::reason::Reason;
use portcullis_llm::canon::request::{Format, Request, Role, Tool};
use portcullis_llm::canon::{MediaKind, Part};
use portcullis_model::Principal;
use portcullis_model::provider::{Need, When};
use std::fmt::Write as _;

/// Tokens of an answer, where nobody says how long it may be.
const USUAL_ANSWER: u64 = 500;

/// Facts of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts<'a> {
    /// Who calls.
    pub(crate) principal: Option<&'a Principal>,
    /// The tags that the caller gave, where the model takes them.
    pub(crate) tags: Vec<&'a str>,
    /// Bytes of the body.
    pub(crate) bytes: u64,
    /// Bytes of text in it.
    pub(crate) text: u64,
    /// How many tokens the answer may have.
    pub(crate) max_tokens: Option<u64>,
    /// What it needs.
    pub(crate) needs: Vec<Need>,
    /// Whether the provider does something for it beside answering; `None`: nobody has looked.
    pub(crate) acts: Option<bool>,
}

impl<'a> Facts<'a> {
    /// Tags of a header's value.
    pub(crate) fn split(tags: &'a str) -> Vec<&'a str> {
        /// More are nobody's honest need.
        const MOST: usize = 32;
        tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).take(MOST).collect()
    }

    /// The first condition that does not hold.
    pub(super) fn miss(&self, when: &When) -> Option<Reason> {
        let who = self.principal;
        let user = who.and_then(|who| who.user.as_deref());
        let is_user = |name: &String| {
            user.is_some_and(|user| user.username.as_ref() == Some(name) || user.id.to_string() == *name)
        };
        let application = who.and_then(|who| who.application.as_deref());
        let rules: [(&'static str, bool); 8] = [
            ("users", when.users.is_empty() || when.users.iter().any(is_user)),
            (
                "teams",
                when.teams.is_empty() || when.teams.iter().any(|team| who.is_some_and(|who| who.is_in(team))),
            ),
            (
                "tenants",
                when.tenants.is_empty() || who.is_some_and(|who| when.tenants.contains(&who.tenant.name)),
            ),
            (
                "applications",
                when.applications.is_empty()
                    || application.is_some_and(|application| when.applications.contains(&application.name)),
            ),
            ("tags", when.tags.is_empty() || when.tags.iter().any(|tag| self.tags.contains(&tag.as_str()))),
            ("needs", when.needs.is_empty() || when.needs.iter().any(|need| self.needs.contains(need))),
            ("larger_than", when.larger_than.is_none_or(|size| self.bytes > size.0)),
            ("at_most", when.at_most.is_none_or(|size| self.bytes <= size.0)),
        ];
        rules.iter().find(|(_, holds)| !holds).map(|(member, _)| Reason::Condition(member))
    }

    /// Whether the caller wants another region than this. One that says nothing of its region is in none: what must not leave
    /// a region is not sent where nobody knows.
    pub(super) fn elsewhere(&self, region: Option<&str>) -> Option<Reason> {
        let mut wanted = self.tags.iter().filter_map(|tag| tag.strip_prefix("region="));
        wanted.find(|wanted| region != Some(wanted)).map(|wanted| Reason::Region(wanted.to_owned()))
    }

    /// Tokens that the prompt surely has. No tokenizer in use makes fewer of ordinary text.
    pub(crate) fn tokens_at_least(&self) -> u64 {
        self.text / 8
    }

    /// Tokens in and out, as they are usual: for comparing prices.
    pub(super) fn tokens_about(&self) -> (u64, u64) {
        (self.text / 4, self.max_tokens.unwrap_or(USUAL_ANSWER).min(USUAL_ANSWER))
    }
}

/// What a request needs of a model.
pub(crate) fn needs(request: &Request) -> Vec<Need> {
    let image = |part: &Part| match part {
        Part::Media(media) => media.kind == MediaKind::Image,
        Part::ToolResult(result) => result
            .content
            .iter()
            .any(|part| matches!(part, Part::Media(media) if media.kind == MediaKind::Image)),
        _ => false,
    };
    let reasons = request.reasoning.as_ref().is_some_and(|reasoning| {
        reasoning.budget.is_some_and(|budget| budget > 0)
            || reasoning.effort.is_some_and(|effort| effort != portcullis_llm::canon::Effort::None)
    });
    let rows = [
        (Need::Tools, !request.tools.is_empty()),
        (Need::Vision, request.messages.iter().flat_map(|message| &message.parts).any(image)),
        (Need::StructuredOutput, matches!(request.format, Some(Format::Schema { .. }))),
        (Need::Reasoning, reasons),
    ];
    rows.into_iter().filter(|(_, needed)| *needed).map(|(need, _)| need).collect()
}

/// Whether a request has the provider run tools, or keep the answer: it would do so twice.
pub(crate) fn acts(request: &Request) -> bool {
    request.store == Some(true) || request.tools.iter().any(|tool| matches!(tool, Tool::Server { .. }))
}

/// The conversation that a request goes on with: who calls, and all up to the first thing that the user said, since
/// that is what the next turn begins with, too.
pub(crate) fn conversation(request: &Request, principal: Option<&Principal>) -> u64 {
    let mut hash = Hash::new();
    if let Some(principal) = principal {
        hash.part(&principal.tenant.id.to_string());
        hash.part(&principal.user.as_ref().map(|user| user.id.to_string()).unwrap_or_default());
        hash.part(
            &principal.application.as_ref().map(|application| application.id.to_string()).unwrap_or_default(),
        );
    }
    let said =
        request.messages.iter().position(|message| message.role == Role::User).map_or(1, |first| first + 1);
    for message in request.messages.iter().take(said) {
        // A hash cannot fail to be written to.
        let _ = write!(hash, "{:?}", message.role);
        for part in &message.parts {
            match part {
                // Not its cache marker: that moves on with the conversation.
                Part::Text(text) => hash.part(&text.text),
                part => drop(write!(hash, "{part:?}")),
            }
        }
    }
    hash.number()
}

/// The conversation that a caller names.
pub(crate) fn named(conversation: &[u8], principal: Option<&Principal>) -> u64 {
    let mut hash = Hash::new();
    hash.part(&principal.map(|principal| principal.tenant.id.to_string()).unwrap_or_default());
    hash.add(conversation);
    hash.number()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_llm::dialect::chat::Incoming;
    use portcullis_model::ByteSize;

    fn request(body: &str) -> Request {
        let chat = portcullis_llm::dialect::chat::find("openai").unwrap();
        chat.read_request(&Incoming {
            model: None,
            stream: None,
            body: &bytes::Bytes::copy_from_slice(body.as_bytes()),
        })
        .unwrap()
    }

    #[test]
    fn conditions_and_regions_hold_or_say_which_does_not() {
        let facts = Facts {
            tags: Facts::split("batch, region=eu"),
            bytes: 100,
            needs: vec![Need::Tools],
            ..Facts::default()
        };
        let miss = |when: When| facts.miss(&when);
        assert_eq!(miss(When::default()), None);
        let fits = When {
            tags: vec!["x".to_owned(), "batch".to_owned()],
            needs: vec![Need::Tools],
            larger_than: Some(ByteSize(99)),
            at_most: Some(ByteSize(100)),
            ..When::default()
        };
        assert_eq!(miss(fits.clone()), None);
        assert_eq!(
            miss(When { larger_than: Some(ByteSize(100)), ..fits.clone() }),
            Some(Reason::Condition("larger_than"))
        );
        // Nobody is in no team.
        assert_eq!(miss(When { teams: vec!["dev".to_owned()], ..fits }), Some(Reason::Condition("teams")));
        assert_eq!(facts.elsewhere(Some("eu")), None);
        assert!(facts.elsewhere(Some("us")).is_some() && facts.elsewhere(None).is_some());
    }

    #[test]
    fn needs_are_read_off_the_request() {
        let plain = request(r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#);
        assert_eq!((needs(&plain), acts(&plain)), (vec![], false));
        for acting in [r#""store":true"#, r#""tools":[{"type":"web_search"}]"#] {
            let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{acting}}}"#);
            assert!(acts(&request(&body)), "{acting}");
        }
        let rich = request(
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://a.example/x.png"}}]}],
            "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],
            "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object"}}},"reasoning_effort":"low"}"#,
        );
        assert_eq!(needs(&rich), [Need::Tools, Need::Vision, Need::StructuredOutput, Need::Reasoning]);
    }

    #[test]
    fn a_conversation_is_known_by_its_beginning() {
        let of = |messages: &str| {
            conversation(&request(&format!(r#"{{"model":"m","messages":[{messages}]}}"#)), None)
        };
        let first = r#"{"role":"system","content":"be brief"},{"role":"user","content":"hi"}"#;
        let later =
            format!(r#"{first},{{"role":"assistant","content":"hello"}},{{"role":"user","content":"and?"}}"#);
        assert_eq!(of(first), of(&later));
        assert_ne!(of(first), of(r#"{"role":"system","content":"be brief"},{"role":"user","content":"ho"}"#));
        assert_ne!(named(b"a", None), named(b"b", None));
    }
}
