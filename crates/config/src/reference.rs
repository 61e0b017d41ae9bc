//! The reference of all keys.

/// Every key with type, default and meaning, as Markdown.
pub fn reference_markdown() -> String {
    String::new()
}
