//! What users are told, word for word.

use portcullis_config::{Errors, Place, parse};

fn problems(text: &str) -> String {
    parse(text, "portcullis.toml").expect_err("the file is wrong").to_string()
}

#[test]
fn slips_of_the_pen() {
    insta::assert_snapshot!(problems(
        r#"
gatway = 1
data_dir = "x"
[gateway]
lsiten = "127.0.0.1:8080"
data_dir = "data"
zzz = true
max_calls = "many"
drain = 30
header_timeout = "10"
max_headers = 70000
trusted_proxies = "10.0.0.1"
public_url = "gw.example.com"
[control]
listen = "localhost"
rate = 0
tls = { certificate_file = "c.pem" }
[records]
when_full = "Refuse"
keep = 1979-05-27
[telemetry]
trace_ratio = 2
log_level = "inof"
[[gateways]]
[[resolution]]
[services]
name = "x"
"#
    ));
}

#[test]
fn user_sources_that_would_find_anybody_by_a_key() {
    let said = problems(
        r#"
[[tenants]]
name = "acme"
[[sources]]
name = "hr"
tenant = "acme"
sql = { primary = "env:HR", query = "SELECT id AS key FROM p WHERE login = :subject", by_key = "SELECT id AS key FROM p WHERE login = :subject" }
[[sources]]
name = "people"
tenant = "acme"
http = { url = "https://a.example.com", query = { login = "{subject}" }, fields = { key = "/id" }, by_key = { path = ["", "{subject}"], body = { id = "{key}" } } }
[[sources]]
name = "others"
tenant = "acme"
http = { url = "https://b.example.com", query = { login = "{subject}" }, fields = { key = "/id" }, by_key = { path = ["all"] } }
"#,
    );
    for part in [
        "`by_key` has no parameter `:subject`",
        "`by_key` does not ask for `:key`: everybody would be found",
        "write it as `WHERE id = :key::uuid`",
        "a segment of the path is empty",
        "there is nothing to fill in for `{subject}`",
        "there are `{key}`, `{issuer}` and `{tenant}`",
        "a `GET` has no body",
        "nothing in `by_key` has `{key}` in it: everybody would be found",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let right = r#"
[[tenants]]
name = "acme"
[[sources]]
name = "hr"
tenant = "acme"
sql = { primary = "env:HR", query = "SELECT id AS key FROM p WHERE login = :subject", by_key = "SELECT id AS key FROM p WHERE id = :key::uuid" }
[[sources]]
name = "people"
tenant = "acme"
http = { url = "https://a.example.com", query = { login = "{subject}" }, fields = { key = "/id" }, by_key = { path = ["by-id", "{key}"] } }
"#;
    assert!(parse(right, "portcullis.toml").is_ok());
}

#[test]
fn rules_that_fall_back_to_what_identifies_nobody() {
    let of = |subject: &str| {
        format!(
            r#"
[[tenants]]
name = "acme"
[[issuers]]
name = "corp"
tenant = "acme"
issuer = "https://corp.example"
jwks_file = "corp.json"
audiences = ["a"]
subject = {{ {subject} }}
"#
        )
    };
    for (subject, part) in [
        (r#"fallback = ["oid", "email"]"#, "`email` is an e-mail address, which changes hands"),
        (
            r#"fallback = ["user.preferred_username"]"#,
            "is what people choose or change: it identifies nobody",
        ),
        (r#"fallback = ["oid", "oid"]"#, "`oid` is asked about before"),
        (r#"fallback = ["sub"]"#, "`sub` is asked about before"),
        (r#"fallback = [""]"#, "a claim to fall back to is empty"),
        (r#"fallback = ["a", "b", "c", "d", "e"]"#, "at most 4 claims are fallen back to"),
        (r#"source = "hr", fallback = ["oid"]"#, "`fallback` has no effect with `source`"),
        (r#"form = "uid""#, "uuid"),
    ] {
        let said = problems(&of(subject));
        assert!(said.contains(part), "{part}: {said}");
    }
    for subject in [
        r#"attribute = "external_id", fallback = ["sub", "oid"], form = { pattern = 'auth0\|[0-9a-f]+' }"#,
        r#"fallback = ["https://acme.example/uid"], form = "uuid""#,
    ] {
        parse(&of(subject), "portcullis.toml").unwrap();
    }
}

#[test]
fn issuers() {
    insta::assert_snapshot!(problems(
        r#"
[[tenants]]
name = "acme"
[[issuers]]
name = "two-sources"
tenant = "acme"
issuer = "https://a.example.com"
jwks_file = "a.json"
secret = "env:A"
audiences = ["a"]
[[issuers]]
name = "confused"
tenant = "acmee"
issuer = "https://b.example.com"
preset = "keyclock"
audiences = ["a"]
algorithms = ["RS256", "none", "HS256", "rs512", "XYZ"]
leeway = "10m"
subject = { attribute = "email", unknown = "rejct" }
[[issuers]]
name = "shared"
tenant = "acme"
issuer = "c"
secret = "env:C"
algorithms = ["HS256", "ES256"]
decryption_keys = [
  { key = "env:D", kid = "a", algorithm = "RSA1_5" },
  { key = "env:E", kid = "a", algorithm = "PBES2-HS256+A128KW" },
  { key = "env:F", kid = "", algorithm = "RSA-OAEP256" },
]
[[issuers]]
name = "template"
tenant = "acme"
issuer = "https://login.example.com/{tid}/v2.0"
audiences = ["a"]
[[issuers]]
name = "other-claim"
tenant = { claim = "org", map = { x = "acme", y = "nobody" } }
issuer = "https://login2.example.com/{tid}"
audiences = ["a"]
[[issuers]]
name = "clear"
tenant = { claim = "org", mapp = {} }
issuer = "http://idp.example.com"
audiences = ["a"]
decryption_keys = [{ key = "-----BEGIN PRIVATE KEY-----" }, { private_key_file = "enc.pem" }]
[[issuers]]
name = "local"
tenant = "acme"
issuer = "http://idp.example.com"
audiences = ["a"]
machine = [{ claim = "azp" }, { claim = "azp", equals = "a", prefix = "b" }, { clam = "azp", equals = "a" }]
[[issuers]]
name = "clear"
tenant = "acme"
issuer = "not a url"
audiences = ["a"]
audience_claim = "none"
"#
    ));
}

#[test]
fn services() {
    let service = |name: &str, rest: &str| {
        format!(
            "[[services]]\nname = \"{name}\"\ntenant = \"acme\"\nupstream = \"http://127.0.0.1:7000\"\n{rest}\n"
        )
    };
    let mut text = "[[tenants]]\nname = \"acme\"\n[[tenants]]\nname = \"other\"\n".to_owned();
    for (i, path) in [
        "orders",
        "/a/",
        "/a//b",
        "/a/../b",
        "/a%2fb",
        "/a;b",
        "/-/x",
        "/v1",
        "/openai/v1",
        "/a*",
        "/a b",
        "/a?b",
        "",
    ]
    .iter()
    .enumerate()
    {
        text.push_str(&service(&format!("p{i}"), &format!("path = \"{path}\"")));
    }
    text.push_str(&service("good", "path = \"/good\""));
    text.push_str(
        "[[services]]\nname = \"good\"\ntenant = \"other\"\npath = \"/good\"\nupstream = \"ftp://u:p@h/\"\n",
    );
    text.push_str(&service(
        "good",
        "path = \"/fine\"\nmethods = [\"get\"]\nscopes = [\"a b\"]\nauth = \"none\"\nhost = \"https://x\"\n",
    ));
    text.push_str(&service("ai", "path = \"/ai\"\ncredentials = { header = \"authorization\", origins = [\"https://a/\"] }\nhttp = { client_key_file = \"k\", proxy = \"http://u:p@h:1\" }"));
    insta::assert_snapshot!(problems(&text));
}

#[test]
fn what_is_no_team_is_said() {
    let text = "[[tenants]]\nname = \"acme\"\n[[services]]\nname = \"s\"\ntenant = \"acme\"\npath = \"/s\"\n\
                upstream = \"http://127.0.0.1:7000\"\nallow = { teams = [\"platform/dev\", \"/platform\"] }\n";
    let said = problems(text);
    assert!(
        said.contains("a team's name") && said.contains("platform/dev") && said.contains(":8:"),
        "{said}"
    );
}

#[test]
fn providers_models_and_policies() {
    insta::assert_snapshot!(problems(
        r#"
[[tenants]]
name = "acme"
models = ["fats", "*"]
[[providers]]
name = "openai"
headers = { Authorization = "Bearer sk-123456", Host = "x" }
[[models]]
name = "fast"
deployments = [{ provider = "opnai", model = "m" }]
[[models]]
name = "none"
deployments = []
[[models]]
name = "bad name"
deployments = [{ provider = "openai", model = "m" }, { provider = "openai", model = "m" }]
[[policies]]
name = "p"
[[policies]]
name = "p"
cedar = "permit (principal, action, resource);"
file = "p.cedar"
tenant = "acme2"
"#
    ));
}

#[test]
fn listeners() {
    insta::assert_snapshot!(problems(
        r#"
[gateway]
listen = "0.0.0.0:8081"
proxy_protocol = true
header_timeout = "0s"
[control]
listen = "[::]:8081"
public_url = "https://u:p@h/"
[ai]
auth = "none"
[storage]
database = "mysql://u:hunter2@h/d"
"#
    ));
}

#[test]
fn broken_syntax() {
    insta::assert_snapshot!(problems("[gateway\nlisten = 127.0.0.1\n[control]\nrate = 5\nrate = 6\n"));
}

#[test]
fn a_report_shows_the_lines() {
    let errors =
        parse("[gateway]\nlisten = \"127.0.0.1:8080\"\nmax_body = 20\nlsiten = 1\n", "portcullis.toml")
            .unwrap_err();
    insta::assert_snapshot!(errors.report(false));
}

/// Whoever writes a secret into the file by mistake must not find it in the log, too.
#[test]
fn secrets_are_not_repeated() {
    for text in [
        "[[providers]]\nname = \"a\"\npreset = \"openai\"\napi_key = \"hunter2\"\nzzz = 1\n",
        "[[providers]]\nname = \"a\"\npreset = \"openai\"\napi_ky = \"hunter2\"\n",
        "[[providers]]\nname = \"a\"\npreset = \"openai\"\napi_key = hunter2\n",
        "[[providers]]\nname = \"a\"\nbase_url = \"https://u:hunter2@h/\"\n",
        "[[providers]]\nname = \"a\"\nbase_url = \"https://u:hunter2@h:port/\"\n",
        "[[providers]]\nname = \"a\"\nbase_url = \"https://h/\"\nheaders = { x-api-key = \"hunter2\" }\n",
        "[[providers]]\nname = \"a\"\npreset = \"openai\"\nhttp = { proxy = \"http://u:hunter2@h:1\" }\n",
        "[storage]\ndatabase = \"mysql://u:hunter2@h/d\"\n",
        "[storage]\ndatabase = \"postgres://u:hunter2@h:x/d\"\n",
        "[storage]\ndatabase = \"postgres://u:hunter2@h/d\"\nlisten = 1\n",
        "[storage]\ndatabase = [\"hunter2\"]\n",
        "[storage]\ndatabase = { password = \"hunter2\" }\n",
        "[secrets]\nkey = \"hunter2\"\n",
        "# password: hunter1\n# password = hunter2\nzzz = 1\n",
        "[secrets]\nkey = \"\"\"\nhunter2\n\"\"\"\n",
        "[[issuers]]\nname = \"i\"\ntenant = \"t\"\nissuer = \"i\"\nsecret = \"hunter2\"\n",
    ] {
        let errors: Errors = parse(text, "t.toml").expect_err(text);
        for shown in [errors.to_string(), errors.report(false), errors.report(true), format!("{errors:?}")] {
            assert!(!shown.contains("hunter2"), "{text}\n{shown}");
        }
    }
}

#[test]
fn places_are_exact() {
    let errors = parse("[gateway]\n\n  größe = 1 # é\n", "t.toml").unwrap_err();
    assert!(
        errors.to_string().contains("this is not valid TOML")
            || matches!(errors.problems()[0].place, Place::File { line: 3, column: 3, .. }),
        "{errors}"
    );
    let errors = parse("[gateway]\n\"größe\" = 1\nlisten = \"\u{e9}\"\n", "t.toml").unwrap_err();
    let places: Vec<_> = errors.problems().iter().map(|problem| problem.place.clone()).collect();
    let at = |line, column| Place::File { name: "t.toml".to_owned(), line, column };
    assert_eq!(places, [at(2, 1), at(3, 10)]);
}

#[test]
fn many_problems_are_bounded() {
    let text: String = (0..400).map(|i| format!("key{i} = 1\n")).collect();
    let errors = parse(&text, "t.toml").unwrap_err();
    assert_eq!(errors.problems().len(), 400);
    assert!(errors.to_string().ends_with("and 350 more problems"));
    assert_eq!(errors.to_string().lines().count(), 51);
}

/// Nothing that a file can hold makes it panic or hang.
#[test]
fn strange_files_are_refused() {
    let deep = format!("x = {}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let tables = format!("[{}]\n", vec!["a"; 20_000].join("."));
    let texts = [
        "\0",
        "=",
        "[",
        "[[",
        "[gateway]\n[gateway]",
        "a.b = 1\na = 2",
        "gateway = []",
        "services = [[]]",
        "services = [1]",
        "x = 99999999999999999999",
        "\u{feff}zzz = 1",
        &deep,
        &tables,
    ];
    for text in texts {
        assert!(parse(text, "t.toml").is_err(), "{}", text.chars().take(40).collect::<String>());
    }
}
