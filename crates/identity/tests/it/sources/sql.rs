//! An SQL source against a real PostgreSQL (`scripts/with-postgres`); without one these tests say that they were skipped.

use super::{issuer, resolve, token};
use crate::fixture::{OneSecret, World, actor, authenticate_with, name};
use portcullis_identity::directory::NewTeam;
use portcullis_identity::sources::foreign::Wanted;
use portcullis_identity::{Effects, Identity};
use portcullis_model::source::{Breaker, Source, SqlSource};
use portcullis_model::team::TeamOrigin;
use portcullis_model::{SecretRef, Span, Specification, UserStatus};
use portcullis_store::entity::users;
use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A database of the test's own with a few people in it.
struct People {
    url: String,
}

impl People {
    fn new() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "a test has no `main` that could hand it in")]
        let Ok(server) = std::env::var("PORTCULLIS_TEST_POSTGRES") else {
            println!("skipped: `PORTCULLIS_TEST_POSTGRES` is not set (see `scripts/with-postgres`)");
            return None;
        };
        let called = format!("people_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        run(&server, &format!("CREATE DATABASE {called}"));
        let (before, after) = server.rsplit_once('/').unwrap();
        let options = after.split_once('?').map_or(String::new(), |(_, options)| format!("?{options}"));
        let people = Self { url: format!("{before}/{called}{options}") };
        people.run(
            "CREATE TABLE people (id uuid PRIMARY KEY, number bigint, login text, mail text, enabled boolean, teams text[], changed timestamptz DEFAULT now());
             INSERT INTO people VALUES
               ('00000000-0000-0000-0000-000000000001', 9007199254740993, 'ada', 'ada@example.com', true, '{eng,ops}'),
               ('00000000-0000-0000-0000-000000000002', 2, 'eve', NULL, false, NULL),
               ('00000000-0000-0000-0000-000000000003', 3, 'twin', NULL, true, NULL),
               ('00000000-0000-0000-0000-000000000004', 4, 'twin', NULL, true, NULL),
               ('00000000-0000-0000-0000-000000000005', 5, $$o'brien$$, NULL, true, NULL)",
        );
        Some(people)
    }

    fn run(&self, sql: &str) {
        run(&self.url, sql);
    }
}

fn run(url: &str, sql: &str) {
    let done = Command::new("psql").args(["-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]).output();
    let done = done.expect("psql comes with PostgreSQL");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

const QUERY: &str = "SELECT id AS key, number AS external_id, login AS username, mail AS email, enabled AS active, teams AS groups, changed AS changed_at FROM people WHERE login = :subject";

fn source(query: &str) -> Source {
    Source {
        name: name("hr"),
        tenant: name("acme"),
        timeout: Span::seconds(5),
        queue: 1_000,
        positive_ttl: None,
        negative_ttl: None,
        stale: Span::seconds(0),
        breaker: Breaker { failures: 3, open: Span::millis(200) },
        sql: Some(SqlSource {
            primary: SecretRef::Env("HR".into()),
            replica: None,
            query: query.to_owned(),
            by_key: None,
            near: None,
            changes: None,
            columns: BTreeMap::new(),
            pool: 4,
        }),
        http: None,
        ldap: None,
        sync: None,
    }
}

fn compile(world: &World, url: &str, source: Source) -> Result<Identity, String> {
    // The issuer's secret is not asked for in these tests' tokens by another name: one text serves as both.
    let mut specification = Specification { sources: vec![source], ..world.specification(vec![issuer()]) };
    specification.issuers[0].secret = Some(SecretRef::File("issuer".into()));
    struct Two(String);
    impl portcullis_model::secret_ref::SecretSource for Two {
        fn read(&self, reference: &SecretRef) -> Result<portcullis_fault::Secret<Vec<u8>>, String> {
            match reference {
                SecretRef::File(_) => OneSecret(crate::fixture::SECRET.to_vec()).read(reference),
                _ => Ok(portcullis_fault::Secret::new(self.0.clone().into_bytes())),
            }
        }
    }
    Identity::compile(&specification, &world.runtime, &Two(url.to_owned()))
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

async fn code(world: &World, identity: &Identity, sub: &str) -> (String, String) {
    match resolve(world, identity, sub, Effects::Live).await {
        Ok(principal) => {
            ("accepted".to_owned(), principal.user.unwrap().username.clone().unwrap_or_default())
        }
        Err(fault) => (fault.code().name().to_owned(), fault.private_context().unwrap_or_default()),
    }
}

#[tokio::test]
async fn people_are_found_by_a_value_that_is_bound() {
    let Some(people) = People::new() else { return };
    let world = World::new().await;
    let identity = compile(&world, &people.url, source(QUERY)).unwrap();
    let ada = resolve(&world, &identity, "ada", Effects::Live).await.unwrap().user.unwrap();
    assert_eq!(ada.external_id.as_deref(), Some("9007199254740993"), "to the last digit");
    assert_eq!(ada.email.as_deref(), Some("ada@example.com"));
    for (sub, expected) in [
        ("o'brien", "accepted"),
        ("eve", "user_suspended"),
        ("twin", "subject_ambiguous"),
        ("Ada", "user_unknown"),
        ("' OR '1'='1", "user_unknown"),
        ("x'; DROP TABLE people; --", "user_unknown"),
        ("$1", "user_unknown"),
        (":subject", "user_unknown"),
        ("%", "user_unknown"),
        ("\\", "user_unknown"),
        ("a\u{0}da", "user_unknown"),
        (&"x".repeat(5_000), "user_unknown"),
        ("\u{2400}", "user_unknown"),
    ] {
        let (code, said) = code(&world, &identity, sub).await;
        assert_eq!(code, expected, "{}: {said}", sub.chars().take(40).collect::<String>());
    }
    people.run("SELECT 1 / count(*) FROM people");
}

#[tokio::test]
async fn what_cannot_be_the_column_s_type_is_nobody_and_opens_no_breaker() {
    let Some(people) = People::new() else { return };
    let world = World::new().await;
    let by_id = QUERY.replace("login = :subject", "id = :subject::uuid");
    let identity = compile(&world, &people.url, source(&by_id)).unwrap();
    for n in 0..10 {
        assert_eq!(code(&world, &identity, &format!("no-uuid-{n}")).await.0, "user_unknown");
    }
    assert_eq!(code(&world, &identity, "00000000-0000-0000-0000-000000000001").await.1, "ada");
    let state = portcullis_model::Probe::sources(&*world.runtime).remove(0);
    assert_eq!((state.failures, state.open_until), (0, None));
}

#[tokio::test]
async fn a_query_that_is_wrong_says_so_and_never_that_nobody_is_there() {
    let Some(people) = People::new() else { return };
    let world = World::new().await;
    for (query, said) in [
        ("SELECT id, login AS username FROM people WHERE login = :subject", "no column `key`"),
        ("SELECT id AS key FROM peopel WHERE login = :subject", "peopel"),
        ("SELECT id AS key FROM people WHERE id = :subject", "uuid = text"),
        ("SELECT id AS key, login AS a, mail AS a FROM people WHERE login = :subject", "there twice"),
        ("SELECT id AS key, pg_sleep(30) FROM people WHERE login = :subject", "did not answer within"),
        (
            "WITH gone AS (DELETE FROM people RETURNING id) SELECT id AS key FROM gone WHERE id::text <> :subject",
            "data-modifying",
        ),
        ("SELECT id AS key, nextval('seq') FROM people WHERE login = :subject", "only allowed to read"),
        ("SELECT id AS key, 1 / (number - number) AS x FROM people WHERE login = :subject", "22012"),
    ] {
        if query.contains("seq") {
            people.run("CREATE SEQUENCE seq");
        }
        let mut source = source(query);
        source.timeout = Span::millis(if query.contains("sleep") { 300 } else { 5_000 });
        let identity = compile(&world, &people.url, source).unwrap();
        let began = Instant::now();
        let (code, context) = code(&world, &identity, "ada").await;
        assert_eq!(code, "resolution_unavailable", "{query}: {context}");
        assert!(context.contains(said), "{query}: {context}");
        // Nothing waits for the thirty seconds of `pg_sleep`.
        assert!(began.elapsed() < Duration::from_secs(20), "{query}");
        // And a test of the source says the same, before anybody calls.
        let probed = identity.sources()[0].foreign.probe().await;
        if !query.contains("sleep")
            && !query.contains("seq")
            && !query.contains("number -")
            && !query.contains("there twice")
            && !query.contains("mail AS a")
        {
            assert!(probed.is_err(), "{query}: {probed:?}");
        }
    }
    people.run("DO $$ BEGIN ASSERT (SELECT count(*) = 5 FROM people); END $$");
    let identity = compile(&world, &people.url, source(QUERY)).unwrap();
    let lines = identity.sources()[0].foreign.probe().await.unwrap();
    assert!(lines[0].contains("`key`, `external_id`") && lines.len() == 3, "{lines:?}");
    // What is no URL is said at once, and not repeated.
    let error = compile(&world, "postgres://u:hunter2@h:port/d", source(QUERY)).unwrap_err();
    assert!(error.starts_with("sources.hr.sql.primary: ") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn an_old_name_interrupts_nobody_and_groups_are_memberships() {
    let Some(people) = People::new() else { return };
    let world = World::new().await;
    let mut source = source(QUERY);
    source.sql.as_mut().unwrap().by_key = Some(QUERY.replace("login = :subject", "id = :key::uuid"));
    let identity = compile(&world, &people.url, source).unwrap();
    assert!(identity.sources()[0].foreign.probe().await.is_ok());
    let new = NewTeam {
        tenant: world.acme.id,
        name: name("engineers"),
        display_name: None,
        parent: None,
        external_id: Some("eng".to_owned()),
        origin: TeamOrigin::Api,
    };
    world.directory.create_team(&actor(), new).await.unwrap();
    let principal = resolve(&world, &identity, "ada", Effects::Live).await.unwrap();
    assert_eq!(principal.teams.iter().map(|team| team.name.as_str()).collect::<Vec<_>>(), ["engineers"]);
    let ada = principal.user.unwrap();
    let stored = async || users::find(&world.store, ada.id).await.unwrap().unwrap();
    people.run("UPDATE people SET login = 'lovelace', teams = NULL WHERE login = 'ada'");
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(code(&world, &identity, "ada").await.0, "user_unknown");
    assert_eq!(
        (stored().await.status, stored().await.username.as_deref()),
        (UserStatus::Active, Some("lovelace"))
    );
    let renamed = resolve(&world, &identity, "lovelace", Effects::Live).await.unwrap();
    assert_eq!((renamed.user.unwrap().id, renamed.teams.len()), (ada.id, 0));
    people.run("DELETE FROM people WHERE login = 'lovelace'");
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(code(&world, &identity, "ada").await.0, "user_suspended");
    assert_eq!(stored().await.status_reason.as_deref(), Some("no longer in the source"));
    // A key that cannot be what the column is, is nobody's.
    let wanted = Wanted { subject: "x".into(), issuer: name("corp"), tenant: name("acme") };
    assert_eq!(identity.sources()[0].foreign.by_key(&wanted, "no uuid").await, Ok(None));
    let mut wrong = self::source(QUERY);
    wrong.sql.as_mut().unwrap().by_key = Some("SELECT login FROM people WHERE id::text = :key".to_owned());
    let identity = compile(&world, &people.url, wrong).unwrap();
    let said = identity.sources()[0].foreign.probe().await.unwrap_err();
    assert!(said.message.contains("`by_key`") && said.message.contains("`key`"), "{said}");
}

#[tokio::test]
async fn all_people_are_read_page_by_page_and_then_those_that_changed() {
    let Some(people) = People::new() else { return };
    let world = World::new().await;
    people.run("INSERT INTO people SELECT gen_random_uuid(), 100 + n, 'p' || n, NULL, true, NULL, now() - interval '1 day' FROM generate_series(1, 1200) n");
    let mut source = source(QUERY);
    source.sql.as_mut().unwrap().changes = Some(
        "SELECT id::text AS key, login AS username, changed AS changed_at FROM people
         WHERE (:since::timestamptz IS NULL OR changed >= :since::timestamptz) AND (:after IS NULL OR id::text > :after)
         ORDER BY id::text LIMIT :limit"
            .to_owned(),
    );
    let identity = compile(&world, &people.url, source).unwrap();
    let foreign = identity.sources()[0].foreign.clone();
    let (mut seen, mut cursor, mut pages) = (std::collections::BTreeSet::new(), None, 0);
    let mark = loop {
        let batch = foreign.page(None, cursor).await.unwrap();
        pages += 1;
        seen.extend(batch.people.into_iter().map(|person| person.key));
        cursor = batch.next;
        if cursor.is_none() {
            break batch.watermark.unwrap();
        }
    };
    assert_eq!((seen.len(), pages), (1_205, 3));
    let changed = foreign.page(Some(&mark), None).await.unwrap();
    assert_eq!((changed.people.len(), changed.next), (5, None));
    let wanted = Wanted { subject: "ADA".into(), issuer: name("corp"), tenant: name("acme") };
    let forms = ["ADA", "ada", "a'da"].map(str::to_owned);
    assert_eq!(foreign.near(&wanted, &forms).await.unwrap().len(), 1);
}

/// The wire to the database, which can be cut.
struct Wire {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    fn to(url: &str) -> (Self, String) {
        let host = url.rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire =
            Self { address: listener.local_addr().unwrap(), cut: Arc::default(), ends: Arc::default() };
        let through = url.replacen(&host, &wire.address.to_string(), 1);
        let (cut, ends) = (wire.cut.clone(), wire.ends.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                let far = TcpStream::connect(&host).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    ends.lock().unwrap().push(from.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        (wire, through)
    }

    fn set(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
        for end in self.ends.lock().unwrap().drain(..).filter(|_| cut) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_stay_right_while_the_source_dies_and_comes_back() {
    let Some(people) = People::new() else { return };
    let world = World::new().await;
    people.run("INSERT INTO people SELECT gen_random_uuid(), 100 + n, 'p' || n, NULL, true, NULL FROM generate_series(1, 20000) n");
    let (wire, through) = Wire::to(&people.url);
    let mut source = source(QUERY);
    source.timeout = Span::seconds(2);
    let identity = Arc::new(compile(&world, &through, source).unwrap());
    // A subject a time, so that nothing comes from memory: the even ones are there, the odd ones are nobody's.
    let next = Arc::new(AtomicUsize::new(1));
    let outcomes: Arc<Mutex<BTreeMap<(bool, String), usize>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let world = Arc::new(world);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (world, identity, next, outcomes, stop) =
            (world.clone(), identity.clone(), next.clone(), outcomes.clone(), stop.clone());
        callers.spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let n = next.fetch_add(1, Ordering::SeqCst);
                if n > 39_990 {
                    return;
                }
                let there = n % 2 == 0;
                let sub = if there { format!("p{}", n / 2) } else { format!("nobody{n}") };
                let token = token(&world, &sub);
                let caller = authenticate_with(&identity, &token, Effects::Live, &mut ()).await.unwrap();
                let outcome = match identity.resolve(&caller, Effects::Live, &mut ()).await {
                    Ok(_) => "accepted",
                    Err(fault) => fault.code().name(),
                };
                *outcomes.lock().unwrap().entry((there, outcome.to_owned())).or_default() += 1;
                if outcome == "resolution_unavailable" {
                    // The clock of this world stands still: let the breaker's time pass.
                    world.clock.advance(Duration::from_millis(50));
                    // An open breaker answers at once: the subjects are to last until everything has been seen.
                    tokio::time::sleep(Duration::from_millis(4)).await;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
    let has = |there: bool, outcome: &str, more: usize| {
        outcomes.lock().unwrap().get(&(there, outcome.to_owned())).copied().unwrap_or(0) > more
    };
    let count = |there: bool, outcome: &str| {
        outcomes.lock().unwrap().get(&(there, outcome.to_owned())).copied().unwrap_or(0)
    };
    crate::fixture::until("calls before", || has(true, "accepted", 20) && has(false, "user_unknown", 20))
        .await;
    wire.set(true);
    crate::fixture::until("an outage", || {
        has(true, "resolution_unavailable", 5) && has(false, "resolution_unavailable", 5)
    })
    .await;
    let before = count(true, "accepted");
    wire.set(false);
    crate::fixture::until("calls again", || has(true, "accepted", before + 20)).await;
    stop.store(true, Ordering::SeqCst);
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    let outcomes = outcomes.lock().unwrap();
    for ((there, outcome), n) in outcomes.iter() {
        let right = match there {
            true => ["accepted", "resolution_unavailable"],
            false => ["user_unknown", "resolution_unavailable"],
        };
        assert!(
            right.contains(&outcome.as_str()),
            "{outcome} for {n} of those who are there: {there}; {outcomes:?}"
        );
    }
}
