//! Evaluating [`Rules`]: one small function per check, one fixed order.

use std::ops::ControlFlow;

use super::violation::{SubjectFault, presented, presented_list};
use super::{Profile, Rules, SubjectForm, Violation};
use crate::json::Kind;
use crate::jws::{AlgName, Header};
use crate::jwt::{Audience, Claims, Subject, Text, Time, Unverified};

/// A check of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named after what they check")]
pub enum Check {
    Algorithm,
    Issuer,
    Time,
    Audience,
    Type,
    Required,
    Subject,
}

impl Check {
    /// In the order in which they are made, and so in which violations are reported.
    pub const ORDER: [Check; 7] = [
        Check::Algorithm,
        Check::Issuer,
        Check::Time,
        Check::Audience,
        Check::Type,
        Check::Required,
        Check::Subject,
    ];
}

/// Takes violations; says whether to look for more.
type Sink<'s> = &'s mut dyn FnMut(Violation) -> ControlFlow<()>;

impl Rules {
    /// Makes all checks and collects all violations, in the order of [`Check::ORDER`]. `now` is in microseconds since
    /// 1970.
    ///
    /// # Errors
    /// At least one violation.
    pub fn check(&self, claims: &Claims, header: &Header, now: i64) -> Result<(), Vec<Violation>> {
        let mut found = Vec::new();
        let _ = self.each(claims, header, now, &mut |violation| {
            found.push(violation);
            ControlFlow::Continue(())
        });
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    /// Stops at the first violation: the request path. Allocates nothing when all is well, for tokens whose `iss` and
    /// audience are written without escapes and whose audience is one.
    ///
    /// # Errors
    /// The first violation.
    pub fn first(&self, claims: &Claims, header: &Header, now: i64) -> Result<(), Violation> {
        let mut first = None;
        let _ = self.each(claims, header, now, &mut |violation| {
            first = Some(violation);
            ControlFlow::Break(())
        });
        first.map_or(Ok(()), Err)
    }

    /// What the rules would say if the signature counted: for explaining a refused token, never for accepting one.
    pub fn inspect(&self, token: &Unverified<'_>, now: i64) -> Vec<Violation> {
        self.check(token.claims(), token.header(), now).err().unwrap_or_default()
    }

    /// Makes one check.
    pub fn run(
        &self,
        check: Check,
        claims: &Claims,
        header: &Header,
        now: i64,
        sink: Sink<'_>,
    ) -> ControlFlow<()> {
        match check {
            Check::Algorithm => self.algorithm(header, sink),
            Check::Issuer => self.iss(claims, sink),
            Check::Time => self.time(claims, now, sink),
            Check::Audience => self.aud(claims, sink),
            Check::Type => self.typ(header, sink),
            Check::Required => self.claims_required(claims, sink),
            Check::Subject => self.sub(claims, sink),
        }
    }

    fn each(&self, claims: &Claims, header: &Header, now: i64, sink: Sink<'_>) -> ControlFlow<()> {
        Check::ORDER.into_iter().try_for_each(|check| self.run(check, claims, header, now, sink))
    }

    fn algorithm(&self, header: &Header, sink: Sink<'_>) -> ControlFlow<()> {
        let Some(allowed) = self.algorithms else { return ControlFlow::Continue(()) };
        let presented = match header.alg_name() {
            AlgName::Known(alg) if allowed.contains(*alg) => return ControlFlow::Continue(()),
            AlgName::Known(alg) => alg.name().into(),
            AlgName::Unusable(crate::AlgError::None) => "none".into(),
            AlgName::Unusable(crate::AlgError::Unknown(name)) => name.clone(),
        };
        sink(Violation::Algorithm { allowed, presented })
    }

    fn iss(&self, claims: &Claims, sink: Sink<'_>) -> ControlFlow<()> {
        let Some(expected) = &self.issuer else {
            // RFC 7519 §4.1.1: text, whoever it names.
            return match claims.iss() {
                Text::Other(found) => sink(Violation::IssuerMalformed { found }),
                Text::Is(_) | Text::Missing => ControlFlow::Continue(()),
            };
        };
        match claims.iss() {
            Text::Is(iss) if iss == **expected => ControlFlow::Continue(()),
            Text::Is(iss) => {
                sink(Violation::Issuer { expected: expected.clone(), presented: presented(&iss) })
            }
            Text::Missing => sink(Violation::IssuerMissing { expected: expected.clone() }),
            Text::Other(found) => sink(Violation::IssuerMalformed { found }),
        }
    }

    fn time(&self, claims: &Claims, now: i64, sink: Sink<'_>) -> ControlFlow<()> {
        let leeway = self.leeway_micros;
        let early = now.saturating_sub_unsigned(leeway);
        let late = now.saturating_add_unsigned(leeway);
        match claims.exp() {
            // RFC 7519 §4.1.4: not accepted on or after.
            Time::At(exp) if early >= exp => sink(Violation::Expired { exp, now, leeway })?,
            Time::At(_) => {}
            Time::Missing if self.exp_required => sink(Violation::TimeMissing { claim: "exp" })?,
            Time::Missing => {}
            Time::Malformed(fault) => sink(Violation::TimeMalformed { claim: "exp", fault })?,
        }
        match claims.nbf() {
            Time::At(nbf) if nbf > late => sink(Violation::NotYetValid { nbf, now, leeway })?,
            Time::At(_) | Time::Missing => {}
            Time::Malformed(fault) => sink(Violation::TimeMalformed { claim: "nbf", fault })?,
        }
        match claims.iat() {
            Time::At(iat) if iat > late => sink(Violation::IssuedInFuture { iat, now, leeway })?,
            Time::At(iat) => {
                if let Some(max_age) = self.max_age_micros
                    && early > iat.saturating_add_unsigned(max_age)
                {
                    sink(Violation::TooOld { iat, now, max_age })?;
                }
            }
            Time::Missing if self.max_age_micros.is_some() => sink(Violation::TimeMissing { claim: "iat" })?,
            Time::Missing => {}
            Time::Malformed(fault) => sink(Violation::TimeMalformed { claim: "iat", fault })?,
        }
        ControlFlow::Continue(())
    }

    fn aud(&self, claims: &Claims, sink: Sink<'_>) -> ControlFlow<()> {
        let Some(rule) = &self.audience else { return ControlFlow::Continue(()) };
        let claim = || rule.claim.clone();
        match claims.audience(&rule.claim) {
            Audience::Missing => {
                sink(Violation::AudienceMissing { claim: claim(), expected: rule.accepted.clone() })
            }
            Audience::Malformed(found) => sink(Violation::AudienceMalformed { claim: claim(), found }),
            audience if rule.accepted.iter().any(|accepted| audience.contains(accepted)) => {
                ControlFlow::Continue(())
            }
            audience => sink(Violation::Audience {
                claim: claim(),
                expected: rule.accepted.clone(),
                presented: presented_list(audience.iter()),
            }),
        }
    }

    fn typ(&self, header: &Header, sink: Sink<'_>) -> ControlFlow<()> {
        let listed = |typ: &str| self.types.iter().any(|accepted| same_type(typ, accepted));
        let accepted = match (header.typ(), self.profile) {
            (None, Profile::Generic) => true,
            (None, Profile::Rfc9068 | Profile::Listed) => false,
            (Some(typ), Profile::Listed) => listed(typ),
            (Some(typ), Profile::Generic) => same_type(typ, "JWT") || same_type(typ, "at+jwt") || listed(typ),
            (Some(typ), Profile::Rfc9068) => same_type(typ, "at+jwt") || listed(typ),
        };
        if accepted {
            return ControlFlow::Continue(());
        }
        let own: &[&str] = match self.profile {
            Profile::Generic => &["JWT", "at+jwt"],
            Profile::Rfc9068 => &["at+jwt"],
            Profile::Listed => &[],
        };
        let expected = own.iter().map(|typ| Box::from(*typ)).chain(self.types.iter().cloned()).collect();
        sink(Violation::Type { expected, presented: header.typ().map(presented) })
    }

    fn claims_required(&self, claims: &Claims, sink: Sink<'_>) -> ControlFlow<()> {
        // RFC 9068 §2.2; `exp` is the time check's where it is required at all.
        let profile: &[&str] = match self.profile {
            Profile::Generic | Profile::Listed => &[],
            Profile::Rfc9068 => &["iss", "exp", "aud", "sub", "client_id", "iat", "jti"],
        };
        for claim in profile.iter().copied().chain(self.required.iter().map(|claim| &**claim)) {
            let counted_already = claim == "exp" && self.exp_required;
            if !counted_already && !claims.has(claim) {
                sink(Violation::ClaimMissing { claim: claim.into() })?;
            }
        }
        ControlFlow::Continue(())
    }

    fn sub(&self, claims: &Claims, sink: Sink<'_>) -> ControlFlow<()> {
        let form = match self.subject {
            SubjectForm::Any => return ControlFlow::Continue(()),
            form => form,
        };
        let fault = match claims.sub() {
            Subject::Is(_) => return ControlFlow::Continue(()),
            // Another spelling of a number is another subject to whoever compares texts.
            Subject::Number(raw) if form == SubjectForm::TextOrNumber && raw.parse::<i64>().is_ok() => {
                return ControlFlow::Continue(());
            }
            // Said already, as a claim that is required.
            Subject::Missing
                if self.profile == Profile::Rfc9068
                    || self.required.iter().any(|claim| **claim == *"sub") =>
            {
                return ControlFlow::Continue(());
            }
            Subject::Missing => SubjectFault::Missing,
            Subject::Empty => SubjectFault::Empty,
            Subject::Number(_) => SubjectFault::Is(Kind::Number),
            Subject::Other(kind) => SubjectFault::Is(kind),
        };
        sink(Violation::Subject { fault })
    }
}

/// Media types without regard to case; `application/` may be left out where no other `/` follows (RFC 7515 §4.1.9).
fn same_type(presented: &str, accepted: &str) -> bool {
    short(presented).eq_ignore_ascii_case(short(accepted))
}

fn short(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}
