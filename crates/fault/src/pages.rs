//! A code's page, as a caller who followed the link sees it: Markdown, JSON or HTML, in English or Chinese.
//!
//! Pure: what was asked for goes in, a body and its headers come out; serving it is the listeners' business. The facts of
//! the catalogue's row are put on the page here, so that a page never contradicts its row.

mod html;
mod markdown;
mod negotiate;

use crate::{Code, codes};
use serde_json::{Value, json};

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
    /// Value of `ETag`, quotes included. Answer a matching `If-None-Match` with 304. Send `Vary: Accept, Accept-Language`.
    pub etag: String,
    /// The body.
    pub body: String,
}

impl Page {
    fn new(format: Format, language: Language, body: String) -> Self {
        let etag = format!("\"{:016x}\"", fingerprint(body.as_bytes()));
        Self { content_type: format.content_type(), language: language.tag(), etag, body }
    }
}

/// FNV-1a: tells two versions of our own texts apart, and nothing depends on its being hard to forge.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The page behind `/-/errors/<tail>`: a code, or nothing (or `index`) for the list of all, with an optional suffix
/// `.html`, `.json` or `.md` that outweighs `Accept`, after an optional `.en` or `.zh` that outweighs `Accept-Language`.
/// `None`: there is no such page.
pub fn find(tail: &str, accept: Option<&str>, accept_language: Option<&str>) -> Option<Page> {
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
    let format = format.unwrap_or_else(|| negotiate::format(accept));
    let language = language.unwrap_or_else(|| negotiate::language(accept_language));
    match name {
        "" | "index" => Some(index(format, language)),
        name => Code::find(name).map(|code| page(code, format, language)),
    }
}

/// The page of `code`.
pub fn page(code: Code, format: Format, language: Language) -> Page {
    let source = code.page(language == Language::Chinese);
    let body = match format {
        Format::Markdown => with_facts(code, language, source),
        Format::Html => html::page(code, language, source),
        Format::Json => pretty(&document(code, language, source)),
    };
    Page::new(format, language, body)
}

/// The list of all codes, in the order of the path of a call.
pub fn index(format: Format, language: Language) -> Page {
    let body = match format {
        Format::Markdown => listing(language),
        Format::Html => html::index(language, &listing(language)),
        Format::Json => {
            let codes: Vec<Value> = codes::ALL.iter().map(|code| facts(*code, language)).collect();
            pretty(&json!({ "language": language.tag(), "codes": codes }))
        }
    };
    Page::new(format, language, body)
}

/// What a code means in one sentence: its page's title behind the name.
pub fn title(code: Code, language: Language) -> &'static str {
    let first = code.page(language == Language::Chinese).lines().next().unwrap_or_default();
    first.split_once(": ").map_or(code.title(), |(_, title)| title)
}

/// Whose turn it is, in words.
fn who(code: Code, language: Language) -> &'static str {
    use crate::Blame::{Administrator, Caller, Operator, Upstream};
    match code.blame() {
        Caller => language.pick("the caller", "调用方"),
        Administrator => language.pick("an administrator", "管理员"),
        Operator => language.pick("whoever runs this gateway", "网关运维人员"),
        Upstream => language.pick("whoever runs the service behind the gateway", "网关后方服务的负责人"),
    }
}

/// Whether trying again helps, in words.
fn again(code: Code, language: Language) -> &'static str {
    use crate::Retry::{Later, No, Now};
    match code.retry() {
        No => language.pick("not without a change", "不改变条件重试无效"),
        Later => language.pick("after `Retry-After`", "在 `Retry-After` 之后"),
        Now => language.pick("at once, when the method is safe to repeat", "方法可安全重复时可立即重试"),
    }
}

fn facts(code: Code, language: Language) -> Value {
    let mut facts = json!({
        "code": code.name(),
        "status": code.status(),
        "title": title(code, language),
        "blame": code.blame().as_str(),
        "retry": code.retry().as_str(),
    });
    if code.public() != code {
        facts["shown_to_callers_as"] = json!(code.public().name());
    }
    facts
}

fn document(code: Code, language: Language, source: &str) -> Value {
    let mut document = facts(code, language);
    document["language"] = json!(language.tag());
    document["sections"] = markdown::sections(source)
        .map(|(heading, text)| json!({ "heading": heading, "markdown": text }))
        .collect();
    document
}

/// The source with the row's facts under its title.
fn with_facts(code: Code, language: Language, source: &str) -> String {
    let (title, rest) = source.split_once('\n').unwrap_or((source, ""));
    format!("{title}\n\n{}\n{rest}", facts_line(code, language))
}

fn facts_line(code: Code, language: Language) -> String {
    let (status, who, again) = (code.status(), who(code, language), again(code, language));
    let mut line = match language {
        Language::English => format!("**Status** {status} · **Whose turn** {who} · **Try again** {again}"),
        Language::Chinese => format!("**状态码** {status} · **由谁处理** {who} · **重试** {again}"),
    };
    if code.public() != code {
        let public = code.public().name();
        line.push_str(&match language {
            Language::English => format!(" · **Callers see** [{public}]({public}.en.md)"),
            Language::Chinese => format!(" · **调用方看到的是** [{public}]({public}.zh.md)"),
        });
    }
    line
}

fn listing(language: Language) -> String {
    let mut out = match language {
        Language::English => "# Codes\n\nEvery refusal of the gateway has one of these codes; the record keeps it, and the answer's `code` says it.\n\n| code | status | what it means | whose turn |\n|---|---|---|---|\n",
        Language::Chinese => "# 错误码\n\n网关的每一次拒绝都带有下列错误码之一；它写在应答的 `code` 中，也保存在调用记录里。\n\n| 错误码 | 状态码 | 含义 | 由谁处理 |\n|---|---|---|---|\n",
    }
    .to_owned();
    for code in codes::ALL {
        let (name, tag) = (code.name(), language.tag());
        out.push_str(&format!(
            "| [{name}]({name}.{tag}.md) | {} | {} | {} |\n",
            code.status(),
            title(*code, language),
            who(*code, language)
        ));
    }
    out
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
    use std::collections::BTreeSet;

    const ENGLISH: [&str; 6] =
        ["What it means", "Causes", "How to check", "What to do", "What does not help", "See also"];
    const CHINESE: [&str; 6] = ["含义", "原因", "如何检查", "如何处理", "无效的做法", "另见"];

    fn every() -> impl Iterator<Item = (Code, Language, &'static str)> {
        codes::ALL.iter().flat_map(|code| {
            [(*code, Language::English, code.page(false)), (*code, Language::Chinese, code.page(true))]
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
            assert!((15..=48).contains(&lines), "{code} {language:?} has {lines} lines");
        }
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
        for code in codes::ALL {
            let (english, chinese) = (code.page(false), code.page(true));
            let targets = |source: &'static str| {
                markdown::links(source)
                    .map(|(_, target)| target.replace(".zh.md", ".md").replace(".en.md", ".md"))
                    .collect::<Vec<_>>()
            };
            assert_eq!(targets(english), targets(chinese), "{code}: links");
            let commands = |source: &'static str| {
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
            assert_eq!(commands(english), commands(chinese), "{code}: commands");
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

    #[test]
    fn links_lead_to_pages_that_exist() {
        for (code, language, source) in every() {
            let mut codes_linked = 0;
            for (_, target) in markdown::links(source) {
                if let Some(name) = target.strip_suffix(&format!(".{}.md", language.tag())) {
                    assert!(Code::find(name).is_some_and(|other| other != code), "{code}: `{target}`");
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
        for (code, language, _) in every() {
            let html = page(code, Format::Html, language);
            assert!(
                html.body.starts_with("<!doctype html>")
                    && html.body.contains(&format!("<html lang=\"{}\"", html::lang(language))),
                "{code}"
            );
            assert!(html.body.matches("<h2").count() == 6 && !html.body.contains("<script"), "{code}");
            for mark in ["```", "](", "**"] {
                assert!(!html.body.contains(mark), "{code} {language:?}: `{mark}` was not rendered");
            }
            let json: Value = serde_json::from_str(&page(code, Format::Json, language).body).unwrap();
            assert_eq!(
                (json["code"].as_str(), json["status"].as_u64()),
                (Some(code.name()), Some(u64::from(code.status())))
            );
            assert_eq!(json["sections"].as_array().map(Vec::len), Some(6));
            let text = page(code, Format::Markdown, language);
            assert!(text.body.contains(&code.status().to_string()) && text.etag.len() == 18);
        }
    }

    #[test]
    fn suffixes_outweigh_headers() {
        let of = |tail: &str, accept: &str, language: &str| {
            find(tail, Some(accept), Some(language)).map(|page| (page.content_type, page.language))
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
