//! What was pasted: a token, something around a token, or something else; and the token that was probably meant.

use serde_json::Value;

use super::{INPUT, opaque};
use crate::b64::{self, Base64Error};
use crate::finding::{Finding, Severity, Subject};
use crate::json::JsonErrorKind;
use crate::jws::{ParseError, Part};
use crate::jwt::Unverified;

/// What the input turned out to be.
pub(super) enum Kind {
    /// A signed token in compact form whose shape is sound, perhaps after repairs.
    Signed(String),
    /// Five parts whose first is the header of a JWE.
    Encrypted(String),
    /// Nothing that could be taken further.
    Nothing,
}

pub(super) enum Step {
    /// Something is around it or in it: go on with what is left.
    Repaired(Finding, String),
    Stop(Finding),
    Done(Kind),
}

/// More layers of damage than this are not one accident.
const REPAIRS: usize = 8;

pub(super) fn recognise(input: &str, findings: &mut Vec<Finding>) -> Kind {
    let mut text = input.to_owned();
    for _ in 0..REPAIRS {
        match step(&text) {
            Step::Repaired(finding, next) => {
                findings.push(finding.repaired(next.clone()));
                text = next;
            }
            Step::Stop(finding) => {
                findings.push(finding);
                return Kind::Nothing;
            }
            Step::Done(kind) => return kind,
        }
    }
    Kind::Nothing
}

fn error(code: &'static str, evidence: impl Into<String>, next: &'static str) -> Finding {
    Finding::new(Severity::Error, code, Subject::Input, evidence, next)
}

fn step(text: &str) -> Step {
    let parsed = match Unverified::parse_bytes(text.as_bytes(), INPUT) {
        Ok(_) => return Step::Done(Kind::Signed(text.to_owned())),
        Err(error) => error,
    };
    around(text)
        .or_else(|| opaque::known(text))
        .or_else(|| something_else(text))
        .unwrap_or_else(|| inside(text, &parsed))
}

/// What is around a token and can be taken off.
fn around(text: &str) -> Option<Step> {
    if text.contains("-----BEGIN ") {
        let next = "give the token here, and the key as a key";
        return Some(Step::Stop(error("pem_pasted", "this is a key or certificate in PEM", next)));
    }
    let visible: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{ad}'))
        .collect();
    if visible != text {
        let at = text.find(|c: char| !visible.contains(c)).unwrap_or(0);
        let finding = error(
            "invisible_character",
            "there are invisible characters in it, as web pages and chat programs put them",
            "copy it from the source, or use the repaired form",
        );
        return Some(Step::Repaired(finding.at(at), visible));
    }
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Some(Step::Stop(error("input_empty", "there is nothing", "paste a token")));
    }
    if trimmed != text {
        let at = if text.starts_with(char::is_whitespace) { 0 } else { trimmed.len() };
        let finding = error(
            "surrounding_space",
            "there is white space or a line break around it",
            "cut it off where the token is read, most often a file that ends with a line break",
        );
        return Some(Step::Repaired(finding.at(at), trimmed.to_owned()));
    }
    let lower = text.get(..32).unwrap_or(text).to_ascii_lowercase();
    for name in ["authorization:", "proxy-authorization:", "cookie:", "set-cookie:"] {
        if lower.starts_with(name) {
            let finding = error(
                "header_line_pasted",
                format!("it begins with `{name}`"),
                "give the value of the header only",
            );
            return Some(Step::Repaired(finding.at(0), text[name.len()..].trim_start().to_owned()));
        }
    }
    for scheme in ["bearer ", "dpop ", "bearer:", "token ", "jwt ", "basic "] {
        if lower.starts_with(scheme) {
            let finding = error(
                "scheme_prefix",
                format!("it begins with `{}`", &text[..scheme.len() - 1]),
                "give what follows the scheme only; in a header, write the scheme once",
            );
            return Some(Step::Repaired(finding.at(0), text[scheme.len()..].trim_start().to_owned()));
        }
    }
    for (open, close) in [('"', '"'), ('\'', '\''), ('`', '`'), ('<', '>'), ('“', '”'), ('{', '}')] {
        let inner = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        // Braces around a token are an unfilled template; around anything else they are JSON.
        if let Some(inner) = inner.filter(|inner| open != '{' || inner.starts_with("eyJ")) {
            let finding =
                error("quoted", format!("it stands between `{open}` and `{close}`"), "leave the quotes away");
            return Some(Step::Repaired(finding.at(0), inner.to_owned()));
        }
    }
    if let Some((name, value)) = text.split_once('=').filter(|(_, value)| value.starts_with("eyJ")) {
        let known =
            ["access_token", "id_token", "token", "jwt", "assertion", "client_assertion", "id_token_hint"];
        let last = name.rsplit(['?', '&', '#', ';', ' ']).next().unwrap_or(name);
        if known.contains(&last) || (!last.is_empty() && !name.contains('.')) {
            let end = value.find(['&', ';', ' ', '#']).unwrap_or(value.len());
            let finding =
                error("parameter_pasted", "it is a parameter or cookie with its name", "give the value only");
            return Some(Step::Repaired(finding.at(0), value[..end].to_owned()));
        }
    }
    None
}

/// What is no compact token at all.
fn something_else(text: &str) -> Option<Step> {
    if text.starts_with('{') || text.starts_with('[') {
        return Some(json(text));
    }
    let tokens = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'))
        .filter(|piece| is_like_token(piece));
    if tokens.count() > 1 {
        let next = "give one of them";
        return Some(Step::Stop(error("two_tokens", "there are several tokens one after the other", next)));
    }
    if text.contains('…') || text.contains("...") || text.contains("***") || text.contains("[REDACTED]") {
        let at = text.find(['…', '*', '[']).or_else(|| text.find("...")).unwrap_or(0);
        let finding = error(
            "abbreviated",
            "it was shortened, by a log or a tool that shows tokens in part",
            "get the whole token from where it was issued; what was cut away cannot be recovered",
        );
        return Some(Step::Stop(finding.at(at)));
    }
    if let Some((first, rest)) = text.split_once('~') {
        let evidence = format!(
            "SD-JWT with {} further parts behind `~`",
            rest.split('~').filter(|p| !p.is_empty()).count()
        );
        let next = "use a verifier for SD-JWT (RFC 9901); below, the issuer's token alone is looked at";
        return Some(Step::Repaired(error("sd_jwt", evidence, next).at(first.len()), first.to_owned()));
    }
    None
}

fn json(text: &str) -> Step {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return Step::Stop(error(
            "json_pasted",
            "this begins like JSON and is none",
            "give the encoded token",
        ));
    };
    for name in ["access_token", "id_token", "token", "jwt"] {
        if let Some(token) = value[name].as_str().filter(|token| !token.is_empty()) {
            let evidence = format!("it is an answer of a token endpoint; its `{name}` is looked at");
            let finding = error("token_response_pasted", evidence, "give the value of that member only");
            return Step::Repaired(finding, token.to_owned());
        }
    }
    let has = |name: &str| value.get(name).is_some();
    Step::Stop(if has("kty") || has("keys") {
        error("jwk_pasted", "this is a key or a set of keys", "give the token here, and the key as a key")
    } else if has("ciphertext") {
        error(
            "jwe_json",
            "this is an encrypted message in JSON serialisation",
            "decrypt it; a token is compact",
        )
    } else if has("signature") || has("signatures") {
        error(
            "jws_json",
            "this is a signed message in JSON serialisation",
            "verify it as such; a token is compact",
        )
    } else {
        error(
            "json_pasted",
            "this is JSON, perhaps a token that was decoded before",
            "give the encoded token",
        )
    })
}

fn is_like_token(piece: &str) -> bool {
    piece.starts_with("eyJ") && piece.matches('.').count() >= 2
}

/// What is wrong within.
fn inside(text: &str, parsed: &ParseError) -> Step {
    if let Some(step) = characters(text) {
        return step;
    }
    let parts: Vec<&str> = text.split('.').collect();
    let beginnings = text.matches("eyJ").count();
    match parts.len() {
        1 if text.starts_with("eyJ") => Step::Stop(error(
            "parts_missing",
            "there is a header and nothing behind it",
            "copy the whole token: three parts with dots between",
        )),
        1 => opaque::unknown(),
        // The header of a JWT is a JSON object, so it begins like this.
        2 if !text.starts_with("ey") => opaque::unknown(),
        2 => Step::Stop(error(
            "parts_missing",
            "there are two parts instead of three: the signature is missing",
            "copy the whole token; if it has no signature at its source, it is worth nothing",
        )),
        3 => decoded(text, parsed),
        5 if is_encrypted(parts[0]) => Step::Done(Kind::Encrypted(text.to_owned())),
        count if beginnings >= 3 && count >= 5 => Step::Stop(error(
            "two_tokens",
            "there are two tokens without anything between them",
            "give one of them",
        )),
        count => Step::Stop(error(
            "token_parts",
            format!("there are {count} parts with dots between instead of 3"),
            "check what was added to the token, or where it was cut",
        )),
    }
}

fn is_encrypted(header: &str) -> bool {
    let header = b64::decode(header.as_bytes()).ok();
    header
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .is_some_and(|header| header.get("enc").is_some())
}

/// Characters that stand in no part of any token.
fn characters(text: &str) -> Option<Step> {
    if let Some(at) = text.find("\\n").or_else(|| text.find("\\r")) {
        let finding = error(
            "escaped_line_breaks",
            "there are line breaks in it, written as `\\n`",
            "write it in one line",
        );
        let repaired = text.replace("\\n", "").replace("\\r", "");
        return Some(Step::Repaired(finding.at(at), repaired));
    }
    if let Some(at) = text.find(char::is_whitespace) {
        let broken = text.contains(['\n', '\r']);
        let (code, evidence) = if broken {
            ("line_breaks", "there are line breaks in it, as mail programs and terminals put them")
        } else {
            ("white_space_inside", "there is white space in it")
        };
        let repaired: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        return Some(Step::Repaired(
            error(code, evidence, "write it in one line without spaces").at(at),
            repaired,
        ));
    }
    if let Some((at, decoded)) = percent_decoded(text) {
        let finding = error(
            "url_encoded",
            "it is encoded for a URL",
            "decode it once where it is read from a URL or form; a token needs no encoding there",
        );
        return Some(Step::Repaired(finding.at(at), decoded));
    }
    None
}

/// Where the first escape is, and the text without escapes; nothing if there are none, or not of ASCII.
fn percent_decoded(text: &str) -> Option<(usize, String)> {
    let first = text.find('%')?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let code = u8::from_str_radix(rest.get(at + 1..at + 3)?, 16).ok().filter(u8::is_ascii)?;
        out.push(char::from(code));
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Some((first, out))
}

/// Three parts, one of which does not decode.
fn decoded(text: &str, parsed: &ParseError) -> Step {
    let name = |part: &Part| match part {
        Part::Header => "header",
        Part::Payload => "payload",
        _ => "signature",
    };
    let about = |part: &Part, code, next| {
        Finding::new(Severity::Error, code, Subject::Part(name(part)), parsed.to_string(), next)
    };
    match parsed {
        ParseError::Base64 { part, error } => match error {
            Base64Error::Padding(at) => {
                let finding = about(part, "base64_padding", "encode base64url without padding (RFC 7515 §2)");
                Step::Repaired(finding.at(*at), text.replace('=', ""))
            }
            Base64Error::StandardAlphabet(at) => {
                let finding = about(
                    part,
                    "standard_base64",
                    "encode with the URL alphabet (`-` and `_`); the signature covers the right spelling only",
                );
                Step::Repaired(finding.at(*at), text.replace('+', "-").replace('/', "_").replace('=', ""))
            }
            Base64Error::Length(at) => {
                let next = "copy the whole token: characters are missing at the end of this part";
                Step::Stop(about(part, "truncated", next).at(*at))
            }
            Base64Error::TrailingBits(at) => {
                let next =
                    "copy the token again: its last character was altered, or more is missing behind it";
                Step::Stop(about(part, "base64_trailing_bits", next).at(*at))
            }
            Base64Error::WhiteSpace(at) | Base64Error::Character(at) => {
                let next = "copy the token from its source: this character stands in no token";
                Step::Stop(about(part, "illegal_character", next).at(*at))
            }
        },
        ParseError::Json { part, error } => {
            let finding = match (error.kind, part) {
                (JsonErrorKind::End, _) => {
                    about(part, "truncated", "copy the whole token: this part ends too early")
                }
                (JsonErrorKind::Duplicate, _) => about(
                    part,
                    "json_duplicate_member",
                    "have the issuer write each member once: two readers would take different ones",
                ),
                (_, Part::Header) if error.at == 0 => about(
                    part,
                    "header_not_json",
                    "check that this is a JWT, and that its parts are in order",
                ),
                (_, Part::Payload) if error.at == 0 => about(
                    part,
                    "payload_not_json",
                    "verify it as a signed message: the payload of a JWT is a JSON object",
                ),
                (kind, _) => about(part, kind.name(), "have the issuer write strict JSON (RFC 8259)"),
            };
            Step::Stop(finding)
        }
        ParseError::EmptyPart(part @ Part::Payload) => {
            let next = "give the payload with it and verify it as a detached signature (RFC 7515 appendix F)";
            Step::Stop(about(part, "detached_payload", next))
        }
        ParseError::CritUnknown(_) | ParseError::CritMalformed => Step::Stop(about(
            &Part::Header,
            parsed.name(),
            "have the issuer leave `crit` away, or use a verifier that knows the extension",
        )),
        ParseError::UnencodedPayload => Step::Stop(about(
            &Part::Header,
            parsed.name(),
            "have the issuer leave `b64` away: a JWT encodes its payload (RFC 7797 §7)",
        )),
        other => {
            let part = other.part().unwrap_or(Part::Header);
            Step::Stop(about(&part, other.name(), "correct it at the issuer"))
        }
    }
}
