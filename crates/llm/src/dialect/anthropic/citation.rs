//! Citations, in requests and answers: where in a document of the request, in a search result, on a web page.

use super::NAME;
use crate::canon::{Citation, Place, signature};
use crate::json::tree::{self, Node, Object, Path};
use crate::json::write::Writer;
use portcullis_fault::Fault;

/// Reads one; of a type that is newer than this file, what it has in common with the others.
pub(super) fn read(node: Node<'_>, at: Path<'_>) -> Result<Citation, Fault> {
    let mut object = node.object(at)?;
    let kind = object.need_string("type")?;
    let mut citation = Citation {
        quote: object.string("cited_text")?,
        title: match object.string("document_title")? {
            Some(title) => Some(title),
            None => object.string("title")?,
        },
        url: match object.string("url")? {
            Some(url) => Some(url),
            None => object.string("source")?,
        },
        document: match small(&mut object, "document_index")? {
            Some(index) => Some(index),
            None => small(&mut object, "search_result_index")?,
        },
        token: object.string("encrypted_index")?.filter(|token| !token.is_empty()),
        ..Citation::default()
    };
    citation.token = citation.token.map(|token| signature::read(NAME, &token));
    citation.place = match kind.as_str() {
        "char_location" => span(&mut object, "start_char_index", "end_char_index")?
            .map(|(from, to)| Place::Characters(from, to)),
        "page_location" => span(&mut object, "start_page_number", "end_page_number")?
            .map(|(from, to)| Place::Pages(from, to)),
        "content_block_location" | "search_result_location" => {
            span(&mut object, "start_block_index", "end_block_index")?
                .map(|(from, to)| Place::Blocks(from, to))
        }
        _ => None,
    };
    Ok(citation)
}

/// Reads one of an answer: a provider's. `None` where it makes no sense.
pub(super) fn read_answer(raw: &str) -> Option<Citation> {
    let node = tree::document(raw.as_bytes()).ok()?;
    read(node, Path::Root).ok()
}

fn small(object: &mut Object<'_, '_>, name: &str) -> Result<Option<u32>, Fault> {
    Ok(object.count(name)?.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
}

fn span(object: &mut Object<'_, '_>, from: &str, to: &str) -> Result<Option<(u32, u32)>, Fault> {
    Ok(small(object, from)?.zip(small(object, to)?))
}

/// Whether a provider of this dialect can be told it: what it did not say itself has to have a place.
pub(super) fn is_whole(citation: &Citation) -> bool {
    let own = citation.token.as_deref().is_some_and(|token| signature::to_provider(NAME, token).is_some());
    own || citation.document.is_some() && citation.place.is_some()
}

/// Writes one. Of other vendors' citations some lack what this dialect's always have: it then is empty, or 0. `provider`:
/// it goes there, and not to a caller.
pub(super) fn write(w: &mut Writer<'_>, citation: &Citation, provider: bool) {
    let quote = citation.quote.as_deref().unwrap_or_default();
    let index = citation.document.unwrap_or(0);
    w.object(|w| match (citation.place, &citation.url) {
        (Some(Place::Blocks(from, to)), Some(source)) => {
            w.member("type", "search_result_location");
            w.member("cited_text", quote);
            w.member("search_result_index", &index);
            w.member("source", source);
            w.member("title", &citation.title);
            w.member("start_block_index", &from);
            w.member("end_block_index", &to);
        }
        (None, Some(url)) => {
            let token = citation.token.as_deref();
            let token = match provider {
                true => token.and_then(|token| signature::to_provider(NAME, token)),
                false => token.map(|token| signature::to_caller(NAME, token)),
            };
            w.member("type", "web_search_result_location");
            w.member("cited_text", quote);
            w.member("url", url);
            w.member("title", &citation.title);
            w.member("encrypted_index", token.unwrap_or_default());
        }
        (place, _) => {
            let (kind, start, from, end, to) = match place {
                Some(Place::Pages(from, to)) => {
                    ("page_location", "start_page_number", from, "end_page_number", to)
                }
                Some(Place::Blocks(from, to)) => {
                    ("content_block_location", "start_block_index", from, "end_block_index", to)
                }
                Some(Place::Characters(from, to)) => {
                    ("char_location", "start_char_index", from, "end_char_index", to)
                }
                None => ("char_location", "start_char_index", 0, "end_char_index", 0),
            };
            w.member("type", kind);
            w.member("cited_text", quote);
            w.member("document_index", &index);
            w.member("document_title", &citation.title);
            w.member(start, &from);
            w.member(end, &to);
        }
    });
}
