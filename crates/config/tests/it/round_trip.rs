//! What is written out is read back as the same.

use portcullis_config::{Config, Database, FailureBudget, LogFormat, Tls, WhenFull, parse};
use portcullis_model::issuer::{
    DecryptionKey, Egress, GroupGrant, GroupsOverage, GroupsRule, MachineRule, MachineTest, Normalisation,
    SubjectForm, SubjectRule, TenantMap, TenantRule, TokenProfile, UnknownUser,
};
use portcullis_model::provider::{
    Api, Aws, Breaker, Fallback, Google, Hedge, Need, ProviderKey, Translation, When,
};
use portcullis_model::service::{Allow, AuthMode, CredentialPlaces, Forward};
use portcullis_model::tenant::TenantEntry;
use portcullis_model::{
    ByteSize, Deployment, Issuer, Model, Name, Policy, Provider, SecretRef, Service, Span,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn span() -> impl Strategy<Value = Span> {
    (1_u64..10_000_000).prop_map(Span::millis)
}

fn text() -> impl Strategy<Value = String> {
    // Quotes, line breaks, controls and other alphabets: whatever TOML must escape.
    prop_oneof!["[a-z]{1,8}", "[ -~]{1,12}", "[\\u{1}-\\u{2fff}]{1,6}"]
        .prop_map(|text| if text.trim().is_empty() { "x".to_owned() } else { text })
}

fn secret() -> impl Strategy<Value = SecretRef> {
    prop_oneof![
        "[A-Z_]{1,8}".prop_map(SecretRef::Env),
        "[a-z/.]{1,12}".prop_map(|path| SecretRef::File(path.into())),
        "[a-z]{1,8}".prop_map(SecretRef::Stored),
    ]
}

fn egress() -> impl Strategy<Value = Egress> {
    (proptest::option::of("[a-z]{1,8}"), any::<bool>(), proptest::option::of(span())).prop_map(
        |(ca, direct, timeout)| Egress {
            ca_file: ca.map(Into::into),
            proxy: direct.then(|| "none".to_owned()),
            connect_timeout: timeout,
            ..Egress::default()
        },
    )
}

fn issuer(i: usize) -> impl Strategy<Value = Issuer> {
    let rule =
        (text(), any::<bool>(), proptest::collection::vec(text().prop_map(Normalisation::StripPrefix), 0..2))
            .prop_map(|(claim, create, normalise)| SubjectRule {
                normalise,
                form: (!create).then(|| SubjectForm::Pattern(claim.clone())),
                fallback: if create { vec!["oid".to_owned()] } else { Vec::new() },
                claim,
                unknown: if create { UnknownUser::Create } else { UnknownUser::Reject },
                create: if create {
                    BTreeMap::from([("username".to_owned(), "name".to_owned())])
                } else {
                    BTreeMap::new()
                },
                ..SubjectRule::default()
            });
    let tenant = prop_oneof![
        Just(TenantRule::Named(Name::new("t0").unwrap())),
        text().prop_map(|value| TenantRule::Mapped(TenantMap {
            claim: "tid".to_owned(),
            map: BTreeMap::from([(value, Name::new("t0").unwrap())])
        })),
    ];
    (
        tenant,
        rule,
        proptest::option::of(secret()),
        proptest::collection::vec(text(), 1..3),
        egress(),
        any::<bool>(),
    )
        .prop_map(move |(tenant, subject, secret, audiences, http, rfc)| Issuer {
            name: Name::new(&format!("i{i}")).unwrap(),
            tenant,
            issuer: format!("https://i{i}.example.com"),
            preset: rfc.then(|| "okta".to_owned()),
            jwks_url: None,
            jwks_file: None,
            public_key_file: None,
            algorithms: if secret.is_some() { vec!["HS512".to_owned()] } else { Vec::new() },
            decryption_keys: secret
                .iter()
                .map(|key| DecryptionKey {
                    key: key.clone(),
                    kid: rfc.then(|| "a".to_owned()),
                    algorithm: None,
                })
                .collect(),
            secret,
            audiences,
            audience_claim: None,
            profile: if rfc { TokenProfile::Rfc9068 } else { TokenProfile::Generic },
            leeway: Span::seconds(7),
            max_age: None,
            single_use: true,
            required_claims: Vec::new(),
            subject,
            machine: vec![
                MachineRule { claim: "idtyp".to_owned(), test: MachineTest::Equals("app".to_owned()) },
                MachineRule { claim: "azp".to_owned(), test: MachineTest::Present(rfc) },
            ],
            client_claim: None,
            role_claims: vec!["realm_access.roles".to_owned()],
            groups: rfc.then(|| GroupsRule {
                map: BTreeMap::from([(
                    "/staff/devs".to_owned(),
                    GroupGrant { roles: vec!["admin".to_owned()], teams: vec!["platform/dev".to_owned()] },
                )]),
                overage: GroupsOverage::Refuse,
                ..GroupsRule::default()
            }),
            stale: Span::seconds(60),
            http,
        })
}

fn service(i: usize) -> impl Strategy<Value = Service> {
    (text(), egress(), any::<bool>(), proptest::option::of(span())).prop_map(
        move |(user, http, on, timeout)| Service {
            name: Name::new(&format!("s{i}")).unwrap(),
            tenant: Name::new("t0").unwrap(),
            path: format!("/s{i}"),
            host: on.then(|| "api.example.com".to_owned()),
            upstream: "http://127.0.0.1:7000/base".parse().unwrap(),
            strip_path: on,
            auth: if on { AuthMode::Required } else { AuthMode::Monitor },
            methods: vec!["GET".to_owned()],
            scopes: vec!["a:b".to_owned()],
            roles: Vec::new(),
            allow: Allow { users: vec![user], ..Allow::default() },
            forward: if on { Forward::Caller } else { Forward::None },
            credentials: CredentialPlaces {
                cookie: on.then(|| "session".to_owned()),
                ..CredentialPlaces::default()
            },
            max_body: on.then_some(ByteSize(77)),
            timeout,
            websocket: on,
            capture: on,
            http,
        },
    )
}

prop_compose! {
    fn config()(
        issuers in (0_usize..3).prop_flat_map(|n| (0..n).map(|i| issuer(i).boxed()).collect::<Vec<_>>()),
        services in (0_usize..3).prop_flat_map(|n| (0..n).map(|i| service(i).boxed()).collect::<Vec<_>>()),
        key in secret(), header in text(), cedar in text(), drain in span(), http in egress(), ratio in 0.0..1.0_f64, body in 1_024_u64..1 << 40, on in any::<bool>(),
    ) -> Config {
        let mut config = Config { issuers, services, ..Config::default() };
        config.storage.database = on.then(|| "postgres://u@h/d".parse::<Database>().unwrap());
        config.gateway.drain = drain;
        config.gateway.max_body = ByteSize(body);
        config.gateway.failure_budget = FailureBudget { failures: 3, window: drain };
        config.gateway.tls = on.then(|| Tls { certificate_file: "c".into(), key_file: "k".into() });
        config.gateway.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        config.control.public_url = on.then(|| "https://a.example.com/".parse().unwrap());
        config.records.when_full = if on { WhenFull::Drop } else { WhenFull::Refuse };
        config.telemetry.log_format = if on { LogFormat::Json } else { LogFormat::Text };
        config.telemetry.trace_ratio = ratio;
        config.tenants = vec![TenantEntry { name: Name::new("t0").unwrap(), models: vec!["m".to_owned()] }];
        let header: String = header.chars().filter(|c| !c.is_control()).collect();
        config.providers = vec![Provider {
            name: Name::new("p").unwrap(), preset: Some("openai".to_owned()), base_url: None,
            aws: on.then(|| Aws { region: "eu-west-1".to_owned(), access_key_id: key.clone(), secret_access_key: key.clone(), session_token: Some(key.clone()) }),
            google: on.then(|| Google { credentials: Some(key.clone()), region: Some("global".to_owned()), ..Google::default() }),
            query: BTreeMap::from([("api-version".to_owned(), "1".to_owned())]),
            api_key: Some(key.clone()),
            keys: on.then_some(ProviderKey { api_key: key, weight: 3, rpm: Some(60) }).into_iter().collect(),
            headers: BTreeMap::from([("x-team".to_owned(), header)]), http,
        }];
        let when = When { teams: vec!["dev".to_owned()], needs: vec![Need::Vision], at_most: Some(ByteSize(body)), ..When::default() };
        let deployment = Deployment {
            translation: Translation::Strict, api: on.then_some(Api::Responses), priority: 2, weight: 7, region: on.then(|| "eu".to_owned()), when: on.then_some(when),
            ..Deployment::new(Name::new("p").unwrap(), Name::new("a/b:c").unwrap())
        };
        let name = Name::new("m").unwrap();
        let fallback = Fallback { outage: if on { vec![name.clone()] } else { Vec::new() }, ..Fallback::default() };
        let breaker = if on { Breaker { failures: 0, open: drain } } else { Breaker::default() };
        config.models = vec![Model {
            strategy: portcullis_model::provider::Strategy::LeastBusy, retries: 1, deadline: on.then_some(drain), tags: on, fallback, breaker, hedge: on.then_some(Hedge { after: Span::seconds(1) }),
            ..Model::new(name, vec![deployment, Deployment::new(Name::new("p").unwrap(), Name::new("c").unwrap())])
        }];
        config.policies = vec![Policy { name: Name::new("q").unwrap(), tenant: None, cedar: Some(cedar), file: None }];
        config
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn written_and_read_is_the_same(config in config()) {
        let text = toml::to_string(&config).unwrap();
        let read = parse(&text, "written.toml").map_err(|errors| TestCaseError::fail(format!("{}\n{text}", errors.report(false))))?;
        prop_assert_eq!(&read, &config);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}|([a-z_.\"=\\[\\]{}\n#'0-9 -]{0,200})") {
        if let Err(errors) = parse(&text, "t.toml") {
            prop_assert!(!errors.problems().is_empty());
            let _ = (errors.to_string(), errors.report(false));
        }
    }
}
