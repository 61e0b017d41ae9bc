//! How it fails: with which exit code, on which stream, and without anybody's secret.

use super::desk::{DESK, PASSWORD, SECRET_BASE64};
use crate::server::portcullis;
use std::io::Read;
use std::process::Stdio;

#[test]
fn wrong_calls_end_with_2_and_say_what_to_do() {
    for (arguments, why) in [
        (&["decode", "@no-such-file"][..], "no-such-file"),
        (&["decode", "@."], "directory"),
        (&["decode", "@empty.txt"], "empty"),
        (&["decode", "@bytes.bin"], "UTF-8"),
        (&["decode"], "no token"),
        (&["decode", "--frobnicate"], "--frobnicate"),
        (&["frobnicate"], "frobnicate"),
        (&["verify", "x", "--key", "no-such-key"], "no-such-key"),
        (&["verify", "@token.txt", "--key", "message.txt"], "message.txt"),
        (&["verify", "@token.txt", "--key", "half.pem"], "half.pem"),
        (&["verify", "@token.txt", "--key", "half.jwk"], "half.jwk"),
        (&["verify", "@token.txt", "--key", "openssh.pub"], "ssh-keygen"),
        (&["verify", "@token.txt", "--jwks", "issuer.pem"], "issuer.pem"),
        (&["verify", "@token.txt", "--key", "issuer.pem", "--now", "tomorrow"], "2027-01-15T08:00:00Z"),
        (&["verify", "-", "--key", "-"], "for the token already"),
        (&["sign", "--key", "-", "--claims", "-"], "already"),
        (&["key", "generate"], "--alg"),
        (&["jwks", "fetch"], "nothing to fetch"),
        (&["jwks", "diff", "new.json"], "FILE|URL"),
    ] {
        DESK.write("empty.txt", "\n");
        std::fs::write(DESK.path("bytes.bin"), b"eyJ\xff").unwrap();
        DESK.write("half.pem", &DESK.read("issuer.pem")[..60]);
        DESK.write("half.jwk", "{\"kty\":\"EC\"");
        DESK.write("openssh.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@here\n");
        let stdin = if arguments.contains(&"-") { DESK.read("a.jwk") } else { String::new() };
        let said = DESK.piped(arguments, stdin.as_bytes());
        assert!(said.code == 2 && said.out.is_empty() && said.err.contains(why), "{arguments:?}: {said:?}");
    }
    let said = DESK.run(&["verify", "@token.txt", "--key", "no-such-key", "--output", "json"]);
    let told: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert!(said.code == 2 && told["error"]["where"] == "no-such-key", "{said:?}");
}

#[test]
fn no_secret_is_repeated() {
    let key = DESK.read("a.jwk");
    let jwk: serde_json::Value = serde_json::from_str(&key).unwrap();
    let secrets = [jwk["d"].as_str().unwrap(), SECRET_BASE64, PASSWORD];
    // Wrong in every way in which it could be repeated.
    DESK.write("odd.jwk", &key.replace("\"P-256\"", "\"P-384\""));
    DESK.write("twice.jwk", &key.replacen('{', &format!("{{\"d\":{},", jwk["d"]), 1));
    DESK.write("secret.txt", SECRET_BASE64);
    for arguments in [
        &["sign", "--key", "odd.jwk", "--claim", "sub=ada"][..],
        &["sign", "--key", "twice.jwk", "--claim", "sub=ada"],
        &["verify", "@token.txt", "--key", "odd.jwk"],
        &["verify", "@token.txt", "--key", "secret.txt"],
        &["verify", "@a.jwk", "--key", "issuer.pem"],
        &["verify", "@shared.txt", "--secret-from", SECRET_BASE64],
        &["verify", "@shared.txt", "--secret-from", "env:SECRET", "--secret-encoding", "hex"],
        &["explain", "@shared.txt", "--secret-from", "env:SECRET"],
        &["explain", "@token.txt", "--key", "a.jwk"],
        &["decrypt", "@password.jwe", "--secret-from", "env:SECRET"],
        &["key", "audit", "odd.jwk"],
        &["key", "audit", "--secret-from", "env:SECRET", "--alg", "HS512"],
        &["key", "thumbprint", "twice.jwk"],
        &["jwks", "audit", "a.jwk"],
        &["key", "thumbprint", "odd.jwk", "--password-from", PASSWORD],
    ] {
        for output in ["text", "json"] {
            let said = DESK.run(&[arguments, &["--output", output]].concat());
            for secret in secrets {
                assert!(!said.out.contains(secret) && !said.err.contains(secret), "{arguments:?}: {said:?}");
            }
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = portcullis()
        .args(["jose", "decode", "@token.txt"])
        .current_dir(DESK.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success() && said.is_empty(), "{said}");
}

#[test]
fn nothing_of_the_server_is_needed() {
    // Neither a data directory nor a configuration, and none is made.
    let empty = tempfile::tempdir().unwrap();
    let output = portcullis()
        .args(["jose", "key", "generate", "--alg", "ES256"])
        .current_dir(empty.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}
