//! From a document to keys that may be used, or a reason why the document is none.

use portcullis_jose::jwk::NoteKind;
use portcullis_jose::{JwkSet, KeyError, KeySet};

/// Reads an issuer's key set.
///
/// Refused as a whole: what is no key set, one without a usable key, and one with private or shared keys in it (the
/// issuer has lost its keys, and whoever published them can sign). A single key of a kind that is not known here only
/// costs itself.
///
/// # Errors
/// What is wrong, for the log.
pub(super) fn read(body: &[u8], content_type: Option<&str>) -> Result<KeySet, String> {
    let set = JwkSet::parse_public(body).map_err(|error| {
        let html = body.trim_ascii_start().first() == Some(&b'<');
        match content_type {
            _ if html => "the answer is a web page, not a key set; check the address".to_owned(),
            Some(kind) => format!("the answer (`{}`) is no key set: {error}", kind.escape_debug()),
            None => format!("this is no key set: {error}"),
        }
    })?;
    for note in &set.notes {
        match &note.kind {
            NoteKind::Skipped(error @ (KeyError::PrivateInPublicSet | KeyError::SymmetricInPublicSet)) => {
                let kid = note.kid.as_deref().unwrap_or("none");
                return Err(format!(
                    "{error} (member {}, `kid` {kid}): its owner must replace it",
                    note.index
                ));
            }
            NoteKind::Skipped(error) => {
                tracing::debug!(member = note.index, %error, "a key of a set is left out")
            }
            NoteKind::DuplicateKid => tracing::debug!(member = note.index, "two keys of a set share a `kid`"),
        }
    }
    let (keys, left_out) = set.verifying_keys();
    if keys.is_empty() {
        let reason = left_out.first().or(set.notes.first()).map(|note| match &note.kind {
            NoteKind::Skipped(error) => error.to_string(),
            NoteKind::DuplicateKid => "duplicate".to_owned(),
        });
        return Err(match reason {
            Some(reason) => format!("the key set has no key that verifies signatures: {reason}"),
            None => "the key set is empty".to_owned(),
        });
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

    #[test]
    fn what_is_no_good_set_is_refused_as_a_whole() {
        assert_eq!(
            read(format!(r#"{{"keys":[{ED}}},{{"kty":"new"}}]}}"#).as_bytes(), None).unwrap().len(),
            1
        );
        for (body, what) in [
            (r#"{"keys":[]}"#.to_owned(), "empty"),
            (r#"{"keys":[{"kty":"new"}]}"#.to_owned(), "no key that verifies"),
            (format!(r#"{{"keys":[{ED},"use":"enc"}}]}}"#), "no key that verifies"),
            ("<!doctype html><html>".to_owned(), "web page"),
            (String::new(), "no key set"),
            (
                format!(r#"{{"keys":[{ED}}},{ED},"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}}]}}"#),
                "private",
            ),
            (format!(r#"{{"keys":[{ED}}},{{"kty":"oct","k":"{}"}}]}}"#, "A".repeat(43)), "symmetric"),
        ] {
            let error = read(body.as_bytes(), None).expect_err(what);
            assert!(error.contains(what), "{error}");
        }
    }
}
