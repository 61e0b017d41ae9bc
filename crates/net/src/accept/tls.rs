//! Server certificates that are read again when their files change.

use super::TlsFacts;
use arc_swap::ArcSwap;
use portcullis_fault::Secret;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at. By polling, because secrets that are mounted change by way of symbolic links.
const LOOK: Duration = Duration::from_secs(2);

/// DER bytes of a private key that only RSA keys beyond 2048 bits (about 1,220 bytes) have.
const LARGE_KEY: usize = 1400;

/// Where a listener's certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM certificate chain, the server's own first.
    pub certificate_file: PathBuf,
    /// PEM private key.
    pub key_file: PathBuf,
    /// PEM certificates that client certificates must chain to. Given: clients are asked for one and may have none.
    pub client_ca_file: Option<PathBuf>,
}

/// A listener's TLS: TLS 1.2 and 1.3, ALPN `h2` and `http/1.1`. Clones share what is in force.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: TlsOptions,
    in_force: ArcSwap<ServerConfig>,
    /// Digest of the files' bytes as last looked at, good or bad, so that a bad file is reported once.
    looked_at: Mutex<[u8; 32]>,
}

/// Certificates that cannot be used; the text names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(pub String);

impl Tls {
    /// Reads the files.
    pub fn load(options: TlsOptions) -> Result<Self, TlsError> {
        let files = Files::read(&options)?;
        let in_force = ArcSwap::new(files.compile(&options)?);
        Ok(Self(Arc::new(Inner { looked_at: Mutex::new(files.digest()), options, in_force })))
    }

    /// Reads the files again; when they changed and are good, they are in force for new connections from then on. A
    /// bad file leaves what is in force, and is an error once. True when something new is in force.
    ///
    /// A serving listener does this every two seconds by itself.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let inner = &*self.0;
        let mut looked_at = inner.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let files = Files::read(&inner.options).inspect_err(|error| {
            // Also a missing file is reported once; the digest of its error stands for it.
            let digest = sha256(&[error.0.as_bytes()]);
            *looked_at = digest;
        })?;
        let digest = files.digest();
        if *looked_at == digest {
            return Ok(false);
        }
        *looked_at = digest;
        inner.in_force.store(files.compile(&inner.options)?);
        Ok(true)
    }

    /// Watches the files until `shutdown`.
    pub(super) async fn watch(&self, shutdown: &CancellationToken) {
        let file = self.0.options.certificate_file.display().to_string();
        let mut said = String::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            // A few kilobytes of files that the page cache holds: not worth a thread.
            match self.reload() {
                Ok(true) => tracing::info!(file, "new certificate in force"),
                Ok(false) => continue,
                Err(error) if error.0 != said => {
                    tracing::error!(%error, "the certificate files are not usable; the certificate in force stays");
                    metrics::counter!("portcullis_certificate_reload_failures_total").increment(1);
                    said = error.0;
                    continue;
                }
                Err(_) => continue,
            }
            said.clear();
        }
    }

    /// The handshake. The caller limits the time.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, TlsFacts), HandshakeError> {
        let acceptor = TlsAcceptor::from(self.0.in_force.load_full());
        let stream = acceptor.accept(stream).await.map_err(HandshakeError)?;
        let (_, session) = stream.get_ref();
        let facts = TlsFacts {
            sni: session.server_name().map(str::to_owned),
            alpn: match session.alpn_protocol() {
                Some(b"h2") => Some("h2"),
                Some(_) => Some("http/1.1"),
                None => None,
            },
            version: match session.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            peer_certificate_digest: session
                .peer_certificates()
                .and_then(<[_]>::first)
                .map(|der| sha256(&[der])),
        };
        Ok((stream, facts))
    }
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct HandshakeError(std::io::Error);

impl HandshakeError {
    /// For metrics.
    pub(super) fn reason(&self) -> &'static str {
        use rustls::Error;
        match self.0.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
            Some(Error::NoApplicationProtocol) => "no_common_protocol",
            Some(Error::PeerIncompatible(_)) => "incompatible",
            Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented) => "client_certificate",
            Some(Error::AlertReceived(_)) => "refused_by_client",
            Some(Error::InvalidMessage(_)) => "not_tls",
            Some(_) => "protocol",
            None => "broken_off",
        }
    }
}

struct Files {
    certificate: Vec<u8>,
    key: Secret<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl Files {
    fn read(options: &TlsOptions) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map_err(|error| TlsError(format!("cannot read `{}`: {error}", path.display())))
        };
        Ok(Self {
            certificate: read(&options.certificate_file)?,
            key: Secret::new(read(&options.key_file)?),
            client_ca: options.client_ca_file.as_deref().map(read).transpose()?,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let digests = [
            sha256(&[&self.certificate]),
            sha256(&[self.key.expose()]),
            sha256(&[self.client_ca.as_deref().unwrap_or_default()]),
        ];
        sha256(&[digests.as_flattened()])
    }

    fn compile(&self, options: &TlsOptions) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = certificates(&self.certificate, &options.certificate_file)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.expose()).map_err(|_| {
            TlsError(format!(
                "`{}` holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, not encrypted)",
                options.key_file.display()
            ))
        })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let fail = |error: &dyn std::fmt::Display| {
            TlsError(format!(
                "`{}` and `{}` cannot be used together: {error}",
                options.certificate_file.display(),
                options.key_file.display()
            ))
        };
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| fail(&error))?;
        let builder = match (&self.client_ca, &options.client_ca_file) {
            (Some(pem), Some(file)) => {
                let mut roots = rustls::RootCertStore::empty();
                for certificate in certificates(pem, file)? {
                    roots.add(certificate).map_err(|error| {
                        TlsError(format!(
                            "`{}` holds a certificate that is no trust anchor: {error}",
                            file.display()
                        ))
                    })?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| TlsError(format!("`{}`: {error}", file.display())))?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        note_expiry(&chain, &options.certificate_file);
        if key.secret_der().len() > LARGE_KEY {
            tracing::warn!(
                file = %options.key_file.display(),
                "this RSA key is larger than 2048 bits and takes milliseconds of a worker per handshake; prefer ECDSA P-256"
            );
        }
        let mut config = builder.with_single_cert(chain, key).map_err(|error| fail(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if let Ok(ticketer) = rustls::crypto::aws_lc_rs::Ticketer::new() {
            config.ticketer = ticketer;
        }
        Ok(Arc::new(config))
    }
}

fn certificates(pem: &[u8], file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(TlsError(format!("`{}` holds no certificate in PEM", file.display()))),
        Err(error) => Err(TlsError(format!("`{}` is not PEM: {error}", file.display()))),
    }
}

/// Tells the metrics when the certificate ends. An expired one is still used: clients say so more clearly than a
/// gateway that does not start.
fn note_expiry(chain: &[CertificateDer<'_>], file: &Path) {
    let Some(Ok((_, certificate))) = chain.first().map(|der| x509_parser::parse_x509_certificate(der)) else {
        return;
    };
    let until = certificate.validity().not_after.timestamp();
    // Whole seconds fit a gauge for 285 million years.
    #[expect(clippy::cast_precision_loss, reason = "whole seconds of this age are exact")]
    metrics::gauge!("portcullis_certificate_not_after_seconds", "file" => file.display().to_string())
        .set(until as f64);
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}
