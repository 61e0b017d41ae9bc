//! Keys from secrets: the Concat KDF behind ECDH-ES (RFC 7518 §4.6.2) and PBKDF2 behind PBES2 (§4.8.1.1).

use std::num::NonZeroU32;

use aws_lc_rs::digest;
use aws_lc_rs::pbkdf2;
use zeroize::Zeroizing;

use super::content::Bytes;
use crate::jwa::KeyManagement;

/// `len` bytes from an agreed secret, for the algorithm of that name.
pub(super) fn concat(secret: &[u8], algorithm: &str, apu: &[u8], apv: &[u8], len: usize) -> Bytes {
    let mut info = Vec::new();
    for part in [algorithm.as_bytes(), apu, apv] {
        info.extend((part.len() as u32).to_be_bytes());
        info.extend(part);
    }
    info.extend((len as u32 * 8).to_be_bytes());
    let mut out = Zeroizing::new(Vec::with_capacity(len + 32));
    let mut round = 0u32;
    while out.len() < len {
        round += 1;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&round.to_be_bytes());
        context.update(secret);
        context.update(&info);
        out.extend_from_slice(context.finish().as_ref());
    }
    out.truncate(len);
    out
}

/// The wrapping key from a password; the algorithm's name is part of the salt.
pub(super) fn password(alg: KeyManagement, password: &[u8], salt: &[u8], rounds: NonZeroU32) -> Bytes {
    let hash = match alg {
        KeyManagement::PBES2_HS384_A192KW => pbkdf2::PBKDF2_HMAC_SHA384,
        KeyManagement::PBES2_HS512_A256KW => pbkdf2::PBKDF2_HMAC_SHA512,
        _ => pbkdf2::PBKDF2_HMAC_SHA256,
    };
    let salt = [alg.name().as_bytes(), &[0], salt].concat();
    let mut out = Zeroizing::new(vec![0; alg.wrapping_len()]);
    pbkdf2::derive(hash, rounds, &salt, password, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7518_appendix_c() {
        let secret = [
            158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163,
            218, 128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
        ];
        let key = concat(&secret, "A128GCM", b"Alice", b"Bob", 16);
        assert_eq!(crate::b64::encode(&key), "VqqN6vgjbSBcIijNcacQGg");
        assert_eq!(concat(&secret, "x", b"", b"", 64).len(), 64);
    }
}
