//! A credential as it is given: itself, in a file, or through a pipe. Nothing is taken off but the line break at its end:
//! what else is around it may be the cause.

use crate::failure::{Done, Failure};
use std::io::Read;

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
        None => (argument.as_bytes().to_vec(), "the argument".to_owned()),
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage("the credential is not text").at(place.clone()))?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.trim().is_empty() {
        return Err(Failure::usage("there is no credential").at(place));
    }
    Ok(text.to_owned())
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
