//! TLS on the way out: whom we trust, and who we say we are.

use portcullis_fault::Secret;
use portcullis_model::{Clock, issuer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The public trust anchors: the machine's, or Mozilla's when the machine has none (containers from scratch).
pub(super) fn public_roots() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(native.certs);
    if added == 0 {
        tracing::info!("no trust anchors on this machine; using the built-in ones");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Arc::new(roots)
}

/// Compiles a target's TLS settings. The error names the setting and the file.
pub(super) fn compile(
    settings: &issuer::Egress,
    public: impl FnOnce() -> Arc<RootCertStore>,
    clock: Arc<dyn Clock>,
) -> Result<ClientConfig, String> {
    let roots = match &settings.ca_file {
        None => public(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("ca_file", file)? {
                roots.add(certificate).map_err(|error| {
                    format!(
                        "`ca_file`: `{}` holds a certificate that is no trust anchor: {error}",
                        file.display()
                    )
                })?;
            }
            Arc::new(roots)
        }
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_details(provider, Arc::new(Time(clock)))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    match (&settings.client_certificate_file, &settings.client_key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let chain = certificates("client_certificate_file", certificate)?;
            let pem = Secret::new(read("client_key_file", key)?);
            let key_der = PrivateKeyDer::from_pem_slice(pem.expose()).map_err(|_| {
                format!("`client_key_file`: `{}` holds no private key in PEM (not encrypted)", key.display())
            })?;
            builder.with_client_auth_cert(chain, key_der).map_err(|error| {
                format!(
                    "`{}` and `{}` cannot be used together: {error}",
                    certificate.display(),
                    key.display()
                )
            })
        }
        (Some(_), None) => Err("`client_certificate_file` needs `client_key_file`".to_owned()),
        (None, Some(_)) => Err("`client_key_file` needs `client_certificate_file`".to_owned()),
    }
}

fn certificates(setting: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(setting, file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("`{setting}`: `{}` holds no certificate in PEM", file.display())),
        Err(error) => Err(format!("`{setting}`: `{}` is not PEM: {error}", file.display())),
    }
}

fn read(setting: &str, file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("`{setting}`: cannot read `{}`: {error}", file.display()))
}

/// Our clock, as rustls asks for it.
#[derive(Debug)]
struct Time(Arc<dyn Clock>);

impl rustls::time_provider::TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
