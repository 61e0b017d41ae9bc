//! Everybody, or everybody who has changed, page by page (RFC 2696). The server's place in its own answer belongs to a
//! connection, so a walk keeps one of its own until it ends or is left alone for too long.

use super::connection::{Connection, Search};
use super::entry::{Entry, to_generalized_time};
use super::people::People;
use super::pool::Pool;
use super::trouble::Trouble;
use crate::sources::foreign::{Batch, Cursor, Failure, Watermark};
use ldap3::Scope;
use portcullis_model::Timestamp;
use portcullis_model::source::ldap::LdapProduct;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The walks of a source that are under way.
pub(super) struct Walks {
    page: usize,
    state: Mutex<(u64, Vec<Walk>)>,
}

struct Walk {
    id: u64,
    connection: Connection,
    filter: String,
    cookie: Vec<u8>,
    mark: Mark,
    used_at: Timestamp,
}

/// From where the next run goes on.
enum Mark {
    /// Active Directory counts changes, each server for itself: the server, and its count when the walk began.
    Count { server: String, upto: i64 },
    /// The latest time of change that was seen.
    Time(Option<Timestamp>),
}

/// Walks at a time. One more ends the oldest.
const MOST: usize = 2;
/// A walk that nobody went on with for so long is over.
const LEFT: Duration = Duration::from_secs(600);
/// To connect, and for one page.
const PATIENCE: Duration = Duration::from_secs(30);
/// Servers that take turns have clocks that differ, and changes are seen in the order in which they arrive: what was
/// changed so shortly before the last known change is read again.
const OVERLAP: Duration = Duration::from_secs(60);

impl Walks {
    pub fn new(page: usize) -> Self {
        Self { page: page.max(1), state: Mutex::default() }
    }

    /// The next page.
    pub async fn page(
        &self,
        people: &People,
        pool: &Pool,
        since: Option<&Watermark>,
        cursor: Option<Cursor>,
    ) -> Result<Batch, Failure> {
        let mut walk = match cursor {
            None => self.begin(people, pool, since).await?,
            Some(cursor) => self.take(&cursor).ok_or_else(|| {
                Failure::broken("the walk through the directory was left alone for too long; begin it again")
            })?,
        };
        let search = people.below(&walk.filter, self.page, PATIENCE);
        let found = walk.connection.page(&search, std::mem::take(&mut walk.cookie)).await?;
        walk.cookie = found.cookie;
        let now = pool.now();
        let mut batch = Batch::default();
        for entry in &found.entries {
            walk.mark.see(entry);
            match people.mapping.person(entry, now) {
                Ok(mut person) => {
                    if let Some((filter, search)) = people.groups_of(entry, &person) {
                        let names = People::names_only();
                        let search = Search { filter: &filter, attributes: &names, ..search };
                        let groups = walk.connection.search(&search).await?;
                        people.name_groups(&groups.entries, &mut person);
                    }
                    batch.people.push(person);
                }
                Err(reason) => batch.unreadable.push((entry.dn.clone(), reason)),
            }
        }
        if walk.cookie.is_empty() {
            batch.watermark = walk.mark.watermark();
        } else {
            batch.next = Some(self.keep(walk, now));
        }
        Ok(batch)
    }

    async fn begin(&self, people: &People, pool: &Pool, since: Option<&Watermark>) -> Result<Walk, Failure> {
        let mut connection = pool.beside(PATIENCE).await?;
        let mut mark = Mark::Time(None);
        if people.product == LdapProduct::ActiveDirectory
            && let Some((server, upto)) = count(&mut connection).await?
        {
            mark = Mark::Count { server, upto };
        }
        let filter = match since.and_then(|since| mark.changed_since(since)) {
            Some(changed) => format!("(&{}{changed})", people.everybody),
            None => people.everybody.clone(),
        };
        // With nothing new the mark stays where it was.
        if let (Mark::Time(latest), Some(Watermark(text))) = (&mut mark, since) {
            *latest = text.strip_prefix("time:").and_then(Timestamp::parse_rfc3339);
        }
        let used_at = pool.now();
        Ok(Walk { id: 0, connection, filter, cookie: Vec::new(), mark, used_at })
    }

    fn take(&self, cursor: &Cursor) -> Option<Walk> {
        let id = u64::from_be_bytes(cursor.0.as_slice().try_into().ok()?);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let at = state.1.iter().position(|walk| walk.id == id)?;
        Some(state.1.remove(at))
    }

    fn keep(&self, mut walk: Walk, now: Timestamp) -> Cursor {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1.retain(|other| now.since(other.used_at) < LEFT);
        if state.1.len() >= MOST {
            state.1.remove(0);
        }
        state.0 += 1;
        walk.id = state.0;
        walk.used_at = now;
        let cursor = Cursor(walk.id.to_be_bytes().to_vec());
        state.1.push(walk);
        cursor
    }
}

/// Which Active Directory server this is, and how many changes it has counted (MS-ADTS §3.1.1.3.2).
async fn count(connection: &mut Connection) -> Result<Option<(String, i64)>, Trouble> {
    let attributes = vec!["dsServiceName".to_owned(), "highestCommittedUSN".to_owned()];
    let search = Search {
        base: "",
        scope: Scope::Base,
        filter: "(objectClass=*)",
        attributes: &attributes,
        limit: 1,
        patience: PATIENCE,
    };
    let found = connection.search(&search).await?;
    Ok(found
        .entries
        .first()
        .and_then(|root| Some((root.text("dsServiceName")?.to_owned(), root.number("highestCommittedUSN")?))))
}

impl Mark {
    /// The filter of what has changed since a watermark; nothing when it is of another server or kind: everything then.
    fn changed_since(&self, Watermark(since): &Watermark) -> Option<String> {
        match self {
            Self::Count { server, .. } => {
                let (count, of) = since.strip_prefix("usn:")?.split_once(':')?;
                let count: i64 = count.parse().ok()?;
                (of == server).then(|| format!("(uSNChanged>={})", count.saturating_add(1)))
            }
            Self::Time(_) => {
                let at = Timestamp::parse_rfc3339(since.strip_prefix("time:")?)?;
                Some(format!("(modifyTimestamp>={})", to_generalized_time(at.minus(OVERLAP))))
            }
        }
    }

    fn see(&mut self, entry: &Entry) {
        if let Self::Time(latest) = self {
            let changed = entry.time("modifyTimestamp").or_else(|| entry.time("whenChanged"));
            *latest = (*latest).max(changed);
        }
    }

    fn watermark(&self) -> Option<Watermark> {
        match self {
            Self::Count { server, upto } => Some(Watermark(format!("usn:{upto}:{server}"))),
            Self::Time(latest) => latest.map(|at| Watermark(format!("time:{}", at.rfc3339()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_asked_for_as_each_product_counts_them() {
        let count = Mark::Count { server: "CN=NTDS Settings,CN=DC1".to_owned(), upto: 900 };
        let mark = count.watermark().unwrap();
        assert_eq!(mark.0, "usn:900:CN=NTDS Settings,CN=DC1");
        assert_eq!(count.changed_since(&mark).as_deref(), Some("(uSNChanged>=901)"));
        let other = Mark::Count { server: "CN=NTDS Settings,CN=DC2".to_owned(), upto: 7 };
        assert_eq!(other.changed_since(&mark), None, "each server counts for itself");
        let mut time = Mark::Time(None);
        assert_eq!(time.watermark(), None);
        time.see(&Entry::of("uid=a", &[("modifyTimestamp", b"20261122065429Z")]));
        time.see(&Entry::of("uid=b", &[("modifyTimestamp", b"20261121065429Z")]));
        let mark = time.watermark().unwrap();
        assert_eq!(time.changed_since(&mark).as_deref(), Some("(modifyTimestamp>=20261122065329Z)"));
        assert_eq!(time.changed_since(&Watermark("usn:1:x".to_owned())), None);
    }
}
