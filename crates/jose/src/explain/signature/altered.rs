//! RSA says what it signed: a signature with sound padding over another digest shows that the content is not what the
//! key signed. No other algorithm shows that, and of no other is it claimed.

use aws_lc_rs::digest::{self, Algorithm, SHA256, SHA384, SHA512};
use num_bigint::BigUint;

use super::{Case, error, name};
use crate::finding::Finding;
use crate::jwa::{Alg, Family};

/// Large moduli take milliseconds each, and a set may have hundreds.
const TRIED: usize = 16;

pub(super) fn cause(case: &Case<'_>) -> Option<Finding> {
    let (hash, last) = match case.alg {
        Alg::RS256 | Alg::PS256 => (&SHA256, 1),
        Alg::RS384 | Alg::PS384 => (&SHA384, 2),
        Alg::RS512 | Alg::PS512 => (&SHA512, 3),
        _ => return None,
    };
    let keys = case.hand.keys.iter().enumerate().filter(|(_, key)| key.rsa_public().is_some());
    let found = keys.take(TRIED).find(|(_, key)| {
        key.rsa_public().is_some_and(|(n, e)| {
            recover(n, e, case.signature).is_some_and(|(encoded, bits)| match case.alg.family() {
                Family::RsaPkcs1 => is_pkcs1(&encoded, hash, last),
                _ => is_pss(&encoded, bits, hash),
            })
        })
    });
    let (i, key) = found?;
    Some(error(
        "content_altered",
        format!(
            "{} did make this signature, over other content: header or payload were changed after signing",
            name(i, key)
        ),
        "ask what the token passed through: nothing may rewrite, re-encode or reorder it",
    ))
}

/// What the signature is of, as long as the modulus, and the bits of the modulus.
fn recover(n: &[u8], e: &[u8], signature: &[u8]) -> Option<(Vec<u8>, usize)> {
    if signature.len() != n.len() {
        return None;
    }
    let (modulus, signature) = (BigUint::from_bytes_be(n), BigUint::from_bytes_be(signature));
    if signature >= modulus {
        return None;
    }
    let bits = usize::try_from(modulus.bits()).ok()?;
    let bytes = signature.modpow(&BigUint::from_bytes_be(e), &modulus).to_bytes_be();
    let mut encoded = vec![0; n.len().checked_sub(bytes.len())?];
    encoded.extend(bytes);
    Some((encoded, bits))
}

/// RFC 8017 §9.2: 00 01 FF… 00, the hash by its identifier, and some digest.
fn is_pkcs1(encoded: &[u8], hash: &Algorithm, last: u8) -> bool {
    let len = hash.output_len() as u8;
    let info = [
        0x30,
        len + 17,
        0x30,
        0x0d,
        0x06,
        0x09,
        0x60,
        0x86,
        0x48,
        0x01,
        0x65,
        0x03,
        0x04,
        0x02,
        last,
        0x05,
        0x00,
        0x04,
        len,
    ];
    let Some(at) = encoded.len().checked_sub(info.len() + hash.output_len()) else { return false };
    let (padding, rest) = encoded.split_at(at);
    matches!(padding, [0, 1, filling @ .., 0] if filling.len() >= 8 && filling.iter().all(|byte| *byte == 0xff))
        && rest.starts_with(&info)
}

/// RFC 8017 §9.1.2 up to the comparison with the message: trailer, zeros, one, and a salt as long as the hash.
fn is_pss(encoded: &[u8], bits: usize, hash: &'static Algorithm) -> bool {
    let em_bits = bits - 1;
    let em_len = em_bits.div_ceil(8);
    let (leading, em) = encoded.split_at(encoded.len() - em_len);
    let hash_len = hash.output_len();
    if leading.iter().any(|byte| *byte != 0) || em.last() != Some(&0xbc) || em_len < 2 * hash_len + 2 {
        return false;
    }
    let (masked, rest) = em.split_at(em_len - hash_len - 1);
    let seed = &rest[..hash_len];
    let mut db: Vec<u8> =
        masked.iter().zip(mgf1(seed, masked.len(), hash)).map(|(byte, mask)| byte ^ mask).collect();
    db[0] &= 0xff >> (8 * em_len - em_bits);
    let (zeros, salt) = db.split_at(db.len() - hash_len);
    matches!(zeros, [zeros @ .., 1] if zeros.iter().all(|byte| *byte == 0)) && !salt.is_empty()
}

fn mgf1(seed: &[u8], len: usize, hash: &'static Algorithm) -> Vec<u8> {
    let mut out = Vec::with_capacity(len + hash.output_len());
    for count in 0u32.. {
        if out.len() >= len {
            break;
        }
        let mut context = digest::Context::new(hash);
        context.update(seed);
        context.update(&count.to_be_bytes());
        out.extend_from_slice(context.finish().as_ref());
    }
    out.truncate(len);
    out
}
