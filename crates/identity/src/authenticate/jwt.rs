//! Tokens. The order of the checks is the order of the codes: shape (and encryption, where there is some), algorithm, key, signature, issuer, time, audience,
//! type, revocation, binding. Nothing in a token relaxes a check: `jku`, `x5u`, `x5c` and `jwk` are noted and not followed.
//!
//! The unverified `iss` only chooses among configured issuers; keys are that issuer's and nobody else's.

use super::remembered::{Derived, Remembered};
use super::{ConnectionFacts, facts};
use crate::catalogue::Catalogued;
use crate::identity::Identity;
use crate::issuer::TrustedIssuer;
use crate::jwks::{Keys, Missing};
use crate::lookup::Seen;
use crate::observe::{Effects, Fact, Observer};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_fault::{Fault, codes};
use portcullis_jose::{
    Alg, Claims, Header, ParseError, SignatureError, Text, Unverified, Verified, Violation, sha256,
};
use portcullis_model::{Name, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Without a `kid`, so many keys are tried: each is a signature to check.
const MOST_TRIED: usize = 4;

/// A token that counts.
#[derive(Clone)]
pub struct TokenCaller {
    token: Arc<Remembered>,
    issuer: Arc<TrustedIssuer>,
    /// Only when the issuer's configuration changed since the token was first seen.
    derived: Option<Arc<Derived>>,
    now: Timestamp,
    /// The state of the directory before anything was believed of it.
    seen: Seen,
}

impl TokenCaller {
    /// The issuer's name.
    pub fn issuer(&self) -> &Name {
        &self.issuer.name
    }

    /// The claims.
    pub fn claims(&self) -> &Claims {
        self.token.verified.claims()
    }

    /// The protected header.
    pub fn header(&self) -> &Header {
        self.token.verified.header()
    }

    /// What the token grants.
    pub fn scopes(&self) -> &Arc<[String]> {
        &self.derived().scopes
    }

    /// The roles that the token brings.
    pub fn roles(&self) -> &Arc<[String]> {
        &self.derived().roles
    }

    /// Names and paths of the teams that the token's groups stand for.
    pub fn teams(&self) -> &[String] {
        &self.derived().teams
    }

    /// How it shows that the token leaves out its groups, where they stand for something.
    pub fn groups_overage(&self) -> Option<&'static str> {
        self.derived().overage
    }

    /// Whether its groups have to be looked at.
    pub(crate) fn names_groups(&self) -> bool {
        self.groups_overage().is_some() || !self.teams().is_empty()
    }

    /// When the token expires.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.claims().exp().micros().map(Timestamp::from_micros)
    }

    /// Whether the token is a machine's, and by which claim that shows.
    pub fn machine_claim(&self) -> Option<&str> {
        self.derived().machine.as_deref()
    }

    /// SHA-256 of the signing input, base64url.
    pub fn digest(&self) -> &str {
        &self.token.facts.digest
    }

    /// When the call was checked.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A caller of a record, for [`crate::Examined`] only: nobody's signature was checked.
    pub(crate) fn recorded(
        token: Arc<Remembered>,
        issuer: Arc<TrustedIssuer>,
        now: Timestamp,
        seen: Seen,
    ) -> Self {
        Self { token, issuer, derived: None, now, seen }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }

    pub(crate) fn trusted(&self) -> &TrustedIssuer {
        &self.issuer
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.token.kid.as_deref()
    }

    fn derived(&self) -> &Derived {
        self.derived.as_deref().unwrap_or(&self.token.derived)
    }
}

impl std::fmt::Debug for TokenCaller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenCaller")
            .field("issuer", &self.issuer.name)
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Checks a token.
    pub(crate) async fn token<O: Observer>(
        &self,
        text: &str,
        connection: &ConnectionFacts,
        effects: Effects,
        observer: &mut O,
    ) -> Result<TokenCaller, Fault> {
        let runtime = self.runtime();
        let (now, seen) = (runtime.clock().now(), runtime.invalidation().look());
        let digest = sha256(text.as_bytes());
        if let Some(token) = runtime.tokens().find(&digest)
            && let Some(issuer) = self.issuer(&token.issuer)
            && issuer
                .ring
                .current(now, issuer.stale, effects.live())
                .is_some_and(|keys| keys.version == token.version)
            // A key that was taken away opens nothing any more, remembered or not.
            && token.opened_by.is_none_or(|key| self.openers().belongs(&key, &issuer.name))
        {
            runtime.token_counts().remembered.increment(1);
            observer.note(Fact::Token(&token.facts));
            observer.note(Fact::Header(token.verified.header()));
            observer.note(Fact::Issuer(&issuer.name));
            observer.note(Fact::TokenRemembered);
            observer.note(Fact::Signed { kid: token.kid.as_deref(), alg: token.verified.alg() });
            let issuer = issuer.clone();
            self.check_claims(&issuer, &token, now, connection).await?;
            let current = token.derived.configuration == issuer.number;
            let derived = (!current).then(|| Arc::new(Derived::of(&issuer, token.verified.claims())));
            return Ok(TokenCaller { token, issuer, derived, now, seen });
        }
        // A fresh token is the rarer case; its state is kept out of the usual one's.
        Box::pin(self.fresh_token(text, digest, (now, seen), connection, effects, observer)).await
    }

    async fn fresh_token<O: Observer>(
        &self,
        text: &str,
        digest: [u8; 32],
        (now, seen): (Timestamp, Seen),
        connection: &ConnectionFacts,
        effects: Effects,
        observer: &mut O,
    ) -> Result<TokenCaller, Fault> {
        let opened;
        let (unverified, opened_by, encryption) = match Unverified::parse(text) {
            Err(ParseError::Encrypted) => {
                opened = self.open_token(text, &digest, observer).await?;
                (opened.inner()?, Some(opened.key), opened.encryption.clone())
            }
            parsed => (parsed.map_err(malformed)?, None, None),
        };
        let signing_digest = unverified.signing_digest();
        let mut facts = facts::of(&unverified, &signing_digest);
        facts.encryption = encryption;
        let chosen = self.choose_issuer(&unverified);
        if let Some(issuer) = chosen {
            facts.issuer = Some(issuer.name.shared());
        }
        let facts = Arc::new(facts);
        observer.note(Fact::Token(&facts));
        observer.note(Fact::Header(unverified.header()));
        if let Some(issuer) = chosen {
            observer.note(Fact::Issuer(&issuer.name));
        }
        // `none`, and what is no algorithm here, is refused before anybody asks who issued it.
        unverified.alg().map_err(|error| Fault::new(error.code()).detail(error.to_string()))?;
        let Some(issuer) = chosen.cloned() else { return Err(unknown_issuer(self, &unverified)) };
        if let Some(key) = opened_by
            && !self.openers().belongs(&key, &issuer.name)
        {
            return Err(Fault::new(codes::ISSUER_UNKNOWN).context(format!(
                "the token is of issuer `{}`, and was encrypted to a key of {}",
                issuer.name,
                self.openers().owners(&key)
            )));
        }
        let alg = unverified.allowed_alg(issuer.algorithms).map_err(|error| {
            Fault::new(error.code()).context(format!("issuer `{}`: {error}", issuer.name))
        })?;
        let keys =
            issuer.ring.keys_for(unverified.kid(), &signing_digest, issuer.stale, effects.live()).await;
        let keys = keys.map_err(|missing| no_key(missing, &issuer, unverified.kid(), observer))?;
        let (verified, kid, version) = match self.try_keys(&unverified, &keys, alg, &issuer).await? {
            Ok((verified, kid)) => (verified, kid, keys.version),
            Err(mismatch) => {
                // A key may have been replaced under the same id.
                let other = issuer.ring.after_mismatch(&keys, issuer.stale, effects.live()).await;
                let outcome = if other.is_some() { "changed" } else { "unchanged" };
                observer.note(Fact::KeySetAsked { reason: "signature", outcome });
                let Some(other) = other else { return Err(mismatch) };
                match self.try_keys(&unverified, &other, alg, &issuer).await? {
                    Ok((verified, kid)) => (verified, kid, other.version),
                    Err(mismatch) => return Err(mismatch),
                }
            }
        };
        self.runtime().token_counts().verified.increment(1);
        observer.note(Fact::Signed { kid: kid.as_deref(), alg });
        let derived = Derived::of(&issuer, verified.claims());
        let token = Arc::new(Remembered {
            issuer: issuer.name.clone(),
            verified,
            kid,
            version,
            opened_by,
            facts,
            derived,
        });
        self.check_claims(&issuer, &token, now, connection).await?;
        if effects.live() {
            self.runtime().tokens().keep(digest, token.clone());
        }
        Ok(TokenCaller { token, issuer, derived: None, now, seen })
    }

    fn choose_issuer(&self, token: &Unverified<'_>) -> Option<&Arc<TrustedIssuer>> {
        let iss = token.claimed().iss().text()?;
        self.issuer_of(&iss, token.claimed())
    }

    /// Tries the keys that could have signed. The outer error ends everything; the inner one says that none matches.
    async fn try_keys(
        &self,
        token: &Unverified<'_>,
        keys: &Arc<Keys>,
        alg: Alg,
        issuer: &TrustedIssuer,
    ) -> Result<Result<(Verified, Option<Box<str>>), Fault>, Fault> {
        let revocations = self.runtime().revocations().await?;
        let mut refusal = None;
        let mut tried = 0;
        for key in keys.candidates(token.kid(), alg) {
            if revocations.key(&issuer.name, key.kid()) || revocations.key(&issuer.name, token.kid()) {
                let kid = key.kid().or(token.kid()).unwrap_or("none").to_owned();
                refusal = Some(Fault::new(codes::KEY_DISTRUSTED).context(format!(
                    "issuer `{}`, `kid` `{}`",
                    issuer.name,
                    kid.escape_debug()
                )));
                continue;
            }
            if tried == MOST_TRIED {
                break;
            }
            tried += 1;
            match token.verify(key, issuer.algorithms) {
                Ok(verified) => return Ok(Ok((verified, key.kid().map(Box::from)))),
                Err(
                    SignatureError::Mismatch
                    | SignatureError::Length { .. }
                    | SignatureError::KeyMismatch { .. },
                ) => {}
                Err(error @ (SignatureError::Alg(_) | SignatureError::NotAllowed { .. })) => {
                    return Err(Fault::new(error.code()).context(error.to_string()));
                }
            }
        }
        if let Some(distrusted) = refusal {
            return Err(distrusted);
        }
        let context = match (tried, token.kid()) {
            (0, Some(kid)) => {
                let accepts: Vec<_> = keys
                    .set
                    .iter()
                    .filter(|key| key.kid() == Some(kid))
                    .map(|key| key.accepts().to_string())
                    .collect();
                // The key is there, and it is for something else.
                return Ok(Err(Fault::new(codes::ALGORITHM_NOT_ALLOWED).context(format!(
                    "issuer `{}`: the key with `kid` `{}` takes {}, the token says `{alg}`",
                    issuer.name,
                    kid.escape_debug(),
                    accepts.join(", ")
                ))));
            }
            (0, None) => format!("issuer `{}` has no key for `{alg}`", issuer.name),
            (1, _) => format!("issuer `{}`: the signature does not match the key", issuer.name),
            (n, _) => format!("issuer `{}`: the signature matches none of {n} keys", issuer.name),
        };
        let code = if tried == 0 { codes::KEY_UNKNOWN } else { codes::SIGNATURE_INVALID };
        Ok(Err(Fault::new(code).context(context)))
    }

    /// Everything that has to hold on every call, however often the token was seen.
    pub(crate) async fn check_claims(
        &self,
        issuer: &TrustedIssuer,
        token: &Remembered,
        now: Timestamp,
        connection: &ConnectionFacts,
    ) -> Result<(), Fault> {
        let claims = token.verified.claims();
        if !issuer.iss.holds(claims) {
            return Err(Fault::new(codes::ISSUER_UNKNOWN)
                .context(format!("the token's `iss` is not that of issuer `{}`", issuer.name)));
        }
        issuer
            .rules
            .first(claims, token.verified.header(), now.micros())
            .map_err(|violation| against_rules(&violation, issuer))?;
        let revocations = self.runtime().revocations().await?;
        if revocations.key(&issuer.name, token.kid.as_deref()) {
            let kid = token.kid.as_deref().unwrap_or("none");
            return Err(Fault::new(codes::KEY_DISTRUSTED).context(format!(
                "issuer `{}`, `kid` `{}`",
                issuer.name,
                kid.escape_debug()
            )));
        }
        if let Some(why) = revocations.token(&issuer.name, claims, &token.facts.digest) {
            return Err(Fault::new(codes::TOKEN_REVOKED).context(why));
        }
        drop(revocations);
        check_binding(claims, connection)
    }
}

/// RFC 7800: a token with `cnf` is worth nothing without proof of possession. The one proof that a connection gives by
/// itself is the client certificate (RFC 8705 §3).
fn check_binding(claims: &Claims, connection: &ConnectionFacts) -> Result<(), Fault> {
    let Some(binding) = claims.cnf() else { return Ok(()) };
    let refuse = |context: &'static str| Err(Fault::new(codes::TOKEN_BOUND).context(context));
    match (&binding.x5t_s256, &binding.jkt, binding.other) {
        (Some(wanted), None, false) => match connection.certificate {
            Some(digest) if URL_SAFE_NO_PAD.encode(digest) == **wanted => Ok(()),
            Some(_) => refuse("the token is bound to another client certificate than the connection's"),
            None => refuse("the token is bound to a client certificate, and the connection has none"),
        },
        (_, Some(_), _) => {
            refuse("the token is bound to a DPoP key (`cnf.jkt`), and DPoP proofs are not taken here")
        }
        _ => refuse("the token is bound by a `cnf` that is not understood"),
    }
}

pub(super) fn malformed(error: ParseError) -> Fault {
    // The caller has the token; where it is broken is no secret.
    Fault::new(error.code()).detail(error.to_string())
}

fn unknown_issuer(identity: &Identity, token: &Unverified<'_>) -> Fault {
    let fault = Fault::new(codes::ISSUER_UNKNOWN);
    match token.claimed().iss() {
        Text::Missing => fault.detail("the token has no `iss`"),
        Text::Other(kind) => fault.detail(format!("`iss` is {kind} instead of a string")),
        Text::Is(iss) => {
            let iss: String = iss.chars().take(256).collect();
            let known: Vec<_> =
                identity.issuers().map(|issuer| format!("`{}`", issuer.iss.text())).take(16).collect();
            fault.context(format!(
                "the token says `{}`; configured: {}",
                iss.escape_debug(),
                known.join(", ")
            ))
        }
    }
}

fn no_key<O: Observer>(
    missing: Missing,
    issuer: &TrustedIssuer,
    kid: Option<&str>,
    observer: &mut O,
) -> Fault {
    let kid = kid.unwrap_or("none").escape_debug();
    match missing {
        Missing::Unknown { context } => {
            observer.note(Fact::KeySetAsked { reason: "kid", outcome: "absent" });
            Fault::new(codes::KEY_UNKNOWN)
                .context(format!("issuer `{}`, `kid` `{kid}`: {context}", issuer.name))
        }
        Missing::Unavailable { reason, retry_after } => {
            observer.note(Fact::KeySetAsked { reason: "kid", outcome: "unavailable" });
            Fault::new(codes::KEYS_UNAVAILABLE)
                .context(format!("issuer `{}`, `kid` `{kid}`: {reason}", issuer.name))
                .retry_after(retry_after.max(Duration::from_secs(1)))
        }
    }
}

/// The code of a broken rule. The caller reads what is wrong with its own token; what would have been right only where an
/// attacker learns nothing from it.
fn against_rules(violation: &Violation, issuer: &TrustedIssuer) -> Fault {
    let code = violation.code();
    if code == codes::SUBJECT_MISSING {
        return Fault::new(code);
    }
    // What would have been right stays with the owner wherever it could help somebody to make a better token.
    let open = matches!(
        violation,
        Violation::TimeMissing { .. }
            | Violation::TimeMalformed { .. }
            | Violation::Expired { .. }
            | Violation::NotYetValid { .. }
            | Violation::IssuedInFuture { .. }
            | Violation::TooOld { .. }
            | Violation::AudienceMalformed { .. }
            | Violation::ClaimMissing { .. }
            | Violation::Subject { .. }
    );
    let fault = Fault::new(code).context(format!("issuer `{}`: {violation}", issuer.name));
    let fault = match violation {
        Violation::NotYetValid { nbf, now, .. } | Violation::IssuedInFuture { iat: nbf, now, .. } => fault
            .retry_after(
                Duration::from_micros(nbf.saturating_sub(*now).unsigned_abs())
                    .min(Duration::from_secs(3_600)),
            ),
        _ => fault,
    };
    if open { fault.detail(violation.to_string()) } else { fault }
}
