//! A code's page, as a caller who followed the link sees it: Markdown, JSON or HTML, in English or Chinese.

use crate::Code;

/// In which language a page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Chinese, simplified.
    Chinese,
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

/// The page behind `/-/errors/<tail>`: a code, or nothing for the index, with an optional suffix `.html`, `.json` or `.md`
/// that outweighs `Accept`, after an optional `.en` or `.zh` that outweighs `Accept-Language`. `None`: there is no such page.
pub fn find(tail: &str, accept: Option<&str>, accept_language: Option<&str>) -> Option<Page> {
    let _ = (accept, accept_language);
    Code::find(tail).map(|code| page(code, Format::Markdown, Language::English))
}

/// The page of `code`.
pub fn page(code: Code, format: Format, language: Language) -> Page {
    let _ = format;
    Page {
        content_type: "text/markdown; charset=utf-8",
        language: "en",
        etag: String::new(),
        body: code.page(language == Language::Chinese).to_owned(),
    }
}

/// The list of all codes.
pub fn index(format: Format, language: Language) -> Page {
    let _ = (format, language);
    Page {
        content_type: "text/markdown; charset=utf-8",
        language: "en",
        etag: String::new(),
        body: String::new(),
    }
}
