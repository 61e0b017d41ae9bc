//! The causes, remedies and dead ends of a page one by one, each with what is known of how often it was the case. Nothing
//! was measured so far, and every item says so; a running gateway counts by code, not by cause (`control::figures`).

use super::{Language, markdown};
use serde_json::{Value, json};

/// How often something was the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Of a hundred cases: of the code's for a cause, of those who tried it for a remedy or a dead end.
    pub share: Option<u8>,
    /// How sure that is, in a word.
    pub confidence: Option<&'static str>,
    /// The cases behind it.
    pub cases: u32,
}

/// Not measured.
pub const NOTHING: Measured = Measured { share: None, confidence: None, cases: 0 };

/// One item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'s> {
    /// Whose turn it is; remedies only.
    pub who: Option<&'s str>,
    /// What it is.
    pub what: &'s str,
    /// Why it helps, or does not; remedies and dead ends always say it.
    pub why: Option<&'s str>,
    /// How often.
    pub measured: Measured,
}

/// What begins the line below a remedy that says why it helps, in each language. A line of its own, since the text of a
/// remedy may hold any mark that could part the two.
const WHY: [&str; 2] = ["  - Why: ", "  - 理由："];

/// The lists of a page, by the place of their section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Causes.
    Causes,
    /// What to do.
    Remedies,
    /// What does not help.
    DeadEnds,
}

impl List {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Causes, Self::Remedies, Self::DeadEnds];

    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Causes => "causes",
            Self::Remedies => "remedies",
            Self::DeadEnds => "dead_ends",
        }
    }

    /// Which of the page's sections it is.
    const fn section(self) -> usize {
        match self {
            Self::Causes => 1,
            Self::Remedies => 3,
            Self::DeadEnds => 4,
        }
    }

    /// Its items in a page's source.
    pub fn items(self, source: &str) -> Vec<Item<'_>> {
        let text = markdown::sections(source).nth(self.section()).map_or("", |(_, text)| text);
        let mut items: Vec<Item<'_>> = Vec::new();
        for line in text.lines() {
            let why = WHY.iter().find_map(|mark| line.strip_prefix(mark)).filter(|_| self == Self::Remedies);
            match (why, items.last_mut()) {
                (Some(why), Some(item)) => item.why = Some(why.trim()),
                _ => items.extend(markdown::item(line).map(|(_, text)| self.item(text))),
            }
        }
        items
    }

    fn item(self, line: &str) -> Item<'_> {
        let apart = |line| split(line, ": ").or_else(|| split(line, "："));
        let (who, rest) = match line.strip_prefix("**").and_then(|line| line.split_once("**")) {
            Some((who, rest)) if self == Self::Remedies => {
                (Some(who), rest.trim_start_matches([':', '：']).trim_start())
            }
            _ => (None, line),
        };
        let (what, why) = match (self, apart(rest)) {
            (Self::DeadEnds, Some((what, why))) => (what, Some(why)),
            _ => (rest, None),
        };
        Item { who, what, why, measured: NOTHING }
    }
}

/// At the first place where the mark is not within code.
fn split<'s>(line: &'s str, mark: &str) -> Option<(&'s str, &'s str)> {
    let at = line
        .match_indices(mark)
        .map(|(at, _)| at)
        .find(|at| line[..*at].matches('`').count().is_multiple_of(2))?;
    Some((&line[..at], line[at + mark.len()..].trim()))
}

/// A page's source with a line in each of the lists that says how often its items were the case.
pub fn shown(source: &str, language: Language) -> String {
    let note = language.pick(
        "Share, confidence and cases of each: not measured (0 cases).",
        "各项的占比、可信度与案例数：未测量（0 个案例）。",
    );
    let mut out = String::with_capacity(source.len() + 3 * note.len());
    for (i, part) in source.split("\n## ").enumerate() {
        if i > 0 {
            out.push_str("\n## ");
        }
        match part.split_once('\n') {
            Some((heading, text)) if i > 0 && List::ALL.iter().any(|list| list.section() + 1 == i) => {
                out.push_str(heading);
                out.push_str("\n\n");
                out.push_str(note);
                out.push('\n');
                out.push_str(text);
            }
            _ => out.push_str(part),
        }
    }
    out
}

/// The lists for programs.
pub fn documents(source: &str) -> impl Iterator<Item = (&'static str, Value)> {
    List::ALL.map(|list| (list.name(), list.items(source).iter().map(document).collect())).into_iter()
}

fn document(item: &Item<'_>) -> Value {
    let Measured { share, confidence, cases } = item.measured;
    let mut document = json!({ "what": item.what, "share": share, "confidence": confidence, "cases": cases });
    for (name, text) in [("who", item.who), ("why", item.why)] {
        if let Some(text) = text {
            document[name] = text.into();
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;
    use crate::pages::topic::Topic;
    use crate::pages::umbrella;
    use std::collections::HashSet;

    #[test]
    fn every_item_of_every_page_is_there_with_what_it_needs() {
        let topics = codes::ALL.iter().map(|code| Topic::Code(*code));
        let mut reasons = HashSet::new();
        for topic in topics.chain(umbrella::ALL.iter().map(Topic::Umbrella)) {
            let [english, chinese] = [Language::English, Language::Chinese].map(|language| {
                let source = topic.source(language);
                let document = topic.document(language);
                let markdown = topic.markdown(language);
                let note = language.pick("not measured (0 cases).", "未测量（0 个案例）。");
                assert_eq!(markdown.matches(note).count(), List::ALL.len(), "{} {language:?}", topic.name());
                List::ALL.map(|list| {
                    let items = list.items(source);
                    let name = topic.name();
                    assert!(!items.is_empty(), "{name} {language:?}: no {}", list.name());
                    // Nothing of the section is left out: an item is one line, with its reason below where it has one.
                    let text = markdown::sections(source).nth(list.section()).map_or("", |(_, text)| text);
                    let lines = text.lines().filter(|line| !line.is_empty()).count();
                    let each = if list == List::Remedies { 2 } else { 1 };
                    assert_eq!(lines, each * items.len(), "{name} {language:?}: lines of {}", list.name());
                    for item in &items {
                        let (needs_who, needs_why) = (list == List::Remedies, list != List::Causes);
                        assert!(
                            item.who.is_some() || !needs_who,
                            "{name} {language:?}: by whom: `{}`",
                            item.what
                        );
                        assert!(
                            item.why.is_some_and(|why| !why.is_empty()) || !needs_why,
                            "{name} {language:?}: why: `{}`",
                            item.what
                        );
                        assert!(!item.what.is_empty(), "{name} {language:?}");
                        // What would be true of every remedy explains none.
                        if let Some(why) = item.why.filter(|_| list == List::Remedies) {
                            assert!(reasons.insert(why), "{name} {language:?}: said elsewhere too: `{why}`");
                            assert!(
                                why.ends_with(['.', '。']),
                                "{name} {language:?}: `{why}` is no sentence"
                            );
                        }
                        // A share has cases behind it, and cases a share and a word for how sure it is.
                        let Measured { share, confidence, cases } = item.measured;
                        assert!((cases > 0) == share.is_some() && share.is_some() == confidence.is_some());
                    }
                    let told = document[list.name()].as_array().map(Vec::len);
                    assert_eq!(told, Some(items.len()), "{name} {language:?}: {}", list.name());
                    assert_eq!(document[list.name()][0]["cases"], 0);
                    items.len()
                })
            });
            assert_eq!(english, chinese, "{}", topic.name());
        }
    }

    #[test]
    fn items_are_taken_apart() {
        let source = "# x: y\n\n## A\n\ntext\n\n## B\n\n- one\n- two: more\n\n## C\n\n- x\n\n## D\n\n- **Caller**: do: `a. Why: b`\n  - Why: it: helps.\n1. **运维**：做\n  - 理由：有用。\n\n## E\n\n- Waiting (`a: b`): it stays.\n- 重试：没有用\n\n## F\n\nz\n";
        let item = |who, what, why| Item { who, what, why, measured: NOTHING };
        assert_eq!(List::Causes.items(source), [item(None, "one", None), item(None, "two: more", None)]);
        let remedies = [
            item(Some("Caller"), "do: `a. Why: b`", Some("it: helps.")),
            item(Some("运维"), "做", Some("有用。")),
        ];
        assert_eq!(List::Remedies.items(source), remedies);
        let dead = [item(None, "Waiting (`a: b`)", Some("it stays.")), item(None, "重试", Some("没有用"))];
        assert_eq!(List::DeadEnds.items(source), dead);
        let shown = shown(source, Language::English);
        assert_eq!(shown.matches("not measured").count(), 3);
        assert!(
            shown.contains("## B\n\nShare, confidence and cases of each: not measured (0 cases).\n\n- one"),
            "{shown}"
        );
    }
}
