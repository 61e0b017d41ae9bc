//! What was revoked, in memory: every call asks, so nothing is looked up elsewhere. Read whole at start and after every
//! event about it; until it was read once, no token is accepted.

use arc_swap::ArcSwapOption;
use portcullis_jose::Claims;
use portcullis_model::{Clock, Name, Timestamp, UserId};
use portcullis_store::entity::revocations::{self, Filter, Revoked};
use portcullis_store::{Error, Page, Store};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;

/// Everything that is revoked.
#[derive(Debug, Default)]
pub(crate) struct RevocationList {
    digests: HashSet<Box<str>>,
    issuers: HashMap<Name, OfIssuer>,
    users: HashMap<UserId, Timestamp>,
}

#[derive(Debug, Default)]
struct OfIssuer {
    tokens: HashSet<Box<str>>,
    subjects: HashMap<Box<str>, Timestamp>,
    before: Option<Timestamp>,
    keys: HashSet<Box<str>>,
}

impl RevocationList {
    fn add(&mut self, what: Revoked) {
        match what {
            Revoked::Digest(digest) => {
                self.digests.insert(digest.into());
            }
            Revoked::Token { issuer, jti } => {
                self.issuers.entry(issuer).or_default().tokens.insert(jti.into());
            }
            Revoked::Subject { issuer, subject, issued_before } => {
                self.issuers.entry(issuer).or_default().subjects.insert(subject.into(), issued_before);
            }
            Revoked::User { user, issued_before } => {
                self.users.insert(user, issued_before);
            }
            Revoked::Issuer { issuer, issued_before } => {
                let before = &mut self.issuers.entry(issuer).or_default().before;
                *before = (*before).max(Some(issued_before));
            }
            Revoked::Key { issuer, kid } => {
                self.issuers.entry(issuer).or_default().keys.insert(kid.into());
            }
        }
    }

    /// Why a verified token was revoked, if it was. `digest` is that of its signing input, base64url.
    pub fn token(&self, issuer: &Name, claims: &Claims, digest: &str) -> Option<&'static str> {
        if !self.digests.is_empty() && self.digests.contains(digest) {
            return Some("this very token was revoked");
        }
        let of = self.issuers.get(issuer)?;
        let issued_before = |limit: Timestamp| issued_before(claims, limit);
        if of.before.is_some_and(issued_before) {
            return Some("all tokens that the issuer issued before a time were revoked");
        }
        if !of.tokens.is_empty() && claims.jti().text().is_some_and(|jti| of.tokens.contains(&*jti)) {
            return Some("the token with this `jti` was revoked");
        }
        if !of.subjects.is_empty()
            && let Some(subject) = claims.sub().text()
            && of.subjects.get(&*subject).copied().is_some_and(issued_before)
        {
            return Some("all tokens that the subject was given before a time were revoked");
        }
        None
    }

    /// Why a user's verified token was revoked, if it was: asked once it is known whose it is.
    pub fn user(&self, user: UserId, claims: &Claims) -> Option<&'static str> {
        let limit = *self.users.get(&user)?;
        issued_before(claims, limit)
            .then_some("all tokens that the user was given before a time were revoked")
    }

    /// Whether an operator distrusts a key.
    pub fn key(&self, issuer: &Name, kid: Option<&str>) -> bool {
        kid.is_some_and(|kid| self.issuers.get(issuer).is_some_and(|of| of.keys.contains(kid)))
    }
}

/// Without `iat` it cannot be said that a token was issued later.
fn issued_before(claims: &Claims, limit: Timestamp) -> bool {
    claims.iat().micros().map(Timestamp::from_micros).is_none_or(|iat| iat < limit)
}

/// The list in force.
pub(crate) struct Revocations {
    store: Store,
    clock: Arc<dyn Clock>,
    list: ArcSwapOption<RevocationList>,
    /// The list is out of date.
    due: AtomicBool,
    turn: Mutex<()>,
}

impl Revocations {
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, list: ArcSwapOption::empty(), due: AtomicBool::new(true), turn: Mutex::new(()) }
    }

    /// The list, if it was read once.
    pub fn list(&self) -> Option<arc_swap::Guard<Option<Arc<RevocationList>>>> {
        let list = self.list.load();
        list.is_some().then_some(list)
    }

    /// Notes that the list is out of date.
    pub fn outdate(&self) {
        self.due.store(true, Ordering::Release);
    }

    /// Whether the list has to be read.
    pub fn is_due(&self) -> bool {
        self.due.load(Ordering::Acquire)
    }

    /// Reads the list, unless that was done meanwhile. The old one stays in force when it cannot be read.
    pub async fn read(&self) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        if !self.due.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let mut reading = Reading { of: self, done: false };
        let list = self.read_all().await?;
        self.list.store(Some(Arc::new(list)));
        reading.done = true;
        Ok(())
    }

    async fn read_all(&self) -> Result<RevocationList, Error> {
        let filter = Filter { tenant: None, at: Some(self.clock.now()) };
        let mut list = RevocationList::default();
        let mut page = Page::first(Page::MOST);
        loop {
            let entries = revocations::list(&self.store, &filter, page).await?;
            let next = entries.last().map(|entry| entry.id).filter(|_| entries.len() == Page::MOST as usize);
            entries.into_iter().for_each(|entry| list.add(entry.what));
            match next {
                Some(id) => page.after = Some(id),
                None => return Ok(list),
            }
        }
    }
}

/// A reading under way. One that fails, or that a caller has no more patience for, leaves the list out of date: else nobody
/// would read it again before the next event about it.
struct Reading<'r> {
    of: &'r Revocations,
    done: bool,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.of.outdate();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::claims;
    use portcullis_model::time::ManualClock;
    use portcullis_store::{Database, Options};
    use std::task::{Context, Waker};

    #[tokio::test]
    async fn a_reading_that_is_given_up_is_made_again() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(Options::new(Database::Sqlite(data.path().join("test.db")))).await.unwrap();
        let list = Revocations::new(store, Arc::new(ManualClock::at(Timestamp::from_seconds(100))));
        let mut given_up = Box::pin(list.read());
        assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(given_up);
        assert!(list.is_due() && list.list().is_none());
        list.read().await.unwrap();
        assert!(!list.is_due() && list.list().is_some());
    }

    #[test]
    fn each_kind_hits_what_it_names_and_nothing_else() {
        let name = |text: &str| Name::new(text).unwrap();
        let mut list = RevocationList::default();
        let at = Timestamp::from_seconds(100);
        list.add(Revoked::Digest("d".into()));
        list.add(Revoked::Token { issuer: name("a"), jti: "j".into() });
        list.add(Revoked::Subject { issuer: name("a"), subject: "s".into(), issued_before: at });
        list.add(Revoked::Issuer { issuer: name("b"), issued_before: at });
        list.add(Revoked::Key { issuer: name("a"), kid: "k".into() });
        let [ada, bob] = [1, 2].map(|n| UserId::new(at, [n; 10]));
        list.add(Revoked::User { user: ada, issued_before: at });
        let of_user = |user, json: &str| list.user(user, &claims(json)).is_some();
        assert!(of_user(ada, r#"{"iat":99}"#) && of_user(ada, "{}"));
        assert!(!of_user(ada, r#"{"iat":100}"#) && !of_user(bob, r#"{"iat":99}"#));
        let revoked = |issuer: &str, json: &str, digest: &str| {
            list.token(&name(issuer), &claims(json), digest).is_some()
        };
        assert!(revoked("c", "{}", "d"));
        assert!(revoked("a", r#"{"jti":"j"}"#, "x") && !revoked("c", r#"{"jti":"j"}"#, "x"));
        assert!(
            revoked("a", r#"{"sub":"s","iat":99}"#, "x") && !revoked("a", r#"{"sub":"s","iat":100}"#, "x")
        );
        assert!(revoked("a", r#"{"sub":"s"}"#, "x"), "without `iat` it cannot have been issued after");
        assert!(revoked("b", r#"{"sub":"t","iat":1}"#, "x") && !revoked("a", r#"{"sub":"t","iat":1}"#, "x"));
        assert!(
            list.key(&name("a"), Some("k"))
                && !list.key(&name("b"), Some("k"))
                && !list.key(&name("a"), None)
        );
    }
}
