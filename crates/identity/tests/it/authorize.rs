//! May they: isolation, the service's rules, models, and policies.

use crate::fixture::*;
use http::Method;
use portcullis_identity::directory::NewApiKey;
use portcullis_identity::{CallFacts, Caller, Effects, Identity, Permit, ServiceRules};
use portcullis_model::application::ApiKeyLimits;
use portcullis_model::service::{Allow, AuthMode, CredentialPlaces, Forward};
use portcullis_model::{Deployment, Model, Name, Policy, Principal, Service, Specification, Timestamp};
use serde_json::json;
use std::sync::Arc;

fn service(called: &str, tenant: &str) -> Service {
    Service {
        name: name(called),
        tenant: name(tenant),
        path: format!("/{called}"),
        host: None,
        upstream: "http://127.0.0.1:9".parse().unwrap(),
        strip_path: false,
        auth: AuthMode::Required,
        methods: Vec::new(),
        scopes: Vec::new(),
        roles: Vec::new(),
        allow: Allow::default(),
        forward: Forward::None,
        credentials: CredentialPlaces::default(),
        max_body: None,
        timeout: None,
        websocket: false,
        capture: false,
        http: Default::default(),
    }
}

fn policy(called: &str, tenant: Option<&str>, cedar: &str) -> Policy {
    Policy { name: name(called), tenant: tenant.map(name), cedar: Some(cedar.to_owned()), file: None }
}

struct Case {
    world: World,
    identity: Identity,
    caller: Caller,
    principal: Arc<Principal>,
}

impl Case {
    async fn new(policies: Vec<Policy>) -> Self {
        Self::with(
            policies,
            json!({ "scope": "orders:read", "department": "sales", "level": 7, "groups": ["a", "b"] }),
        )
        .await
    }

    async fn with(policies: Vec<Policy>, changes: serde_json::Value) -> Self {
        let world = World::new().await;
        world.user("ada", &[("corp", "ada")]).await;
        let identity = world.compile_all(&specification(&world, policies)).unwrap();
        let token = sign(&hmac_key(), &claims("https://corp.example.com", world.now(), changes));
        let caller = authenticate(&identity, &token).await.unwrap();
        let principal = Arc::new(identity.resolve(&caller, Effects::Live, &mut ()).await.unwrap());
        Self { world, identity, caller, principal }
    }

    fn rules(&self, service: &Service) -> ServiceRules {
        ServiceRules::compile(service, &[self.world.acme.clone(), self.world.globex.clone()]).unwrap()
    }

    fn authorize(&self, rules: &ServiceRules, method: &Method) -> Result<Permit, &'static str> {
        let facts = CallFacts {
            method,
            path: "/orders/7",
            client: connection().client,
            now: Timestamp::from_seconds(START),
            caller: Some(&self.caller),
        };
        self.identity.authorize(self.principal.clone(), rules, &facts).map_err(|fault| fault.code().name())
    }

    fn code(&self, service: &Service) -> &'static str {
        self.authorize(&self.rules(service), &Method::GET).map_or_else(|code| code, |_| "permitted")
    }
}

fn specification(world: &World, policies: Vec<Policy>) -> Specification {
    let model = |called: &str| Model::new(name(called), vec![Deployment::new(name("echo"), name(called))]);
    Specification {
        models: ["big", "fast", "secret"].map(model).into(),
        policies,
        ..world.specification(vec![hmac_issuer("corp")])
    }
}

#[tokio::test]
async fn a_service_asks_for_its_own_things() {
    let case = Case::new(vec![]).await;
    let id = case.principal.user.as_ref().unwrap().id.to_string();
    let allow = |users: &[&str], applications: &[&str], roles: &[&str]| {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Allow {
            users: owned(users),
            applications: owned(applications),
            roles: owned(roles),
            ..Allow::default()
        }
    };
    for (service, expected) in [
        (service("orders", "acme"), "permitted"),
        (service("orders", "globex"), "service_foreign"),
        (Service { scopes: vec!["orders:read".into()], ..service("orders", "acme") }, "permitted"),
        (
            Service {
                scopes: vec!["orders:read".into(), "orders:write".into()],
                ..service("orders", "acme")
            },
            "scope_insufficient",
        ),
        (Service { roles: vec!["writer".into(), "reader".into()], ..service("orders", "acme") }, "permitted"),
        (Service { roles: vec!["writer".into()], ..service("orders", "acme") }, "role_missing"),
        (Service { allow: allow(&["ada"], &[], &[]), ..service("orders", "acme") }, "permitted"),
        (Service { allow: allow(&["x-ada"], &[], &[]), ..service("orders", "acme") }, "permitted"),
        (Service { allow: allow(&[&id], &[], &[]), ..service("orders", "acme") }, "permitted"),
        (Service { allow: allow(&["bob"], &["ada"], &[]), ..service("orders", "acme") }, "not_allowed"),
        (Service { allow: allow(&["bob"], &[], &["reader"]), ..service("orders", "acme") }, "permitted"),
    ] {
        assert_eq!(case.code(&service), expected);
    }
    assert_eq!(portcullis_fault::codes::SERVICE_FOREIGN.public().name(), "route_not_found");
    let fault = case.identity.authorize(
        case.principal.clone(),
        &case.rules(&Service { scopes: vec!["x".into()], ..service("orders", "acme") }),
        &CallFacts {
            method: &Method::GET,
            path: "/",
            client: connection().client,
            now: Timestamp::default(),
            caller: None,
        },
    );
    assert_eq!(fault.unwrap_err().sufficient_scope(), Some("x"));
    // Open services need nobody; others cannot be opened.
    let open = ServiceRules::compile(
        &Service { auth: AuthMode::None, ..service("open", "acme") },
        std::slice::from_ref(&case.world.acme),
    )
    .unwrap();
    let permit = case.identity.authorize_open(None, &open).unwrap();
    assert!(permit.is_open() && permit.principal().is_none());
    assert!(case.identity.authorize_open(None, &case.rules(&service("orders", "acme"))).is_err());
}

#[tokio::test]
async fn models_are_denied_unless_granted() {
    let case = Case::new(vec![policy(
        "no-big",
        Some("acme"),
        r#"forbid (principal, action == Action::"use_model", resource == Model::"big");"#,
    )])
    .await;
    let ai = ServiceRules::ai(name("ai"), AuthMode::Required);
    let permit = case.authorize(&ai, &Method::POST).unwrap();
    let model = |model: &str| {
        case.identity
            .authorize_model(&permit, model)
            .map(|_| "permitted")
            .unwrap_or_else(|fault| fault.code().name())
    };
    assert_eq!(
        (model("fast"), model("big"), model("secret"), model("nothing"), model("")),
        ("permitted", "policy_denied", "model_not_granted", "model_not_found", "model_not_found")
    );
    assert_eq!(portcullis_fault::codes::MODEL_NOT_GRANTED.public().name(), "model_not_found");
    assert_eq!(case.identity.models_for(&permit).map(Name::as_str).collect::<Vec<_>>(), ["fast"]);
    let system = Permit::system(name("ai"), "health check");
    assert!(case.identity.authorize_model(&system, "secret").is_ok());
}

/// What is remembered holds for that call, that model, and no tool.
#[tokio::test]
async fn a_model_that_was_permitted_is_not_decided_about_again() {
    let case = Case::new(vec![policy(
        "no-big",
        Some("acme"),
        r#"forbid (principal, action == Action::"use_model", resource == Model::"big") when { context.method == "POST" };
           forbid (principal, action == Action::"use_tool", resource) when { context.tool == "mcp" };"#,
    )])
    .await;
    let ai = ServiceRules::ai(name("ai"), AuthMode::Required);
    for _ in 0..3 {
        for (method, big) in [(Method::GET, true), (Method::POST, false)] {
            let permit = case.authorize(&ai, &method).unwrap();
            assert_eq!(case.identity.authorize_model(&permit, "big").is_ok(), big, "{method}");
            let fast = case.identity.authorize_model(&permit, "fast").unwrap();
            assert!(case.identity.authorize_tool(&fast, "mcp", None).is_err());
            assert!(case.identity.authorize_tool(&fast, "web_search", None).is_ok());
        }
    }
    let permit = case.authorize(&ai, &Method::POST).unwrap();
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            assert!(case.identity.authorize_model(&permit, "fast").is_ok());
        }
    });
    assert_eq!(counted.count_total, 0, "Cedar was not asked");
}

#[tokio::test]
async fn a_key_is_confined_to_its_limits() {
    let case = Case::new(vec![]).await;
    let shop = case.world.application("shop", &[]).await;
    let permit = async |limits: ApiKeyLimits, client: &str| {
        let new = NewApiKey { application: shop.id, name: "k".into(), user: None, limits, expires_at: None };
        let (_, secret) = case.world.directory.create_api_key(&actor(), new).await.unwrap();
        let principal = Arc::new(recognise(&case.identity, secret.expose()).await.unwrap());
        let rules = case.rules(&Service { scopes: vec!["orders:read".into()], ..service("orders", "acme") });
        let facts = CallFacts {
            method: &Method::GET,
            path: "/",
            client: client.parse().unwrap(),
            now: Timestamp::default(),
            caller: None,
        };
        case.identity.authorize(principal, &rules, &facts).map_err(|fault| fault.code().name())
    };
    let services = |name: &str| ApiKeyLimits { services: vec![name.into()], ..Default::default() };
    let addresses = |net: &str| ApiKeyLimits { addresses: vec![net.parse().unwrap()], ..Default::default() };
    assert!(permit(ApiKeyLimits::default(), "192.0.2.1").await.is_ok(), "keys carry no scopes and need none");
    assert!(permit(services("orders"), "192.0.2.1").await.is_ok());
    assert_eq!(permit(services("other"), "192.0.2.1").await.unwrap_err(), "api_key_confined");
    assert!(permit(addresses("192.0.2.0/24"), "192.0.2.1").await.is_ok());
    assert_eq!(permit(addresses("192.0.2.0/24"), "198.51.100.1").await.unwrap_err(), "api_key_confined");
    let confined = permit(ApiKeyLimits { models: vec!["fast".into()], ..Default::default() }, "192.0.2.1")
        .await
        .unwrap();
    assert!(case.identity.authorize_model(&confined, "fast").is_ok());
    assert_eq!(
        case.identity.authorize_model(&confined, "big").unwrap_err().code().name(),
        "api_key_confined"
    );
}

#[tokio::test]
async fn policies_decide_over_everything_they_are_told() {
    let call = |condition: &str| {
        format!(r#"forbid (principal, action == Action::"call", resource) when {{ {condition} }};"#)
    };
    for (condition, denied) in [
        (r#"context.method == "GET""#, true),
        (r#"context.path like "/orders/*""#, true),
        (r#"context.source.isInRange(ip("192.0.2.0/24"))"#, true),
        (r#"context.source.isInRange(ip("198.51.100.0/24"))"#, false),
        (r#"context.time > datetime("2027-01-15")"#, true),
        (r#"context.roles.contains("reader")"#, true),
        (r#"context.scopes.contains("orders:read")"#, true),
        (r#"context has issuer && context.issuer == "corp""#, true),
        (r#"context has api_key"#, false),
        (r#"resource.name == "orders""#, true),
        (r#"resource == Service::"other""#, false),
        (r#"principal in Tenant::"acme""#, true),
        (r#"principal is User && principal has username && principal.username == "ada""#, true),
        (r#"principal is Application"#, false),
        (
            r#"context has token && context.token.hasTag("department") && context.token.getTag("department").contains("sales")"#,
            true,
        ),
        (
            r#"context has token && context.token.hasTag("level") && context.token.getTag("level").contains("7")"#,
            true,
        ),
        (
            r#"context has token && context.token.hasTag("groups") && context.token.getTag("groups").containsAll(["a", "b"])"#,
            true,
        ),
        (r#"context has token && context.token.hasTag("missing")"#, false),
    ] {
        let case = Case::new(vec![policy("p", Some("acme"), &call(condition))]).await;
        let expected = if denied { "policy_denied" } else { "permitted" };
        assert_eq!(case.code(&service("orders", "acme")), expected, "{condition}");
    }
}

#[tokio::test]
async fn forbid_wins_and_the_first_permit_closes_its_action() {
    let permit_posts =
        r#"permit (principal, action == Action::"call", resource) when { context.method == "POST" };"#;
    let case = Case::new(vec![policy("posts", Some("acme"), permit_posts)]).await;
    let rules = case.rules(&service("orders", "acme"));
    assert!(case.authorize(&rules, &Method::POST).is_ok());
    assert_eq!(case.authorize(&rules, &Method::GET).unwrap_err(), "policy_denied");
    // The other action was not spoken of.
    let permit = case.authorize(&rules, &Method::POST).unwrap();
    assert!(case.identity.authorize_model(&permit, "fast").is_ok());
    let no_ada = r#"forbid (principal, action, resource) when { principal is User && principal has username && principal.username == "ada" };"#;
    let case =
        Case::new(vec![policy("posts", Some("acme"), permit_posts), policy("global", None, no_ada)]).await;
    assert_eq!(
        case.authorize(&case.rules(&service("orders", "acme")), &Method::POST).unwrap_err(),
        "policy_denied"
    );
    // Another tenant's policies are its own.
    let case =
        Case::new(vec![policy("other", Some("globex"), "forbid (principal, action, resource);")]).await;
    assert_eq!(case.code(&service("orders", "acme")), "permitted");
    // No policy widens what the service asks for.
    let case = Case::new(vec![policy("all", None, "permit (principal, action, resource);")]).await;
    assert_eq!(case.code(&service("orders", "globex")), "service_foreign");
    assert_eq!(
        case.code(&Service { roles: vec!["writer".into()], ..service("orders", "acme") }),
        "role_missing"
    );
}

/// What was permitted is remembered; whatever a policy looks at must make it another question.
#[tokio::test]
async fn what_was_permitted_is_permitted_to_nobody_and_nothing_else() {
    let unless = |condition: &str| {
        format!(r#"forbid (principal, action == Action::"call", resource) unless {{ {condition} }};"#)
    };
    let good = |case: &Case| case.principal.clone();
    type Change = fn(&mut Principal, &mut Asking);
    struct Asking {
        method: Method,
        path: &'static str,
        client: std::net::IpAddr,
        now: Timestamp,
        service: &'static str,
    }
    let cases: [(&str, Change); 9] = [
        (r#"context.method == "GET""#, |_, call| call.method = Method::POST),
        (r#"context.path == "/orders/7""#, |_, call| call.path = "/orders/8"),
        (r#"context.source == ip("192.0.2.7")"#, |_, call| call.client = "192.0.2.8".parse().unwrap()),
        (r#"context.time < datetime("2027-01-15T08:00:01Z")"#, |_, call| {
            call.now = call.now.plus(std::time::Duration::from_secs(3));
        }),
        (r#"context.roles.contains("reader")"#, |principal, _| principal.roles = Arc::new([])),
        (r#"context.scopes.contains("orders:read")"#, |principal, _| {
            principal.scopes = Arc::new(["x".into()])
        }),
        (r#"context has issuer && context.issuer == "corp""#, |principal, _| principal.issuer = None),
        (r#"resource == Service::"orders""#, |_, call| call.service = "other"),
        // The directory's copy of the user has changed, and with it when it was changed.
        (r#"principal is User && principal.roles.contains("reader")"#, |principal, _| {
            let user = Arc::make_mut(principal.user.as_mut().unwrap());
            user.roles.clear();
            user.updated_at = user.updated_at.plus(std::time::Duration::from_micros(1));
        }),
    ];
    for (condition, change) in cases {
        let case = Case::new(vec![policy("p", Some("acme"), &unless(condition))]).await;
        let decide = |principal: Arc<Principal>, call: &Asking| {
            let facts = CallFacts {
                method: &call.method,
                path: call.path,
                client: call.client,
                now: call.now,
                caller: Some(&case.caller),
            };
            let rules = case.rules(&service(call.service, "acme"));
            case.identity.authorize(principal, &rules, &facts).map(drop).map_err(|fault| fault.code().name())
        };
        let mut call = Asking {
            method: Method::GET,
            path: "/orders/7",
            client: "192.0.2.7".parse().unwrap(),
            now: Timestamp::from_seconds(START),
            service: "orders",
        };
        assert_eq!(decide(good(&case), &call), Ok(()), "{condition}");
        assert_eq!(decide(good(&case), &call), Ok(()), "{condition}, asked again");
        let mut principal = (*case.principal).clone();
        change(&mut principal, &mut call);
        assert_eq!(decide(Arc::new(principal), &call), Err("policy_denied"), "{condition}");
    }
}

#[tokio::test]
async fn a_bad_policy_is_refused_with_its_reason() {
    let world = World::new().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "forbid (principal, action, resource) when { context.nothing };").unwrap();
    let from_file = Policy { cedar: None, file: Some(file.path().to_owned()), ..policy("p", None, "") };
    for (policy, at, what) in [
        (policy("p", None, "forbid (principal"), "cedar", ""),
        (policy("p", None, ""), "cedar", "no policy"),
        (policy("p", Some("initech"), "forbid (principal, action, resource);"), "tenant", "initech"),
        (policy("p", None, r#"forbid (principal, action == Action::"kall", resource);"#), "cedar", "call"),
        (
            policy("p", None, "forbid (principal, action, resource) when { context.mehtod == \"GET\" };"),
            "cedar",
            "mehtod",
        ),
        (
            policy("p", None, "forbid (principal, action, resource) when { context.method == 1 };"),
            "cedar",
            "",
        ),
        (
            policy("p", None, "forbid (principal, action, resource) when { principal.username == \"ada\" };"),
            "cedar",
            "username",
        ),
        (policy("p", None, "forbid (principal == ?principal, action, resource);"), "cedar", "template"),
        (from_file, "file", "nothing"),
        (Policy { cedar: None, file: Some("/nowhere".into()), ..policy("p", None, "") }, "file", "/nowhere"),
    ] {
        let problems = world.compile_all(&specification(&world, vec![policy.clone()])).expect_err(what);
        let found = problems
            .iter()
            .any(|problem| problem.at == format!("policies.p.{at}") && problem.message.contains(what));
        assert!(found, "{policy:?}: {problems:?}");
    }
}

#[tokio::test]
async fn a_policy_that_cannot_be_decided_denies() {
    // Strict validation cannot see that this overflows.
    let overflow = r#"forbid (principal, action == Action::"call", resource) when { 9223372036854775807 + 1 > 0 && context.method == "x" };"#;
    let case = Case::new(vec![policy("p", None, overflow)]).await;
    assert_eq!(case.code(&service("orders", "acme")), "policy_denied");
}
