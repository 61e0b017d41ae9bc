//! A credential as it is given: itself, in a file, or through a pipe. Nothing is taken off but the line break at its end:
//! what else is around it may be the cause.

use crate::failure::{Done, Failure};
use std::io::Read;
use std::path::Path;

/// Beyond this nothing is a credential.
const MOST: u64 = 128 << 10;

/// What an argument stands for.
///
/// # Errors
/// It cannot be read, is empty, or has too much.
pub fn credential(argument: &str) -> Done<String> {
    let (bytes, place) = match argument.strip_prefix('@') {
        _ if argument == "-" => (bounded(std::io::stdin().lock(), "stdin")?, "stdin".to_owned()),
        Some(path) => {
            let file = std::fs::File::open(path).map_err(|error| {
                Failure::usage(format!("cannot read the credential: {error}")).at(path.to_owned())
            })?;
            (bounded(file, path)?, path.to_owned())
        }
        None => {
            meant_otherwise(argument).map_or(Ok(()), Err)?;
            (argument.as_bytes().to_vec(), "the argument".to_owned())
        }
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage("the credential is not text").at(place.clone()))?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.trim().is_empty() {
        return Err(Failure::usage("there is no credential").at(place));
    }
    Ok(text.to_owned())
}

/// Endings of files that credentials are kept in; no credential has one.
const ENDINGS: [&str; 6] = ["txt", "jwt", "token", "key", "json", "pem"];

/// What is no credential for sure, and is meant as something else. Whatever else is none is for the doctor to say.
fn meant_otherwise(argument: &str) -> Option<Failure> {
    // Ours, as they are written. Keys of some are UUIDs, and hexadecimal digits.
    let ours = argument.len() == 36
        && uuid::Uuid::parse_str(argument).is_ok_and(|id| id.get_version() == Some(uuid::Version::SortRand));
    if ours {
        return Some(
            Failure::usage("this is an id, and no credential is one")
                .next(format!("for a call of this id: portcullis doctor --request {argument}")),
        );
    }
    let path = Path::new(argument);
    if path.is_file() {
        return Some(
            Failure::usage("this is a file, and not the credential in it")
                .next(format!("to read it, write `@{argument}`")),
        );
    }
    let ending = path.extension().and_then(|ending| ending.to_str());
    let is_name = argument.len() <= 255 && ending.is_some_and(|ending| ENDINGS.contains(&ending));
    is_name.then(|| {
        Failure::usage("this is the name of a file, and there is none of that name")
            .at(argument.to_owned())
            .next("check the path; a credential in a file is given as `@FILE`")
    })
}

fn bounded(from: impl Read, place: &str) -> Done<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| {
        Failure::usage(format!("cannot read the credential: {error}")).at(place.to_owned())
    })?;
    if bytes.len() as u64 > MOST {
        return Err(
            Failure::usage(format!("a credential of more than {MOST} bytes is none")).at(place.to_owned())
        );
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Output;

    #[test]
    fn what_is_meant_as_something_else_is_told() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("mine");
        std::fs::write(&file, "a.b.c\n").unwrap();
        let file = file.to_str().unwrap();
        for (given, said) in [
            (file, format!("`@{file}`")),
            ("0199f0c2-7f00-7000-8000-00000000dead", "--request 0199f0c2-".to_owned()),
            ("tokens/ada.txt", "there is none of that name".to_owned()),
        ] {
            let failure = credential(given).unwrap_err();
            assert_eq!(failure.exit_code(), 2);
            assert!(failure.render(Output::Text).contains(&said), "{given}");
        }
        assert_eq!(credential(&format!("@{file}")).unwrap(), "a.b.c");
        // Anything else is what the caller sent, and the doctor's to explain.
        for sent in [
            "a.b.c",
            "Bearer a.b.c",
            "'a.b.c'",
            "opaque",
            "pck_0199f0c27f0070008000000000000001_x",
            "a.b\nc",
            // Keys of others.
            "0199f0c27f0070008000000000000001",
            "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        ] {
            assert_eq!(credential(sent).unwrap(), sent);
        }
    }
}
