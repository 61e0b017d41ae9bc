//! Asking for a secret on the terminal, without showing what is typed.

use crate::failure::{Done, Failure};
use portcullis_fault::Secret;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{Read, Write};
use zeroize::Zeroizing;

/// Longest secret that is typed or pasted, in bytes.
const MOST: usize = 4096;

/// Asks for it. The terminal itself is asked: stdin may be bringing something else.
///
/// # Errors
/// There is no terminal; it was given up with Ctrl-C; too long.
pub fn secret(what: &str) -> Done<Secret<Vec<u8>>> {
    let tty = File::options().read(true).write(true).open("/dev/tty").map_err(|_| {
        Failure::usage(format!("{what} is to be asked for, and there is no terminal"))
            .next("name another place: `env:NAME` or `file:PATH`")
    })?;
    let quiet = Quiet::begin(&tty)?;
    write!(&tty, "{what}: ")?;
    let typed = line(&mut &tty);
    drop(quiet);
    writeln!(&tty)?;
    typed
}

/// One line, byte by byte: the terminal does no editing and no signals now, so that nothing ends the process before
/// the echo is back.
fn line(from: &mut impl Read) -> Done<Secret<Vec<u8>>> {
    // As large as it may become: growing would leave copies behind.
    let mut typed = Zeroizing::new(Vec::with_capacity(MOST));
    let mut byte = [0];
    while from.read(&mut byte)? == 1 {
        match byte[0] {
            b'\n' | b'\r' | 0x04 => break,
            0x03 => return Err(Failure::new("given up")),
            // Backspace takes a whole character away.
            0x7f | 0x08 => while typed.pop().is_some_and(|last| last & 0xc0 == 0x80) {},
            0x15 => typed.clear(),
            _ if typed.len() == MOST => {
                return Err(Failure::usage(format!("what was typed has more than {MOST} bytes")));
            }
            other => typed.push(other),
        }
    }
    Ok(Secret::new(std::mem::take(&mut *typed)))
}

/// While it lives, the terminal shows nothing of what is typed.
struct Quiet<'t> {
    tty: &'t File,
    before: Termios,
}

impl<'t> Quiet<'t> {
    fn begin(tty: &'t File) -> Done<Self> {
        let before = tcgetattr(tty).map_err(std::io::Error::from)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(tty, OptionalActions::Flush, &quiet).map_err(std::io::Error::from)?;
        Ok(Self { tty, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(self.tty, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited() {
        let typed = |keys: &[u8]| line(&mut &*keys.to_vec()).map(|typed| typed.expose().clone());
        assert_eq!(typed(b"abc\nd").unwrap(), b"abc");
        assert_eq!(typed("a\u{e9}\u{7f}b\r".as_bytes()).unwrap(), b"ab");
        assert_eq!(typed(b"abc\x15d\x04").unwrap(), b"d");
        assert_eq!(typed(b"\x7f\x7fa").unwrap(), b"a");
        assert!(typed(b"ab\x03").is_err());
        assert!(typed(&[b'a'; MOST + 1]).is_err());
    }
}
