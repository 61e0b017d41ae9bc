//! The matrix of translations as a page: what becomes of each field between any two formats.

use crate::canon::fields::answers::ANSWERS;
use crate::canon::fields::{self, Field, REFUSED_NATIVES, ROWS, Row, Rule};
use crate::dialect::chat::ALL;
use crate::dialect::{self, Chat, Exchange, Operation};
use crate::providers::presets;
use std::fmt::Write;

/// `docs/reference/translation.md`.
pub fn reference_markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    requests(&mut text);
    natives(&mut text);
    answers(&mut text);
    text.push_str(BESIDE);
    exchanges(&mut text);
    text
}

const BESIDE: &str = "
## Texts to be continued

OpenAI's legacy completions and Ollama's generate pass to providers that have them. To every other provider they go as a chat of one
user's message, where that loses nothing; with a member that no chat has words for the call is refused (`ai_request_invalid`):

| format | refused | said otherwise |
|---|---|---|
| openai | `suffix`, `echo`, `logprobs`, `best_of` above `n`, tokens or several texts as `prompt` | without `max_tokens` the answer has at most 16, which is that format's own rule |
| ollama | `suffix`, `template`, `raw`, `context` | `system` as a system message, `images` behind the text |

## Vectors, orders of documents, counts of tokens

What has one answer, never a stream. Whatever a caller's column has goes to each provider in the same row. What a provider has no word
for and what only makes an answer better (`purpose`, `title`, `truncate`, `user`) is dropped and told; what changes the vectors (a
picture, another model's tokens, a packed form) is refused. Same formats pass byte for byte, but for Gemini's vectors and its counts of
whole requests, whose bodies name the model once more. Where no provider of a model counts, a count is estimated, and the header
`x-portcullis-estimated: tokens` says so; counts are recorded without usage and cost nothing.

";

fn exchanges(text: &mut String) {
    text.push_str("| | callers | providers |\n|---|---|---|\n");
    for operation in [Operation::Embeddings, Operation::Rerank, Operation::CountTokens] {
        let callers = dialect::ALL.iter().flat_map(|dialect| {
            let rows = dialect.serves().iter().filter(move |row| row.operation == operation);
            rows.map(move |row| format!("{} `{}`", dialect.name(), row.path))
        });
        let mut providers: Vec<String> = Vec::new();
        for preset in presets::ALL.iter().filter(|preset| preset.serves(operation) && !preset.is_echo()) {
            let format = match preset.dialect.exchange(preset, operation) {
                Some(Exchange::Embed(embed)) => embed.name(),
                Some(Exchange::Rerank(rerank)) => rerank.name(),
                Some(Exchange::Count(count)) => count.chat,
                None => continue,
            };
            if !providers.iter().any(|known| known == format) {
                providers.push(format.to_owned());
            }
        }
        let callers: Vec<String> = callers.collect();
        let _ =
            writeln!(text, "| {} | {} | {} |", operation.name(), callers.join(", "), providers.join(", "));
    }
}

const INTRODUCTION: &str = "\
# Translation between AI formats

A call whose caller and provider speak the same format passes byte for byte. Every other one is read into one canonical form and written
from it. What the provider's format cannot say is dropped or refused, by a rule per field:

- **drop**: it is left out, or said in the way that stands in its place. The answer may be worse, and means the same. The header
  `x-portcullis-dropped` of the answer and the call's record name it.
- **refuse**: without it the answer would mean something else. The call gets `ai_request_invalid` with the field's name.

A deployment with `translation = \"strict\"` refuses both. A provider may take less than its format can say (quirks of
[presets](providers.md)): by the same rules. Members that only one format knows are dropped by name, those in the list below refused.
Signatures over thoughts, and encrypted thoughts, go back to the vendor that made them and to no other.

Tools that take text (OpenAI's `custom`) lose nothing: to a format without them they are functions whose one argument `input` is the text, and calls of
such a function come back as calls of the custom tool, in streams piece by piece. Only a grammar for the text has a rule, `tool_grammar`.

Of OpenAI's two formats a provider is told `openai`, or `responses` where the deployment says `api = \"responses\"` or its model answers there
alone ([models](models.md)).

The rows are in `crates/llm/src/canon/fields/rows.rs`; what a format can say is `says` of its file in `crates/llm/src/dialect`.

";

fn columns(text: &mut String, first: &str) {
    let _ = write!(text, "| {first} |");
    for chat in ALL {
        let _ = write!(text, " {} |", chat.name());
    }
    text.push_str("\n|---|");
    ALL.iter().for_each(|_| text.push_str("---|"));
    text.push('\n');
}

fn requests(text: &mut String) {
    text.push_str(
        "## Requests\n\nOne table per caller's format, with a row for each field that it can say and some provider's format cannot; \
         a column per provider's format. All other fields that the caller's format can say reach every provider.\n",
    );
    for inbound in ALL {
        let _ = writeln!(text, "\n### From {}\n", inbound.name());
        columns(text, "field");
        for row in ROWS.iter().filter(|row| inbound.hears().contains(&row.field)) {
            if ALL.iter().all(|outbound| says(*outbound, *inbound, row)) {
                continue;
            }
            let _ = write!(text, "| {} |", row.field.0);
            for outbound in ALL {
                let _ = write!(text, " {} |", cell(*outbound, *inbound, row));
            }
            text.push('\n');
        }
    }
}

/// What one format knows alone another one cannot say, whatever of its own it can.
const OWN: &[&str] = &["native", "server_tools", "thinking_signature"];

fn says(outbound: &dyn Chat, inbound: &dyn Chat, row: &Row) -> bool {
    if outbound.name() == inbound.name() {
        return true;
    }
    // Where there are markers, one is set.
    let marked = row.field == fields::CACHE_AUTOMATIC && outbound.says().contains(&fields::CACHE);
    marked || outbound.says().contains(&row.field) && !OWN.contains(&row.field.0)
}

fn cell(outbound: &dyn Chat, inbound: &dyn Chat, row: &Row) -> String {
    if outbound.name() == inbound.name() {
        return "passes".to_owned();
    }
    if says(outbound, inbound, row) {
        return "yes".to_owned();
    }
    match (row.rule, row.then) {
        (Rule::Refuse, _) => "refuse".to_owned(),
        (Rule::Drop, "") => "drop".to_owned(),
        (Rule::Drop, then) => format!("drop: {then}"),
    }
}

fn natives(text: &mut String) {
    text.push_str(
        "\n## Members of one format that are refused in another\n\nThey name what is kept at the provider, run something there, or guard the answer.\n\n| format | member |\n|---|---|\n",
    );
    for (dialect, name) in REFUSED_NATIVES {
        let _ = writeln!(text, "| {dialect} | `{name}` |");
    }
}

fn answers(text: &mut String) {
    text.push_str(
        "\n## Answers\n\nWhat the answers of each format can say beside words, calls of tools, why they ended and how many tokens they took. A caller whose \
         format cannot say it gets the answer without it, or said otherwise:\n\n",
    );
    columns(text, "of the answer");
    for (field, otherwise) in ANSWERS {
        let _ = write!(text, "| {} |", field.0);
        for chat in ALL {
            let _ = write!(text, " {} |", if chat.tells().contains(field) { "yes" } else { otherwise });
        }
        text.push('\n');
    }
    text.push_str(
        "\nAn answer that the provider broke off, in a word for it that the caller's format does not have, ends as one that was cut short there (`length`, `max_tokens`, \
         `incomplete`); where nothing was said before, the call fails, and another deployment is asked; a stream, which has begun by then, ends with an error.\n",
    );
    text.push_str("\nWhat a caller (column) misses of a provider's answers (row):\n\n");
    columns(text, "provider");
    for outbound in ALL {
        let _ = write!(text, "| {} |", outbound.name());
        for inbound in ALL {
            let _ = write!(text, " {} |", missed(*outbound, *inbound));
        }
        text.push('\n');
    }
}

fn missed(outbound: &dyn Chat, inbound: &dyn Chat) -> String {
    if outbound.name() == inbound.name() {
        return "passes".to_owned();
    }
    let missed: Vec<&str> = ANSWERS
        .iter()
        .map(|(field, _)| *field)
        .filter(|field: &Field| outbound.tells().contains(field) && !inbound.tells().contains(field))
        .map(|field| field.0)
        .collect();
    if missed.is_empty() { "nothing".to_owned() } else { missed.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_formats_say_is_in_the_tables() {
        for chat in ALL {
            for field in chat.says().iter().chain(chat.hears()) {
                assert!(ROWS.iter().any(|row| row.field == *field), "{}: {}", chat.name(), field.0);
            }
            for field in chat.says() {
                assert!(
                    chat.hears().contains(field),
                    "{} writes what it cannot read: {}",
                    chat.name(),
                    field.0
                );
            }
            assert!(!chat.tells().is_empty(), "{}", chat.name());
            for field in chat.tells() {
                assert!(ANSWERS.iter().any(|(known, _)| known == field), "{}: {}", chat.name(), field.0);
            }
        }
        let mut names: Vec<_> = ALL.iter().map(|chat| chat.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn cells() {
        let page = reference_markdown();
        for line in page.lines().filter(|line| line.starts_with('|')) {
            assert!(line.ends_with('|'), "{line}");
        }
        assert!(page.contains("### From openai") && page.contains("| top_k |"));
    }
}
