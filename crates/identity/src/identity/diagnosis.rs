//! What a doctor has to see of a case and only this crate can show: the issuer's rules, keys and subject rule, what is
//! remembered, and what would be found otherwise. All of it with the parts that the request path uses, and without
//! effects. Nothing here lets anybody in: no [`crate::Permit`] comes of it.

use super::Identity;
use crate::authenticate::TokenCaller;
use crate::authenticate::remembered::{Derived, Remembered};
use crate::authorize::{CallFacts, ServiceRules};
use crate::claims::decode;
use crate::issuer::TrustedIssuer;
use crate::observe::{Effects, Observer};
use crate::resolve::{Question, SubjectRef, UserAnswer, folding, outcome_of};
use crate::rules::{Fallbacks, Rule};
use crate::sources::Outside;
use crate::sources::foreign::{Foreign, Wanted};
use portcullis_fault::{Fault, codes};
use portcullis_jose::explain::AtHand;
use portcullis_jose::{Alg, Algs, Jwk, Protected, SigningKey, Unverified, encode};
use portcullis_model::issuer::{GroupsOverage, UnknownUser};
use portcullis_model::record::TokenFacts;
use portcullis_model::{Name, Principal, Tenant, Timestamp, User};
use std::sync::Arc;
use std::time::Duration;

/// Keys that are tried to find out whose a signature is.
const MOST_TRIED: usize = 64;

/// A caller under examination: of a token that counts, or of a record.
#[derive(Clone, Debug)]
pub struct Examined(TokenCaller);

impl From<&TokenCaller> for Examined {
    fn from(caller: &TokenCaller) -> Self {
        Self(caller.clone())
    }
}

/// What is looked up for a caller.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The claim that names the subject.
    pub claim: String,
    /// As what its value is taken.
    pub attribute: String,
    /// The value after normalisation.
    pub value: String,
    /// What subjects look like, where it does not: then nobody was asked about it.
    pub unfit: Option<String>,
    /// The claims that are fallen back to, with the token's values.
    pub fallbacks: Vec<(String, String)>,
    /// What becomes of a subject that nobody has.
    pub unknown: UnknownUser,
    /// Where it is looked up.
    pub tenant: Arc<Tenant>,
    /// The issuer's name.
    pub issuer: Name,
}

/// A user source, to be asked past everything that is remembered.
#[derive(Clone)]
pub struct SourceAtHand {
    /// Its name.
    pub name: Name,
    /// Its kind, as the configuration says it.
    pub kind: &'static str,
    /// The name of the tenant whose users its people are.
    pub tenant: Name,
    /// It itself.
    pub foreign: Arc<dyn Foreign>,
}

impl From<&Outside> for SourceAtHand {
    fn from(outside: &Outside) -> Self {
        Self {
            name: outside.name.clone(),
            kind: outside.kind,
            tenant: outside.tenant.clone(),
            foreign: outside.foreign().clone(),
        }
    }
}

impl std::fmt::Debug for SourceAtHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceAtHand")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// An answer in memory.
#[derive(Clone, Debug)]
pub struct RememberedAnswer {
    /// `active`, `unknown`, ….
    pub outcome: &'static str,
    /// The user, whatever its status.
    pub user: Option<Arc<User>>,
    /// Since it was asked for.
    pub age: Duration,
    /// Whether the request path takes it.
    pub believed: bool,
}

/// What was read of a token's groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsRead {
    /// The claim with the groups.
    pub claim: String,
    /// Roles that they stand for.
    pub roles: Vec<String>,
    /// Names and paths of the teams that they stand for.
    pub teams: Vec<String>,
    /// Those that stand for nothing by the issuer's map; at most 20.
    pub unmapped: Vec<String>,
    /// How it shows that the token leaves them out.
    pub overage: Option<&'static str>,
    /// What becomes of such a token.
    pub on_overage: GroupsOverage,
}

/// A key that a signature counts under, whoever's it is.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The issuer that has or had it.
    pub issuer: Name,
    /// Its own id.
    pub kid: Option<String>,
    /// When it left the issuer's set, if it did.
    pub replaced_at: Option<Timestamp>,
}

/// What another issuer's subject rule finds.
#[derive(Clone, Debug)]
pub struct UnderRule {
    /// Whose rule.
    pub rule_of: Name,
    /// The claim that it reads.
    pub claim: String,
    /// As what.
    pub attribute: String,
    /// The value that it looks up.
    pub value: String,
    /// Whom it finds.
    pub user: Arc<User>,
}

impl Identity {
    /// The user sources of this configuration, by name.
    pub fn sources(&self) -> Vec<SourceAtHand> {
        let mut all: Vec<_> = self.sources.values().map(|source| SourceAtHand::from(&**source)).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The user source that the caller's subject is looked up in, and what is asked there; nothing where it is our own
    /// directory, or where there is no subject that could be asked for.
    pub fn source_of(&self, caller: &Examined) -> Option<(SourceAtHand, Wanted)> {
        let issuer = caller.0.trusted();
        let source = issuer.source.as_ref()?;
        if caller.0.machine_claim().is_some() {
            return None;
        }
        let raw = issuer.subject.raw(caller.0.claims()).ok()?;
        let subject = issuer.subject.value(raw).ok()?.into_owned();
        let wanted = Wanted { subject, issuer: issuer.name.clone(), tenant: source.tenant.clone() };
        Some((SourceAtHand::from(&**source), wanted))
    }

    /// What is expected of tokens of this issuer, to explain one with: rules, algorithms, public keys. Secrets are the
    /// caller's to add.
    pub fn at_hand(&self, issuer: &Name, now: Timestamp) -> Option<AtHand> {
        let issuer = self.issuer(issuer)?;
        let hand = AtHand::new(now.micros()).rules(issuer.rules.clone()).allowed(issuer.algorithms);
        let keys = issuer.ring.facts().keys.into_iter();
        let keys: Vec<Jwk> = keys
            .flat_map(|set| set.iter().filter_map(|key| key.public_jwk().cloned()).collect::<Vec<_>>())
            .collect();
        Some(hand.keys(keys.into_iter().collect()))
    }

    /// Under which keys of all issuers, present and past, the signature counts. Says nothing about what to believe.
    pub fn signers(&self, token: &str) -> Vec<Signer> {
        let Ok(token) = Unverified::parse(token) else { return Vec::new() };
        let all = Algs::of(&Alg::ALL);
        let mut found = Vec::new();
        let mut tried = 0;
        for issuer in self.issuers() {
            let facts = issuer.ring.facts();
            let current = facts.keys.iter().map(|set| (None, set));
            let past = facts.history.iter().map(|old| (Some(old.replaced_at), &old.keys));
            for (replaced_at, set) in current.chain(past) {
                for key in set.iter() {
                    if tried == MOST_TRIED {
                        return found;
                    }
                    if !token.alg().is_ok_and(|alg| key.accepts().contains(alg)) {
                        continue;
                    }
                    tried += 1;
                    if token.verify(key, all).is_ok() {
                        found.push(Signer {
                            issuer: issuer.name.clone(),
                            kid: key.kid().map(str::to_owned),
                            replaced_at,
                        });
                    }
                }
            }
        }
        found
    }

    /// The caller of a record, as its token facts tell of it: the signature was judged when the call was made.
    ///
    /// # Errors
    /// The facts name no issuer that is configured now, or hold no claims.
    pub fn recorded(&self, facts: &TokenFacts) -> Result<Examined, Fault> {
        let name = facts.issuer.as_deref().and_then(|name| Name::new(name).ok());
        let issuer = name.and_then(|name| self.issuer(&name).cloned());
        let issuer = issuer.ok_or_else(|| {
            Fault::new(codes::ISSUER_UNKNOWN).context("the record names no issuer that is configured now")
        })?;
        let unusable = |error: String| Fault::new(codes::TOKEN_MALFORMED).context(error);
        // The claims again, under a key of this moment that nobody else has: only so are they claims at all.
        let key = SigningKey::generate(Alg::HS256).map_err(|error| unusable(error.to_string()))?;
        let text = encode(&Protected::new(), facts.claims.as_bytes(), &key)
            .map_err(|error| unusable(error.to_string()))?;
        let verified = Unverified::parse(&text)
            .map_err(|error| unusable(error.to_string()))?
            .verify(&key.verifying_key(), Algs::of(&[Alg::HS256]))
            .map_err(|error| unusable(error.to_string()))?;
        let derived = Derived::of(&issuer, verified.claims());
        let token = Arc::new(Remembered {
            issuer: issuer.name.clone(),
            verified,
            kid: None,
            version: 0,
            opened_by: None,
            facts: Arc::new(facts.clone()),
            derived,
        });
        let (now, seen) = (self.runtime.clock().now(), self.runtime.invalidation().look());
        Ok(Examined(TokenCaller::recorded(token, issuer, now, seen)))
    }

    /// Who that is here, as [`Identity::resolve`] finds it, without effects.
    ///
    /// # Errors
    /// As there.
    pub async fn resolve_examined<O: Observer>(
        &self,
        caller: &Examined,
        observer: &mut O,
    ) -> Result<Principal, Fault> {
        self.resolve_token(&caller.0, Effects::Dry, observer).await
    }

    /// What is looked up for the caller; nothing for a machine's token, or where the tenant is not known.
    ///
    /// # Errors
    /// The claim cannot name anybody.
    pub fn looked(&self, caller: &Examined) -> Option<Result<Looked, Fault>> {
        let issuer = caller.0.trusted();
        if caller.0.machine_claim().is_some() {
            return None;
        }
        let tenant = issuer.tenant.tenant(caller.0.claims()).ok()?.clone();
        let rule = &issuer.subject;
        let value = rule.raw(caller.0.claims()).and_then(|raw| rule.value(raw));
        let mut place = Fallbacks::default();
        let found = rule.fallbacks(caller.0.claims(), &mut place);
        let claims = rule.fallback_claims(found).into_iter().map(str::to_owned);
        let fallbacks =
            claims.zip(found.iter().filter_map(|json| Some(decode(json)?.into_owned()))).collect();
        Some(value.map(|value| Looked {
            claim: rule.claim().to_owned(),
            attribute: rule.attribute().into_owned(),
            unfit: rule.fits(&value).is_err().then(|| rule.form()).flatten(),
            fallbacks,
            value: value.into_owned(),
            unknown: rule.unknown,
            tenant,
            issuer: issuer.name.clone(),
        }))
    }

    /// What is read of the groups of the caller's token; nothing where they stand for nothing.
    pub fn groups(&self, caller: &Examined) -> Option<GroupsRead> {
        let groups = caller.0.trusted().groups.as_ref()?;
        let granted = groups.granted(caller.0.claims());
        Some(GroupsRead {
            claim: groups.claim().to_owned(),
            roles: granted.roles,
            teams: granted.teams,
            unmapped: groups.unmapped(caller.0.claims()),
            overage: granted.overage,
            on_overage: groups.overage,
        })
    }

    /// The answer about the caller that this process has in memory.
    pub fn remembered(&self, caller: &Examined) -> Option<RememberedAnswer> {
        let issuer = caller.0.trusted();
        let tenant = issuer.tenant.tenant(caller.0.claims()).ok()?;
        let raw = issuer.subject.raw(caller.0.claims()).ok()?;
        let mut place = Fallbacks::default();
        let fallbacks = issuer.subject.fallbacks(caller.0.claims(), &mut place);
        let key = SubjectRef { rule: issuer.number, tenant: tenant.id, raw, fallbacks };
        let now = self.runtime.clock().now();
        let lookups =
            issuer.source.as_ref().map_or(&self.runtime.resolver().subjects, |source| &source.lookups);
        let (slot, age, believed) = lookups.peeked(&key, now)?;
        Some(RememberedAnswer {
            outcome: slot.answer.as_str(),
            user: slot.answer.user().cloned(),
            age,
            believed,
        })
    }

    /// What the directory itself says about the caller now, whatever is in memory: the outcome, and the user.
    ///
    /// # Errors
    /// It cannot be asked; why.
    pub async fn asked(&self, caller: &Examined) -> Result<(&'static str, Option<Arc<User>>), String> {
        let issuer = caller.0.trusted();
        let answer = self.find_under(&issuer.subject, issuer, caller).await?;
        Ok(answer.map_or(("unknown", None), |(_, answer)| outcome_of(&answer)))
    }

    /// Whom the subject rules of the other issuers find for the same claims, where that is somebody.
    ///
    /// # Errors
    /// The directory cannot be asked; why.
    pub async fn under_each_rule(&self, caller: &Examined) -> Result<Vec<UnderRule>, String> {
        let own = caller.0.trusted();
        let mut seen: Vec<&Rule> = vec![&own.subject];
        let mut found = Vec::new();
        for other in self.issuers() {
            if seen.contains(&&*other.subject) {
                continue;
            }
            seen.push(&other.subject);
            let Some((value, answer)) = self.find_under(&other.subject, own, caller).await? else { continue };
            if let (_, Some(user)) = outcome_of(&answer) {
                found.push(UnderRule {
                    rule_of: other.name.clone(),
                    claim: other.subject.claim().to_owned(),
                    attribute: other.subject.attribute().into_owned(),
                    value,
                    user,
                });
            }
        }
        Ok(found)
    }

    async fn find_under(
        &self,
        rule: &Arc<Rule>,
        issuer: &TrustedIssuer,
        caller: &Examined,
    ) -> Result<Option<(String, UserAnswer)>, String> {
        let claims = caller.0.claims();
        let Ok(tenant) = issuer.tenant.tenant(claims) else { return Ok(None) };
        let Ok(value) = rule.raw(claims).and_then(|raw| rule.value(raw)) else { return Ok(None) };
        if rule.fits(&value).is_err() {
            return Ok(None);
        }
        if let Some(source) = issuer.source.as_ref().filter(|_| **rule == *issuer.subject) {
            let wanted = Wanted {
                subject: value.to_string(),
                issuer: issuer.name.clone(),
                tenant: source.tenant.clone(),
            };
            let answer = source.lookups.ask_dry(source.dry_question(tenant.id, wanted)).await;
            return answer
                .map(|answer| Some((value.into_owned(), answer)))
                .map_err(|unasked| unasked.to_string());
        }
        let mut place = Fallbacks::default();
        // What another rule falls back to is not what it reads.
        let fallbacks = match **rule == *issuer.subject {
            true => rule.fallback_lookups(&issuer.name, rule.fallbacks(claims, &mut place)),
            false => Vec::new(),
        };
        let lookup = rule.lookup(&issuer.name, &value);
        if lookup.is_none() && fallbacks.is_empty() {
            return Ok(None);
        }
        let question = Question { lookup, folding: folding(rule, &value), fallbacks, newcomer: None };
        let answer = self.runtime.resolver().look(tenant.id, question).await?;
        Ok(Some((value.into_owned(), answer)))
    }

    /// Whether the principal may call the service, without a permit coming of it.
    ///
    /// # Errors
    /// Why not.
    pub fn would_authorize(
        &self,
        principal: Arc<Principal>,
        service: &ServiceRules,
        call: &CallFacts<'_>,
    ) -> Result<(), Fault> {
        self.policies.authorize(principal, service, call).map(drop)
    }

    /// Whether the principal may use the model, without a permit coming of it.
    ///
    /// # Errors
    /// Why not.
    pub fn would_use(
        &self,
        principal: Arc<Principal>,
        service: &ServiceRules,
        call: &CallFacts<'_>,
        model: &str,
    ) -> Result<(), Fault> {
        let permit = self.policies.authorize(principal, service, call)?;
        self.models.authorize(&self.policies, &permit, model).map(drop)
    }
}
