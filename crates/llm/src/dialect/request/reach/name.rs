//! Names of members as any provider might read them: without case, underscores and hyphens, some folded further.

use std::borrow::Cow;

/// Bytes of a name that can be one of ours, underscores left out.
const LONGEST: usize = 32;

/// A name without what parsers differ about.
pub(super) fn plain(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Cow::Borrowed(name);
    }
    let folded = name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| match c {
        // As Unicode folds them, and Go's parser with it.
        'ſ' => 's',
        '\u{212a}' => 'k',
        _ => c.to_ascii_lowercase(),
    });
    Cow::Owned(folded.collect())
}

/// Whether a member of this name, as it is written, may mean that a request reaches for something. On the path of every
/// call, for every member: cheap, and never false for a name that [`walk`](super::walk) acts on.
pub(super) fn matters(name: &[u8]) -> bool {
    let mut folded = [0; LONGEST];
    let mut len = 0;
    for byte in name {
        match byte {
            b'_' | b'-' => continue,
            // What it folds to is not worked out here.
            0x80.. => return true,
            _ => {}
        }
        let Some(room) = folded.get_mut(len) else { return false };
        *room = byte.to_ascii_lowercase();
        len += 1;
    }
    // Ordered by nothing: the compiler compares lengths first.
    matches!(
        &folded[..len],
        b"agentid"
            | b"approvalrequestid"
            | b"audio"
            | b"cachedcontent"
            | b"collectionids"
            | b"connectors"
            | b"container"
            | b"containerid"
            | b"conversation"
            | b"conversationid"
            | b"datasources"
            | b"datastore"
            | b"enablecodeinterpreter"
            | b"enablesearch"
            | b"fileid"
            | b"fileids"
            | b"filesearchstorenames"
            | b"fileuri"
            | b"fileurl"
            | b"gcsuri"
            | b"guardrailconfig"
            | b"guardrailid"
            | b"guardrailidentifier"
            | b"imageurl"
            | b"inputfileid"
            | b"itemreference"
            | b"knowledgeid"
            | b"mcpservers"
            | b"outputfileid"
            | b"plugins"
            | b"preset"
            | b"previousresponseid"
            | b"ragcorpus"
            | b"s3location"
            | b"s3uri"
            | b"searchparameters"
            | b"skillid"
            | b"systemtool"
            | b"tools"
            | b"uri"
            | b"url"
            | b"vectorstoreid"
            | b"vectorstoreids"
            | b"websearchoptions"
    )
}

/// The same where items are known by their `id`.
pub(super) fn matters_in_items(name: &[u8]) -> bool {
    let folded = name.iter().filter(|byte| !matches!(byte, b'_' | b'-')).map(u8::to_ascii_lowercase);
    folded.eq(*b"id") || matters(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_name_are_one() {
        for name in ["file_id", "fileId", "FILE-ID", "File_Id", "fileid", "ﬁle_id"] {
            let is = plain(name) == "fileid";
            assert_eq!(is, name != "ﬁle_id", "{name}: ligatures fold to nothing of ours");
            assert!(matters(name.as_bytes()), "{name}");
        }
        assert_eq!(plain("web_\u{17f}earch_option\u{17f}"), "websearchoptions");
        assert!(matters("web_\u{17f}earch_option\u{17f}".as_bytes()) && matters("\u{212a}".as_bytes()));
        for name in ["role", "content", "text", "type", "", "_", &"file_id".repeat(9)] {
            assert!(!matters(name.as_bytes()), "{name}");
        }
        assert!(matters(format!("{}file_id{}", "_".repeat(99), "_".repeat(99)).as_bytes()));
    }
}
