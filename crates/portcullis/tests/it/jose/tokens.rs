//! Tokens: decoded, verified, explained, signed, encrypted, decrypted.

use super::desk::{DESK, PASSWORD, SECRET, SECRET_BASE64};
use serde_json::{Value, json};

#[test]
fn a_token_comes_in_every_way() {
    let token = DESK.read("token.txt");
    let decoded = DESK.run(&["decode", token.trim()]).good();
    assert!(decoded.contains("\"alg\": \"ES256\"") && decoded.contains("\"sub\": \"ada\""), "{decoded}");
    assert!(decoded.contains("2096-10-02 07:06:40 UTC, in "), "{decoded}");
    assert_eq!(DESK.run(&["decode", "@token.txt"]).good(), decoded);
    assert_eq!(DESK.piped(&["decode", "-"], token.as_bytes()).good(), decoded);
    assert_eq!(DESK.piped(&["decode"], token.as_bytes()).good(), decoded);
    // What people have on the clipboard: the result is the same, and what was left out is said elsewhere.
    let bearer = format!("Bearer {}", token.trim());
    let quoted = format!("Authorization: Bearer \"{}\"\n", token.trim());
    let broken =
        token.trim().as_bytes().chunks(60).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
    for (pasted, notes) in [(bearer.as_str(), 1), (&quoted, 3), (&broken, 1)] {
        let said = DESK.piped(&["decode"], pasted.as_bytes());
        assert_eq!((said.code, &said.out), (0, &decoded), "{pasted}: {}", said.err);
        assert_eq!(said.err.matches("note: ").count(), notes, "{}", said.err);
    }
}

#[test]
fn messages_of_every_form_are_decoded() {
    let kind = |arguments: &[&str]| {
        let answer = DESK.json(arguments);
        (answer["kind"].clone(), answer["serialization"].clone(), answer["detached"].clone())
    };
    assert_eq!(kind(&["decode", "@two-signatures.json"]), (json!("jwt"), json!("general"), json!(false)));
    assert_eq!(kind(&["decode", "@detached.txt"]), (json!("signed_message"), json!("compact"), json!(true)));
    assert_eq!(kind(&["decode", "@encrypted.txt"]), (json!("encrypted"), json!("compact"), json!(false)));
    let text = DESK.run(&["decode", "@detached.txt", "--payload", "body.json"]).good();
    assert!(text.contains("\"amount\": \"12.50\""), "{text}");
    let text = DESK.run(&["decode", "@two-signatures.json"]).good();
    assert!(text.contains("header of signature 1") && text.contains("EdDSA"), "{text}");
    // Pasted without quotes.
    assert_eq!(DESK.run(&["decode", "Authorization:", "Bearer", DESK.read("token.txt").trim()]).code, 0);
    let said = DESK.run(&["decode", "hello"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("opaque_token") && said.err.starts_with("error: "), "{said:?}");
    let said = DESK.run(&["decode", "token.txt"]);
    assert!(said.code == 1 && said.err.contains("`@token.txt`"), "{said:?}");
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    assert!(!DESK.run(&["decode", "@token.txt"]).good().contains('\u{1b}'));
    let coloured = DESK.run(&["decode", "@token.txt", "--color", "always"]).good();
    for ink in ["\u{1b}[31m", "\u{1b}[35m", "\u{1b}[36m"] {
        assert!(coloured.contains(ink), "{coloured:?}");
    }
    let json = DESK.run(&["decode", "@token.txt", "--color", "always", "--output", "json"]).good();
    assert!(!json.contains('\u{1b}'));
}

#[test]
fn a_token_cannot_steer_the_terminal() {
    let claims =
        json!({ "sub": "\u{1b}]0;owned\u{7}\u{202e}\u{9b}31m", "exp": 4_000_000_000_i64 }).to_string();
    let token =
        DESK.run(&["sign", "--key", "a.jwk", "--claims", &claims, "--header", "kid=\u{1b}[31m"]).good();
    for verb in [&["decode"][..], &["explain", "--key", "b.jwk"], &["verify", "--key", "b.jwk"]] {
        let said = DESK.piped(verb, token.as_bytes());
        for text in [said.out, said.err] {
            let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.chars().any(harmful), "{verb:?}: {text:?}");
        }
    }
}

#[test]
fn verifying_is_strict_and_says_everything() {
    let issuer = DESK.site.url();
    let good = ["verify", "@token.txt", "--key", "issuer.pem", "--iss", &issuer, "--aud", "api://orders"];
    let text = DESK.run(&good).good();
    assert!(text.starts_with("valid\n  ES256 by issuer.pem\n"), "{text}");
    let answer = DESK.json(&good);
    assert_eq!((&answer["valid"], &answer["claims"]["sub"]), (&json!(true), &json!("ada")));

    let token = DESK.read("token.txt");
    let said = DESK.piped(&["verify", "--key", "issuer.pem"], format!("Bearer {token}").as_bytes());
    assert!(said.code == 0 && said.err.contains("`Bearer ` before the token"), "{said:?}");
    // Nothing else is repaired.
    let said = DESK.piped(&["verify", "--key", "issuer.pem"], format!("\"{}\"", token.trim()).as_bytes());
    assert_eq!(said.code, 1, "{said:?}");

    let bad = [
        "verify",
        "@token.txt",
        "--key",
        "a.jwk",
        "--iss",
        "https://x.example",
        "--aud",
        "b",
        "--typ",
        "at+jwt",
        "--require",
        "jti",
        "--now",
        "4100000000",
    ];
    let answer = DESK.json(&bad);
    assert_eq!(answer["valid"], false);
    let names: Vec<&str> =
        answer["violations"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    for name in ["issuer_mismatch", "expired", "audience_mismatch", "type_mismatch", "claim_missing"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let said = DESK.run(&bad);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("not valid\n1. ") && said.err.contains("`expired`"), "{said:?}");
    assert!(!said.out.contains("ada"), "what is not valid is not shown: {}", said.out);

    for (arguments, code) in [
        (&["verify", "@token.txt", "--key", "b.jwk"][..], 1),
        (&["verify", "@token.txt", "--key", "issuer.pem", "--alg", "RS256"], 1),
        (&["verify", "@token.txt", "--key", "issuer.pem", "--alg", "none"], 2),
        (&["verify", "@token.txt", "--key", "to.jwk"], 1),
        (&["verify", "@token.txt"], 2),
        (&["verify", "@token.txt", "--key", "issuer.pem", "--max-age", "1h"], 1),
        (&["verify", "@token.txt", "--key", "issuer.pem", "--leeway", "5"], 2),
        (&["verify", "@token.txt", "--key", "issuer.pem", "--now", "2027-01-15T08:00:00Z"], 0),
        (&["verify", "@token.txt", "--key", "issuer.pem", "--now", "2020-01-15T08:00:00Z"], 1),
        (&["verify", "@encrypted.txt", "--key", "to.jwk"], 1),
    ] {
        let said = DESK.run(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said:?}");
    }
}

#[test]
fn secrets_and_their_encodings() {
    let with = |more: &[&str]| DESK.run(&[&["verify", "@shared.txt"], more].concat());
    assert_eq!(with(&["--secret-from", "env:SECRET", "--secret-encoding", "base64"]).code, 0);
    let hex: String = SECRET.iter().map(|byte| format!("{byte:02X}")).collect();
    DESK.write("secret.hex", &format!("{hex}\n"));
    assert_eq!(with(&["--secret-from", "file:secret.hex", "--secret-encoding", "hex"]).code, 0);
    let said = with(&["--secret-from", "env:SECRET"]);
    assert_eq!(said.code, 1, "as text it is another secret");
    let explained = DESK.json(&["explain", "@shared.txt", "--secret-from", "env:SECRET"]);
    let codes: Vec<&str> =
        explained["findings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"secret_is_base64"), "{codes:?}");
    // Never on the command line, and never repeated.
    let said = with(&["--secret-from", SECRET_BASE64]);
    assert!(said.code == 2 && !said.err.contains(SECRET_BASE64), "{said:?}");
    for wrong in ["env:NO_SUCH_VARIABLE", "file:no-such-file", "prompt"] {
        let said = with(&["--secret-from", wrong]);
        assert!(said.code == 2 && said.err.starts_with("error: "), "{wrong}: {said:?}");
    }
}

#[test]
fn several_signatures_and_detached_payloads() {
    let two = |more: &[&str]| DESK.run(&[&["verify", "@two-signatures.json"], more].concat()).code;
    assert_eq!(two(&["--key", "a.jwk"]), 0);
    assert_eq!(two(&["--key", "a.jwk", "--policy", "all"]), 1);
    assert_eq!(two(&["--key", "a.jwk", "--key", "b.jwk", "--policy", "all"]), 0);
    assert_eq!(two(&["--key", "a.jwk", "--key", "rsa.jwk", "--policy", "every-key"]), 1);
    // Claims of a message are judged when something is expected of them.
    assert_eq!(two(&["--key", "a.jwk", "--iss", "https://x.example"]), 1);
    assert_eq!(two(&["--key", "a.jwk", "--iss", &DESK.site.url()]), 0);
    let detached =
        |payload: &str| DESK.run(&["verify", "@detached.txt", "--payload", payload, "--key", "issuer.pem"]);
    assert_eq!(detached("body.json").code, 0);
    assert_eq!(detached("message.txt").code, 1);
    assert_eq!(DESK.run(&["verify", "@detached.txt", "--key", "issuer.pem"]).code, 1);
    // Any bytes can be signed.
    let text = DESK.run(&["sign", "--key", "a.jwk", "--payload", "message.txt"]).good();
    let said = DESK.piped(&["verify", "--key", "a.jwk"], text.as_bytes()).good();
    assert!(said.contains("for your eyes only"), "{said}");
    assert_eq!(DESK.piped(&["verify", "--key", "a.jwk", "--aud", "x"], text.as_bytes()).code, 1);
}

#[test]
fn signing_writes_what_is_asked_for() {
    let now = ["--now", "2027-01-15T08:00:00Z"];
    let made = [
        "sign",
        "--key",
        "a.jwk",
        "--claim",
        "sub=ada",
        "--claim",
        "level=3",
        "--claim",
        "roles=[\"a\"]",
        "--claim",
        "zip=\"123\"",
        "--expires-in",
        "1h",
        "--header",
        "typ=at+jwt",
        "--header",
        "x=1",
    ];
    let answer = DESK.json(&[&made[..], &now].concat());
    assert_eq!(
        answer["claims"],
        json!({ "sub": "ada", "level": 3, "roles": ["a"], "zip": "123", "iat": 1_800_000_000, "exp": 1_800_003_600 })
    );
    assert_eq!((&answer["headers"][0]["typ"], &answer["headers"][0]["x"]), (&json!("at+jwt"), &json!(1)));
    let token = DESK.run(&[&made[..], &now].concat()).good();
    assert_eq!(
        DESK.piped(&[&["verify", "--key", "a.jwk", "--typ", "at+jwt"], &now[..]].concat(), token.as_bytes())
            .code,
        0
    );
    // Claims by a pipe; one given twice is refused.
    let piped = DESK.piped(&["sign", "--key", "a.jwk", "--claims", "-"], br#"{"sub":"b"}"#);
    assert_eq!(piped.good().split('.').count(), 3);
    for (arguments, code) in [
        (&["sign", "--key", "a.jwk"][..], 2),
        (&["sign", "--claim", "sub=ada"], 2),
        (&["sign", "--key", "a.jwk", "--claims", "[]"], 2),
        (&["sign", "--key", "a.jwk", "--claim", "exp=1", "--expires-in", "1h"], 2),
        (&["sign", "--key", "issuer.pem", "--claim", "sub=ada"], 2),
        (&["sign", "--key", "rsa.pem", "--claim", "sub=ada"], 2),
        (&["sign", "--key", "rsa.pem", "--alg", "PS256", "--claim", "sub=ada"], 0),
        (&["sign", "--key", "a.jwk", "--alg", "RS256", "--claim", "sub=ada"], 2),
        (&["sign", "--key", "a.jwk", "--alg", "ES256", "--alg", "ES256", "--claim", "sub=ada"], 2),
        (&["sign", "--secret-from", "env:SECRET", "--claim", "sub=ada"], 2),
        (&["sign", "--key", "a.jwk", "--payload", "body.json", "--b64", "false"], 2),
        (&["sign", "--key", "a.jwk", "--payload", "body.json", "--claim", "sub=ada"], 2),
        (
            &["sign", "--key", "a.jwk", "--key", "b.jwk", "--claim", "sub=ada", "--serialization", "compact"],
            2,
        ),
        (&["sign", "--key", "a.jwk", "--claim", "sub=ada", "--header", "crit=[\"x\"]"], 2),
    ] {
        let said = DESK.run(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said:?}");
    }
}

#[test]
fn encrypting_and_decrypting() {
    assert_eq!(DESK.run(&["decrypt", "@encrypted.txt", "--key", "to.jwk"]).good(), DESK.read("message.txt"));
    assert_eq!(
        DESK.run(&["decrypt", "@password.jwe", "--secret-from", "file:password.txt"]).good(),
        DESK.read("message.txt")
    );
    let said = DESK.run(&["decrypt", "@password.jwe", "--secret-from", "env:SECRET"]);
    assert!(said.code == 1 && said.out.is_empty() && !said.err.contains(PASSWORD), "{said:?}");
    let said = DESK.run(&["decrypt", "@encrypted.txt", "--key", "a.jwk"]);
    assert_ne!(said.code, 0, "{said:?}");
    // Bytes of any kind, through the JSON serialisation to several recipients, compressed.
    let bytes: Vec<u8> = (0..=255).collect();
    let to_both = [
        "encrypt",
        "-",
        "--key",
        "to.jwk",
        "--key",
        "rsa.pem",
        "--alg",
        "ECDH-ES+A128KW",
        "--alg",
        "RSA-OAEP-256",
        "--enc",
        "A128CBC-HS256",
        "--zip",
    ];
    let message = DESK.piped(&to_both, &bytes).good();
    let answer: Value =
        DESK.piped(&["decrypt", "--key", "rsa.pem", "--output", "json"], message.as_bytes()).json();
    assert_eq!((&answer["algorithm"], &answer["recipient"]), (&json!("RSA-OAEP-256"), &json!(1)));
    assert_eq!(answer["content"]["bytes"], 256);
    for (arguments, code) in [
        (&["encrypt", "x", "--key", "to.jwk", "--enc", "A256"][..], 2),
        (&["encrypt", "x"], 2),
        (&["encrypt", "x", "--key", "rsa.pem"], 2),
        (&["encrypt", "x", "--key", "rsa.pem", "--alg", "RSA1_5"], 2),
        (&["encrypt", "--claim", "sub=ada", "--key", "to.jwk"], 2),
        (&["encrypt", "x", "--claim", "sub=ada", "--sign-key", "a.jwk", "--key", "to.jwk"], 2),
        (&["decrypt", "@encrypted.txt"], 2),
        (&["decrypt", "@encrypted.txt", "--key", "to.jwk", "--alg", "RSA1_5"], 2),
        (&["decrypt", "@encrypted.txt", "--key", "to.jwk", "--alg", "RSA-OAEP"], 1),
        (&["decrypt", "@encrypted.txt", "--key", "to.jwk", "--iss", "x"], 2),
        (&["decrypt", "@token.txt", "--key", "to.jwk"], 1),
    ] {
        let said = DESK.run(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said:?}");
    }
}

/// The JOSE cookbook's example, where its file is at hand (`JOSE_VECTORS`, or beside the repository).
#[test]
fn rsa1_5_is_read_only_when_that_is_said() {
    let folder = std::env::var_os("JOSE_VECTORS").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        Into::into,
    );
    let file = "ietf-jose-cookbook/jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json";
    let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
        eprintln!("skipped: no `{file}` in `{}`", folder.display());
        return;
    };
    let vector: Value = serde_json::from_str(&text).unwrap();
    DESK.write("old.jwk", &vector["input"]["key"].to_string());
    DESK.write("old.jwe", vector["output"]["compact"].as_str().unwrap());
    let said = DESK.run(&["decrypt", "@old.jwe", "--key", "old.jwk"]);
    assert!(said.code == 1 && said.out.is_empty(), "{said:?}");
    let said = DESK.run(&["decrypt", "@old.jwe", "--key", "old.jwk", "--alg", "RSA1_5"]);
    assert!(said.code == 2 && said.err.contains("--allow-rsa1-5"), "{said:?}");
    let text = DESK.run(&["decrypt", "@old.jwe", "--key", "old.jwk", "--allow-rsa1-5"]).good();
    assert_eq!(text, vector["input"]["plaintext"].as_str().unwrap());
}

#[test]
fn a_token_in_a_token() {
    let said = DESK.run(&["decrypt", "@nested.txt", "--key", "to.jwk"]);
    assert!(said.code == 0 && said.out.split('.').count() == 3, "{said:?}");
    assert!(said.err.contains("not verified") && said.err.contains("--verify-key"), "{}", said.err);
    let issuer = DESK.site.url();
    let verify = |more: &[&str]| DESK.run(&[&["decrypt", "@nested.txt", "--key", "to.jwk"], more].concat());
    let text = verify(&["--verify-key", "issuer.pem", "--iss", &issuer]).good();
    assert!(text.starts_with("valid\n") && text.contains("\"ada\""), "{text}");
    assert_eq!(verify(&["--issuer", &issuer]).code, 0);
    let said = verify(&["--verify-key", "b.jwk"]);
    assert!(said.code == 1 && !said.out.contains("ada"), "{said:?}");
    let said = verify(&["--verify-key", "issuer.pem", "--aud", "another"]);
    assert!(said.code == 1 && said.err.contains("audience_mismatch"), "{said:?}");
    let said = DESK.run(&["decrypt", "@encrypted.txt", "--key", "to.jwk", "--verify-key", "issuer.pem"]);
    assert!(said.code == 1 && !said.out.contains("eyes"), "{said:?}");
}

#[test]
fn explanations_show_the_place_and_the_next_step() {
    let said = DESK.run(&["explain", "@broken.txt", "--key", "issuer.pem"]);
    assert_eq!(said.code, 1);
    for part in ["not valid\n", "1. error header_line_pasted", "Authorization: Bearer", "^ byte 0", "next: "]
    {
        assert!(said.out.contains(part), "`{part}`: {}", said.out);
    }
    let signature = DESK.read("token.txt").trim().rsplit('.').next().unwrap().to_owned();
    assert!(!said.out.contains(&signature), "the whole signature is shown");
    let text =
        DESK.run(&["explain", "@token.txt", "--issuer", &DESK.site.url(), "--aud", "api://orders"]).good();
    assert!(text.starts_with("valid\n") && text.contains("signature_valid"), "{text}");
    let said = DESK.run(&["explain", "@token.txt"]);
    assert!(said.code == 1 && said.out.contains("no_keys"), "{said:?}");
    let said = DESK.run(&["explain", "@token.txt", "--key", "b.jwk", "--good", "@token.txt"]);
    assert_eq!(said.code, 1, "{said:?}");
}
