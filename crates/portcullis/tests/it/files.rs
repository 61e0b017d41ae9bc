//! What the process leaves on the disk and in its log: nothing that others may read, and no secret.

use crate::http::{call, chat, get};
use crate::server::{CONFIG, Server};
use http::Method;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn walk(path: &Path, visit: &mut dyn FnMut(&Path)) {
    visit(path);
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), visit);
        }
    }
}

#[test]
fn nobody_else_may_read_anything() {
    let server = Server::start(CONFIG);
    server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let mut files = 0;
    walk(&server.place.data(), &mut |path| {
        let mode = std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        files += 1;
    });
    assert!(files > 6);
    assert_eq!(
        std::fs::metadata(server.place.data().join("admin-credential")).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        std::fs::metadata(server.place.data().join("control.sock")).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_or_the_data() {
    let config = CONFIG.to_owned() + "\n[telemetry]\nlog_level = \"trace\"\nlog_format = \"json\"\n";
    let server = Server::start(&config);
    let user = server.cli(&["user", "create", "--tenant", "acme", "--username", "ada"]);
    let token = server.cli(&["token", "--tenant", "acme", "--user", user["id"].as_str().unwrap()])["token"]
        .as_str()
        .unwrap()
        .to_owned();
    server.cli(&["app", "create", "bot", "--tenant", "acme"]);
    let key = server.cli(&["key", "create", "--app", "bot"])["secret"].as_str().unwrap().to_owned();
    let operator = server.cli(&["operator", "create", "audit", "--role", "auditor"])["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let credential = server.credential();
    let stored = r#"{"value":"hunter2-stored"}"#;
    let authorization = format!("Bearer {credential}");
    let put = call(
        server.control,
        Method::PUT,
        "/admin/v1/secrets/vendor",
        &[("authorization", &authorization), ("content-type", "application/json")],
        stored,
    )
    .await
    .unwrap();
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(chat(server.gateway, &token, true).await.status, 200);
    assert_eq!(chat(server.gateway, &key, false).await.status, 200);
    // And where things go wrong: broken on the way, in the wrong place, of the wrong kind.
    let broken = format!("{}x", &token[..token.len() - 1]);
    chat(server.gateway, &broken, false).await;
    get(server.gateway, &format!("/v1/models?key={key}"), None).await;
    get(server.control, "/admin/v1/users", Some(&token)).await;
    get(server.control, "/admin/v1/users", Some(&operator)).await;
    get(server.control, "/admin/v1/users", Some(&format!("{operator}x"))).await;
    call(
        server.control,
        Method::PUT,
        "/admin/v1/secrets/vendor",
        &[("authorization", &authorization), ("content-type", "application/json")],
        r#"{"value":["hunter2-wrong"]}"#,
    )
    .await
    .unwrap();
    let place = server.stop();
    // A signature may have `_` in it; the secrets of credentials have none.
    let last = |whole: &str, separator: char| whole.rsplit(separator).next().unwrap().to_owned();
    let signatures = [&token, &broken].map(|token| last(token, '.'));
    let credentials = [&key, &operator, &credential].map(|credential| last(credential, '_'));
    let secrets: Vec<String> =
        signatures.into_iter().chain(credentials).chain(["hunter2".to_owned()]).collect();
    assert!(secrets.iter().all(|secret| secret.len() > 6));
    let log = place.log();
    for code in ["token_malformed", "operator_credential_invalid", "parameter_invalid"] {
        assert!(log.contains(code), "`{code}` was provoked and is not in the log: {log}");
    }
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "`{secret}` is in the log");
    }
    walk(&place.data(), &mut |path| {
        if path.is_file() && !path.ends_with("admin-credential") {
            let bytes = std::fs::read(path).unwrap();
            for secret in &secrets {
                assert!(
                    !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
                    "`{secret}` is in {}",
                    path.display()
                );
            }
        }
    });
}
