//! Embeddings that mean nothing and are always the same: unit vectors from a hash of the text.

use super::ask::Ask;
use super::{Failure, hash, words};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

const DIMENSIONS: usize = 64;
const MAX_DIMENSIONS: usize = 4_096;
/// As with OpenAI.
const MAX_INPUTS: usize = 2_048;
/// Figures in one answer, about 1.5 MB of JSON: it is made in one go.
const MAX_FIGURES: usize = MAX_INPUTS * DIMENSIONS;

pub(super) fn answer(ask: &Ask) -> Result<Vec<u8>, Failure> {
    let texts = ask.input.as_ref().map(|input| input.texts()).unwrap_or_default();
    let dimensions = ask.dimensions.unwrap_or(DIMENSIONS);
    if texts.is_empty() || texts.len() > MAX_INPUTS || texts.iter().any(String::is_empty) {
        return Err(Failure::invalid(
            format!("`input` must hold 1 to {MAX_INPUTS} texts, none of them empty"),
            Some("input"),
        ));
    }
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        return Err(Failure::invalid(
            format!("`dimensions` must be from 1 to {MAX_DIMENSIONS}, not {dimensions}"),
            Some("dimensions"),
        ));
    }
    if texts.len() * dimensions > MAX_FIGURES {
        return Err(Failure::invalid(
            format!("texts times dimensions must be at most {MAX_FIGURES}"),
            Some("input"),
        ));
    }
    let base64 = match ask.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => {
            return Err(Failure::invalid(
                "`encoding_format` must be `float` or `base64`".to_owned(),
                Some("encoding_format"),
            ));
        }
    };
    let embed = |(index, text): (usize, &String)| {
        let vector = unit_vector(text, dimensions);
        // Little-endian 32-bit floats, as OpenAI's libraries unpack them.
        let packed =
            || STANDARD.encode(vector.iter().flat_map(|figure| figure.to_le_bytes()).collect::<Vec<_>>());
        let embedding = if base64 { Embedding::Packed(packed()) } else { Embedding::Plain(vector) };
        Entry { object: "embedding", index, embedding }
    };
    let tokens = texts.iter().map(|text| words(text)).sum();
    let list = List {
        object: "list",
        data: texts.iter().enumerate().map(embed).collect(),
        model: ask.model.as_deref().unwrap_or("echo"),
        usage: Tokens { prompt_tokens: tokens, total_tokens: tokens },
    };
    // Strings and numbers only: serialising them into memory cannot fail.
    Ok(serde_json::to_vec(&list).unwrap_or_default())
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Entry>,
    model: &'a str,
    usage: Tokens,
}

#[derive(Serialize)]
struct Entry {
    object: &'static str,
    index: usize,
    embedding: Embedding,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Embedding {
    Plain(Vec<f32>),
    Packed(String),
}

#[derive(Serialize)]
struct Tokens {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// SplitMix64 from the text's hash, scaled to length 1.
#[expect(clippy::cast_possible_truncation, reason = "figures of an embedding are 32-bit floats")]
#[expect(clippy::cast_precision_loss, reason = "24 bits fit exactly")]
fn unit_vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut state = hash(text.as_bytes());
    let raw: Vec<f64> = (0..dimensions)
        .map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            // Odd, so that no figure is 0 and no vector has length 0.
            ((mixed >> 40 | 1) as f64) / f64::from(1_u32 << 23) - 1.0
        })
        .collect();
    let length = raw.iter().map(|figure| figure * figure).sum::<f64>().sqrt();
    raw.iter().map(|figure| (figure / length) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_of_length_1_and_differ() {
        for dimensions in [1, 2, 64, 4096] {
            let vector = unit_vector("a", dimensions);
            let length: f32 = vector.iter().map(|figure| figure * figure).sum();
            assert!((length - 1.0).abs() < 1e-3, "{length}");
        }
        assert_ne!(unit_vector("a", 8), unit_vector("b", 8));
        assert_eq!(unit_vector("a", 8), unit_vector("a", 8));
    }
}
