//! Shared secrets and passwords by reference: they are never written on the command line, where other users and the
//! shell's history would see them.

use super::{input, prompt};
use crate::failure::{Done, Failure};
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use clap::ValueEnum;
use portcullis_fault::Secret;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// An environment variable.
    Env(String),
    /// A file; one line break at its end is not part of it.
    File(String),
    /// The terminal, without echo.
    Prompt,
    /// None of these; perhaps the secret itself, which is kept nowhere.
    Nowhere,
}

impl std::str::FromStr for SecretFrom {
    type Err = std::convert::Infallible;

    /// Never fails: whoever reads the command line would repeat what was written, and that may be the secret.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Self::Env(name.to_owned()),
            Some(("file", path)) if !path.is_empty() => Self::File(path.to_owned()),
            None if text == "prompt" => Self::Prompt,
            _ => Self::Nowhere,
        })
    }
}

impl std::fmt::Display for SecretFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Prompt => f.write_str("prompt"),
            Self::Nowhere => f.write_str("[secret]"),
        }
    }
}

/// How a secret's bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Encoding {
    /// The text's own bytes
    #[default]
    Utf8,
    /// Standard base64, with or without padding
    Base64,
    /// Base64 for URLs, with or without padding
    Base64url,
    /// Hexadecimal
    Hex,
}

/// Reads it. `what` is what it is for, as in "the secret".
///
/// # Errors
/// It is not there, or not written as `encoding` says. Never with anything of it.
pub fn read(
    from: &SecretFrom,
    encoding: Encoding,
    what: &str,
    environment: &[(String, String)],
) -> Done<Secret<Vec<u8>>> {
    let text = match from {
        SecretFrom::Env(name) => {
            let found = environment.iter().find(|(own, _)| own == name);
            let (_, value) = found.ok_or_else(|| {
                Failure::usage(format!("{what} is to come from an environment variable that is not set"))
                    .at(from.to_string())
                    .next("export the variable, or name another place: `file:PATH`, `prompt`")
            })?;
            Secret::new(value.clone().into_bytes())
        }
        SecretFrom::File(path) => {
            let mut bytes = input::file(path, what)?;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
                if bytes.last() == Some(&b'\r') {
                    bytes.pop();
                }
            }
            Secret::new(bytes)
        }
        SecretFrom::Prompt => prompt::secret(what)?,
        SecretFrom::Nowhere => {
            return Err(Failure::usage(format!("{what} is named, not written on the command line"))
                .next("`env:NAME`, `file:PATH` or `prompt`; if it was the secret itself, it is in the shell's history now"));
        }
    };
    if text.expose().is_empty() {
        return Err(Failure::usage(format!("{what} is empty")).at(from.to_string()));
    }
    decode(text, encoding).map_err(|name| {
        Failure::usage(format!("{what} is not {name}"))
            .at(from.to_string())
            .next("say how it is written: `--secret-encoding utf8|base64|base64url|hex`")
    })
}

/// The bytes, or the name of what they are not.
fn decode(text: Secret<Vec<u8>>, encoding: Encoding) -> Result<Secret<Vec<u8>>, &'static str> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = |alphabet| GeneralPurpose::new(alphabet, config).decode(text.expose());
    let bytes = match encoding {
        Encoding::Utf8 => return Ok(text),
        Encoding::Base64 => base64(&STANDARD).map_err(|_| "base64")?,
        Encoding::Base64url => base64(&URL_SAFE).map_err(|_| "base64url")?,
        Encoding::Hex => hex::decode(text.expose()).map_err(|_| "hexadecimal")?,
    };
    Ok(Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Output;

    #[test]
    fn is_named_and_never_repeated() {
        assert_eq!("env:A".parse(), Ok(SecretFrom::Env("A".into())));
        assert_eq!("file:/a:b".parse(), Ok(SecretFrom::File("/a:b".into())));
        assert_eq!("prompt".parse(), Ok(SecretFrom::Prompt));
        for wrong in ["hunter2", "env:", "stored:hunter2", "hunter2:x"] {
            let from = wrong.parse().unwrap();
            assert_eq!(from, SecretFrom::Nowhere);
            let said = read(&from, Encoding::Utf8, "the secret", &[]).unwrap_err().render(Output::Text);
            assert!(said.contains("`env:NAME`") && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn encodings() {
        let environment: Vec<_> =
            [("U", "a\u{e9}"), ("B", "+/8="), ("N", "+/8"), ("L", "-_8"), ("H", "FBff"), ("E", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        let get =
            |name: &str, encoding| read(&SecretFrom::Env(name.into()), encoding, "the secret", &environment);
        assert_eq!(get("U", Encoding::Utf8).unwrap().expose(), "a\u{e9}".as_bytes());
        for (name, encoding) in [
            ("B", Encoding::Base64),
            ("N", Encoding::Base64),
            ("L", Encoding::Base64url),
            ("H", Encoding::Hex),
        ] {
            assert_eq!(get(name, encoding).unwrap().expose(), &[0xfb, 0xff], "{name}");
        }
        for (name, encoding) in [
            ("L", Encoding::Base64),
            ("B", Encoding::Base64url),
            ("B", Encoding::Hex),
            ("E", Encoding::Utf8),
            ("X", Encoding::Utf8),
        ] {
            let failure = get(name, encoding).unwrap_err();
            let said = failure.render(Output::Text);
            assert!(failure.exit_code() == 2 && said.contains(&format!("env:{name}")), "{said}");
            assert!(!said.contains("-_8") && !said.contains("+/8"), "{said}");
        }
    }
}
