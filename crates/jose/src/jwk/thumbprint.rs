//! Thumbprints (RFC 7638): what makes two keys the same key.

use zeroize::Zeroizing;

use super::material::{Jwk, Material};
use crate::b64;
use crate::jws::sha256;

impl Jwk {
    /// SHA-256 over the required members, in order, without anything else. Of a shared secret it is a digest that
    /// helps to guess it: do not publish it (RFC 7638 §7).
    pub fn thumbprint(&self) -> [u8; 32] {
        let text = b64::encode;
        // None of these values needs escaping.
        let members = match &self.material {
            Material::Oct(secret) => format!(r#"{{"k":"{}","kty":"oct"}}"#, *Zeroizing::new(text(secret))),
            Material::Rsa(rsa) => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(&rsa.e), text(&rsa.n)),
            Material::Ec { curve, point, .. } => {
                let (x, y) = point[1..].split_at(curve.field());
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, curve.name(), text(x), text(y))
            }
            Material::Okp { curve, x, .. } => {
                format!(r#"{{"crv":"{}","kty":"OKP","x":"{}"}}"#, curve.name(), text(x))
            }
            Material::MlDsa { alg, public, .. } => {
                format!(r#"{{"alg":"{}","kty":"AKP","pub":"{}"}}"#, alg.name(), text(public))
            }
        };
        sha256(Zeroizing::new(members).as_bytes())
    }

    /// The thumbprint as a URI (RFC 9278): an identifier that names the key itself.
    pub fn thumbprint_uri(&self) -> String {
        format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{}", self.thumbprint_text())
    }

    /// The thumbprint as it is written: base64url.
    pub fn thumbprint_text(&self) -> String {
        b64::encode(&self.thumbprint())
    }
}
