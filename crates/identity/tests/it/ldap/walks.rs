//! Everybody, page by page, and what has changed since.

use super::slapd::{BASE, Slapd, person};
use super::{plain, source};
use portcullis_identity::sources::foreign::{Batch, Cursor, Foreign, Watermark};
use serde_json::json;
use std::sync::Arc;

/// Walks to the end: names in order, how many pages, and the watermark.
async fn walk(
    source: &Arc<dyn Foreign>,
    since: Option<&Watermark>,
) -> (Vec<String>, usize, Option<Watermark>) {
    let (mut names, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let batch: Batch = source.page(since, cursor).await.unwrap();
        assert!(batch.unreadable.is_empty(), "{:?}", batch.unreadable);
        names.extend(batch.people.into_iter().filter_map(|person| person.username));
        pages += 1;
        cursor = batch.next;
        if cursor.is_none() {
            names.sort();
            return (names, pages, batch.watermark);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_read_in_pages_and_changes_are_read_alone() {
    let crowd: Vec<String> = (0..1_203).map(|n| person(&format!("p{n:04}"), "")).collect();
    // Its own limit, 500, is for all pages together.
    let limits = "limits dn.exact=cn=reader,dc=example,dc=org size.prtotal=unlimited\n";
    let Some(server) = Slapd::start_with(limits, &crowd.join("\n")) else { return };
    let source = plain(&server, json!({ "page_size": 100 }));
    let (names, pages, mark) = walk(&source, None).await;
    assert_eq!((names.len(), pages), (1_203, 13));
    assert_eq!((names[0].as_str(), names[1_202].as_str()), ("p0000", "p1202"));
    let mark = mark.unwrap();

    // Times have whole seconds and overlap, so what was loaded a moment ago is among the changes; what is older is not.
    let later = Watermark(mark.0.replace("time:20", "time:21"));
    let (nobody, _, same) = walk(&source, Some(&later)).await;
    assert_eq!(nobody, [""; 0]);
    assert_eq!(same.as_ref(), Some(&later), "with nothing new the mark stays");
    server.modify(&format!("dn: uid=p0007,ou=people,{BASE}\nchangetype: modify\nreplace: sn\nsn: Bond\n"));
    let (changed, _, next) = walk(&source, Some(&mark)).await;
    assert!(changed.contains(&"p0007".to_owned()), "{changed:?}");
    assert!(next.unwrap().0 >= mark.0);
    // A mark of another kind of server is none.
    let (all, ..) = walk(&source, Some(&Watermark("usn:5:CN=DC1".to_owned()))).await;
    assert_eq!(all.len(), 1_203);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_read_on_the_way() {
    let ldif = format!(
        "{}\n{}\ndn: cn=dev,ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: dev\nmember: uid=ada,ou=people,{BASE}\n",
        person("ada", ""),
        person("grace", "")
    );
    let Some(server) = Slapd::start(&ldif) else { return };
    let groups = json!({ "base": format!("ou=groups,{BASE}"), "filter": "(member={dn})" });
    let source = plain(&server, json!({ "groups": groups, "page_size": 1 }));
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let batch = source.page(None, cursor).await.unwrap();
        all.extend(batch.people.into_iter().map(|person| (person.username.unwrap(), person.groups.unwrap())));
        cursor = batch.next;
        if cursor.is_none() {
            break;
        }
    }
    all.sort();
    assert_eq!(all, [("ada".to_owned(), vec!["dev".to_owned()]), ("grace".to_owned(), vec![])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_that_is_broken_off_is_begun_again() {
    let crowd: Vec<String> = (0..30).map(|n| person(&format!("p{n}"), "")).collect();
    let Some(mut server) = Slapd::start(&crowd.join("\n")) else { return };
    let source = plain(&server, json!({ "page_size": 10 }));
    let first = source.page(None, None).await.unwrap();
    server.stop();
    let failure = source.page(None, first.next.clone()).await.unwrap_err();
    assert!(failure.message.contains("broke"), "{failure}");
    let failure = source.page(None, first.next).await.unwrap_err();
    assert!(failure.message.contains("begin it again"), "{failure}");
    for nonsense in [vec![], vec![0; 8], vec![1; 9]] {
        assert!(source.page(None, Some(Cursor(nonsense))).await.is_err());
    }
    assert!(server.run_here());
    assert_eq!(walk(&source, None).await.0.len(), 30);
    // More walks at once than are kept: the oldest is over, the others go on.
    let mut cursors = Vec::new();
    for _ in 0..3 {
        cursors.push(source.page(None, None).await.unwrap().next);
    }
    assert!(source.page(None, cursors.remove(0)).await.is_err());
    assert!(source.page(None, cursors.remove(0)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_read_is_named_and_the_others_are_read() {
    let ldif = format!("{}\n{}", person("ada", "employeeNumber: 1"), person("keyless", ""));
    let Some(server) = Slapd::start(&ldif) else { return };
    let urls = [format!("ldap://127.0.0.1:{}", server.plain)];
    let source = source(&urls, json!({ "attributes": { "key": "employeeNumber" } })).unwrap();
    let batch = source.page(None, None).await.unwrap();
    assert_eq!(batch.people.len(), 1);
    let (who, why) = &batch.unreadable[0];
    assert!(who.starts_with("uid=keyless") && why.contains("`employeeNumber`"), "{who}: {why}");
}
