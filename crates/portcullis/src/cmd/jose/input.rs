//! Where a command's input comes from: an argument, a file, or stdin, which can be read once.

use super::session::Session;
use crate::failure::{Done, Failure};
use std::cell::Cell;
use std::io::{IsTerminal, Read};

/// Largest token, message or payload that is read. Real ones have kilobytes.
const MOST: u64 = 1 << 20;

/// Stdin, and what it has been read for.
#[derive(Debug, Default)]
pub struct Stdin(Cell<Option<&'static str>>);

impl Stdin {
    /// All of it. `what` is what the bytes are for, as in "the token".
    ///
    /// # Errors
    /// It was read before, is a terminal (nobody would know what to type), or has too much.
    pub fn read(&self, what: &'static str) -> Done<Vec<u8>> {
        if let Some(before) = self.0.replace(Some(what)) {
            return Err(Failure::usage(format!(
                "stdin was read for {before} already, and {what} is to come from it too"
            ))
            .next("give one of them as a file: `@FILE`"));
        }
        let stdin = std::io::stdin();
        if stdin.is_terminal() {
            return Err(missing(what));
        }
        bounded(stdin.lock(), "stdin", what)
    }
}

fn missing(what: &str) -> Failure {
    Failure::usage(format!("there is no {}", what.trim_start_matches("the ")))
        .next("give it as an argument, as `@FILE`, or through a pipe")
}

/// A file's bytes.
///
/// # Errors
/// It cannot be read, or has too much.
pub fn file(path: &str, what: &str) -> Done<Vec<u8>> {
    let cannot = |error: std::io::Error| {
        Failure::usage(format!("cannot read {what}: {error}")).at(path.to_owned()).next("check the path")
    };
    let file = std::fs::File::open(path).map_err(cannot)?;
    if file.metadata().map_err(cannot)?.is_dir() {
        return Err(Failure::usage(format!("cannot read {what}: it is a directory")).at(path.to_owned()));
    }
    bounded(file, path, what)
}

fn bounded(from: impl Read, place: &str, what: &str) -> Done<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("cannot read {what}: {error}")).at(place.to_owned()))?;
    if bytes.len() as u64 > MOST {
        return Err(Failure::usage(format!("{what} has more than {MOST} bytes")).at(place.to_owned()));
    }
    Ok(bytes)
}

/// What an option names: a file, or `-` for stdin.
///
/// # Errors
/// It cannot be read.
pub fn place(path: &str, what: &'static str, stdin: &Stdin) -> Done<Vec<u8>> {
    match path {
        "-" => stdin.read(what),
        // As an argument is written; a file of that name would be `./@…`.
        path => file(path.strip_prefix('@').unwrap_or(path), what),
    }
}

/// What an argument stands for: itself, `@FILE`, `-` for stdin; without one, what a pipe brings.
///
/// # Errors
/// Nothing there, or it cannot be read.
pub fn bytes(argument: Option<&str>, what: &'static str, stdin: &Stdin) -> Done<Vec<u8>> {
    let bytes = match argument {
        None | Some("-") => stdin.read(what)?,
        Some(argument) => match argument.strip_prefix('@') {
            Some(path) => file(path, what)?,
            None => return Ok(argument.as_bytes().to_vec()),
        },
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        let place = argument.filter(|argument| *argument != "-").map_or("stdin", |path| &path[1..]);
        return Err(missing(what).at(format!("`{place}` is empty")));
    }
    Ok(bytes)
}

/// The same as text.
///
/// # Errors
/// As [`bytes()`], and if it is not UTF-8.
pub fn text(argument: Option<&str>, what: &'static str, stdin: &Stdin) -> Done<String> {
    String::from_utf8(bytes(argument, what, stdin)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::usage(format!("{what} is not UTF-8 text")).at(format!("byte {at}"))
    })
}

/// A token: as [`text`]. A header that was pasted without quotes comes in several arguments.
///
/// # Errors
/// As [`text`].
pub fn token(arguments: &[String], stdin: &Stdin) -> Done<String> {
    match arguments {
        [] => text(None, "the token", stdin),
        [one] => text(Some(one), "the token", stdin),
        several => Ok(several.join(" ")),
    }
}

/// Without the line break that editors and `echo` put at the end of a file: nobody's mistake, and not the token's.
pub fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// A payload that stands beside the message.
///
/// # Errors
/// It cannot be read.
pub fn payload(at: Option<&str>, session: &Session<'_>) -> Done<Option<Vec<u8>>> {
    at.map(|at| place(at, "the payload", &session.stdin)).transpose()
}

/// What was around a token, taken off: white space and one `Bearer `, as a header has it. Nothing else: what is
/// verified is what was given.
pub fn strict(text: &str) -> (&str, Option<&'static str>) {
    let trimmed = text.trim();
    let scheme = trimmed.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    let token = if scheme.is_some() { trimmed[7..].trim_start() } else { trimmed };
    let note = match (scheme.is_some(), trimmed.len() < text.trim_end_matches(['\n', '\r']).len()) {
        (true, _) => Some("`Bearer ` before the token was left out"),
        (false, true) => Some("white space around the token was left out"),
        (false, false) => None,
    };
    (token, note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_header_has_is_taken_off() {
        for (text, want, noted) in [
            ("a.b.c", "a.b.c", false),
            // The line break at the end of a file or of `echo` is nobody's mistake.
            ("a.b.c\n", "a.b.c", false),
            ("  a.b.c ", "a.b.c", true),
            ("bearer   a.b.c\n", "a.b.c", true),
            ("Bearer Bearer a.b.c", "Bearer a.b.c", true),
            ("\"a.b.c\"", "\"a.b.c\"", false),
            ("Authorization: Bearer a.b.c", "Authorization: Bearer a.b.c", false),
            ("bearer", "bearer", false),
            ("é€é€é€", "é€é€é€", false),
        ] {
            let (token, note) = strict(text);
            assert_eq!((token, note.is_some()), (want, noted), "{text:?}");
        }
    }

    #[test]
    fn stdin_is_read_once() {
        let stdin = Stdin(Cell::new(Some("the token")));
        let failure = text(Some("-"), "the claims", &stdin).unwrap_err();
        assert!(failure.what().contains("for the token already") && failure.what().contains("the claims"));
        assert_eq!(failure.exit_code(), 2);
    }

    #[test]
    fn files_are_named_when_they_cannot_be_read() {
        let stdin = Stdin::default();
        let said =
            text(Some("@/no/such/file"), "the token", &stdin).unwrap_err().render(crate::cli::Output::Text);
        assert!(said.contains("the token") && said.contains("/no/such/file"), "{said}");
        let said = text(Some("@/"), "the token", &stdin).unwrap_err();
        assert!(said.what().contains("directory"));
    }
}
