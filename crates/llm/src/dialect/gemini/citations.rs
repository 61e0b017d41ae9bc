//! Where words are from: `citationMetadata` and `groundingMetadata`, which count in bytes where the canonical form counts
//! in characters.

use super::wire::{count, each, inner, object};
use crate::canon::Citation;
use crate::json::tree::{Object, Path};
use crate::json::write::Writer;
use portcullis_fault::Fault;

/// The words of an answer so far, without its thoughts, to count in.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Empty as long as all of it is ASCII: bytes are characters then.
    text: String,
    len: usize,
    /// Every so many bytes of `text`: bytes and characters before it.
    marks: Vec<(usize, usize)>,
    lost: bool,
}

/// Bytes of words that are kept; spans behind them are not told.
const MAX_KEPT: usize = 1 << 20;
/// Bytes between two marks.
const STEP: usize = 1 << 10;

impl Words {
    pub(super) fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut words = Self::default();
        texts.for_each(|text| words.push(text));
        words
    }

    pub(super) fn push(&mut self, text: &str) {
        if self.lost || self.len + text.len() > MAX_KEPT {
            self.lost = true;
            return;
        }
        if self.text.is_empty() && !text.is_ascii() {
            // What was before is as long in characters as in bytes.
            self.text = "x".repeat(self.len);
        }
        self.len += text.len();
        if self.text.is_empty() && text.is_ascii() {
            return;
        }
        self.text.push_str(text);
        let (mut bytes, mut characters) = self.marks.last().copied().unwrap_or_default();
        while self.text.len() - bytes >= STEP {
            let next = self.text.floor_char_boundary(bytes + STEP);
            characters += self.text[bytes..next].chars().count();
            bytes = next;
            self.marks.push((bytes, characters));
        }
    }

    /// Characters before this byte; `None`: unknown, or within a character.
    fn characters(&self, byte: usize) -> Option<u32> {
        if self.text.is_empty() {
            return (byte <= self.len).then_some(byte)?.try_into().ok();
        }
        let (bytes, characters) = self.mark(|(bytes, _)| *bytes <= byte);
        u32::try_from(characters + self.text.get(bytes..byte)?.chars().count()).ok()
    }

    /// Bytes before this character; `None`: unknown.
    pub(super) fn byte(&self, character: u32) -> Option<usize> {
        let character = usize::try_from(character).ok()?;
        if self.text.is_empty() {
            return (character <= self.len).then_some(character);
        }
        let (bytes, characters) = self.mark(|(_, characters)| *characters <= character);
        let rest = &self.text[bytes..];
        let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
        ends.take(STEP + 4).nth(character - characters).map(|at| bytes + at)
    }

    /// The last mark that is `before`.
    fn mark(&self, before: impl Fn(&(usize, usize)) -> bool) -> (usize, usize) {
        match self.marks.partition_point(before) {
            0 => (0, 0),
            count => self.marks[count - 1],
        }
    }
}

/// Reads the sources of a candidate, each with the byte of the words where it begins.
pub(super) fn read(candidate: &mut Object<'_, '_>, words: &Words) -> Result<Vec<(Citation, usize)>, Fault> {
    let (mut found, at) = (Vec::new(), candidate.at);
    if let Some(mut metadata) = inner(candidate, "citationMetadata", &at)? {
        let mut nodes = each(&mut metadata, "citations");
        nodes.extend(each(&mut metadata, "citationSources"));
        for node in nodes.into_iter().take(MAX_FOUND) {
            let mut source = object(node, at)?;
            let (span, start) = segment(&mut source, words)?;
            let citation = Citation {
                title: source.string("title")?,
                url: source.string("uri")?,
                span,
                ..Citation::default()
            };
            found.push((citation, start));
        }
    }
    if let Some(mut grounding) = inner(candidate, "groundingMetadata", &at)? {
        let mut sources = Vec::new();
        for node in each(&mut grounding, "groundingChunks") {
            sources.push((chunk(object(node, at)?)?, false));
        }
        for node in each(&mut grounding, "groundingSupports") {
            let mut support = object(node, at)?;
            let (span, start) = match inner(&mut support, "segment", &Path::Root)? {
                Some(mut place) => segment(&mut place, words)?,
                None => (None, 0),
            };
            for node in each(&mut support, "groundingChunkIndices") {
                let index = node.raw.parse::<usize>().ok();
                if let Some((source, used)) = index.and_then(|index| sources.get_mut(index)) {
                    *used = true;
                    found.push((Citation { span, ..source.clone() }, start));
                }
                if found.len() > MAX_FOUND {
                    return Ok(found);
                }
            }
        }
        found.extend(sources.into_iter().filter(|(_, used)| !used).map(|(source, _)| (source, usize::MAX)));
    }
    Ok(found)
}

/// Sources of one answer; each of them may be copied for every sentence.
const MAX_FOUND: usize = 4096;

fn segment(object: &mut Object<'_, '_>, words: &Words) -> Result<(Option<(u32, u32)>, usize), Fault> {
    let position = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
    let start = position(count(object, "startIndex")?).unwrap_or_default();
    let Some(end) = position(count(object, "endIndex")?) else { return Ok((None, start)) };
    Ok((words.characters(start).zip(words.characters(end)), start))
}

fn chunk(mut chunk: Object<'_, '_>) -> Result<Citation, Fault> {
    for kind in ["web", "retrievedContext", "maps", "image"] {
        let at = chunk.at;
        if let Some(mut place) = inner(&mut chunk, kind, &at)? {
            let url = match place.string("uri")? {
                Some(uri) => Some(uri),
                None => place.string("sourceUri")?,
            };
            return Ok(Citation {
                title: place.string("title")?,
                url,
                quote: place.string("text")?,
                ..Citation::default()
            });
        }
    }
    Ok(Citation::default())
}

/// Writes `citationMetadata` for these texts (the Gemini API's name for its list; Vertex AI has another, and both are read) in their order, where there is any.
pub(super) fn write<'t>(w: &mut Writer<'_>, texts: impl Iterator<Item = (&'t str, &'t [Citation])> + Clone) {
    if texts.clone().all(|(_, citations)| citations.is_empty()) {
        return;
    }
    let words = Words::of(texts.clone().map(|(text, _)| text));
    w.name("citationMetadata").object(|w| {
        w.name("citationSources").array(|w| {
            for citation in texts.flat_map(|(_, citations)| citations) {
                write_one(w, citation, &words);
            }
        });
    });
}

/// Writes one citation of these words.
pub(super) fn write_one(w: &mut Writer<'_>, citation: &Citation, words: &Words) {
    w.object(|w| {
        let span = citation.span.and_then(|(start, end)| words.byte(start).zip(words.byte(end)));
        if let Some((start, end)) = span {
            w.member("startIndex", &start);
            w.member("endIndex", &end);
        }
        w.maybe("uri", &citation.url);
        w.maybe("title", &citation.title);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_characters() {
        let ascii = Words::of(["abc", "def"].into_iter());
        assert_eq!((ascii.characters(4), ascii.characters(7)), (Some(4), None));
        assert_eq!((ascii.byte(6), ascii.byte(7)), (Some(6), None));
        let long = "né".repeat(2000);
        let words = Words::of(["ab", &long, "字"].into_iter());
        assert_eq!(words.characters(2 + 3 * 1500), Some(2 + 2 * 1500));
        assert_eq!(words.characters(2 + 2), None, "within a letter");
        for character in [0, 1, 2, 3, 4, 1023, 1024, 1025, 3999, 4002, 4003] {
            let byte = words.byte(character).expect("there");
            assert_eq!(words.characters(byte), Some(character));
        }
        assert_eq!((words.byte(4004), words.characters(100_000)), (None, None));
        let endless = Words::of(std::iter::repeat_n("x", MAX_KEPT + 1));
        assert!(endless.lost && endless.len <= MAX_KEPT);
    }
}
