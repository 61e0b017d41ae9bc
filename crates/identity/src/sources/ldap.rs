//! People in an LDAP or Active Directory server (RFC 4511). Nothing is ever written there, and referrals are not followed.
//!
//! A value from outside is data in a filter wherever it stands ([`filter`]), a look-up finds who has exactly that value
//! unless the configuration says otherwise, and whatever a server sends ends in people or in a failure.

mod connection;
mod entry;
mod filter;
mod mapping;
mod paging;
mod people;
mod pool;
mod probe;
mod server;
mod trouble;
mod walk;

use super::foreign::{Batch, Cursor, Failure, Foreign, Freshness, Person, Wanted, Watermark};
use super::kinds::{Parts, Wrong};
use async_trait::async_trait;
use connection::{Found, Search};
use entry::Entry;
use filter::{Template, escape, guid};
use futures_util::FutureExt;
use ldap3::Scope;
use mapping::Mapping;
use people::People;
use pool::Pool;
use portcullis_fault::Secret;
use portcullis_model::source::ldap::{Ldap, LdapGroups, LdapScope};
use portcullis_model::{Name, Source, issuer};
use portcullis_net::egress::Trust;
use server::Server;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use trouble::{Kind, Trouble};
use walk::Walks;

/// A source of this kind.
pub(super) struct LdapSource {
    name: Name,
    pool: Pool,
    people: People,
    filter: Template,
    /// Attributes of which one must hold the subject byte for byte, and those that hold it as a GUID; none of both when the
    /// server's own comparison is enough.
    exact: Option<(Vec<String>, Vec<String>)>,
    timeout: Duration,
    /// To connect to one server.
    patience: Duration,
    walks: Walks,
}

/// Entries of one look-up that are read: with more, somebody else's filter is meant.
const MATCHES: usize = 20;
/// Longer texts are nobody's.
const LONGEST: usize = 1_024;
/// Names of one person that are tried.
const NAMES: usize = 8;
/// Forms of one search for near misses.
const FORMS: usize = 12;

/// Makes a source of this kind, if the configuration is of it.
pub(super) fn open(source: &Source, parts: &Parts<'_>) -> Option<Result<Arc<dyn Foreign>, Wrong>> {
    let ldap = source.ldap.as_ref()?;
    Some(compile(source, ldap, parts).map(|source| Arc::new(source) as Arc<dyn Foreign>))
}

fn compile(source: &Source, ldap: &Ldap, parts: &Parts<'_>) -> Result<LdapSource, Wrong> {
    let at = |key: &str| {
        let key = format!("ldap.{key}");
        move |reason: String| (key, reason)
    };
    let settings = issuer::Egress {
        ca_file: ldap.ca_file.clone(),
        client_certificate_file: ldap.client_certificate_file.clone(),
        client_key_file: ldap.client_key_file.clone(),
        proxy: Some("none".to_owned()),
        ..issuer::Egress::default()
    };
    let way = parts.egress.client(&settings, Trust::Operator).map_err(at("ca_file"))?;
    let servers: Result<Vec<Server>, String> =
        ldap.urls.iter().map(|url| Server::of(url, ldap, &way)).collect();
    let servers = servers.map_err(at("urls"))?;
    if servers.is_empty() {
        return Err(at("urls")("no server is named; write `urls = [\"ldaps://…\"]`".to_owned()));
    }
    let credentials = match (&ldap.bind_dn, &ldap.password) {
        (None, None) => None,
        (Some(name), Some(reference)) => {
            let bytes = parts.secrets.read(reference).map_err(at("password"))?;
            let text = String::from_utf8(bytes.expose().clone()).map_err(|_| {
                at("password")(format!("`{reference}` is not UTF-8, and so no password (RFC 4513 §5.1.3)"))
            })?;
            if text.is_empty() || name.is_empty() {
                let reason = "an empty name or password makes an anonymous bind (RFC 4513 §5.1.2); leave both out for that";
                return Err(at(if name.is_empty() { "bind_dn" } else { "password" })(reason.to_owned()));
            }
            Some((name.clone(), Secret::new(text)))
        }
        (Some(_), None) => {
            let reason = "`bind_dn` without `password` would be an anonymous bind (RFC 4513 §5.1.2)";
            return Err(at("bind_dn")(reason.to_owned()));
        }
        (None, Some(_)) => return Err(at("password")("`password` is whose? Give `bind_dn`".to_owned())),
    };
    let places = ["subject", "subject_guid", "issuer", "tenant"];
    let filter = Template::parse(&ldap.filter, &places).map_err(at("filter"))?;
    let owned = |place: &str| filter.compared_with(place).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let (compared, guids) = (owned("subject"), owned("subject_guid"));
    if compared.is_empty() && guids.is_empty() {
        if !filter.has("subject") && !filter.has("subject_guid") {
            let reason = "the filter has no `{subject}`, and would mean the same people for everybody";
            return Err(at("filter")(reason.to_owned()));
        }
        if ldap.exact {
            let reason = "with `exact`, the filter compares an attribute with the whole of `{subject}`, as in `(uid={subject})`";
            return Err(at("filter")(reason.to_owned()));
        }
    }
    Template::parse(&ldap.people, &[]).map_err(at("people"))?;
    let mapping = Mapping::of(ldap);
    let mut attributes = mapping.attributes();
    attributes.extend(
        compared.iter().chain(&guids).filter(|name| !attributes.contains(name)).cloned().collect::<Vec<_>>(),
    );
    let groups = match &ldap.groups {
        Some(LdapGroups::Search(search)) => {
            let filter = Template::parse(&search.filter, &["dn", "username"]).map_err(at("groups.filter"))?;
            Some((search.base.clone(), filter, search.name))
        }
        Some(LdapGroups::Attribute(_)) | None => None,
    };
    let count = u32::try_from(servers.len()).unwrap_or(u32::MAX);
    Ok(LdapSource {
        name: source.name.clone(),
        people: People {
            mapping,
            attributes,
            base: ldap.base.clone(),
            scope: match ldap.scope {
                LdapScope::Subtree => Scope::Subtree,
                LdapScope::One => Scope::OneLevel,
            },
            everybody: ldap.people.clone(),
            product: ldap.product,
            groups,
        },
        filter,
        exact: ldap.exact.then_some((compared, guids)),
        timeout: source.timeout.0,
        // All servers have their turn within the time of one look-up.
        patience: source.timeout.0.saturating_mul(4) / 5 / count,
        pool: Pool::new(servers, credentials, ldap.connections as usize, parts.clock.clone()),
        walks: Walks::new(ldap.page_size as usize),
    })
}

#[async_trait]
impl Foreign for LdapSource {
    fn name(&self) -> &Name {
        &self.name
    }

    async fn find(&self, wanted: &Wanted, _: Freshness) -> Result<Vec<Person>, Failure> {
        let subject = wanted.subject.as_str();
        // What no directory can hold is nobody's; an empty value would ask who has the attribute not set.
        if subject.is_empty() || subject.len() > LONGEST || subject.contains('\0') {
            return Ok(Vec::new());
        }
        // A subject that is no GUID is no object's.
        let Some(filter) = self.filled(wanted, subject) else { return Ok(Vec::new()) };
        let mut found = self.search(&self.people.below(&filter, MATCHES, self.search_patience())).await?;
        if let Some((attributes, guids)) = &self.exact {
            let bytes = guid(subject);
            found.entries.retain(|entry| {
                attributes.iter().any(|name| entry.holds(name, subject))
                    || bytes.is_some_and(|bytes| {
                        guids.iter().any(|name| entry.values(name).iter().any(|value| *value == bytes))
                    })
            });
        }
        if found.more && found.entries.len() < 2 {
            return Err(Failure::broken(format!(
                "more than {MATCHES} entries match `filter`; it has to find one person by a subject"
            )));
        }
        let mut people = Vec::new();
        for entry in found.entries.iter().take(2) {
            let mut person = self
                .people
                .mapping
                .person(entry, self.pool.now())
                .map_err(|reason| Failure::broken(format!("`{}`: {reason}", entry.dn)))?;
            self.add_groups(entry, &mut person).await?;
            people.push(person);
        }
        Ok(people)
    }

    async fn by_key(&self, wanted: &Wanted, key: &str) -> Result<Option<Person>, Failure> {
        let Some(keyed) = self.people.of_key(key) else { return Ok(None) };
        let found = self.search(&self.people.below(&keyed, MATCHES, self.search_patience())).await?;
        let now = self.pool.now();
        for entry in &found.entries {
            let person = self.people.mapping.person(entry, now);
            let mut person = person.map_err(|reason| Failure::broken(format!("`{}`: {reason}", entry.dn)))?;
            if person.key != key {
                continue;
            }
            // Whom `filter` leaves out, by whatever else it asks of people, is none of the source's.
            if let Some(filter) = self.filter_now(wanted, entry) {
                let both = format!("(&{keyed}(|{filter}))");
                let search = self.people.below(&both, 1, self.search_patience());
                if filter.is_empty() || self.search(&search).await?.entries.is_empty() {
                    return Ok(None);
                }
            }
            self.add_groups(entry, &mut person).await?;
            return Ok(Some(person));
        }
        Ok(None)
    }

    async fn near(&self, _: &Wanted, forms: &[String]) -> Result<Vec<Person>, Failure> {
        let Some(filter) = self.people.near(forms.iter().take(FORMS).map(String::as_str)) else {
            return Ok(Vec::new());
        };
        let found = self.search(&self.people.below(&filter, MATCHES, self.search_patience())).await?;
        let now = self.pool.now();
        Ok(found.entries.iter().filter_map(|entry| self.people.mapping.person(entry, now).ok()).collect())
    }

    async fn page(&self, since: Option<&Watermark>, cursor: Option<Cursor>) -> Result<Batch, Failure> {
        let (people, pool) = (&self.people, &self.pool);
        let page = AssertUnwindSafe(self.walks.page(people, pool, since, cursor)).catch_unwind().await;
        page.unwrap_or_else(|_| Err(nonsense()))
    }

    async fn probe(&self) -> Result<Vec<String>, Failure> {
        let probed = AssertUnwindSafe(probe::run(self)).catch_unwind().await;
        probed.unwrap_or_else(|_| Err(nonsense()))
    }
}

impl LdapSource {
    /// The filter of a look-up; nothing when the subject cannot be what it is compared with.
    fn filled(&self, wanted: &Wanted, subject: &str) -> Option<String> {
        self.filter.fill(|place| match place {
            "subject" => Some(escape(subject.as_bytes())),
            "subject_guid" => guid(subject).map(|bytes| escape(&bytes)),
            "issuer" => Some(escape(wanted.issuer.as_str().as_bytes())),
            _ => Some(escape(wanted.tenant.as_str().as_bytes())),
        })
    }

    /// The filter as it would find this entry by what it is called now, once for each name: empty when it has none. Nothing
    /// where the filter does not say what a subject is compared with.
    fn filter_now(&self, wanted: &Wanted, entry: &Entry) -> Option<String> {
        let (names, guids) =
            (self.filter.compared_with("subject"), self.filter.compared_with("subject_guid"));
        if names.is_empty() && guids.is_empty() {
            return None;
        }
        let texts = names.into_iter().flat_map(|name| entry.texts(name)).map(str::to_owned);
        let ids = guids.into_iter().flat_map(|name| entry.values(name)).filter_map(|value| {
            let bytes = <[u8; 16]>::try_from(value.as_slice()).ok()?;
            Some(uuid::Uuid::from_bytes_le(bytes).to_string())
        });
        Some(texts.chain(ids).take(NAMES).filter_map(|subject| self.filled(wanted, &subject)).collect())
    }

    /// For one search of a look-up; less than the whole, so that a server that hangs is noticed here.
    fn search_patience(&self) -> Duration {
        self.timeout.saturating_mul(4) / 5
    }

    /// Searches on a connection of the pool; on another one when the first turns out to be broken.
    async fn search(&self, search: &Search<'_>) -> Result<Found, Failure> {
        let mut taken = self.pool.take(self.patience).await?;
        let mut again = true;
        loop {
            let Some(connection) = taken.connection() else { return Err(nonsense()) };
            let server = connection.server.clone();
            // The driver trusts servers more than we do.
            let outcome = AssertUnwindSafe(connection.search(search)).catch_unwind().await;
            let trouble = match outcome {
                Ok(Ok(found)) => {
                    taken.back(self.pool.now());
                    return Ok(found);
                }
                Ok(Err(trouble)) => trouble,
                Err(_) => return Err(nonsense()),
            };
            let retry = match trouble.kind {
                // It was closed while nobody used it.
                Kind::Broken => true,
                Kind::Server | Kind::Slow => {
                    self.pool.failed(&server);
                    trouble.kind == Kind::Server
                }
                Kind::Question | Kind::Refused => {
                    taken.back(self.pool.now());
                    return Err(trouble.into());
                }
            };
            // Its room is given back before another is asked for.
            drop(taken);
            if !retry || !again {
                return Err(trouble.into());
            }
            again = false;
            taken = self.pool.fresh(self.patience).await?;
        }
    }

    /// Adds the groups of a person that have to be searched for.
    async fn add_groups(&self, entry: &Entry, person: &mut Person) -> Result<(), Failure> {
        let Some((filter, search)) = self.people.groups_of(entry, person) else { return Ok(()) };
        let names = People::names_only();
        let found = self
            .search(&Search {
                filter: &filter,
                attributes: &names,
                patience: self.search_patience(),
                ..search
            })
            .await?;
        self.people.name_groups(&found.entries, person);
        Ok(())
    }
}

fn nonsense() -> Failure {
    Trouble::new(
        Kind::Broken,
        "the LDAP server sent something that is no LDAP; see whether the port is right",
    )
    .into()
}
