//! People in another system: what every kind of user source has to be able to say.
//!
//! A source knows nothing of caches, breakers and our users: whoever asks it keeps it from being asked too often and
//! waited for too long, and the directory mirrors what it says ([`crate::directory::Directory::mirror`]).

use async_trait::async_trait;
use portcullis_model::{Name, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A directory of another system. One value per configured source; cheap to ask from many tasks at once.
#[async_trait]
pub trait Foreign: Send + Sync {
    /// The source's name.
    fn name(&self) -> &Name;

    /// Whether there is a copy that is asked before the truth. Without one, [`Freshness::Any`] is never asked for.
    fn has_replica(&self) -> bool {
        false
    }

    /// The people that a look-up means; two when there are two or more.
    ///
    /// # Errors
    /// The source cannot say. "There is nobody" is no error.
    async fn find(&self, wanted: &Wanted, freshness: Freshness) -> Result<Vec<Person>, Failure>;

    /// The person of this key, if the source would still find them for such a subject by what they are known by now. So
    /// somebody who was renamed is told from somebody who is gone. Asks the truth.
    ///
    /// # Errors
    /// The source cannot say; or cannot be asked by the key ([`FailureKind::Unsupported`]).
    async fn by_key(&self, wanted: &Wanted, key: &str) -> Result<Option<Person>, Failure> {
        let _ = (wanted, key);
        Err(Failure::unsupported("this source cannot be asked by the key of a person"))
    }

    /// People any of whose identifiers equals any of `forms`, at most 20; for the doctor's near misses. Asks the truth.
    ///
    /// # Errors
    /// The source cannot say.
    async fn near(&self, wanted: &Wanted, forms: &[String]) -> Result<Vec<Person>, Failure>;

    /// For synchronisation: the people changed since, page by page; all of them without `since`.
    ///
    /// # Errors
    /// The source cannot say, or cannot be synchronised ([`Failure::unsupported`]).
    async fn page(&self, since: Option<&Watermark>, cursor: Option<Cursor>) -> Result<Batch, Failure>;

    /// For `source test`: connects, signs in, and asks for somebody whom nobody is. What was found, a line each.
    ///
    /// # Errors
    /// The first thing that does not work.
    async fn probe(&self) -> Result<Vec<String>, Failure>;

    /// How far the copy is behind the truth, where that can be measured.
    ///
    /// # Errors
    /// The source cannot say.
    async fn lag(&self) -> Result<Option<Duration>, Failure> {
        Ok(None)
    }
}

/// Who is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The subject, after the issuer's normalisation.
    pub subject: String,
    /// The issuer's name in the configuration.
    pub issuer: Name,
    /// The tenant's name.
    pub tenant: Name,
}

/// How fresh an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A copy will do.
    Any,
    /// The truth: the primary, the server that is written to.
    Primary,
}

/// What a source says of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// What identifies the person there for good: a renamed person keeps it, nobody else ever gets it. 1 to 1,024 bytes.
    pub key: String,
    /// The id that the company's own systems know it by.
    pub external_id: Option<String>,
    /// Log-in name.
    pub username: Option<String>,
    /// Address.
    pub email: Option<String>,
    /// Whether somebody verified the address.
    pub email_verified: bool,
    /// For people to read.
    pub display_name: Option<String>,
    /// Anything else.
    pub attributes: BTreeMap<String, String>,
    /// The groups it is in, by the source's own names for them. Nothing where nothing is said of groups, which is not the
    /// same as being in none.
    pub groups: Option<Vec<String>>,
    /// May sign in there.
    pub active: bool,
    /// When it was last changed there, if the source says so.
    pub changed: Option<Timestamp>,
}

/// Up to where changes were seen; means something to the source only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermark(pub String);

/// Where the next page begins; means something to the source only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub Vec<u8>);

/// A page of people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// They.
    pub people: Vec<Person>,
    /// Where the next page begins; nothing behind the last.
    pub next: Option<Cursor>,
    /// With the last page: from where the next run goes on.
    pub watermark: Option<Watermark>,
    /// People of this page that cannot be read: which, and why.
    pub unreadable: Vec<(String, String)>,
}

/// A source could not say. Its text holds no secret and no URL with a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure, for metrics and the doctor.
    pub kind: FailureKind,
    /// What happened, where, and what to do when that is known.
    pub message: String,
}

/// Kinds of failure, told apart by who mends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection: address, network, name, certificate.
    Unreachable,
    /// It took too long.
    Slow,
    /// It refused our credential.
    Refused,
    /// It answered something that cannot be used: an error of the query, an answer against the schema.
    Broken,
    /// What it says of this one person cannot be used. The source itself is in order, and is not given up.
    Person,
    /// It is not asked at all: it cannot do this, or is configured so that it cannot work.
    Unsupported,
}

impl FailureKind {
    /// As metrics and the doctor say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Slow => "slow",
            Self::Refused => "refused",
            Self::Broken => "broken",
            Self::Person => "person",
            Self::Unsupported => "unsupported",
        }
    }
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// No connection.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Unreachable, message)
    }

    /// It took too long.
    pub fn slow(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Slow, message)
    }

    /// Our credential is not accepted.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, message)
    }

    /// The answer cannot be used.
    pub fn broken(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Broken, message)
    }

    /// The source cannot do this.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Unsupported, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// What the people of a source are linked under in the directory: the issuer of the identity whose subject is
/// [`Person::key`]. Configured issuers cannot be called so.
pub fn identity_of(source: &Name) -> Name {
    // A source's name has at most 100 characters, all of which a name may have; the configuration checks it.
    Name::new(&format!("source:{source}")).unwrap_or_else(|_| source.clone())
}
