//! `portcullis jose key convert`: the same key, written in another way.

use crate::cmd::jose::keys::{Keyring, PasswordOption};
use crate::cmd::jose::out::Out;
use crate::cmd::jose::session::Session;
use crate::failure::{Done, Failure};
use crate::output;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, ValueEnum};
use portcullis_control::workbench::keys::convert::{self, Answer, Container, Form, Request};
use zeroize::Zeroizing;

/// Write a key in another form
#[derive(Args, Debug)]
#[command(after_help = "\
Reads JWK, JWK set, PEM (SPKI, PKCS#1, PKCS#8, SEC 1, encrypted PKCS#8), DER,
certificates and PKCS#12; which of them it is, is read from the bytes. Writes
JWK, JWK set, PEM and DER: as SPKI for public and PKCS#8 for private keys, or
as `--container` says; never encrypted.

Exit codes: 0 converted; 2 called wrongly, unreadable, or the key has no such form.

Examples:
  portcullis jose key convert a.jwk --to pem --public
  portcullis jose key convert issuer.pem --to jwks
  portcullis jose key convert rsa.pem --to der --out new-rsa.der")]
pub struct Convert {
    /// The key's file, or `-`; without it, what a pipe brings
    key: Option<String>,
    /// How it is written then: `jwk`, `jwks`, `pem` or `der`
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", hide_possible_values = true)]
    to: Format,
    /// What PEM and DER hold: `spki`, `pkcs8`, `pkcs1` or `sec1`, in place of SPKI for public and PKCS#8 for private keys
    #[arg(long, value_enum, value_name = "CONTAINER", hide_possible_values = true)]
    container: Option<Inside>,
    /// Only the public half
    #[arg(long)]
    public: bool,
    /// Give it this id
    // A thumbprint may begin with a hyphen.
    #[arg(long, conflicts_with = "thumbprint_as_kid", allow_hyphen_values = true)]
    kid: Option<String>,
    /// Give each key that has no id its thumbprint as one
    #[arg(long)]
    thumbprint_as_kid: bool,
    #[command(flatten)]
    password: PasswordOption,
    #[command(flatten)]
    out: Out,
}

/// How a key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON, one key
    #[default]
    Jwk,
    /// JSON, a set
    Jwks,
    /// PEM
    Pem,
    /// DER
    Der,
}

/// What PEM and DER hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Inside {
    /// Any public key
    Spki,
    /// Any private key
    Pkcs8,
    /// RSA keys
    Pkcs1,
    /// Private EC keys
    Sec1,
}

impl From<Inside> for Container {
    fn from(inside: Inside) -> Self {
        match inside {
            Inside::Spki => Self::Spki,
            Inside::Pkcs8 => Self::Pkcs8,
            Inside::Pkcs1 => Self::Pkcs1,
            Inside::Sec1 => Self::Sec1,
        }
    }
}

impl Convert {
    /// Runs it.
    pub fn run(self, session: &Session<'_>) -> Done {
        self.out.check()?;
        let mut ring = super::read(self.key.as_deref(), &self.password, session)?;
        if let [key] = &mut ring.keys[..] {
            key.kid = self.kid;
        }
        let request = Request {
            keys: ring.keys.clone(),
            to: self.to.into(),
            container: self.container.map(Into::into),
            public: self.public,
            thumbprint_as_kid: self.thumbprint_as_kid,
        };
        let written = Written::by(&request, &ring, session)?;
        if session.is_json() && !self.out.is_file() {
            return output::json(&serde_json::to_value(&written.answer).unwrap_or_default());
        }
        written.on_screen(&self.out, session)?;
        self.out.write(&written.bytes, written.answer.private)
    }
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        match format {
            Format::Jwk => Self::Jwk,
            Format::Jwks => Self::Jwks,
            Format::Pem => Self::Pem,
            Format::Der => Self::Der,
        }
    }
}

/// Keys as they go into a file.
pub struct Written {
    /// The file.
    pub bytes: Zeroizing<Vec<u8>>,
    answer: Answer,
}

impl Format {
    /// The keys in this form.
    ///
    /// # Errors
    /// They do not go into it.
    pub fn write(self, ring: &Keyring, public: bool, session: &Session<'_>) -> Done<Written> {
        let keys = ring.keys.clone();
        let request = Request { keys, to: self.into(), container: None, public, thumbprint_as_kid: false };
        Written::by(&request, ring, session)
    }
}

impl Written {
    fn by(request: &Request, ring: &Keyring, session: &Session<'_>) -> Done<Self> {
        let answer = convert::run(request, &session.at()).map_err(|problem| ring.problem(&problem))?;
        let text = answer.text.expose();
        let bytes = match answer.form {
            // Base64url is for JSON.
            Form::Der => URL_SAFE_NO_PAD.decode(text).unwrap_or_default(),
            Form::Jwk | Form::Jwks => {
                let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
                format!("{value:#}\n").into_bytes()
            }
            Form::Pem => text.as_bytes().to_vec(),
        };
        Ok(Self { bytes: Zeroizing::new(bytes), answer })
    }

    /// What is to be said before it goes to a terminal.
    ///
    /// # Errors
    /// It is no text.
    pub fn on_screen(&self, out: &Out, session: &Session<'_>) -> Done {
        if !out.is_screen() {
            return Ok(());
        }
        if self.answer.form == Form::Der {
            return Err(Failure::usage("DER is no text, and stdout is a terminal").next("--out FILE"));
        }
        if self.answer.private {
            session.note("this is a private key; `--out FILE` keeps it off the screen");
        }
        Ok(())
    }
}
