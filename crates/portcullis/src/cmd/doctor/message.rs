//! The error text of another library or server, and which codes it can stand for.

use portcullis_doctor::messages::explain_message;
use serde_json::{Value, json};
use std::fmt::Write;

/// The known messages in a text, as JSON.
pub fn explain(text: &str) -> Vec<Value> {
    let told = explain_message(text).into_iter().take(8).map(|found| {
        let codes: Vec<Value> = found
            .message
            .codes
            .iter()
            .map(|code| json!({ "code": code.name(), "title": code.title() }))
            .collect();
        let values: serde_json::Map<String, Value> =
            found.values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({
            "library": found.message.library, "message": found.message.text, "codes": codes, "values": values,
            "note": found.message.note.map(|(english, _)| english),
        })
    });
    told.collect()
}

/// The same for people.
pub fn text(found: &[Value]) -> String {
    if found.is_empty() {
        return "this message is not known; give the token or the request id, and the cause is looked for itself\n".to_owned();
    }
    let mut text = String::new();
    for one in found {
        let word = |member: &str| one[member].as_str().unwrap_or_default();
        let _ = writeln!(text, "{}: {}", word("library"), word("message"));
        for code in one["codes"].as_array().into_iter().flatten() {
            let name = code["code"].as_str().unwrap_or_default();
            let _ = writeln!(
                text,
                "  {name}: {}\n    $ portcullis errors {name}",
                code["title"].as_str().unwrap_or_default()
            );
        }
        for (name, value) in one["values"].as_object().into_iter().flatten() {
            let value: String =
                value.as_str().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
            let _ = writeln!(text, "  {name}: {value}");
        }
        if let Some(note) = one["note"].as_str() {
            let _ = writeln!(text, "  {note}");
        }
    }
    text.push('\n');
    text
}
