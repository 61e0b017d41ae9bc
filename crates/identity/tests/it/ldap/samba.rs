//! The LDAP source against a real Active Directory domain controller: Samba, provisioned in a temporary directory. It takes
//! the better part of a minute, and ports below 1024 of a loopback address of its own, which only root may have.

use super::{find, names, source};
use portcullis_identity::sources::foreign::{FailureKind, Foreign, Watermark};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use std::fmt::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BASE: &str = "CN=Users,DC=corp,DC=example";
const READER: &str = "reader@corp.example";
/// What the tests' secrets say of this reference; complex enough for a domain.
const PASSWORD: &str = "env:Re4ding_is_all";
const ADMINISTRATOR: &str = "Adm1n of the test";
const PATIENCE: Duration = Duration::from_secs(60);

struct Controller {
    directory: TempDir,
    process: Child,
    address: String,
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(command: &mut Command) -> Output {
    let done = command.stdin(Stdio::null()).output().unwrap();
    let said = || [done.stdout.clone(), done.stderr.clone()].concat();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said()));
    done
}

impl Controller {
    /// Nothing where it cannot run.
    fn start() -> Option<Self> {
        let there = ["/usr/bin/samba-tool", "/usr/sbin/samba"].iter().all(|path| Path::new(path).exists());
        let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        if !there || !root {
            eprintln!("skipped: samba is not installed (scripts/install controller), or this is not root");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        let n = std::process::id();
        let address = format!("127.77.{}.{}", (n >> 8) & 255, (n & 255).max(1));
        run(Command::new("samba-tool")
            .args(["domain", "provision", "--server-role=dc", "--dns-backend=NONE"])
            .args([
                "--realm=CORP.EXAMPLE",
                "--domain=CORP",
                "--host-name=dc1",
                &format!("--host-ip={address}"),
                &format!("--targetdir={}", at("dc")),
                &format!("--adminpass={ADMINISTRATOR}"),
                &format!("--option=interfaces={address}/8"),
                "--option=bind interfaces only=yes",
                // File systems without extended attributes do as well.
                &format!("--option=posix:eadb={}", at("attributes.tdb")),
            ]));
        let (settings, sam) = (at("dc/etc/smb.conf"), at("dc/private/sam.ldb"));
        run(Command::new("samba-tool")
            .args(["user", "create", "reader", PASSWORD, "-s", &settings, "-H", &sam]));
        certificates(directory.path(), &address);
        let process = Command::new("/usr/sbin/samba")
            .args([
                "--interactive",
                "--no-process-group",
                "--model=single",
                "--debug-stdout",
                "-s",
                &settings,
            ])
            .args(["--option=server services=ldap", "--option=dcerpc endpoint servers=-"])
            .args(["cafile", "certfile", "keyfile"].map(|which| {
                let file = match which {
                    "cafile" => "ca.pem",
                    "certfile" => "server.pem",
                    _ => "server.key",
                };
                format!("--option=tls {which}={}", at(file))
            }))
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(at("log")).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut controller = Self { directory, process, address };
        let began = Instant::now();
        while TcpStream::connect((controller.address.as_str(), 636)).is_err() {
            let ended = controller.process.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "{ended:?}: {}", controller.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(controller)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Changes entries (LDIF with `changetype`), as the domain's administrator.
    fn modify(&self, ldif: &str) {
        let file = self.path("change.ldif");
        std::fs::write(&file, ldif).unwrap();
        run(Command::new("ldapmodify")
            .env("LDAPTLS_CACERT", self.path("ca.pem"))
            .args(["-x", "-H", &format!("ldaps://{}", self.address)])
            .args(["-D", "administrator@corp.example", "-w", ADMINISTRATOR, "-f"])
            .arg(file));
    }

    fn source(&self, more: Value) -> Arc<dyn Foreign> {
        self.source_at(&format!("ldaps://{}", self.address), more)
    }

    fn source_at(&self, url: &str, more: Value) -> Arc<dyn Foreign> {
        let mut all = json!({
            "product": "active_directory",
            "ca_file": self.path("ca.pem"),
            "bind_dn": READER,
            "password": PASSWORD,
            "base": BASE,
            "filter": "(&(objectClass=user)(sAMAccountName={subject}))",
            "people": "(&(objectCategory=person)(objectClass=user)(mail=*))",
            "groups": { "attribute": "memberOf" },
            "page_size": 10,
        });
        for (key, value) in more.as_object().unwrap() {
            all[key] = value.clone();
        }
        source(&[url.to_owned()], all).unwrap()
    }
}

fn certificates(directory: &Path, address: &str) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server =
        CertificateParams::new(vec![address.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let write = |name: &str, pem: String| {
        use std::os::unix::fs::PermissionsExt;
        let path = directory.join(name);
        std::fs::write(&path, pem).unwrap();
        // It refuses a key that others could read.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("ca.pem", authority.pem());
    write("server.pem", server.pem());
    write("server.key", key.serialize_pem());
}

fn entry(name: &str) -> String {
    // Without a password an account is disabled, or needs none: 512 and 32 (MS-ADTS §2.2.16).
    format!(
        "dn: CN={name} Example,{BASE}\nchangetype: add\nobjectClass: user\nsAMAccountName: {name}\nuserPrincipalName: {name}@corp.example\n\
         mail: {name}@corp.example\ndisplayName: {name} Example\nuserAccountControl: 544\n\n"
    )
}

async fn walk(source: &Arc<dyn Foreign>, since: Option<&Watermark>) -> (Vec<String>, usize, Watermark) {
    let (mut names, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let batch = source.page(since, cursor).await.unwrap();
        assert!(batch.unreadable.is_empty(), "{:?}", batch.unreadable);
        names.extend(batch.people.into_iter().filter_map(|person| person.username));
        pages += 1;
        cursor = batch.next;
        if cursor.is_none() {
            names.sort();
            return (names, pages, batch.watermark.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "provisions a domain controller: `make test-all` runs it"]
async fn active_directory_is_read_as_it_is() {
    let Some(controller) = Controller::start() else { return };
    let mut ldif = String::new();
    for n in 0..34 {
        ldif.push_str(&entry(&format!("p{n:02}")));
    }
    ldif.push_str(&entry("ada"));
    write!(ldif, "dn: CN=developers,{BASE}\nchangetype: add\nobjectClass: group\nsAMAccountName: developers\nmember: CN=ada Example,{BASE}\n").unwrap();
    controller.modify(&ldif);
    let source = controller.source(json!({}));

    // Who it is: by name, exactly, and by the bytes of the key.
    let found = find(&source, "ada").await.unwrap();
    let [ada] = found.as_slice() else { panic!("{found:?}") };
    assert!(uuid::Uuid::parse_str(&ada.key).is_ok(), "objectGUID: {}", ada.key);
    assert_eq!(ada.email.as_deref(), Some("ada@corp.example"));
    assert_eq!(ada.groups.as_deref().unwrap(), ["developers"]);
    assert!(ada.active && ada.changed.is_some());
    for other in ["ADA", "ada ", "*", "ada)(objectClass=*"] {
        assert_eq!(names(&source, other).await, [""; 0], "{other}");
    }
    let by_guid = controller.source(json!({ "filter": "(objectGUID={subject_guid})" }));
    assert_eq!(names(&by_guid, &ada.key).await, ["ada"]);
    let near = source.near(&super::wanted("x"), &["ADA@corp.example".to_owned()]).await.unwrap();
    assert_eq!(near[0].key, ada.key);

    let p33 = find(&source, "p33").await.unwrap().remove(0);

    // Everybody in pages; then what has changed, counted by the server.
    let (names_of_all, pages, mark) = walk(&source, None).await;
    assert_eq!((names_of_all.len(), pages), (35, 4), "{names_of_all:?}");
    assert!(mark.0.starts_with("usn:"), "{}", mark.0);
    let (nobody, _, same) = walk(&source, Some(&mark)).await;
    assert_eq!(nobody, [""; 0]);
    controller.modify(&format!(
        "dn: CN=ada Example,{BASE}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 546\n"
    ));
    let (changed, _, next) = walk(&source, Some(&same)).await;
    assert_eq!(changed, ["ada"]);
    assert!(next != mark);

    // Disabled; renamed, and still the same.
    assert!(!find(&source, "ada").await.unwrap()[0].active);
    controller.modify(&format!(
        "dn: CN=ada Example,{BASE}\nchangetype: modify\nreplace: sAMAccountName\nsAMAccountName: lovelace\n-\nreplace: userAccountControl\nuserAccountControl: 544\n"
    ));
    assert_eq!(names(&source, "ada").await, [""; 0]);
    let renamed = find(&source, "lovelace").await.unwrap();
    assert!(renamed[0].key == ada.key && renamed[0].active);
    let kept = source.by_key(&super::wanted("ada"), &ada.key).await.unwrap().unwrap();
    assert_eq!(kept.username.as_deref(), Some("lovelace"));
    controller.modify(&format!("dn: CN=p33 Example,{BASE}\nchangetype: delete\n"));
    assert!(source.by_key(&super::wanted("p33"), &p33.key).await.unwrap().is_none());

    // Its test says what it is; a wrong password and a connection without TLS are refused, and told as such.
    let lines = source.probe().await.unwrap().join("\n");
    assert!(lines.contains("DC=corp,DC=example") && lines.contains("people can be read"), "{lines}");
    let wrong = find(&controller.source(json!({ "password": "env:WRONG" })), "ada").await.unwrap_err();
    assert_eq!(wrong.kind, FailureKind::Refused, "{wrong}");
    let plain = controller.source_at(&format!("ldap://{}", controller.address), json!({}));
    let plain = find(&plain, "ada").await.unwrap_err();
    assert!(plain.message.contains("TLS"), "{plain}");
    let start_tls =
        controller.source_at(&format!("ldap://{}", controller.address), json!({ "start_tls": true }));
    assert_eq!(names(&start_tls, "lovelace").await, ["lovelace"]);
}
