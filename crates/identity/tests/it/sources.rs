//! Subjects that are looked up in a user source: every outcome, against a service on a loopback port that answers as it is
//! told.

mod sql;

use crate::fixture::{SECRET, World, actor, authenticate_with, claims, hmac_issuer, hmac_key, name, sign};
use portcullis_fault::{Fault, codes};
use portcullis_identity::directory::NewTeam;
use portcullis_identity::{Effects, Identity};
use portcullis_model::issuer::SubjectRule;
use portcullis_model::source::{Breaker, HttpByKey, HttpMethod, HttpSource, Source, Sync};
use portcullis_model::team::{MembershipSource, TeamOrigin};
use portcullis_model::{ByteSize, Issuer, Name, Principal, SecretRef, Span, Specification, User, UserStatus};
use portcullis_store::entity::users::Lookup;
use portcullis_store::entity::{identities, memberships, users};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// A service that knows people.
struct Service {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// By login; or a whole answer under `*`.
    people: Mutex<BTreeMap<String, String>>,
    asked: AtomicUsize,
    heads: Mutex<Vec<String>>,
    gate: Mutex<Option<Arc<Semaphore>>>,
}

impl Service {
    async fn new() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), Arc::default()).await
    }

    async fn at(address: SocketAddr, state: Arc<State>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = state.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with the test's runtime, or is ended before that"
        )]
        let task = tokio::spawn(async move {
            let mut calls = tokio::task::JoinSet::new();
            loop {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let state = shared.clone();
                while calls.try_join_next().is_some() {}
                calls.spawn(async move {
                    let mut head = vec![0; 16 * 1024];
                    let mut length = 0;
                    let whole = |head: &[u8]| {
                        let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else {
                            return false;
                        };
                        let text = String::from_utf8_lossy(&head[..end]).to_ascii_lowercase();
                        let body = text.split("content-length: ").nth(1).map_or(0, |rest| {
                            rest.lines().next().unwrap_or("0").trim().parse::<usize>().unwrap_or(0)
                        });
                        head.len() >= end + 4 + body
                    };
                    while !whole(&head[..length]) {
                        match stream.read(&mut head[length..]).await {
                            Ok(0) | Err(_) => return,
                            Ok(read) => length += read,
                        }
                    }
                    let head = String::from_utf8_lossy(&head[..length]).into_owned();
                    state.asked.fetch_add(1, Ordering::SeqCst);
                    let gate = state.gate.lock().unwrap().clone();
                    if let Some(gate) = gate {
                        gate.acquire().await.unwrap().forget();
                    }
                    let answer = state.answer(&head);
                    state.heads.lock().unwrap().push(head);
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { address, state, task }
    }

    fn set(&self, login: &str, person: Value) {
        let body = person.to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.state.people.lock().unwrap().insert(login.to_owned(), answer);
    }

    fn set_raw(&self, login: &str, answer: &str) {
        self.state.people.lock().unwrap().insert(login.to_owned(), answer.to_owned());
    }

    fn remove(&self, login: &str) {
        self.state.people.lock().unwrap().remove(login);
    }

    fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }

    fn stop(self) -> (SocketAddr, Arc<State>) {
        self.task.abort();
        (self.address, self.state)
    }
}

impl State {
    fn answer(&self, head: &str) -> String {
        let target = head.split(' ').nth(1).unwrap_or_default();
        let people = self.people.lock().unwrap();
        let found = match target.split_once("?key=") {
            Some((_, key)) => {
                let id = format!("\"id\":\"{key}\"");
                let whoever = || people.values().find(|answer| answer.contains(&id));
                people.get(&format!("key={key}")).or_else(whoever)
            }
            None => {
                let login = target.rsplit("login=").next().unwrap_or_default();
                people.get("*").or_else(|| people.get(&login.replace('+', " ")))
            }
        };
        found.cloned().unwrap_or_else(|| {
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
                .to_owned()
        })
    }
}

fn source(address: SocketAddr) -> Source {
    let fields = [
        ("key", "/id"),
        ("external_id", "/number"),
        ("username", "/login"),
        ("email", "/mail"),
        ("active", "/enabled"),
        ("attributes.floor", "/floor"),
        ("groups", "/groups"),
    ];
    Source {
        name: name("hr"),
        tenant: name("acme"),
        timeout: Span::seconds(30),
        queue: 100,
        positive_ttl: None,
        negative_ttl: None,
        stale: Span::seconds(0),
        breaker: Breaker { failures: 3, open: Span::seconds(5) },
        sql: None,
        ldap: None,
        sync: None,
        http: Some(HttpSource {
            url: format!("http://{address}/people").parse().unwrap(),
            method: HttpMethod::Get,
            path: Vec::new(),
            query: BTreeMap::from([("login".to_owned(), "{subject}".to_owned())]),
            body: BTreeMap::new(),
            by_key: Some(HttpByKey {
                query: BTreeMap::from([("key".to_owned(), "{key}".to_owned())]),
                ..HttpByKey::default()
            }),
            headers: BTreeMap::new(),
            credential: Some(SecretRef::Env("HR".into())),
            credential_header: None,
            people: String::new(),
            fields: fields.map(|(field, at)| (field.to_owned(), at.to_owned())).into(),
            max_body: ByteSize(4_096),
            http: portcullis_model::issuer::Egress { proxy: Some("none".into()), ..Default::default() },
        }),
    }
}

fn issuer() -> Issuer {
    let subject = SubjectRule { source: Some(name("hr")), ..SubjectRule::default() };
    Issuer { subject, ..hmac_issuer("corp") }
}

fn specification(world: &World, source: Source) -> Specification {
    Specification { sources: vec![source], ..world.specification(vec![issuer()]) }
}

fn person(id: &str, login: &str) -> Value {
    json!({ "id": id, "number": format!("n-{id}"), "login": login, "mail": format!("{login}@example.com"), "enabled": true, "floor": 3 })
}

struct Case {
    world: World,
    service: Service,
    identity: Arc<Identity>,
}

impl Case {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Source)) -> Self {
        let (world, service) = (World::new().await, Service::new().await);
        let mut source = source(service.address);
        change(&mut source);
        let identity = Arc::new(world.compile_all(&specification(&world, source)).unwrap());
        Self { world, service, identity }
    }

    async fn resolve(&self, sub: &str) -> Result<Principal, Fault> {
        resolve(&self.world, &self.identity, sub, Effects::Live).await
    }

    /// Past every answer in memory.
    fn later(&self) {
        self.world.clock.advance(Duration::from_secs(60));
    }

    async fn user(&self, sub: &str) -> User {
        (*self.resolve(sub).await.unwrap().user.unwrap()).clone()
    }

    async fn code(&self, sub: &str) -> (&'static str, String) {
        let fault = self.resolve(sub).await.unwrap_err();
        (fault.code().name(), fault.private_context().unwrap_or_default())
    }

    async fn stored(&self, user: &User) -> User {
        users::find(&self.world.store, user.id).await.unwrap().unwrap()
    }
}

/// A token of this subject.
fn token(world: &World, sub: &str) -> String {
    sign(&hmac_key(), &claims("https://corp.example.com", world.now(), json!({ "sub": sub })))
}

async fn resolve(
    world: &World,
    identity: &Identity,
    sub: &str,
    effects: Effects,
) -> Result<Principal, Fault> {
    let token = token(world, sub);
    let caller = authenticate_with(identity, &token, effects, &mut ()).await.unwrap();
    identity.resolve(&caller, effects, &mut ()).await
}

#[tokio::test]
async fn a_person_becomes_a_shadow_with_an_id_of_ours_and_follows_the_source() {
    let case = Case::new().await;
    case.service.set("ada", person("7", "ada"));
    let ada = case.user("ada").await;
    assert_eq!((ada.external_id.as_deref(), ada.username.as_deref()), (Some("n-7"), Some("ada")));
    assert_eq!((ada.attributes["floor"].as_str(), ada.status_changed_by.as_str()), ("3", "source:hr"));
    let linked = identities::list_by_user(&case.world.store, ada.id).await.unwrap();
    let linked: Vec<_> = linked.iter().map(|one| (one.issuer.as_str(), one.subject.as_str())).collect();
    assert_eq!(linked, [("corp", "ada"), ("source:hr", "7")]);
    // From memory, and then again: nothing is written that says nothing new.
    assert_eq!(case.user("ada").await.id, ada.id);
    assert_eq!(case.service.asked(), 1);
    case.later();
    assert_eq!(case.user("ada").await, ada);
    assert_eq!(case.service.asked(), 2);
    // Renamed there: the same person by its key.
    case.service.remove("ada");
    case.service.set("lovelace", person("7", "lovelace"));
    let renamed = case.user("lovelace").await;
    assert_eq!((renamed.id, renamed.username.as_deref()), (ada.id, Some("lovelace")));
    // Disabled there: suspended here, and restored with it.
    let mut disabled = person("7", "lovelace");
    disabled["enabled"] = json!(false);
    case.service.set("lovelace", disabled);
    case.later();
    assert_eq!(case.code("lovelace").await.0, "user_suspended");
    assert_eq!(case.stored(&ada).await.status, UserStatus::Suspended);
    case.service.set("lovelace", person("7", "lovelace"));
    case.later();
    assert_eq!(case.user("lovelace").await.id, ada.id);
    // Gone there: nobody calls, and nobody else is made; back under its key it is the same again.
    case.service.remove("lovelace");
    case.later();
    let (code, context) = case.code("lovelace").await;
    assert_eq!(code, "user_suspended", "{context}");
    assert!(context.contains("no longer in the source"), "{context}");
    case.service.set("lovelace", person("7", "lovelace"));
    case.later();
    assert_eq!(case.user("lovelace").await.id, ada.id);
    assert_eq!(case.code("nobody").await.0, "user_unknown");
}

#[tokio::test]
async fn an_old_name_interrupts_nobody_who_has_a_new_one() {
    let case = Case::new().await;
    case.service.set("ada", person("7", "ada"));
    let ada = case.user("ada").await;
    // Renamed there, and an old token comes before any new one: it is nobody's, and bars nobody.
    case.service.remove("ada");
    case.service.set("lovelace", person("7", "lovelace"));
    for _ in 0..2 {
        case.later();
        assert_eq!(
            resolve(&case.world, &case.identity, "ada", Effects::Dry).await.unwrap_err().code(),
            codes::USER_UNKNOWN
        );
        assert_eq!(case.code("ada").await.0, "user_unknown");
        let stored = case.stored(&ada).await;
        assert_eq!((stored.status, stored.username.as_deref()), (UserStatus::Active, Some("lovelace")));
        assert_eq!(case.user("lovelace").await.id, ada.id);
    }
    // Whether they are still there cannot be asked: then nothing is said of them, and nobody is barred.
    let status = "HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n";
    case.service.set_raw("key=7", status);
    case.later();
    assert_eq!(case.code("ada").await.0, "resolution_unavailable");
    assert_eq!(case.stored(&ada).await.status, UserStatus::Active);
    case.service.remove("key=7");
    // Disabled under the new name, and gone: by the old name it is found out just the same.
    let mut disabled = person("7", "lovelace");
    disabled["enabled"] = json!(false);
    case.service.set("lovelace", disabled);
    case.later();
    assert_eq!(case.code("ada").await.0, "user_suspended");
    assert_eq!(case.stored(&ada).await.status_reason.as_deref(), Some("disabled in the source"));
    case.service.set("lovelace", person("7", "lovelace"));
    case.later();
    assert_eq!(case.user("lovelace").await.id, ada.id);
    case.service.remove("lovelace");
    case.later();
    assert_eq!(case.code("ada").await.0, "user_suspended");
    assert_eq!(case.stored(&ada).await.status_reason.as_deref(), Some("no longer in the source"));
    // The old name given to somebody else: that one, and the first is not touched by it.
    case.service.set("lovelace", person("7", "lovelace"));
    case.service.set("ada", person("8", "ada"));
    case.later();
    let other = case.user("ada").await;
    assert_ne!(other.id, ada.id);
    assert_eq!(case.user("lovelace").await.id, ada.id);
    case.service.remove("ada");
    case.later();
    assert_eq!(case.code("ada").await.0, "user_suspended");
    assert_eq!(case.stored(&ada).await.status, UserStatus::Active);
    assert_eq!(case.stored(&other).await.status, UserStatus::Suspended);
}

#[tokio::test]
async fn nobody_is_suspended_by_a_source_that_cannot_be_asked_by_the_key() {
    let case = Case::with(|source| source.http.as_mut().unwrap().by_key = None).await;
    case.service.set("ada", person("7", "ada"));
    let ada = case.user("ada").await;
    case.service.remove("ada");
    case.later();
    for effects in [Effects::Dry, Effects::Live] {
        let fault = resolve(&case.world, &case.identity, "ada", effects).await.unwrap_err();
        assert_eq!(fault.code(), codes::USER_UNKNOWN, "{effects:?}");
    }
    assert_eq!(case.stored(&ada).await.status, UserStatus::Active);
    // Where the subject is the key, the source was asked by it.
    case.service.set("9", person("9", "grace"));
    let grace = case.user("9").await;
    case.service.remove("9");
    case.later();
    assert_eq!(case.code("9").await.0, "user_suspended");
    assert_eq!(case.stored(&grace).await.status, UserStatus::Suspended);
}

#[tokio::test]
async fn groups_of_a_look_up_are_memberships_at_once() {
    let case = Case::new().await;
    let (acme, globex) = (case.world.acme.id, case.world.globex.id);
    let team_of = async |tenant, called: &str, parent, group: Option<&str>| {
        let new = NewTeam {
            tenant,
            name: name(called),
            display_name: None,
            parent,
            external_id: group.map(str::to_owned),
            origin: TeamOrigin::Api,
        };
        case.world.directory.create_team(&actor(), new).await.unwrap().id
    };
    let team = async |called: &str, parent, group| team_of(acme, called, parent, group).await;
    // A group of this name is another tenant's team as well, and nobody of ours comes into that.
    team_of(globex, "developers", None, Some("cn=dev")).await;
    team_of(globex, "others", None, Some("cn=theirs")).await;
    let top = team("platform", None, None).await;
    let dev = team("developers", Some(top), Some("cn=dev")).await;
    let ops = team("operations", None, Some("cn=ops")).await;
    team("sales", None, Some("cn=sales")).await;
    let grouped = |groups: &[&str]| {
        let mut person = person("7", "ada");
        person["groups"] = json!(groups);
        case.service.set("ada", person);
    };
    let teams = async |effects| {
        let principal = resolve(&case.world, &case.identity, "ada", effects).await.unwrap();
        let teams = principal.teams.iter().map(|team| (team.name.to_string(), team.direct));
        (principal.user.clone().unwrap(), teams.collect::<Vec<_>>())
    };
    let is = |team: &str, direct: bool| (team.to_owned(), direct);
    let both = [is("developers", true), is("operations", true), is("platform", false)];
    grouped(&["cn=dev", "cn=ops", "cn=theirs", "nobody knows", ""]);
    // An explanation says where they would be, and puts nobody there.
    assert_eq!(teams(Effects::Dry).await.1, both);
    let (ada, seen) = teams(Effects::Live).await;
    assert_eq!(seen, both, "with the first call");
    let held = async || memberships::list_by_user(&case.world.store, ada.id).await.unwrap();
    let mut ids: Vec<_> = held().await.into_iter().map(|one| (one.team, one.source)).collect();
    ids.sort_by_key(|(team, _)| *team != dev);
    assert_eq!(ids, [(dev, MembershipSource::Sync), (ops, MembershipSource::Sync)]);
    // Out of one; in the other by an operator's word as well.
    case.world.directory.add_member(&actor(), ops, ada.id, MembershipSource::Manual).await.unwrap();
    case.world.hear().await;
    grouped(&[]);
    case.later();
    assert_eq!(teams(Effects::Dry).await.1, [is("operations", true)]);
    assert_eq!(teams(Effects::Live).await.1, [is("operations", true)]);
    assert_eq!(held().await.len(), 1);
    // Seen by the old name, it is still the person's groups that count.
    grouped(&["cn=dev"]);
    case.later();
    assert_eq!(teams(Effects::Live).await.1.len(), 3);
    let mut renamed = person("7", "lovelace");
    renamed["groups"] = json!(["cn=ops"]);
    case.service.remove("ada");
    case.service.set("lovelace", renamed);
    case.later();
    assert_eq!(case.code("ada").await.0, "user_unknown");
    let held = held().await;
    assert!(held.iter().all(|one| one.team == ops), "{held:?}");
}

#[tokio::test]
async fn a_source_that_says_nothing_of_groups_takes_nobody_out_of_a_team() {
    for silent in [true, false] {
        let case = Case::with(|source| match silent {
            true => drop(source.http.as_mut().unwrap().fields.remove("groups")),
            false => source.sync = Some(Sync { teams: false, ..Sync::default() }),
        })
        .await;
        let new = NewTeam {
            tenant: case.world.acme.id,
            name: name("developers"),
            display_name: None,
            parent: None,
            external_id: Some("cn=dev".to_owned()),
            origin: TeamOrigin::Api,
        };
        let dev = case.world.directory.create_team(&actor(), new).await.unwrap().id;
        let mut ada = person("7", "ada");
        ada["groups"] = json!(["cn=dev"]);
        case.service.set("ada", ada);
        let ada = case.user("ada").await;
        assert!(memberships::list_by_user(&case.world.store, ada.id).await.unwrap().is_empty());
        case.world.directory.add_member(&actor(), dev, ada.id, MembershipSource::Sync).await.unwrap();
        case.later();
        case.service.set("ada", person("7", "ada"));
        case.user("ada").await;
        assert_eq!(memberships::list_by_user(&case.world.store, ada.id).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_operators_decided_wins_over_the_source() {
    let case = Case::new().await;
    case.service.set("ada", person("7", "ada"));
    let ada = case.user("ada").await;
    case.world.directory.suspend(&actor(), ada.id, Some("misuse".into())).await.unwrap();
    case.world.hear().await;
    assert_eq!(case.code("ada").await.0, "user_suspended");
    case.later();
    assert_eq!(case.code("ada").await.0, "user_suspended");
    // What the source has to say of the person is still taken over, the status aside.
    let mut moved = person("7", "ada");
    moved["floor"] = json!(4);
    case.service.set("ada", moved);
    case.later();
    assert_eq!(case.code("ada").await.0, "user_suspended");
    let stored = case.stored(&ada).await;
    assert_eq!((stored.status, stored.attributes["floor"].as_str()), (UserStatus::Suspended, "4"));
    assert_eq!(stored.status_changed_by, "operator:test");
    // And an operator cannot let in whom the source bars.
    case.world.directory.restore(&actor(), ada.id, None).await.unwrap();
    let mut disabled = person("7", "ada");
    disabled["enabled"] = json!(false);
    case.service.set("ada", disabled);
    case.later();
    assert_eq!(case.code("ada").await.0, "user_suspended");
    case.world.directory.restore(&actor(), ada.id, None).await.unwrap();
    case.later();
    assert_eq!(case.code("ada").await.0, "user_suspended");
    // A tombstone stays one, and is nobody else.
    case.service.set("ada", person("7", "ada"));
    case.world.directory.delete(&actor(), ada.id, None).await.unwrap();
    case.later();
    assert_eq!(case.code("ada").await.0, "user_deleted");
    // Also when the source comes up with another key for the same person.
    case.service.set("ada", json!({ "id": "8", "number": "n-7", "login": "ada", "enabled": true }));
    case.later();
    assert_eq!(case.code("ada").await.0, "user_deleted");
}

#[tokio::test]
async fn who_is_gone_here_is_not_made_again_by_a_source_that_has_them() {
    let case = Case::new().await;
    let directory = &case.world.directory;
    let known = |id: &str, number: Option<&str>, login: &str| json!({ "id": id, "number": number, "login": login, "enabled": true });
    // Nobody whom the source ever fed: made and deleted by an operator.
    let grace = case.world.user("grace", &[]).await;
    directory.delete(&actor(), grace.id, None).await.unwrap();
    case.world.hear().await;
    // By the company's own id, and by the name alone.
    case.service.set("hopper", known("11", Some("x-grace"), "hopper"));
    case.service.set("grace", known("12", None, "grace"));
    for sub in ["hopper", "grace"] {
        assert_eq!(case.code(sub).await.0, "user_deleted", "{sub}");
        let dry = resolve(&case.world, &case.identity, sub, Effects::Dry).await.unwrap_err();
        assert_eq!(dry.code().name(), "user_deleted", "{sub}");
    }
    // Nor one whom the source itself had fed, under another key and another name.
    case.service.set("lin", known("21", Some("n-21"), "lin"));
    let lin = case.user("lin").await;
    directory.delete(&actor(), lin.id, None).await.unwrap();
    case.world.hear().await;
    case.service.set("linda", known("22", Some("n-21"), "linda"));
    assert_eq!(case.code("linda").await.0, "user_deleted");
    // By the company's own ids it is somebody else, to whom the name was given.
    case.service.set("grace", known("12", Some("n-12"), "grace"));
    case.later();
    let other = case.user("grace").await;
    assert!(other.id != grace.id && other.username.is_none(), "{other:?}");
    // A name or id makes nobody the one that its user was merged into.
    let (old, kept) = (case.world.user("old", &[]).await, case.world.user("kept", &[]).await);
    directory.merge(&actor(), old.id, kept.id, None).await.unwrap();
    case.world.hear().await;
    case.service.set("old", known("13", None, "old"));
    case.service.set("elder", known("14", Some("x-old"), "elder"));
    for sub in ["old", "elder"] {
        let (code, context) = case.code(sub).await;
        assert_eq!(code, "subject_invalid", "{sub}: {context}");
        assert!(context.contains(&format!("merged into {}", kept.id)), "{sub}: {context}");
    }
    // The link that is told makes it that one.
    directory.link_identity(&actor(), kept.id, name("source:hr"), "14".into()).await.unwrap();
    case.world.hear().await;
    case.later();
    assert_eq!(case.user("elder").await.id, kept.id);
}

#[tokio::test]
async fn a_key_that_is_new_for_a_known_person_waits_for_an_operator() {
    let case = Case::new().await;
    case.service.set("ada", person("7", "ada"));
    let ada = case.user("ada").await;
    // The store there was made anew: the same person under another key.
    let mut again = person("70", "ada");
    again["number"] = json!("n-7");
    case.service.set("ada", again.clone());
    case.later();
    let (code, context) = case.code("ada").await;
    assert_eq!(code, "subject_invalid", "{context}");
    assert!(context.contains(&ada.id.to_string()) && context.contains("70"), "{context}");
    // The link that is told makes it the same person.
    case.world.directory.link_identity(&actor(), ada.id, name("source:hr"), "70".into()).await.unwrap();
    case.later();
    assert_eq!(case.user("ada").await.id, ada.id);
    // The log-in name given to somebody else, by the company's own ids: another user, and the first keeps its id.
    case.service.set("ada", person("9", "ada"));
    case.later();
    let other = case.user("ada").await;
    assert_ne!(other.id, ada.id);
    assert_eq!((other.username.as_deref(), case.stored(&ada).await.username), (Some("ada"), None));
    // A user of our own has the name: it stays theirs.
    let grace = case.world.user("grace", &[]).await;
    case.service.set("hopper", json!({ "id": "11", "login": "grace", "enabled": true }));
    let hopper = case.user("hopper").await;
    assert!(hopper.id != grace.id && hopper.username.is_none());
    let lookup = Lookup::Username("grace".into());
    assert_eq!(users::resolve(&case.world.store, case.world.acme.id, &lookup).await.unwrap()[0].id, grace.id);
    // A subject of this issuer that is a user's already is that user.
    let linked = case.world.user("katherine", &[("corp", "kj")]).await;
    case.service.set("kj", person("12", "kj"));
    assert_eq!(case.user("kj").await.id, linked.id);
}

#[tokio::test]
async fn a_bad_answer_is_never_nobody() {
    let case = Case::with(|source| source.breaker.failures = 1_000).await;
    let json = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let status = |status: u16, kind: &str, body: &str| {
        format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nlocation: /else\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let big = format!("{{\"id\":\"{}\"}}", "x".repeat(5_000));
    for (n, (answer, said)) in [
        (json("{"), "not valid JSON"),
        (json(""), "not valid JSON"),
        (json("{\"id\":\"1\",\"id\":\"2\"}"), "there twice"),
        (json("\"ada\""), "neither an object nor a list"),
        (json("[1]"), "no object"),
        (json(&big), "more than 4096 bytes"),
        (status(200, "text/html", "<p>sign in</p>"), "web page"),
        (status(404, "text/html; charset=utf-8", "<p>no</p>"), "web page"),
        (status(302, "text/plain", ""), "redirects"),
        (status(400, "text/plain", ""), "status 400"),
        (status(401, "text/plain", ""), "does not accept our credential"),
        (status(403, "text/plain", ""), "does not accept our credential"),
        (status(429, "text/plain", ""), "status 429"),
        (status(500, "application/json", "{}"), "status 500"),
        (status(503, "text/html", ""), "status 503"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}".to_owned(), "cannot be read"),
        ("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}".to_owned(), "compressed"),
        ("nonsense\r\n\r\n".to_owned(), "cannot be read"),
        (String::new(), "cannot be read"),
    ]
    .into_iter()
    .enumerate()
    {
        let login = format!("p{n}");
        case.service.set_raw(&login, &answer);
        let (code, context) = case.code(&login).await;
        assert_eq!(code, "resolution_unavailable", "{answer}: {context}");
        assert!(context.contains(said) && context.contains("`hr`"), "{answer}: {context}");
    }
    // There is somebody, of whom nothing can be made: this one's fault, not the source's.
    for (n, value) in
        [json!({ "login": "x" }), json!({ "id": 1.5 }), json!({ "id": "1", "enabled": "maybe" })]
            .into_iter()
            .enumerate()
    {
        case.service.set(&format!("q{n}"), value);
        assert_eq!(case.code(&format!("q{n}")).await.0, "subject_invalid");
    }
    // And these are nobody, said in three ways; two are too many.
    for (n, value) in [json!(null), json!([]), json!({})].into_iter().enumerate() {
        case.service.set(&format!("r{n}"), value);
        assert_eq!(case.code(&format!("r{n}")).await.0, "user_unknown");
    }
    case.service.set("two", json!([person("1", "a"), person("2", "b")]));
    assert_eq!(case.code("two").await.0, "subject_ambiguous");
    // Our credential was sent, and is in no message.
    let heads = case.service.state.heads.lock().unwrap().clone();
    let secret = String::from_utf8_lossy(SECRET).into_owned();
    assert!(heads.iter().all(|head| head.contains(&format!("Bearer {secret}"))));
    // What would be another place of a path or another parameter is only ever a value.
    case.service.set("*", json!(null));
    for sub in ["a&login=ada", "../ada", "a#b", "a%26b", "a\r\nx: y", "{issuer}"] {
        assert_eq!(case.code(sub).await.0, "user_unknown", "{sub}");
    }
    let heads = case.service.state.heads.lock().unwrap().clone();
    let last: Vec<_> = heads.iter().rev().take(6).map(|head| head.lines().next().unwrap()).collect();
    assert_eq!(
        last,
        [
            "GET /people?login=%7Bissuer%7D HTTP/1.1",
            "GET /people?login=a%0D%0Ax%3A+y HTTP/1.1",
            "GET /people?login=a%2526b HTTP/1.1",
            "GET /people?login=a%23b HTTP/1.1",
            "GET /people?login=..%2Fada HTTP/1.1",
            "GET /people?login=a%26login%3Dada HTTP/1.1"
        ]
    );
}

#[tokio::test]
async fn a_subject_is_one_segment_of_a_path_and_never_another_place() {
    let case = Case::with(|source| {
        let http = source.http.as_mut().unwrap();
        http.path = vec!["by".into(), "{subject}".into()];
        http.query.clear();
    })
    .await;
    case.service.set("*", json!(null));
    for sub in [".", "..", "a/b", "%2e%2e", "a?b"] {
        assert_eq!(case.code(sub).await.0, "user_unknown", "{sub}");
    }
    let heads = case.service.state.heads.lock().unwrap().clone();
    let asked: Vec<_> = heads.iter().map(|head| head.split(' ').nth(1).unwrap()).collect();
    assert_eq!(asked, ["/people/by/a%2Fb", "/people/by/%252e%252e", "/people/by/a%3Fb"]);
}

#[tokio::test]
async fn a_source_that_fails_is_left_alone_and_tried_again() {
    let case = Case::with(|source| source.stale = Span::seconds(600)).await;
    case.service.set("ada", person("7", "ada"));
    let ada = case.user("ada").await;
    let (address, state) = case.service.stop();
    let case = Case { service: Service::new().await, ..case };
    case.later();
    // Whom it vouched for is believed for a while, because that was asked for; nobody else is, or is unknown.
    assert_eq!(case.user("ada").await.id, ada.id);
    for n in 0..3 {
        assert_eq!(case.code(&format!("new-{n}")).await.0, "resolution_unavailable");
    }
    let (code, context) = case.code("new-4").await;
    assert_eq!(code, "resolution_unavailable", "{context}");
    let mut fastest = Duration::MAX;
    for n in 0..100 {
        let token = token(&case.world, &format!("m-{n}"));
        let caller = authenticate_with(&case.identity, &token, Effects::Live, &mut ()).await.unwrap();
        let began = Instant::now();
        let fault = case.identity.resolve(&caller, Effects::Live, &mut ()).await.unwrap_err();
        fastest = fastest.min(began.elapsed());
        assert_eq!(fault.code(), codes::RESOLUTION_UNAVAILABLE);
    }
    assert!(fastest < Duration::from_millis(1), "an open breaker took {fastest:?}");
    // Another source, and our own directory, are not concerned.
    assert!(users::find(&case.world.store, ada.id).await.unwrap().is_some());
    // It answers again: one look-up finds out.
    let service = Service::at(address, state).await;
    let state = portcullis_model::Probe::sources(&*case.world.runtime).remove(0);
    assert!(
        state.open_until.is_some() && state.last_error.is_some() && state.name == name("hr"),
        "{state:?}"
    );
    case.world.clock.advance(Duration::from_secs(6));
    let case = Case { service, ..case };
    case.service.set("grace", person("8", "grace"));
    assert_eq!(case.user("grace").await.username.as_deref(), Some("grace"));
    // Past the bound, nobody is believed any more.
    let (..) = case.service.stop();
    let case = Case { service: Service::new().await, ..case };
    case.world.clock.advance(Duration::from_secs(700));
    assert_eq!(case.code("ada").await.0, "resolution_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_callers_for_one_subject_are_one_look_up() {
    let case = Case::new().await;
    case.service.set("ada", person("7", "ada"));
    let ada = case.user("ada").await;
    case.later();
    let gate = Arc::new(Semaphore::new(0));
    *case.service.state.gate.lock().unwrap() = Some(gate.clone());
    let before = case.service.asked();
    let token = token(&case.world, "ada");
    let caller = Arc::new(authenticate_with(&case.identity, &token, Effects::Live, &mut ()).await.unwrap());
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let (identity, caller) = (case.identity.clone(), caller.clone());
        callers.spawn(async move {
            identity
                .resolve(&caller, Effects::Live, &mut ())
                .await
                .map(|principal| principal.user.unwrap().id)
        });
    }
    gate.add_permits(1);
    while let Some(done) = callers.join_next().await {
        assert_eq!(done.unwrap().unwrap(), ada.id);
    }
    assert_eq!(case.service.asked() - before, 1);
}

#[tokio::test]
async fn an_explanation_asks_the_source_and_leaves_no_trace() {
    let case = Case::new().await;
    case.service.set("ada", person("7", "ada"));
    let told = resolve(&case.world, &case.identity, "ada", Effects::Dry).await.unwrap();
    assert_eq!(told.user.unwrap().username.as_deref(), Some("ada"));
    let lookup = Lookup::Username("ada".into());
    assert!(users::resolve(&case.world.store, case.world.acme.id, &lookup).await.unwrap().is_empty());
    let ada = case.user("ada").await;
    case.service.remove("ada");
    case.later();
    let fault = resolve(&case.world, &case.identity, "ada", Effects::Dry).await.unwrap_err();
    assert_eq!(fault.code(), codes::USER_SUSPENDED);
    assert_eq!(case.stored(&ada).await.status, UserStatus::Active);
}

#[tokio::test]
async fn the_same_configuration_keeps_what_it_remembers_and_another_tenants_source_is_refused() {
    let case = Case::new().await;
    case.service.set("ada", person("7", "ada"));
    case.user("ada").await;
    let again = specification(&case.world, source(case.service.address));
    let identity = Arc::new(case.world.compile_all(&again).unwrap());
    let case = Case { identity, ..case };
    case.user("ada").await;
    assert_eq!(case.service.asked(), 1);
    let mut other = source(case.service.address);
    other.tenant = Name::new("globex").unwrap();
    let problems = case.world.compile_all(&specification(&case.world, other)).unwrap_err();
    assert!(problems[0].to_string().contains("users of tenant `globex`"), "{problems:?}");
    let none = Specification { sources: Vec::new(), ..again };
    let problems = case.world.compile_all(&none).unwrap_err();
    assert!(problems[0].to_string().contains("no such user source"), "{problems:?}");
}
