//! Lists, a page at a time: `after` is the id of the last entry of the page before.

use crate::answer::{Refused, invalid};
use portcullis_store as store;
use serde::Serialize;
use uuid::Uuid;

/// How many entries a page has when nobody says.
pub const DEFAULT_LIMIT: u32 = 100;

/// How many a page has at most.
pub const MAX_LIMIT: u32 = 500;

/// One page of a list.
#[derive(Debug, Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The entries, in the order of the list.
    pub items: Vec<T>,
    /// Pass as `after` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Uuid>,
}

impl<T> Page<T> {
    /// The page of `entries`, which were asked for as one more than `limit` so that the end is known.
    pub fn of<E>(mut entries: Vec<E>, limit: u32, id: impl Fn(&E) -> Uuid, show: impl Fn(E) -> T) -> Self {
        let limit = limit as usize;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = if more { entries.last().map(id) } else { None };
        Self { items: entries.into_iter().map(show).collect(), next }
    }
}

/// The limit that was asked for, within its bounds.
pub fn limit(asked: Option<u32>) -> Result<u32, Refused> {
    match asked {
        None => Ok(DEFAULT_LIMIT),
        Some(n) if (1..=MAX_LIMIT).contains(&n) => Ok(n),
        Some(n) => Err(invalid(format!("query: `limit` is 1 to {MAX_LIMIT}, not `{n}`"))),
    }
}

/// What to ask the store for: one entry more than is shown, so that the end is known.
pub fn asked(after: Option<Uuid>, limit: u32) -> store::Page {
    store::Page { after, limit: limit + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_known() {
        let ids: Vec<Uuid> = (0..3).map(Uuid::from_u128).collect();
        let page = Page::of(ids.clone(), 2, |id| *id, |id| id);
        assert_eq!((page.items.len(), page.next), (2, Some(ids[1])));
        let page = Page::of(ids, 3, |id| *id, |id| id);
        assert_eq!((page.items.len(), page.next), (3, None));
        assert!(limit(Some(0)).is_err() && limit(Some(501)).is_err() && limit(None).is_ok());
    }
}
