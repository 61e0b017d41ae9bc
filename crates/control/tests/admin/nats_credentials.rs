//! Who we are to a NATS server that wants to know: a credentials file of an account (JWT and nkey), a user name with a password.
//! A token, and who is answered without a certificate: `nats.rs`.

use crate::harness::Plane;
use crate::nats::{Nats, count, notice, opened_with, why};
use async_nats::ConnectOptions;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use portcullis_control::sinks::Delivery;
use portcullis_fault::Secret;
use portcullis_model::SecretRef;
use portcullis_model::secret_ref::SecretSource;
use serde_json::{Value, json};

/// The one secret of a test, as `env:SECRET`.
struct Given<'s>(&'s str);

impl SecretSource for Given<'_> {
    fn read(&self, reference: &SecretRef) -> Result<Secret<Vec<u8>>, String> {
        assert_eq!(reference.to_string(), "env:SECRET");
        Ok(Secret::new(self.0.as_bytes().to_vec()))
    }
}

/// What an issuer of NATS' says of somebody.
fn jwt(issuer: &KeyPair, of: &KeyPair, name: &str, says: Value) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut claims = json!({
        "jti": name, "iat": 1_700_000_000, "iss": issuer.public_key(), "sub": of.public_key(), "name": name, "nats": says,
    });
    claims["nats"]["version"] = 2.into();
    if name == "expired" {
        claims["exp"] = 1_700_000_001.into();
    }
    let signed = format!("{}.{}", part(json!({ "typ": "JWT", "alg": "ed25519-nkey" })), part(claims));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// An operator, an account with JetStream, and the server's configuration that trusts them.
struct Accounts {
    account: KeyPair,
    configuration: String,
}

impl Accounts {
    fn new() -> Self {
        let (operator, system, account) =
            (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
        let limits = |storage: i64| {
            json!({
                "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
                "mem_storage": storage, "disk_storage": storage, "streams": storage, "consumer": storage,
            })
        };
        let of = |storage| json!({ "type": "account", "limits": limits(storage) });
        let trusted = json!({ "type": "operator", "system_account": system.public_key() });
        let configuration = format!(
            "operator: \"{}\"\nresolver: MEMORY\nresolver_preload: {{ {}: \"{}\", {}: \"{}\" }}\n",
            jwt(&operator, &operator, "operator", trusted),
            system.public_key(),
            jwt(&operator, &system, "system", of(0)),
            account.public_key(),
            jwt(&operator, &account, "account", of(-1)),
        );
        Self { account, configuration }
    }

    /// The credentials file of a user of an account, who may publish on `subject`; and its seed.
    fn user(account: &KeyPair, name: &str, subject: &str) -> (String, String) {
        let user = KeyPair::new_user();
        let may = json!({
            "type": "user", "subs": -1, "data": -1, "payload": -1, "pub": { "allow": [subject] }, "sub": {},
        });
        let (jwt, seed) = (jwt(account, &user, name, may), user.seed().unwrap());
        let file = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        (file, seed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credentials_file_is_good_for_what_its_account_may() {
    let accounts = Accounts::new();
    let place = tempfile::tempdir().unwrap();
    let configuration = place.path().join("nats.conf");
    std::fs::write(&configuration, &accounts.configuration).unwrap();
    let Some(server) = Nats::start(&["-c", configuration.to_str().unwrap()]).await else { return };
    let (admin, _) = Accounts::user(&accounts.account, "admin", ">");
    let stream = server.stream_as(ConnectOptions::with_credentials(&admin).unwrap()).await;
    let plane = Plane::new().await;
    let url = format!("url = \"nats://127.0.0.1:{}\"\ntimeout = \"10s\"", server.port);
    let tell = async |file: &str| {
        let sink =
            opened_with(&plane, &Given(file), &format!("{url}\ncredentials = \"env:SECRET\"")).unwrap();
        sink.deliver(&notice(&plane, 1)).await
    };
    let (ours, seed) = Accounts::user(&accounts.account, "gateway", "portcullis.>");
    assert_eq!(tell(&ours).await, Delivery::Done);
    assert_eq!(count(&stream).await, 1);
    // Nobody's account; a user who was let in until yesterday; one who may say other things.
    let (stranger, _) = Accounts::user(&KeyPair::new_account(), "stranger", ">");
    let (expired, _) = Accounts::user(&accounts.account, "expired", ">");
    let (bounded, _) = Accounts::user(&accounts.account, "bounded", "orders.>");
    // A file of two: the one's JWT, and the other's seed.
    let mixed = ours.replace(&seed, &KeyPair::new_user().seed().unwrap());
    for (file, said) in [
        (&stranger, "authorization violation"),
        (&expired, "authorization violation"),
        (&mixed, "authorization violation"),
        (&bounded, "permissions violation"),
    ] {
        let refused = why(tell(file).await);
        assert!(refused.to_lowercase().contains(said), "{said}: {refused}");
        for secret in file.lines().filter(|line| !line.starts_with('-') && !line.is_empty()) {
            assert!(!refused.contains(secret), "{refused}");
        }
    }
    let none =
        opened_with(&plane, &Given(&seed), &format!("{url}\ncredentials = \"env:SECRET\"")).err().unwrap();
    assert!(none.contains("no credentials file") && !none.contains(&seed), "{none}");
    assert_eq!(count(&stream).await, 1, "nothing of those who were refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_name_needs_its_password() {
    const PASSWORD: &str = "hunter2, or so";
    let Some(server) = Nats::start(&["--user", "gateway", "--pass", PASSWORD]).await else { return };
    let who = ConnectOptions::with_user_and_password("gateway".to_owned(), PASSWORD.to_owned());
    let stream = server.stream_as(who).await;
    let plane = Plane::new().await;
    let tell = async |name: &str, password: &str| {
        let nats = format!(
            "url = \"nats://127.0.0.1:{}\"\ntimeout = \"10s\"\nusername = \"{name}\"\npassword = \"env:SECRET\"",
            server.port
        );
        opened_with(&plane, &Given(password), &nats).unwrap().deliver(&notice(&plane, 1)).await
    };
    // As an editor leaves it in a file.
    assert_eq!(tell("gateway", &format!("{PASSWORD}\n")).await, Delivery::Done);
    for (name, password) in [("gateway", "hunter3, or so"), ("somebody", PASSWORD)] {
        let refused = why(tell(name, password).await);
        assert!(refused.to_lowercase().contains("authorization violation"), "{refused}");
        assert!(!refused.contains("hunter"), "{refused}");
    }
    assert_eq!(count(&stream).await, 1);
}
