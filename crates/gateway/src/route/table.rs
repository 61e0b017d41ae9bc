//! (host, path) → what is served there: a table for each host and one for any host, longest prefix first.

use std::collections::HashMap;

/// Routes to `R`. A look-up costs one hash per segment of the path and allocates nothing.
#[derive(Debug)]
pub(crate) struct Table<R> {
    hosts: HashMap<Box<str>, Prefixes<R>>,
    any: Prefixes<R>,
}

#[derive(Debug)]
struct Prefixes<R> {
    routes: HashMap<Box<str>, R>,
    /// The longest prefix, in bytes: paths are not probed beyond it.
    longest: usize,
}

/// Two routes at one (host, path): what was there first.
#[derive(Debug)]
pub(crate) struct Conflict<'a, R>(pub(crate) &'a R);

impl<R> Default for Prefixes<R> {
    fn default() -> Self {
        Self { routes: HashMap::new(), longest: 0 }
    }
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self { hosts: HashMap::new(), any: Prefixes::default() }
    }
}

impl<R> Table<R> {
    /// Adds a route. `host` is in the form of [`super::host_of`]; `path` is `/` or has no final slash.
    pub(crate) fn insert(&mut self, host: Option<&str>, path: &str, route: R) -> Result<(), Conflict<'_, R>> {
        let prefixes = match host {
            Some(host) => self.hosts.entry(host.into()).or_default(),
            None => &mut self.any,
        };
        prefixes.longest = prefixes.longest.max(path.len());
        match prefixes.routes.entry(path.into()) {
            std::collections::hash_map::Entry::Occupied(there) => Err(Conflict(there.into_mut())),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(route);
                Ok(())
            }
        }
    }

    /// The route with the longest prefix of `path` by whole segments; the host's own routes come before those of any host.
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<&R> {
        let own = if self.hosts.is_empty() { None } else { self.hosts.get(host) };
        own.and_then(|prefixes| prefixes.find(path)).or_else(|| self.any.find(path))
    }

    /// All routes, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &R> {
        self.hosts.values().chain([&self.any]).flat_map(|prefixes| prefixes.routes.values())
    }
}

impl<R> Prefixes<R> {
    fn find(&self, path: &str) -> Option<&R> {
        let mut end = path.len();
        loop {
            if end <= self.longest {
                let prefix = if end == 0 { "/" } else { &path[..end] };
                if let Some(route) = self.routes.get(prefix) {
                    return Some(route);
                }
            }
            if end == 0 {
                return None;
            }
            // The next shorter prefix ends before the last slash; `/orders/` and `/orders` are the same prefix.
            end = path[..end].rfind('/')?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(routes: &[(Option<&str>, &str)]) -> Table<String> {
        let mut table = Table::default();
        for (host, path) in routes {
            table.insert(*host, path, format!("{}{path}", host.unwrap_or("*"))).unwrap();
        }
        table
    }

    #[test]
    fn longest_by_whole_segments() {
        let table =
            table(&[(None, "/orders"), (None, "/orders/eu"), (None, "/v1"), (Some("a.example"), "/orders")]);
        let find = |host, path| table.find(host, path).map(String::as_str);
        assert_eq!(find("", "/orders"), Some("*/orders"));
        assert_eq!(find("", "/orders/"), Some("*/orders"));
        assert_eq!(find("", "/orders/7/items"), Some("*/orders"));
        assert_eq!(find("", "/orders/eu/7"), Some("*/orders/eu"));
        assert_eq!(find("", "/orders/europe"), Some("*/orders"));
        assert_eq!(find("", "/orders2"), None);
        assert_eq!(find("", "/Orders"), None);
        assert_eq!(find("", "/"), None);
        assert_eq!(find("a.example", "/orders/eu"), Some("a.example/orders"));
        assert_eq!(find("a.example", "/v1/models"), Some("*/v1"));
    }

    #[test]
    fn a_root_serves_the_rest() {
        let table = table(&[(None, "/"), (None, "/a/b")]);
        assert_eq!(table.find("", "/").unwrap(), "*/");
        assert_eq!(table.find("", "/x/y").unwrap(), "*/");
        assert_eq!(table.find("", "/a").unwrap(), "*/");
        assert_eq!(table.find("", "/a/b/c").unwrap(), "*/a/b");
    }

    #[test]
    fn two_at_one_place_are_told() {
        let mut table = table(&[(None, "/a")]);
        let Conflict(first) = table.insert(None, "/a", "second".to_owned()).unwrap_err();
        assert_eq!(first, "*/a");
    }

    proptest! {
        #[test]
        fn as_a_plain_search_would(paths in proptest::collection::btree_set("(/[ab]{1,2}){1,3}", 0..8), call in "(/[ab]{1,2}){1,4}/?") {
            let mut table = Table::default();
            for path in &paths {
                table.insert(None, path, path.clone()).unwrap();
            }
            let expected = paths.iter().filter(|p| call == **p || call.starts_with(&format!("{p}/"))).max_by_key(|p| p.len());
            prop_assert_eq!(table.find("", &call), expected);
        }
    }
}
