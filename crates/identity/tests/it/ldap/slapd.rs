//! A throw-away OpenLDAP server on loopback, in a temporary directory, with TLS under an authority of its own.

use super::free_port;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const BASE: &str = "dc=example,dc=org";
pub const READER: &str = "cn=reader,dc=example,dc=org";
pub const PASSWORD: &str = "reading is all I do";

pub struct Slapd {
    directory: TempDir,
    process: Option<Child>,
    pub plain: u16,
    pub tls: u16,
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}

const PATIENCE: Duration = Duration::from_secs(60);

/// Where the server's program is. `make test` installs it; without it these tests have nothing to run against.
fn program() -> Option<PathBuf> {
    ["/usr/sbin/slapd", "/usr/lib/openldap/slapd", "/usr/local/libexec/slapd"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists())
}

impl Slapd {
    /// Starts a server that holds `ldif` below the base; nothing where no server is installed.
    pub fn start(ldif: &str) -> Option<Self> {
        Self::start_with("", ldif)
    }

    /// The same with more lines of configuration.
    pub fn start_with(more: &str, ldif: &str) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("skipped: slapd is not installed (Debian: apt-get install slapd ldap-utils)");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        std::fs::create_dir(directory.path().join("data")).unwrap();
        certificates(directory.path());
        let modules = "/usr/lib/ldap";
        let mut text = String::new();
        for schema in ["core", "cosine", "inetorgperson"] {
            writeln!(text, "include /etc/ldap/schema/{schema}.schema").unwrap();
        }
        writeln!(text, "modulepath {modules}\nmoduleload back_mdb\nmoduleload memberof\nmoduleload ppolicy")
            .unwrap();
        writeln!(text, "pidfile {}\nargsfile {}", at("pid"), at("args")).unwrap();
        writeln!(text, "TLSCertificateFile {}\nTLSCertificateKeyFile {}", at("server.pem"), at("server.key"))
            .unwrap();
        writeln!(
            text,
            "database mdb\nsuffix {BASE}\nrootdn cn=admin,{BASE}\nrootpw admin\ndirectory {}",
            at("data")
        )
        .unwrap();
        writeln!(
            text,
            "maxsize 67108864\nindex objectClass,uid,mail,entryUUID eq\nindex modifyTimestamp eq\ndbnosync"
        )
        .unwrap();
        writeln!(text, "overlay memberof\noverlay ppolicy").unwrap();
        writeln!(text, "access to attrs=userPassword by anonymous auth by * none\naccess to * by dn.exact={READER} read by anonymous auth by * none").unwrap();
        text.push_str(more);
        std::fs::write(at("slapd.conf"), text).unwrap();
        let root = format!(
            "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n\
             dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: {PASSWORD}\n\n\
             dn: ou=people,{BASE}\nobjectClass: organizationalUnit\nou: people\n\n\
             dn: ou=groups,{BASE}\nobjectClass: organizationalUnit\nou: groups\n\n{ldif}"
        );
        std::fs::write(at("root.ldif"), root).unwrap();
        let added = Command::new(&program)
            .args(["-Tadd", "-f", &at("slapd.conf"), "-l", &at("root.ldif")])
            .output()
            .unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let mut server = Self { directory, process: None, plain: 0, tls: 0 };
        server.run();
        Some(server)
    }

    /// Starts the process, on other ports than before.
    pub fn run(&mut self) {
        // A port that was free may be another server's a moment later.
        for _ in 0..5 {
            (self.plain, self.tls) = (free_port(), free_port());
            if self.run_here() {
                return;
            }
        }
        panic!("slapd does not start: {}", std::fs::read_to_string(self.path("log")).unwrap_or_default());
    }

    /// Starts the process on the ports that are set; whether it answers.
    pub fn run_here(&mut self) -> bool {
        let log = std::fs::File::create(self.path("log")).unwrap();
        let urls = format!("ldap://127.0.0.1:{}/ ldaps://127.0.0.1:{}/", self.plain, self.tls);
        let process = Command::new(program().unwrap())
            .args(["-d", "0", "-f", &self.path("slapd.conf").display().to_string(), "-h", &urls])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let process = self.process.insert(process);
        let began = Instant::now();
        while began.elapsed() < PATIENCE && process.try_wait().unwrap().is_none() {
            if std::net::TcpStream::connect(("127.0.0.1", self.tls)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.stop();
        false
    }

    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The certificate of the authority that vouches for the server.
    pub fn authority(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Changes entries (LDIF with `changetype`), as the directory's administrator.
    pub fn modify(&self, ldif: &str) {
        let file = self.path("change.ldif");
        std::fs::write(&file, ldif).unwrap();
        let done = Command::new("ldapmodify")
            .args([
                "-x",
                "-H",
                &format!("ldap://127.0.0.1:{}", self.plain),
                "-D",
                &format!("cn=admin,{BASE}"),
                "-w",
                "admin",
            ])
            .args(["-e", "relax", "-f", &file.display().to_string()])
            .output()
            .expect("ldap-utils comes with slapd");
        assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stderr), ldif);
    }
}

/// An entry of a person.
pub fn person(uid: &str, more: &str) -> String {
    format!(
        "dn: uid={uid},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid} Example\nsn: Example\nmail: {uid}@example.org\n{more}\n"
    )
}

fn certificates(directory: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    // Not for 127.0.0.1: a certificate that is for another name is to be noticed.
    let server =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    std::fs::write(directory.join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(directory.join("server.pem"), server.pem()).unwrap();
    std::fs::write(directory.join("server.key"), key.serialize_pem()).unwrap();
}
