//! The list of all pages, and the search in it: by words, or by a pasted error message of any library.

use super::messages::{self, Match, secret};
use super::topic::{Topic, row, who};
use super::{Language, umbrella};
use crate::codes;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// So much of a query is read, in bytes.
const QUERY_MAX: usize = 2_048;
/// So many words of it are looked for. Anybody may search, and each word is a walk through every page.
const WORDS_MAX: usize = 16;

/// What is listed: everything, or what was asked for.
pub struct Index {
    /// What was asked for; empty when nothing was, or when it looks like a token.
    pub query: String,
    /// Whether a token was pasted where a message belongs. It is neither searched for nor shown.
    pub refused: bool,
    matches: Vec<Match>,
    topics: Vec<Topic>,
}

impl Index {
    /// Everything.
    pub fn all() -> Self {
        let topics =
            codes::ALL.iter().map(|code| Topic::Code(*code)).chain(umbrella::ALL.iter().map(Topic::Umbrella));
        Self { query: String::new(), refused: false, matches: Vec::new(), topics: topics.collect() }
    }

    /// What `raw`, the query part of an address, asks for with `q`.
    pub fn of(raw: Option<&str>, language: Language) -> Self {
        let query = raw.and_then(parameter).unwrap_or_default();
        let all = Self::all();
        if query.is_empty() {
            return all;
        }
        if secret(&query) {
            return Self { refused: true, ..all };
        }
        let matches = messages::explain(&query);
        let lower = query.to_lowercase();
        let words: BTreeSet<&str> = lower.split_whitespace().take(WORDS_MAX).collect();
        let mut ranked: Vec<(usize, Topic)> = all
            .topics
            .into_iter()
            .filter_map(|topic| {
                let places = [
                    topic.name(),
                    topic.title(Language::English),
                    topic.title(language),
                    topic.source(language),
                ]
                .map(str::to_lowercase);
                let rank = |word: &&str| places.iter().position(|place| place.contains(*word));
                let ranks: Option<Vec<usize>> = words.iter().map(rank).collect();
                Some((ranks?.into_iter().max()?, topic))
            })
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        Self { query, refused: false, matches, topics: ranked.into_iter().map(|(_, topic)| topic).collect() }
    }

    /// As Markdown.
    pub fn markdown(&self, language: Language) -> String {
        let tag = language.tag();
        let mut out = language.pick("# Codes\n\n", "# 错误码\n\n").to_owned();
        if self.refused {
            out.push_str(language.pick(
                "**That looks like a token or a key.** It was not searched for and is not shown; it may now stand in this browser's history. Paste the error message here, and give a token to `portcullis doctor`.\n\n",
                "**这看起来是令牌或密钥。** 没有搜索它，也不显示；它可能已留在浏览器的历史记录中。请在此粘贴错误消息，令牌请交给 `portcullis doctor`。\n\n",
            ));
        }
        if self.query.is_empty() {
            out.push_str(language.pick(
                "Every refusal of the gateway has one of these codes; the record keeps it, and the answer's `code` says it.\n\n",
                "网关的每一次拒绝都带有下列错误码之一；它写在应答的 `code` 中，也保存在调用记录里。\n\n",
            ));
        } else if self.matches.is_empty() && self.topics.is_empty() {
            out.push_str(language.pick(
                "Nothing was found. Fewer words find more; an error message is best pasted whole.\n",
                "没有找到。减少词语可以找到更多；错误消息最好整条粘贴。\n",
            ));
        }
        self.found(language, &mut out);
        let (codes, umbrellas): (Vec<&Topic>, Vec<&Topic>) =
            self.topics.iter().partition(|topic| matches!(topic, Topic::Code(_)));
        if !codes.is_empty() {
            if !self.matches.is_empty() {
                out.push_str(language.pick("## Codes with these words\n\n", "## 含有这些词的错误码\n\n"));
            }
            out.push_str(language.pick(
                "| code | status | what it means | whose turn |\n|---|---|---|---|\n",
                "| 错误码 | 状态码 | 含义 | 由谁处理 |\n|---|---|---|---|\n",
            ));
            for topic in codes {
                if let Topic::Code(code) = topic {
                    let (name, title) = (code.name(), topic.title(language));
                    let _ = writeln!(
                        out,
                        "| [{name}]({name}.{tag}.md) | {} | {title} | {} |",
                        code.status(),
                        who(*code, language)
                    );
                }
            }
        }
        if !umbrellas.is_empty() {
            out.push_str(language.pick(
                "\n## Messages that several codes share\n\n| page | message |\n|---|---|\n",
                "\n## 多个错误码共用的消息\n\n| 页面 | 消息 |\n|---|---|\n",
            ));
            for topic in umbrellas {
                let (name, title) = (topic.name(), topic.title(language));
                let _ = writeln!(out, "| [{name}]({name}.{tag}.md) | {title} |");
            }
        }
        out
    }

    /// The known messages in what was asked for.
    fn found(&self, language: Language, out: &mut String) {
        if self.matches.is_empty() {
            return;
        }
        let tag = language.tag();
        out.push_str(language.pick(
            "## Known messages in it\n\n| library | message | page |\n|---|---|---|\n",
            "## 其中已知的消息\n\n| 库 | 消息 | 页面 |\n|---|---|---|\n",
        ));
        for found in &self.matches {
            let message = found.message;
            let mut cell = format!("`{}`", message.text);
            if let Some((english, chinese)) = message.note {
                let _ = write!(cell, " {}", language.pick(english, chinese));
            }
            for (name, value) in &found.values {
                // Pasted by anybody: a bar would open a cell, and marks would be rendered.
                let value = value.replace(['|', '`', '[', ']', '*'], " ");
                let _ = write!(cell, " `{name}` = `{value}`");
            }
            let names = message.umbrella.into_iter().chain(message.codes.iter().map(|code| code.name()));
            let pages: Vec<String> = names.map(|name| format!("[{name}]({name}.{tag}.md)")).collect();
            let _ = writeln!(out, "| {} | {cell} | {} |", message.library, pages.join(" "));
        }
        out.push('\n');
    }

    /// For programs.
    pub fn document(&self, language: Language) -> Value {
        let of = |wanted: fn(&&Topic) -> bool| -> Vec<Value> {
            self.topics.iter().filter(wanted).map(|topic| topic.summary(language)).collect()
        };
        let mut document = json!({
            "language": language.tag(),
            "codes": of(|topic| matches!(topic, Topic::Code(_))),
            "umbrellas": of(|topic| matches!(topic, Topic::Umbrella(_))),
        });
        if !self.query.is_empty() {
            document["query"] = json!(self.query);
            document["messages"] = self.matches.iter().map(|found| matched(found, language)).collect();
        }
        document
    }
}

/// A message that was found, with the values that stood in it.
pub fn matched(found: &Match, language: Language) -> Value {
    let mut value = row(found.message, language);
    value["values"] = found
        .values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    value
}

/// `q` of a query, decoded (WHATWG URL §5.1), without control characters.
fn parameter(raw: &str) -> Option<String> {
    let value = raw.split('&').find_map(|pair| pair.strip_prefix("q="))?;
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes().iter();
    while let Some(byte) = rest.next() {
        if bytes.len() >= QUERY_MAX {
            break;
        }
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match rest.as_slice() {
                [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    rest.nth(1);
                    hex(*high) << 4 | hex(*low)
                }
                _ => b'%',
            },
            byte => *byte,
        });
    }
    let text = String::from_utf8_lossy(&bytes);
    let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Some(shown.trim().to_owned())
}

/// The value of a hexadecimal digit.
const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str) -> Vec<&'static str> {
        Index::of(Some(query), Language::English).topics.iter().map(|topic| topic.name()).collect()
    }

    #[test]
    fn words_find_names_first() {
        assert_eq!(found("q=token_expired")[0], "token_expired");
        assert_eq!(found("q=Audience")[0], "audience_mismatch");
        assert!(found("q=base64+secret").contains(&"signature_invalid"));
        assert!(found("q=zzzzz").is_empty());
        let many = format!("q={}zzzzz", "token+".repeat(WORDS_MAX));
        assert_eq!(found(&many), found("q=token"));
        assert_eq!(found("q=").len(), found("").len());
        assert_eq!(Index::of(Some("x=1&q=%E5%8F%97%E4%BC%97"), Language::Chinese).query, "受众");
    }

    #[test]
    fn a_pasted_message_finds_its_page() {
        let index = Index::of(
            Some("q=JsonWebTokenError%3A+jwt+audience+invalid.+expected%3A+orders"),
            Language::English,
        );
        assert!(index.markdown(Language::English).contains("[audience_mismatch](audience_mismatch.en.md)"));
        assert!(index.markdown(Language::English).contains("`audience` = `orders`"));
        assert_eq!(index.document(Language::English)["messages"][0]["values"]["audience"], "orders");
    }

    #[test]
    fn a_token_is_neither_searched_for_nor_shown() {
        for raw in [
            "q=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln",
            "q=Bearer+eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
            "q=sk-0123456789abcdef",
        ] {
            let index = Index::of(Some(raw), Language::English);
            assert!(index.refused && index.query.is_empty(), "{raw}");
            assert!(!index.markdown(Language::English).contains("eyJ"));
        }
    }

    #[test]
    fn odd_queries_are_read() {
        for (raw, text) in [
            ("q=%", "%"),
            ("q=%zz", "%zz"),
            ("q=a%00b", "a b"),
            ("q=%ff", "\u{fffd}"),
            ("q=a+b%2Bc", "a b+c"),
            ("y=1", ""),
        ] {
            assert_eq!(parameter(raw).unwrap_or_default(), text, "{raw}");
        }
        assert!(parameter(&format!("q={}", "a".repeat(10_000))).is_some_and(|text| text.len() <= QUERY_MAX));
    }
}
