//! Relative paths are relative to the configuration file, wherever the process was started.

use crate::{Config, Database, Tls};
use portcullis_model::SecretRef;
use portcullis_model::issuer::Egress;
use std::path::{Path, PathBuf};

/// Makes every path of `config` absolute, and names the files that it is made of beside itself.
pub fn all(config: &mut Config, directory: &Path) -> Vec<PathBuf> {
    let mut paths = Paths { directory, files: Vec::new() };
    paths.place(&mut config.storage.data_dir);
    if let Some(socket) = &mut config.control.socket {
        paths.place(socket);
    }
    if let Some(Database::Reference(reference)) = &mut config.storage.database {
        paths.secret(reference);
    }
    for tls in [&mut config.gateway.tls, &mut config.control.tls].into_iter().flatten() {
        let Tls { certificate_file, key_file } = tls;
        paths.file(certificate_file);
        paths.file(key_file);
    }
    config.ai.catalog.iter_mut().for_each(|file| paths.file(file));
    config.cluster.redis.iter_mut().for_each(|redis| paths.secret(redis));
    config.secrets.key.iter_mut().for_each(|key| paths.secret(key));
    for issuer in &mut config.issuers {
        issuer.jwks_file.iter_mut().for_each(|file| paths.file(file));
        issuer.public_key_file.iter_mut().for_each(|file| paths.file(file));
        issuer.secret.iter_mut().for_each(|secret| paths.secret(secret));
        issuer.decryption_keys.iter_mut().for_each(|own| paths.secret(&mut own.key));
        paths.egress(&mut issuer.http);
    }
    for source in &mut config.sources {
        if let Some(sql) = &mut source.sql {
            paths.secret(&mut sql.primary);
            sql.replica.iter_mut().for_each(|replica| paths.secret(replica));
        }
        if let Some(http) = &mut source.http {
            http.credential.iter_mut().for_each(|credential| paths.secret(credential));
            paths.egress(&mut http.http);
        }
        if let Some(ldap) = &mut source.ldap {
            ldap.password.iter_mut().for_each(|password| paths.secret(password));
            [&mut ldap.ca_file, &mut ldap.client_certificate_file, &mut ldap.client_key_file]
                .into_iter()
                .flatten()
                .for_each(|file| paths.file(file));
        }
    }
    for provider in &mut config.providers {
        provider.api_key.iter_mut().for_each(|key| paths.secret(key));
        provider.keys.iter_mut().for_each(|key| paths.secret(&mut key.api_key));
        if let Some(aws) = &mut provider.aws {
            let token = aws.session_token.iter_mut();
            [&mut aws.access_key_id, &mut aws.secret_access_key]
                .into_iter()
                .chain(token)
                .for_each(|key| paths.secret(key));
        }
        let google = provider.google.iter_mut().filter_map(|google| google.credentials.as_mut());
        google.for_each(|credentials| paths.secret(credentials));
        paths.egress(&mut provider.http);
    }
    config.services.iter_mut().for_each(|service| paths.egress(&mut service.http));
    config.policies.iter_mut().filter_map(|policy| policy.file.as_mut()).for_each(|file| paths.file(file));
    if let Some(nats) = &mut config.events.nats {
        let secrets = [&mut nats.credentials, &mut nats.token, &mut nats.password];
        secrets.into_iter().flatten().for_each(|secret| paths.secret(secret));
        let files = [&mut nats.ca_file, &mut nats.client_certificate_file, &mut nats.client_key_file];
        files.into_iter().flatten().for_each(|file| paths.file(file));
    }
    for webhook in &mut config.webhooks {
        paths.secret(&mut webhook.secret);
        webhook.old_secret.iter_mut().for_each(|secret| paths.secret(secret));
        paths.egress(&mut webhook.http);
    }
    let mut files = paths.files;
    files.sort();
    files.dedup();
    files
}

struct Paths<'a> {
    directory: &'a Path,
    files: Vec<PathBuf>,
}

impl Paths<'_> {
    /// A path that is not watched.
    fn place(&self, path: &mut PathBuf) {
        // Joining an absolute path gives that path.
        *path = self.directory.join(&*path);
    }

    fn file(&mut self, path: &mut PathBuf) {
        self.place(path);
        self.files.push(path.clone());
    }

    fn secret(&mut self, reference: &mut SecretRef) {
        if let SecretRef::File(path) = reference {
            self.file(path);
        }
    }

    fn egress(&mut self, http: &mut Egress) {
        for file in [&mut http.ca_file, &mut http.client_certificate_file, &mut http.client_key_file]
            .into_iter()
            .flatten()
        {
            self.file(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_a_file_is_made_absolute() {
        let text = r#"
            storage = { database = "file:db.url" }
            gateway.tls = { certificate_file = "a.pem", key_file = "/etc/b.pem" }
            control.socket = "run/s.sock"
            ai.catalog = "models.toml"
            secrets.key = "file:k"
            [[tenants]]
            name = "t"
            [[issuers]]
            name = "i"
            tenant = "t"
            issuer = "x"
            jwks_file = "keys.json"
            audiences = ["a"]
            decryption_keys = [{ key = "file:enc.pem" }, { key = "env:K" }]
            http = { ca_file = "ca.pem", client_certificate_file = "c.pem", client_key_file = "ck.pem" }
            [[providers]]
            name = "p"
            preset = "openai"
            api_key = "file:p.key"
            [[providers]]
            name = "p2"
            preset = "openai"
            keys = [{ api_key = "file:q.key" }]
            [[providers]]
            name = "p3"
            preset = "vertex"
            google = { credentials = "file:account.json", project = "x", region = "y" }
            [[policies]]
            name = "q"
            file = "q.cedar"
        "#;
        let mut config = crate::parse(text, "t.toml").unwrap();
        let files = all(&mut config, Path::new("/d"));
        let names: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "/d/a.pem",
                "/d/account.json",
                "/d/c.pem",
                "/d/ca.pem",
                "/d/ck.pem",
                "/d/db.url",
                "/d/enc.pem",
                "/d/k",
                "/d/keys.json",
                "/d/models.toml",
                "/d/p.key",
                "/d/q.cedar",
                "/d/q.key",
                "/etc/b.pem"
            ]
        );
        assert_eq!(config.storage.data_dir, Path::new("/d/data"));
        assert_eq!(config.socket(), Path::new("/d/run/s.sock"));
        // Nothing relative is left anywhere: no text of the result is one of the bare names.
        let text = serde_json::to_string(&config).unwrap();
        for bare in [
            "\"a.pem\"",
            "\"keys.json\"",
            "\"models.toml\"",
            "file:k\"",
            "\"q.cedar\"",
            "file:p.key",
            "file:q.key",
            "file:db.url",
            "file:enc.pem",
            "\"data\"",
        ] {
            assert!(!text.contains(bare), "{bare} in {text}");
        }
    }
}
