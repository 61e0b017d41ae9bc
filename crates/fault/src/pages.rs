//! A code's page, as a caller who followed the link sees it: Markdown, JSON or HTML, in English or Chinese.
//!
//! Pure: what was asked for goes in, a body and its headers come out; serving it is the listeners' business. The facts of
//! the catalogue's row are put on the page here, so that a page never contradicts its row.

mod evidence;
mod html;
mod index;
mod markdown;
pub mod messages;
mod negotiate;
mod topic;
pub mod umbrella;

use crate::Code;
use index::Index;
pub use index::matched;
use serde_json::Value;
use topic::Topic;

/// In which language a page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Chinese, simplified.
    Chinese,
}

impl Language {
    /// As a suffix and in `Content-Language`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    const fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// In which form a page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A page for a browser.
    Html,
    /// For programs.
    Json,
    /// As it is written.
    Markdown,
}

impl Format {
    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Markdown => "text/markdown; charset=utf-8",
        }
    }
}

/// A page, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// Value of `Content-Language`.
    pub language: &'static str,
    /// Value of `ETag`, quotes included. Answer with 304 when it [is known](Self::is_known). Send `Vary: Accept, Accept-Language`.
    pub etag: String,
    /// The body.
    pub body: String,
}

impl Page {
    fn new(format: Format, language: Language, body: String) -> Self {
        let etag = format!("\"{:016x}\"", fingerprint(body.as_bytes()));
        Self { content_type: format.content_type(), language: language.tag(), etag, body }
    }

    /// Whether the value of `If-None-Match` names this page. Weakly compared (RFC 9110 §13.1.2): a proxy that compresses
    /// makes a weak tag of ours.
    pub fn is_known(&self, tags: Option<&str>) -> bool {
        let mut tags = tags.into_iter().flat_map(|tags| tags.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }
}

/// FNV-1a: tells two versions of our own texts apart, and nothing depends on its being hard to forge.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The page behind `/-/errors/<tail>`: a code, a message that several codes share, or nothing (or `index`) for the list of
/// all, with an optional suffix `.html`, `.json` or `.md` that outweighs `Accept`, after an optional `.en` or `.zh` that
/// outweighs `Accept-Language`. `query` is the address's query: `q` searches the list. `None`: there is no such page.
pub fn find(
    tail: &str,
    query: Option<&str>,
    accept: Option<&str>,
    accept_language: Option<&str>,
) -> Option<Page> {
    find_with(tail, query, accept, accept_language, None)
}

/// What a running gateway adds to a code's page for those who may see it.
pub struct Aside<'a> {
    /// A section in Markdown, its heading included, by language.
    pub section: &'a dyn Fn(Language) -> String,
    /// The same for programs: the member `here`.
    pub document: Value,
}

/// The code whose page [`find`] would show; `None` for the list, for a message that several codes share, and for nothing.
pub fn code(tail: &str) -> Option<Code> {
    let (name, ..) = parts(tail);
    Code::find(name)
}

/// As [`find`], with something to add to a code's page.
pub fn find_with(
    tail: &str,
    query: Option<&str>,
    accept: Option<&str>,
    accept_language: Option<&str>,
    aside: Option<&Aside<'_>>,
) -> Option<Page> {
    let (name, language, format) = parts(tail);
    let format = format.unwrap_or_else(|| negotiate::format(accept));
    let language = language.unwrap_or_else(|| negotiate::language(accept_language));
    match name {
        "" => Some(list(&Index::of(query, language), format, language, "errors/")),
        "index" => Some(list(&Index::of(query, language), format, language, "")),
        name => Topic::find(name).map(|topic| render(topic, format, language, aside)),
    }
}

/// Name, language and format of an address.
fn parts(tail: &str) -> (&str, Option<Language>, Option<Format>) {
    // The index can be served with and without a final slash, from where its relative links lead here twice.
    let tail = tail.trim_start_matches('/');
    let tail = tail.strip_prefix("errors/").unwrap_or(tail);
    let (tail, format) = match tail.rsplit_once('.') {
        Some((rest, "html")) => (rest, Some(Format::Html)),
        Some((rest, "json")) => (rest, Some(Format::Json)),
        Some((rest, "md")) => (rest, Some(Format::Markdown)),
        _ => (tail, None),
    };
    let (name, language) = match tail.rsplit_once('.') {
        Some((rest, "en")) => (rest, Some(Language::English)),
        Some((rest, "zh")) => (rest, Some(Language::Chinese)),
        _ => (tail, None),
    };
    (name, language, format)
}

/// The page of `code`.
pub fn page(code: Code, format: Format, language: Language) -> Page {
    render(Topic::Code(code), format, language, None)
}

/// The list of all codes, in the order of the path of a call, and of the messages that several share.
pub fn index(format: Format, language: Language) -> Page {
    list(&Index::all(), format, language, "errors/")
}

/// What a code means in one sentence: its page's title behind the name.
pub fn title(code: Code, language: Language) -> &'static str {
    let first = code.page(language == Language::Chinese).lines().next().unwrap_or_default();
    first.split_once(": ").map_or(code.title(), |(_, title)| title)
}

fn render(topic: Topic, format: Format, language: Language, aside: Option<&Aside<'_>>) -> Page {
    let section = aside.map(|aside| (aside.section)(language)).unwrap_or_default();
    let body = match format {
        Format::Markdown => topic.markdown(language) + &section,
        Format::Html => html::page(topic, language, &section),
        Format::Json => {
            let mut document = topic.document(language);
            if let Some(aside) = aside {
                document["here"] = aside.document.clone();
            }
            pretty(&document)
        }
    };
    Page::new(format, language, body)
}

fn list(index: &Index, format: Format, language: Language, base: &str) -> Page {
    let body = match format {
        Format::Markdown => index.markdown(language),
        Format::Html => html::index(language, index, base),
        Format::Json => pretty(&index.document(language)),
    };
    Page::new(format, language, body)
}

fn pretty(value: &Value) -> String {
    // Texts and integers: writing them into memory cannot fail.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;
    use serde_json::json;
    use std::collections::{BTreeMap, BTreeSet};

    const ENGLISH: [&str; 6] =
        ["What it means", "Causes", "How to check", "What to do", "What does not help", "See also"];
    const CHINESE: [&str; 6] = ["含义", "原因", "如何检查", "如何处理", "无效的做法", "另见"];

    fn topics() -> impl Iterator<Item = Topic> {
        codes::ALL.iter().map(|code| Topic::Code(*code)).chain(umbrella::ALL.iter().map(Topic::Umbrella))
    }

    fn every() -> impl Iterator<Item = (&'static str, Language, &'static str)> {
        topics().flat_map(|topic| {
            [Language::English, Language::Chinese]
                .map(|language| (topic.name(), language, topic.source(language)))
        })
    }

    #[test]
    fn every_page_has_the_sections_in_both_languages() {
        for (code, language, source) in every() {
            let headings: Vec<_> = markdown::sections(source).map(|(heading, _)| heading).collect();
            assert_eq!(
                headings,
                if language == Language::English { ENGLISH } else { CHINESE },
                "{code} {language:?}"
            );
            for (heading, text) in markdown::sections(source) {
                assert!(!text.trim().is_empty(), "{code} {language:?}: `{heading}` is empty");
            }
            assert!(source.starts_with(&format!("# {code}: ")), "{code} {language:?}");
            let lines = source.lines().count();
            assert!((15..=60).contains(&lines), "{code} {language:?} has {lines} lines");
            // A dead end says why it is one, and the standard says what is right.
            let part = |n: usize| markdown::sections(source).nth(n).map_or("", |(_, text)| text);
            for item in part(4).lines().filter(|line| line.starts_with("- ")) {
                assert!(
                    item.contains(": ") || item.contains('：'),
                    "{code} {language:?}: `{item}` does not say why"
                );
            }
            assert!(
                part(5).contains("](https://www.rfc-editor.org/"),
                "{code} {language:?} names no standard"
            );
        }
    }

    #[test]
    fn umbrellas_are_no_codes_and_lead_to_their_codes() {
        for umbrella in umbrella::ALL {
            assert!(Code::find(umbrella.slug).is_none() && !umbrella.codes.is_empty(), "{}", umbrella.slug);
            assert!(!messages::under(umbrella.slug).is_empty(), "{}: nothing says it", umbrella.slug);
            for language in [Language::English, Language::Chinese] {
                let page = find(umbrella.slug, None, Some("text/html"), Some(language.tag())).unwrap();
                for code in umbrella.codes {
                    assert!(
                        page.body.contains(&format!("href=\"{code}.{}\"", language.tag())),
                        "{}: {code}",
                        umbrella.slug
                    );
                }
                let chinese = umbrella.title(Language::Chinese);
                assert!(!chinese.is_ascii() && chinese != umbrella.title(Language::English), "{chinese}");
            }
            let json = find(&format!("{}.json", umbrella.slug), None, None, None).unwrap();
            let json: Value = serde_json::from_str(&json.body).unwrap();
            assert_eq!(json["umbrella"], umbrella.slug);
            assert!(
                json.get("code").is_none() && json["codes"].as_array().is_some_and(|codes| !codes.is_empty())
            );
        }
    }

    #[test]
    fn pages_show_what_other_libraries_say() {
        // Of old releases, which change no more.
        let missing = page(codes::CLAIM_MISSING, Format::Markdown, Language::English).body;
        assert!(missing.contains(
            "| PyJWT | `Token does not contain an iss claim` | 1.3.0 (not in 1.1.0) | 1.4.0 | changed in 1.4.0 | 1.3.0 |"
        ));
        let missing = page(codes::CLAIM_MISSING, Format::Markdown, Language::Chinese).body;
        assert!(
            missing.contains("| 1.3.0（1.1.0 中没有） | 1.4.0 | 已改动，自 1.4.0 | 1.3.0 |"),
            "{missing}"
        );
        let revoked = page(codes::TOKEN_REVOKED, Format::Markdown, Language::English).body;
        assert!(revoked.contains(
            "| Amazon Cognito | `NotAuthorizedException: Access Token has been revoked` | not determined | not determined | not determined: a hosted service without visible versions | public reports |"
        ));
        let pyjwt = page(codes::SUBJECT_INVALID, Format::Json, Language::English).body;
        let pyjwt: Value = serde_json::from_str(&pyjwt).unwrap();
        let row = pyjwt["messages"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["message"] == "Subject must be a string")
            .unwrap();
        assert_eq!(
            (&row["not_yet_in"], &row["introduced"], &row["deprecated"], &row["status"]),
            (&json!("2.9.0"), &json!("2.10.0"), &Value::Null, &json!("in use"))
        );
        assert_eq!(
            (&row["releases"]["packages"], &row["releases"]["oldest"]),
            (&json!("PyPI: PyJWT"), &json!("0.1.1"))
        );
        assert_eq!(row["checked_in"], row["releases"]["newest"]);
        assert_eq!(
            (&pyjwt["evidence"]["share"], &pyjwt["evidence"]["cases"]),
            (&Value::Null, &serde_json::json!(0))
        );
    }

    #[test]
    fn a_search_is_shown_and_escaped() {
        let of = |query: &str| find("index.en", Some(query), Some("text/html"), None).unwrap().body;
        let page = of("q=jwt+expired");
        assert!(
            page.contains("value=\"jwt expired\"") && page.contains("href=\"token_expired.en\""),
            "{page}"
        );
        let value = of("q=jwt+audience+invalid.+expected:+%60%7C%5Bx%5D(javascript:a)%3Cb%3E");
        assert!(
            value.contains("<code>audience</code>")
                && !value.contains("<b>")
                && !value.contains("href=\"javascript")
        );
        let hostile = of("q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
        assert!(!hostile.contains("<script") && hostile.contains("Nothing was found"), "{hostile}");
        let token = of("q=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl");
        assert!(!token.contains("eyJ") && token.contains("looks like a token"));
    }

    #[test]
    fn titles_are_those_of_the_rows() {
        for code in codes::ALL {
            assert_eq!(title(*code, Language::English), code.title());
            let chinese = title(*code, Language::Chinese);
            assert!(!chinese.is_ascii() && chinese != code.title(), "{code}: {chinese}");
        }
    }

    /// The languages are kept in step: the same commands, the same links.
    #[test]
    fn both_languages_say_the_same() {
        for topic in topics() {
            let (code, english, chinese) =
                (topic.name(), topic.source(Language::English), topic.source(Language::Chinese));
            let targets = |source: &'static str| {
                markdown::links(source)
                    .map(|(_, target)| target.replace(".zh.md", ".md").replace(".en.md", ".md"))
                    .collect::<Vec<_>>()
            };
            assert_eq!(targets(english), targets(chinese), "{code}: links");
            let blocks = |source: &'static str| {
                source
                    .split("```")
                    .skip(1)
                    .step_by(2)
                    .map(|block| {
                        block
                            .lines()
                            .map(|line| line.split(" #").next().unwrap_or_default().trim_end().to_owned())
                            .collect::<Vec<_>>()
                    })
                    .collect::<Vec<_>>()
            };
            assert_eq!(blocks(english), blocks(chinese), "{code}: commands");
            let items = |source: &'static str| {
                markdown::sections(source)
                    .map(|(_, text)| {
                        text.lines().filter(|line| line.starts_with("- ") || line.starts_with("1. ")).count()
                    })
                    .collect::<Vec<_>>()
            };
            assert_eq!(items(english), items(chinese), "{code}: list items per section");
        }
    }

    /// The commands of a page's text: lines of its blocks, and code within sentences.
    fn commands(source: &str) -> impl Iterator<Item = &str> {
        let blocks = source.split("```").skip(1).step_by(2).flat_map(str::lines);
        let sentences = source.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
        let parts = blocks.chain(sentences).flat_map(|line| {
            let line = line.split(" #").next().unwrap_or_default();
            line.split(['|', ';'])
        });
        parts.map(str::trim).filter(|command| command.starts_with("portcullis "))
    }

    /// `docs/reference/cli.md` is written from the commands themselves, and a test says when it is stale.
    #[test]
    fn commands_are_those_of_the_command_line() {
        let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
        let reference = std::fs::read_to_string(reference).unwrap();
        let sections: BTreeMap<&str, &str> = markdown::sections(&reference).collect();
        let mut checked = 0;
        for (code, language, source) in every() {
            for command in commands(source) {
                let words: Vec<&str> = command.split_whitespace().collect();
                // The command and those above it, whose flags it takes too.
                let chain: Vec<&str> = (1..=words.len())
                    .map_while(|count| sections.get(words[..count].join(" ").as_str()).copied())
                    .collect();
                let (section, rest) = (chain.last().unwrap(), &words[chain.len()..]);
                let usage = section.lines().find(|line| line.starts_with("Usage: ")).unwrap();
                assert!(
                    !usage.ends_with(" <COMMAND>") || rest.iter().all(|word| word.starts_with('-')),
                    "{code} {language:?}: `{command}` is no command"
                );
                for flag in rest.iter().filter(|word| word.starts_with("--")) {
                    let has = |section: &&str| section.split([' ', ',', '\n']).any(|word| word == *flag);
                    assert!(
                        chain.iter().any(has) || *flag == "--help",
                        "{code} {language:?}: `{command}`: there is no `{flag}`"
                    );
                }
                checked += 1;
            }
        }
        assert!(checked > 300, "{checked}");
    }

    /// `a | b; echo | jq .` gives `jq` what `echo` says.
    #[test]
    fn what_is_piped_is_what_was_meant() {
        for (code, language, source) in every() {
            for line in source.split("```").skip(1).step_by(2).flat_map(str::lines) {
                assert!(!line.contains("echo |"), "{code} {language:?}: `{line}`");
            }
        }
    }

    #[test]
    fn links_lead_to_pages_that_exist() {
        for (code, language, source) in every() {
            let mut codes_linked = 0;
            for (_, target) in markdown::links(source) {
                if let Some(name) = target.strip_suffix(&format!(".{}.md", language.tag())) {
                    assert!(name != code && Topic::find(name).is_some(), "{code}: `{target}`");
                    codes_linked += 1;
                } else {
                    assert!(target.starts_with("https://www.rfc-editor.org/rfc/rfc"), "{code}: `{target}`");
                }
            }
            assert!(codes_linked > 0, "{code} {language:?} names no related code");
        }
    }

    #[test]
    fn every_page_is_one_of_its_own() {
        let mut seen = BTreeSet::new();
        for (code, language, source) in every() {
            for (heading, text) in
                markdown::sections(source).filter(|(heading, _)| !matches!(*heading, "See also" | "另见"))
            {
                assert!(seen.insert(text.trim()), "{code} {language:?}: `{heading}` is that of another page");
            }
        }
    }

    #[test]
    fn every_page_renders_in_every_form() {
        for topic in topics() {
            for language in [Language::English, Language::Chinese] {
                let code = topic.name();
                let html = render(topic, Format::Html, language, None);
                assert!(
                    html.body.starts_with("<!doctype html>")
                        && html.body.contains(&format!("<html lang=\"{}\"", html::lang(language))),
                    "{code}"
                );
                let sections = 6 + usize::from(!topic.messages().is_empty());
                assert!(
                    html.body.matches("<h2").count() == sections && !html.body.contains("<script"),
                    "{code}"
                );
                for mark in ["```", "](", "**"] {
                    assert!(!html.body.contains(mark), "{code} {language:?}: `{mark}` was not rendered");
                }
                let json: Value =
                    serde_json::from_str(&render(topic, Format::Json, language, None).body).unwrap();
                assert_eq!(json["sections"].as_array().map(Vec::len), Some(6));
                assert_eq!(json["messages"].as_array().map(Vec::len), Some(topic.messages().len()));
                let text = render(topic, Format::Markdown, language, None);
                assert!(text.body.contains("**") && text.etag.len() == 18);
                if let Topic::Code(code) = topic {
                    assert_eq!(
                        (json["code"].as_str(), json["status"].as_u64()),
                        (Some(code.name()), Some(u64::from(code.status())))
                    );
                    assert!(text.body.contains(&code.status().to_string()));
                }
            }
        }
    }

    #[test]
    fn suffixes_outweigh_headers() {
        let of = |tail: &str, accept: &str, language: &str| {
            find(tail, None, Some(accept), Some(language)).map(|page| (page.content_type, page.language))
        };
        let (html, json, markdown) =
            (Format::Html.content_type(), Format::Json.content_type(), Format::Markdown.content_type());
        assert_eq!(of("token_expired", "text/html", "zh-CN"), Some((html, "zh")));
        assert_eq!(of("token_expired.json", "text/html", "zh-CN"), Some((json, "zh")));
        assert_eq!(of("token_expired.en", "text/html", "zh-CN"), Some((html, "en")));
        assert_eq!(of("token_expired.zh.md", "text/html", "en"), Some((markdown, "zh")));
        assert_eq!(of("", "application/json", "en"), Some((json, "en")));
        assert_eq!(of("errors/index.zh", "*/*", "en"), Some((markdown, "zh")));
        for nothing in [
            "nope",
            "token_expired.pdf",
            "token_expired.fr",
            "token_expired.zh.en",
            "../token_expired",
            ".json.md",
            "index.json.md",
        ] {
            assert_eq!(of(nothing, "*/*", "en"), None, "{nothing}");
        }
    }

    #[test]
    fn a_page_is_known_by_its_tag() {
        let page = page(codes::TOKEN_EXPIRED, Format::Markdown, Language::English);
        let tag = &page.etag;
        for known in ["*".to_owned(), tag.clone(), format!("W/{tag}"), format!("\"a\" , {tag}")] {
            assert!(page.is_known(Some(&known)), "{known}");
        }
        for unknown in ["", "\"a\"", tag.trim_matches('"'), "W/*"] {
            assert!(!page.is_known(Some(unknown)), "{unknown}");
        }
        assert!(!page.is_known(None));
    }

    #[test]
    fn a_hidden_code_says_what_callers_see() {
        let text = page(codes::USER_SUSPENDED, Format::Markdown, Language::English).body;
        assert!(text.contains("**Callers see** [subject_unresolved](subject_unresolved.en.md)"));
        let open = page(codes::TOKEN_EXPIRED, Format::Markdown, Language::English).body;
        assert!(!open.contains("Callers see"));
    }

    #[test]
    fn the_index_lists_all() {
        for language in [Language::English, Language::Chinese] {
            let page = index(Format::Html, language);
            for code in codes::ALL {
                assert!(
                    page.body.contains(&format!("href=\"errors/{}.{}\"", code.name(), language.tag())),
                    "{code}"
                );
            }
        }
        assert_ne!(index(Format::Json, Language::English).etag, index(Format::Json, Language::Chinese).etag);
    }
}
