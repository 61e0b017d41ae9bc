//! The LDAP source against a real OpenLDAP server.

#[path = "../../../store/tests/contract/port.rs"]
mod port;
#[path = "ldap/samba.rs"]
mod samba;
#[path = "ldap/slapd.rs"]
mod slapd;
#[path = "ldap/trouble.rs"]
mod trouble;
#[path = "ldap/walks.rs"]
mod walks;

use port::free_port;
use portcullis_fault::Secret;
use portcullis_identity::sources::foreign::{Failure, Foreign, Freshness, Person, Wanted};
use portcullis_identity::sources::kinds::{Parts, Wrong, open};
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::{Clock, Name, SecretRef, Source, SystemClock};
use portcullis_net::egress::{Egress, ProxyEnvironment};
use serde_json::{Value, json};
use slapd::{BASE, PASSWORD, READER, Slapd, person};
use std::sync::Arc;

/// Secrets that are what the reference is called, but for one that is empty.
struct Given;

impl SecretSource for Given {
    fn read(&self, reference: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
        match reference {
            SecretRef::Env(name) if name == "PASSWORD" => Ok(Secret::new(PASSWORD.as_bytes().to_vec())),
            SecretRef::Env(name) if name == "EMPTY" => Ok(Secret::new(Vec::new())),
            SecretRef::Env(name) if name == "BINARY" => Ok(Secret::new(vec![0xff, 0xfe])),
            other => Ok(Secret::new(other.to_string().into_bytes())),
        }
    }
}

/// A source at these servers; `more` is laid over what is needed.
fn source(urls: &[String], more: Value) -> Result<Arc<dyn Foreign>, Wrong> {
    at_time(urls, more, Arc::new(SystemClock))
}

fn at_time(urls: &[String], more: Value, clock: Arc<dyn Clock>) -> Result<Arc<dyn Foreign>, Wrong> {
    let mut ldap = json!({
        "urls": urls,
        "bind_dn": READER,
        "password": "env:PASSWORD",
        "base": format!("ou=people,{BASE}"),
        "filter": "(&(objectClass=person)(uid={subject}))",
    });
    for (key, value) in more.as_object().unwrap() {
        ldap[key] = value.clone();
        if value.is_null() {
            ldap.as_object_mut().unwrap().remove(key);
        }
    }
    let source: Source =
        serde_json::from_value(json!({ "name": "corp", "tenant": "acme", "timeout": "10s", "ldap": ldap }))
            .unwrap();
    let egress = Egress::new(clock.clone(), ProxyEnvironment::default());
    open(&source, &Parts { egress: &egress, secrets: &Given, clock: &clock })
}

fn plain(server: &Slapd, more: Value) -> Arc<dyn Foreign> {
    source(&[format!("ldap://127.0.0.1:{}", server.plain)], more).unwrap()
}

fn wanted(subject: &str) -> Wanted {
    let name = |text: &str| Name::new(text).unwrap();
    Wanted { subject: subject.to_owned(), issuer: name("corp-idp"), tenant: name("acme") }
}

async fn find(source: &Arc<dyn Foreign>, subject: &str) -> Result<Vec<Person>, Failure> {
    source.find(&wanted(subject), Freshness::Primary).await
}

async fn names(source: &Arc<dyn Foreign>, subject: &str) -> Vec<String> {
    find(source, subject).await.unwrap().into_iter().filter_map(|person| person.username).collect()
}

async fn groups(source: &Arc<dyn Foreign>, subject: &str) -> Vec<String> {
    find(source, subject).await.unwrap().remove(0).groups.unwrap()
}

fn people() -> String {
    [
        person("ada", "employeeNumber: 7\nroomNumber: 12"),
        person("grace", ""),
        person("o'brien (x*)", ""),
        format!(
            "dn: cn=developers,ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: developers\nmember: uid=ada,ou=people,{BASE}\n\n\
             dn: cn=on\\2Ccall,ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: on,call\nmember: uid=ada,ou=people,{BASE}\nmember: uid=grace,ou=people,{BASE}\n"
        ),
    ]
    .join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_finds_who_has_it_exactly() {
    let Some(server) = Slapd::start(&people()) else { return };
    let exact = plain(
        &server,
        json!({ "attributes": { "external_id": "employeeNumber", "extra": { "room": "roomNumber" } } }),
    );
    let found = find(&exact, "ada").await.unwrap();
    let [ada] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(ada.key.len(), 36, "entryUUID: {}", ada.key);
    assert_eq!(ada.username.as_deref(), Some("ada"));
    assert_eq!(ada.email.as_deref(), Some("ada@example.org"));
    assert_eq!(ada.display_name.as_deref(), Some("ada Example"));
    assert_eq!(ada.external_id.as_deref(), Some("7"));
    assert_eq!(ada.attributes["room"], "12");
    assert!(ada.active && ada.changed.is_some() && !ada.email_verified);
    assert_eq!(names(&exact, "o'brien (x*)").await, ["o'brien (x*)"]);
    // The server compares names without regard to case and spaces; a subject is one or it is not.
    for other in ["ADA", " ada", "ada ", "A da"] {
        assert!(find(&exact, other).await.unwrap().is_empty(), "{other}");
    }
    let loose = plain(&server, json!({ "exact": false }));
    assert_eq!(names(&loose, "ADA").await, ["ada"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_is_never_a_part_of_the_filter() {
    let Some(server) = Slapd::start(&people()) else { return };
    for exact in [true, false] {
        let source = plain(&server, json!({ "exact": exact }));
        for attack in [
            "*",
            "a*",
            "ada)(objectClass=*",
            "*)(uid=*))(|(uid=*",
            "ada)(|(uid=*",
            "\\2a",
            "\\61da",
            "\0",
            "ada\0",
            "",
            "ada\u{0}\u{fffd}",
            "(uid=ada)",
            &"a".repeat(100_000),
        ] {
            let found = find(&source, attack).await.unwrap();
            assert!(found.is_empty(), "{attack:.40} finds {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_those_that_the_entry_names_or_that_a_search_finds() {
    let Some(server) = Slapd::start(&people()) else { return };
    // The overlay writes `memberOf` when a group changes, not when it is loaded.
    server.modify(&format!(
        "dn: cn=developers,ou=groups,{BASE}\nchangetype: modify\nadd: member\nmember: uid=grace,ou=people,{BASE}\n"
    ));
    let by_search = json!({ "base": format!("ou=groups,{BASE}"), "filter": "(&(objectClass=groupOfNames)(member={dn}))" });
    let source = plain(&server, json!({ "groups": by_search }));
    assert_eq!(groups(&source, "ada").await, ["developers", "on,call"]);
    assert_eq!(groups(&source, "o'brien (x*)").await, [""; 0]);
    let source = plain(&server, json!({ "groups": { "attribute": "memberOf" } }));
    assert_eq!(groups(&source, "grace").await, ["developers"]);
    let source = plain(&server, json!({ "groups": { "attribute": "memberOf", "name": "dn" } }));
    assert_eq!(groups(&source, "grace").await, [format!("cn=developers,ou=groups,{BASE}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_locked_is_inactive_and_who_is_renamed_keeps_the_key() {
    let Some(server) = Slapd::start(&people()) else { return };
    let source = plain(&server, json!({}));
    let before = find(&source, "ada").await.unwrap();
    assert!(before[0].active);
    server.modify(&format!(
        "dn: uid=ada,ou=people,{BASE}\nchangetype: modify\nadd: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n"
    ));
    assert!(!find(&source, "ada").await.unwrap()[0].active);
    server.modify(&format!(
        "dn: uid=ada,ou=people,{BASE}\nchangetype: modrdn\nnewrdn: uid=lovelace\ndeleteoldrdn: 1\n"
    ));
    assert!(find(&source, "ada").await.unwrap().is_empty());
    let after = find(&source, "lovelace").await.unwrap();
    assert_eq!(after[0].key, before[0].key);
    let by_key = plain(&server, json!({ "filter": "(entryUUID={subject})" }));
    assert_eq!(names(&by_key, &before[0].key).await, ["lovelace"]);
    assert!(find(&by_key, "not a uuid").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_renamed_is_there_under_the_key_and_who_is_gone_is_not() {
    let Some(server) = Slapd::start(&people()) else { return };
    let by_search = json!({ "base": format!("ou=groups,{BASE}"), "filter": "(member={dn})" });
    let source = plain(&server, json!({ "groups": by_search }));
    let (ada, grace) =
        (find(&source, "ada").await.unwrap().remove(0), find(&source, "grace").await.unwrap().remove(0));
    assert_eq!(source.by_key(&wanted("ada"), &ada.key).await.unwrap().as_ref(), Some(&ada));
    server.modify(&format!(
        "dn: uid=ada,ou=people,{BASE}\nchangetype: modrdn\nnewrdn: uid=lovelace\ndeleteoldrdn: 1\n"
    ));
    let kept = source.by_key(&wanted("ada"), &ada.key).await.unwrap().unwrap();
    assert_eq!((kept.username.as_deref(), kept.key), (Some("lovelace"), ada.key.clone()));
    // Whom the filter leaves out is none of the source's, however it would call them.
    let narrow = |filter: &str| plain(&server, json!({ "filter": filter }));
    for (filter, there) in [
        ("(&(objectClass=person)(mail={subject}))", true),
        ("(|(uid={subject})(entryUUID={subject}))", true),
        ("(&(uid={subject})(sn=Example))", true),
        ("(&(uid={subject})(sn=Bond))", false),
        ("(&(roomNumber={subject})(objectClass=person))", true),
        ("(employeeType={subject})", false),
    ] {
        let kept = narrow(filter).by_key(&wanted("ada"), &ada.key).await.unwrap();
        assert_eq!(kept.is_some(), there, "{filter}");
    }
    let loose = plain(&server, json!({ "filter": "(|(uid={subject}*)(sn=Example))", "exact": false }));
    assert!(loose.by_key(&wanted("ada"), &ada.key).await.unwrap().is_some());
    server.modify(&format!("dn: uid=grace,ou=people,{BASE}\nchangetype: delete\n"));
    assert!(source.by_key(&wanted("grace"), &grace.key).await.unwrap().is_none());
    for nobody in ["", "*", "no uuid", "00000000-0000-0000-0000-000000000000", "\0"] {
        assert!(source.by_key(&wanted("x"), nobody).await.unwrap().is_none(), "{nobody}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_with_one_subject_are_two_and_too_many_are_a_failure() {
    let many: String = (0..30)
        .map(|n| person(&format!("p{n}"), "employeeType: temp\nroomNumber: 1"))
        .collect::<Vec<_>>()
        .join("\n");
    let Some(server) = Slapd::start(&format!("{many}\n{}", person("x", "roomNumber: 2\n")).to_string())
    else {
        return;
    };
    server.modify(&format!(
        "dn: uid=p1,ou=people,{BASE}\nchangetype: modify\nadd: roomNumber\nroomNumber: 2\n"
    ));
    let source = plain(&server, json!({ "filter": "(roomNumber={subject})" }));
    assert_eq!(find(&source, "2").await.unwrap().len(), 2);
    assert_eq!(find(&source, "1").await.unwrap().len(), 2, "two are as good as thirty");
    let loose = plain(&server, json!({ "filter": "(employeeType={subject}*)", "exact": false }));
    assert_eq!(find(&loose, "te").await.unwrap().len(), 2);
    let failure = plain(&server, json!({ "filter": "(|(employeeType=temp)(uid={subject}))" }));
    let failure = find(&failure, "nobody").await.unwrap_err();
    assert!(failure.message.contains("more than 20 entries"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn near_misses_are_exact_values_of_everything_a_person_is_known_by() {
    let Some(server) = Slapd::start(&people()) else { return };
    let source = plain(&server, json!({ "attributes": { "external_id": "employeeNumber" } }));
    let near = async |forms: &[&str]| {
        let forms: Vec<String> = forms.iter().map(|form| (*form).to_owned()).collect();
        let found = source.near(&wanted("x"), &forms).await.unwrap();
        found.into_iter().filter_map(|person| person.username).collect::<Vec<_>>()
    };
    assert_eq!(near(&["ada@example.org"]).await, ["ada"]);
    assert_eq!(near(&["7"]).await, ["ada"]);
    let mut both = near(&["ADA", "grace@example.org"]).await;
    both.sort();
    assert_eq!(both, ["ada", "grace"]);
    assert!(near(&["*", "a*", ")(uid=*", ""]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_says_what_it_found() {
    let Some(server) = Slapd::start(&people()) else { return };
    let lines =
        plain(&server, json!({ "groups": { "attribute": "memberOf" } })).probe().await.unwrap().join("\n");
    for part in ["connected", &format!("it holds `{BASE}`"), "finds nobody", "people can be read", "active"] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
    assert!(!lines.contains(PASSWORD));
    let lines = plain(&server, json!({ "people": "(objectClass=device)" })).probe().await.unwrap().join("\n");
    assert!(lines.contains("`people` finds nobody below"), "{lines}");
    let lines =
        plain(&server, json!({ "attributes": { "key": "description" } })).probe().await.unwrap().join("\n");
    assert!(lines.contains("cannot be taken") && lines.contains("`description`"), "{lines}");
}
