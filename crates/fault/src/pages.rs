//! A code's page, as a caller who followed the link sees it: Markdown, JSON or HTML, in English or Chinese.

use crate::Code;
use serde_json::json;

/// In which language a page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Chinese, simplified.
    Chinese,
}
