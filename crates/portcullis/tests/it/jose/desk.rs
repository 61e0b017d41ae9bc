//! A directory with keys and tokens, made by the command line itself, and running it there.

use super::site::Site;
use crate::server::portcullis;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::LazyLock;
use tempfile::TempDir;

/// A shared secret, long enough for HS256; its base64 is in the variable `SECRET`.
pub const SECRET: &[u8] = b"a secret of this test: 32 bytes and more";
/// The same as it is in the variable.
pub const SECRET_BASE64: &str = "YSBzZWNyZXQgb2YgdGhpcyB0ZXN0OiAzMiBieXRlcyBhbmQgbW9yZQ==";
/// A password, long enough for PBES2.
pub const PASSWORD: &str = "correct horse battery staple";

/// The directory that tests read. Whoever writes makes files of names of their own.
pub static DESK: LazyLock<Desk> = LazyLock::new(Desk::new);

pub struct Desk {
    dir: TempDir,
    pub site: Site,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Its stdout; it must have gone well, and stderr must be silent.
    pub fn good(self) -> String {
        assert!(self.code == 0 && self.err.is_empty(), "{self:#?}");
        self.out
    }

    /// Its stdout as JSON, whatever the exit code.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl Desk {
    fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap(), site: Site::start() };
        let issuer = desk.site.url();
        for (file, alg) in
            [("a.jwk", "ES256"), ("b.jwk", "EdDSA"), ("to.jwk", "ECDH-ES+A128KW"), ("rsa.jwk", "RS256")]
        {
            desk.run(&["key", "generate", "--alg", alg, "--out", file]).good();
        }
        desk.run(&["key", "convert", "a.jwk", "--public", "--to", "pem", "--out", "issuer.pem"]).good();
        desk.run(&["key", "convert", "rsa.jwk", "--to", "pem", "--out", "rsa.pem"]).good();
        let set = desk.run(&["key", "convert", "a.jwk", "--public", "--to", "jwks"]).good();
        let other = desk.run(&["key", "convert", "b.jwk", "--public", "--to", "jwks"]).good();
        desk.write("new.json", &set);
        desk.write("old.json", &other);
        desk.site.put("/jwks.json", set);
        desk.site.put(
            "/.well-known/openid-configuration",
            serde_json::json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks.json") }).to_string(),
        );
        desk.write(
            "claims.json",
            &format!(
                r#"{{"iss":"{issuer}","sub":"ada","aud":["api://orders"],"iat":1700000000,"exp":4000000000}}"#
            ),
        );
        let token =
            desk.run(&["sign", "--key", "a.jwk", "--claims", "@claims.json", "--header", "typ=JWT"]).good();
        desk.write("token.txt", &token);
        desk.write("broken.txt", &format!("Authorization: Bearer \"{}x\"\n", token.trim()));
        let shared = ["sign", "--secret-from", "env:SECRET", "--secret-encoding", "base64", "--alg", "HS256"];
        desk.write("shared.txt", &desk.run(&[&shared[..], &["--claims", "@claims.json"]].concat()).good());
        desk.write("body.json", r#"{"amount":"12.50"}"#);
        let detached = ["sign", "--key", "a.jwk", "--payload", "body.json", "--detached", "--b64", "false"];
        desk.write("detached.txt", &desk.run(&detached).good());
        let two = ["sign", "--key", "a.jwk", "--key", "b.jwk", "--claims", "@claims.json"];
        desk.write("two-signatures.json", &desk.run(&two).good());
        desk.write("message.txt", "for your eyes only\n");
        desk.write("password.txt", &format!("{PASSWORD}\n"));
        desk.write("encrypted.txt", &desk.run(&["encrypt", "@message.txt", "--key", "to.jwk"]).good());
        let nested = ["encrypt", "--sign-key", "a.jwk", "--claims", "@claims.json", "--key", "to.jwk"];
        desk.write("nested.txt", &desk.run(&nested).good());
        let password =
            ["encrypt", "@message.txt", "--secret-from", "file:password.txt", "--alg", "PBES2-HS256+A128KW"];
        desk.write("password.jwe", &desk.run(&password).good());
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// `portcullis jose …` with nothing on stdin.
    pub fn run(&self, arguments: &[&str]) -> Said {
        self.piped(arguments, b"")
    }

    /// The same, printing JSON.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        self.run(&[arguments, &["--output", "json"]].concat()).json()
    }

    /// With this on stdin.
    pub fn piped(&self, arguments: &[&str], stdin: &[u8]) -> Said {
        let mut command = portcullis();
        command.arg("jose").args(arguments).current_dir(self.dir.path()).env("SECRET", SECRET_BASE64);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_COLOR"] {
            command.env_remove(name);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Whoever does not read its stdin closes it.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let output = child.wait_with_output().unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
