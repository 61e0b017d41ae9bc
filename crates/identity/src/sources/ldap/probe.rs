//! `source test`: every server by itself, from the certificate to a person that can be read.

use super::LdapSource;
use super::connection::{Connection, Search};
use super::entry::Entry;
use super::filter::escape;
use super::trouble::Trouble;
use crate::sources::foreign::Failure;
use ldap3::Scope;
use std::time::Duration;

/// For each step: nobody waits for an answer but whoever asked for the test.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nobody is called so.
const NOBODY: &str = "portcullis-probe-nobody-00000000-0000-0000-0000-000000000000";

/// Tries every server. An error says what did not work at each of them.
pub(super) async fn run(source: &LdapSource) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    let mut troubles: Vec<Trouble> = Vec::new();
    for (server, opened) in source.pool.each(PATIENCE).await {
        let tried = match opened {
            Ok(mut connection) => one(source, &server, &mut connection, &mut lines).await,
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = tried {
            troubles.push(trouble);
        }
    }
    let Some(first) = troubles.first().cloned() else { return Ok(lines) };
    let text = troubles.iter().map(|trouble| trouble.text.as_str()).collect::<Vec<_>>().join("; ");
    Err(Trouble::new(first.kind, text).into())
}

async fn one(
    source: &LdapSource,
    server: &str,
    connection: &mut Connection,
    lines: &mut Vec<String>,
) -> Result<(), Trouble> {
    lines.push(format!("{server}: connected"));
    let people = &source.people;
    let about = ["vendorName", "vendorVersion", "dnsHostName", "namingContexts"].map(str::to_owned);
    let root = Search {
        base: "",
        scope: Scope::Base,
        filter: "(objectClass=*)",
        attributes: &about,
        limit: 1,
        patience: PATIENCE,
    };
    // Some servers hide what they are; that is no trouble.
    if let Ok(found) = connection.search(&root).await
        && let Some(entry) = found.entries.first()
    {
        lines.extend(about_server(server, entry));
    }
    let mapping = &people.mapping;
    let nobody = source.filter.fill(|place| match place {
        "subject_guid" => Some(escape(&[0; 16])),
        _ => Some(escape(NOBODY.as_bytes())),
    });
    if let Some(filter) = nobody {
        let found = connection.search(&people.below(&filter, 1, PATIENCE)).await?;
        match found.entries.first() {
            None => lines.push(format!("{server}: `filter` finds nobody for a subject that nobody has, as it should")),
            Some(entry) => lines.push(format!(
                "{server}: `filter` finds `{}` for a subject that nobody has: it does not depend on the subject",
                entry.dn
            )),
        }
    }
    let found = connection.page(&people.below(&people.everybody, 5, PATIENCE), Vec::new()).await?;
    let now = source.pool.now();
    match found.entries.first().map(|entry| (entry, mapping.person(entry, now))) {
        None => lines.push(format!(
            "{server}: `people` finds nobody below `{}`; look at `base`, `people`, and what `bind_dn` may see",
            people.base
        )),
        Some((entry, Ok(person))) => {
            let state = if person.active { "active" } else { "disabled" };
            lines.push(format!(
                "{server}: people can be read, as `{}`: key `{}`, user name {}, {state}, {}",
                entry.dn,
                person.key,
                person.username.as_deref().map_or_else(|| "none".to_owned(), |name| format!("`{name}`")),
                person.groups.map_or_else(
                    || "no word of groups".to_owned(),
                    |groups| format!("{} groups", groups.len())
                )
            ));
        }
        Some((entry, Err(reason))) => lines.push(format!("{server}: `{}` cannot be taken: {reason}", entry.dn)),
    }
    if found.referrals > 0 {
        lines.push(format!("{server}: {} referrals to other servers are not followed", found.referrals));
    }
    Ok(())
}

fn about_server(server: &str, root: &Entry) -> Vec<String> {
    let mut lines = Vec::new();
    let vendor: Vec<&str> = ["vendorName", "vendorVersion", "dnsHostName"]
        .into_iter()
        .filter_map(|name| root.text(name))
        .collect();
    if !vendor.is_empty() {
        lines.push(format!("{server}: it says that it is {}", vendor.join(", ")));
    }
    let contexts: Vec<String> = root.texts("namingContexts").map(|name| format!("`{name}`")).collect();
    if !contexts.is_empty() {
        lines.push(format!("{server}: it holds {}", contexts.join(", ")));
    }
    lines
}
