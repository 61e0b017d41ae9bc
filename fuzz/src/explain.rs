//! Explanations of whatever was pasted: they agree with verification, and they are as long as a person can read.

use std::sync::LazyLock;

use portcullis_jose::explain::{AtHand, Explanation, explain};
use portcullis_jose::jws::sign_compact;
use portcullis_jose::{Alg, Algs, JwkSet, Protected, Rules, Severity, Unverified};

use super::{LONGEST, NOW, keys};

static RULES: LazyLock<Rules> =
    LazyLock::new(|| Rules::new().issuer("https://idp.example/").audiences(["api://acme"]));

static HAND: LazyLock<AtHand> = LazyLock::new(|| {
    let public = |key: &portcullis_jose::Jwk| key.to_public().expect("it has a public half");
    let listed: JwkSet = [public(&keys::EC).with_kid("2026-01"), keys::ED25519.clone().with_kid("2026-02")]
        .into_iter()
        .collect();
    AtHand::new(NOW)
        .secret(keys::SECRET.to_vec())
        .key(public(&keys::RSA))
        .key(public(&keys::EC))
        .key(public(&keys::ED25519))
        .keys(listed)
        .token("eyJhbGciOiJIUzI1NiJ9.e30.AAAA")
        .rules(RULES.clone())
});

/// Text as it is; and, behind a byte that is no text, as the claims of a token that is signed as it should be.
pub fn run(data: &[u8]) {
    if data.len() > LONGEST / 2 {
        return;
    }
    if let Ok(text) = str::from_utf8(data) {
        check(text);
        return;
    }
    if let [0xff, choice, payload @ ..] = data
        && !payload.is_empty()
    {
        let header =
            if choice & 1 == 0 { Protected::new() } else { Protected::new().typ("JWT").kid("2026-01") };
        let token = sign_compact(&header, payload, &keys::HMAC).expect("signed");
        check(&token);
        // And as it comes out of a terminal.
        let explanation = check(&format!(" Bearer {token}\n"));
        assert!(!explanation.valid, "a repaired form is not what was given");
    }
}

fn check(text: &str) -> Explanation {
    let explanation = explain(text, &HAND);
    assert_eq!(explanation.valid, accepted(text), "{explanation}");
    assert!(explanation.valid || !explanation.findings.is_empty(), "a refusal has a reason");
    let worst = explanation.findings.iter().map(|finding| finding.severity).max();
    assert!(!(explanation.valid && worst == Some(Severity::Error)));
    let shown = explanation.to_string();
    let json = serde_json::to_string(&explanation).expect("plain data");
    assert!(explanation.findings.len() <= 64, "{} findings", explanation.findings.len());
    assert!(shown.len() <= 16 << 10, "{} bytes about {}", shown.len(), text.len());
    assert!(json.len() <= (64 << 10) + 64 * text.len(), "{} bytes about {}", json.len(), text.len());
    for finding in &explanation.findings {
        assert!(!finding.code.is_empty() && !finding.next.is_empty() && finding.evidence.len() <= 4096);
        assert!(finding.at.is_none_or(|at| at <= text.len().max(16)), "{finding}");
        assert!(finding.repaired.as_ref().is_none_or(|repaired| repaired.len() <= text.len()));
    }
    explanation
}

/// What verification says, made of its own steps.
fn accepted(text: &str) -> bool {
    let Ok(token) = Unverified::parse_bytes(text.as_bytes(), LONGEST * 2) else { return false };
    let all = Algs::of(&Alg::ALL);
    keys::VERIFYING
        .iter()
        .filter_map(|key| token.verify(key, all).ok())
        .any(|verified| RULES.check(verified.claims(), verified.header(), NOW).is_ok())
}
