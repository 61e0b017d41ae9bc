//! Files on disk: what cannot be read, and what is watched.

use portcullis_config::load;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn none() -> Vec<(String, String)> {
    Vec::new()
}

#[test]
fn what_cannot_be_read_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("latin.toml"), b"# \xe9\n").unwrap();
    for (file, said) in
        [("missing.toml", "cannot be read"), (".", "directory"), ("latin.toml", "not UTF-8 from byte 2")]
    {
        let error = load(Some(&at(file)), none()).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.report(false).is_empty());
    }
}

#[test]
fn paths_are_relative_to_the_file_and_watched() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("portcullis.toml");
    std::fs::write(&file, "[storage]\ndata_dir = \"state\"\n[gateway]\nlisten = \"0.0.0.0:8443\"\ntls = { certificate_file = \"tls/c.pem\", key_file = \"/k.pem\" }\n").unwrap();
    let loaded = load(Some(&file), none()).unwrap();
    assert_eq!(loaded.directory, directory.path());
    assert_eq!(loaded.config.storage.data_dir, directory.path().join("state"));
    assert_eq!(loaded.config.socket(), directory.path().join("state/control.sock"));
    assert_eq!(loaded.files, [file, Path::new("/k.pem").to_owned(), directory.path().join("tls/c.pem")]);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn a_password_that_everybody_can_read_is_warned_about() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("portcullis.toml");
    std::fs::write(&file, "[storage]\ndatabase = \"postgres://u:hunter2@h/d\"\n").unwrap();
    for (mode, said) in [(0o644, "everybody on this machine"), (0o600, "better give it as")] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let loaded = load(Some(&file), none()).unwrap();
        assert_eq!(loaded.warnings.len(), 1);
        assert!(loaded.warnings[0].message.contains(said), "{}", loaded.warnings[0]);
        assert!(!format!("{loaded:?}").contains("hunter2"));
    }
}

#[test]
fn what_is_probably_not_meant_is_warned_about() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("portcullis.toml");
    let text = r#"
        gateway = { listen = "0.0.0.0:80", behind_proxy = true }
        [[tenants]]
        name = "a"
        [[issuers]]
        name = "i"
        tenant = "a"
        issuer = "https://i.example.com"
        audience_claim = "none"
        preset = "okta"
        single_use = true
        [[issuers]]
        name = "j"
        tenant = "a"
        issuer = "https://j.example.com"
        audiences = ["a"]
        single_use = true
        [[providers]]
        name = "p"
        base_url = "http://gpu.internal/v1"
        api_key = "env:K"
        [[models]]
        name = "m"
        deployments = [{ provider = "p", model = "m" }]
        [[services]]
        name = "s"
        tenant = "a"
        path = "/s"
        upstream = "http://s.internal"
        auth = "monitor"
        forward = "caller"
    "#;
    std::fs::write(&file, text).unwrap();
    let at: Vec<_> =
        load(Some(&file), none()).unwrap().warnings.into_iter().map(|warning| warning.at).collect();
    assert_eq!(
        at,
        [
            "gateway.trusted_proxies",
            "services.s.auth",
            "services.s.upstream",
            "providers.p.base_url",
            "issuers.i.audience_claim",
            "issuers.i.single_use",
            "models.m"
        ]
    );
}
