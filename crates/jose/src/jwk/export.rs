//! Keys as DER and PEM: SPKI (RFC 5280) for the public half, PKCS#8 (RFC 5958) for the private one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::asn1;
use super::error::KeyError;
use super::material::{Jwk, Material, Private};
use super::rsa::Rsa;
use crate::der::{self, write};

impl Jwk {
    /// The public key as SubjectPublicKeyInfo. Nothing for a shared secret, which has no public half.
    pub fn to_public_der(&self) -> Option<Vec<u8>> {
        let bits = match &self.material {
            Material::Oct(_) => return None,
            Material::Rsa(rsa) => return Some(rsa.to_spki()),
            Material::Ec { point, .. } => point.clone(),
            Material::Okp { x, .. } => x.clone(),
            Material::MlDsa { public, .. } => public.clone(),
        };
        Some(spki(&asn1::identifier(&self.material), &bits))
    }

    /// The public key as PEM.
    pub fn to_public_pem(&self) -> Option<String> {
        self.to_public_der().map(|der| pem("PUBLIC KEY", &der).to_string())
    }

    /// The private key as PKCS#8. Wiped when dropped; keep it that way.
    ///
    /// # Errors
    /// A public key, or a shared secret, for which there is no such container.
    pub fn to_private_der(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let inner = match &self.material {
            Material::Oct(_) => return Err(KeyError::NotPrivate),
            Material::Rsa(rsa) => return rsa.to_pkcs8(),
            Material::Ec { curve, point, d } => {
                let d = d.as_ref().ok_or(KeyError::NotPrivate)?;
                // RFC 5915, with the public key, which some tools insist on.
                let public = write(der::context(1), &write(der::BIT_STRING, &[&[0][..], point].concat()));
                debug_assert_eq!(d.len(), curve.field());
                sequence(&[&write(der::INTEGER, &[1]), &write(der::OCTET_STRING, d), &public])
            }
            Material::Okp { d, .. } => write(der::OCTET_STRING, d.as_ref().ok_or(KeyError::NotPrivate)?),
            // RFC 9881 §6: the seed alone, [0].
            Material::MlDsa { seed, .. } => write(0x80, seed.as_ref().ok_or(KeyError::NotPrivate)?),
        };
        Ok(pkcs8(&asn1::identifier(&self.material), &inner))
    }

    /// The private key as PEM (`PRIVATE KEY`).
    ///
    /// # Errors
    /// As [`to_private_der`](Self::to_private_der).
    pub fn to_private_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        Ok(pem("PRIVATE KEY", &self.to_private_der()?))
    }
}

impl Rsa {
    /// SubjectPublicKeyInfo under rsaEncryption, whatever the key is reserved for: what the library reads.
    pub(super) fn to_spki(&self) -> Vec<u8> {
        spki(&asn1::rsa_identifier(), &sequence(&[&integer(&self.n), &integer(&self.e)]))
    }

    pub(super) fn to_pkcs8(&self) -> Result<Private, KeyError> {
        let private = self.private.as_ref().ok_or(KeyError::NotPrivate)?;
        let inner = sequence(&[
            &write(der::INTEGER, &[0]),
            &integer(&self.n),
            &integer(&self.e),
            &integer(&private.d),
            &integer(&private.p),
            &integer(&private.q),
            &integer(&private.dp),
            &integer(&private.dq),
            &integer(&private.qi),
        ]);
        Ok(pkcs8(&asn1::rsa_identifier(), &inner))
    }
}

fn spki(identifier: &[u8], bits: &[u8]) -> Vec<u8> {
    sequence(&[identifier, &write(der::BIT_STRING, &[&[0][..], bits].concat())]).to_vec()
}

fn pkcs8(identifier: &[u8], inner: &[u8]) -> Private {
    sequence(&[&write(der::INTEGER, &[0]), identifier, &write(der::OCTET_STRING, inner)])
}

fn sequence(parts: &[&[u8]]) -> Private {
    write(der::SEQUENCE, &Zeroizing::new(parts.concat()))
}

/// A non-negative number, with a zero before a set top bit.
fn integer(number: &[u8]) -> Private {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let number = &number[start..];
    let sign: &[u8] = if number.first().is_none_or(|top| top & 0x80 != 0) { &[0] } else { &[] };
    write(der::INTEGER, &Zeroizing::new([sign, number].concat()))
}

fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut out = Zeroizing::new(String::with_capacity(body.len() * 66 / 64 + 64));
    out.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = behind;
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}
