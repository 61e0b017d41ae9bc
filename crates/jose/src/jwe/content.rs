//! The content and its tag (RFC 7518 §5): AES-CBC with HMAC, and AES-GCM.

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::jwa::Enc;

/// What has been decrypted; wiped when dropped.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// Encrypts: (ciphertext, tag).
pub(super) fn seal(
    enc: Enc,
    cek: &[u8],
    iv: &[u8],
    aad: &[u8],
    content: &[u8],
) -> Option<(Vec<u8>, Vec<u8>)> {
    if cek.len() != enc.key_len() {
        return None;
    }
    if enc.is_gcm() {
        return gcm_seal(cek, iv, aad, content);
    }
    let (mac, key) = cek.split_at(cek.len() / 2);
    let mut sealed = content.to_vec();
    let iv_block: [u8; 16] = iv.try_into().ok()?;
    PaddedBlockEncryptingKey::cbc_pkcs7(cbc_key(key)?)
        .ok()?
        .less_safe_encrypt(&mut sealed, EncryptionContext::Iv128(iv_block.into()))
        .ok()?;
    let tag = cbc_tag(enc, mac, aad, iv, &sealed);
    Some((sealed, tag))
}

/// Decrypts. Nothing if the tag does not match, which is found out in constant time and before any padding is
/// looked at.
pub(super) fn open(enc: Enc, cek: &[u8], iv: &[u8], aad: &[u8], sealed: &[u8], tag: &[u8]) -> Option<Bytes> {
    if cek.len() != enc.key_len() {
        return None;
    }
    if enc.is_gcm() {
        return gcm_open(cek, iv, aad, sealed, tag);
    }
    let (mac, key) = cek.split_at(cek.len() / 2);
    verify_slices_are_equal(&cbc_tag(enc, mac, aad, iv, sealed), tag).ok()?;
    let iv_block: [u8; 16] = iv.try_into().ok()?;
    let mut out = Zeroizing::new(sealed.to_vec());
    let len = PaddedBlockDecryptingKey::cbc_pkcs7(cbc_key(key)?)
        .ok()?
        .decrypt(&mut out, DecryptionContext::Iv128(iv_block.into()))
        .ok()?
        .len();
    out.truncate(len);
    Some(out)
}

/// AES-GCM under a key of 16, 24 or 32 bytes: (ciphertext, tag).
pub(super) fn gcm_seal(key: &[u8], iv: &[u8], aad: &[u8], content: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut sealed = content.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
    let tag = gcm_key(key)?.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut sealed).ok()?;
    Some((sealed, tag.as_ref().to_vec()))
}

pub(super) fn gcm_open(key: &[u8], iv: &[u8], aad: &[u8], sealed: &[u8], tag: &[u8]) -> Option<Bytes> {
    if tag.len() != 16 {
        return None;
    }
    let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
    let mut out = Zeroizing::new([sealed, tag].concat());
    let len = gcm_key(key)?.open_in_place(nonce, Aad::from(aad), &mut out).ok()?.len();
    out.truncate(len);
    Some(out)
}

fn gcm_key(key: &[u8]) -> Option<LessSafeKey> {
    let algorithm = match key.len() {
        16 => &AES_128_GCM,
        24 => &AES_192_GCM,
        32 => &AES_256_GCM,
        _ => return None,
    };
    UnboundKey::new(algorithm, key).ok().map(LessSafeKey::new)
}

fn cbc_key(key: &[u8]) -> Option<UnboundCipherKey> {
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return None,
    };
    UnboundCipherKey::new(algorithm, key).ok()
}

/// The first half of the MAC over everything and the number of bits in `aad` (RFC 7518 §5.2.2.1).
fn cbc_tag(enc: Enc, mac: &[u8], aad: &[u8], iv: &[u8], sealed: &[u8]) -> Vec<u8> {
    let algorithm = match enc {
        Enc::A192CBC_HS384 => hmac::HMAC_SHA384,
        Enc::A256CBC_HS512 => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, mac));
    context.update(aad);
    context.update(iv);
    context.update(sealed);
    context.update(&(aad.len() as u64 * 8).to_be_bytes());
    context.sign().as_ref()[..enc.tag_len()].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_protected() {
        for enc in Enc::ALL {
            let (cek, iv) = (vec![3; enc.key_len()], vec![4; enc.iv_len()]);
            for content in [&b""[..], b"a", &[7; 16], &[9; 100]] {
                let (sealed, tag) = seal(enc, &cek, &iv, b"aad", content).unwrap();
                assert_eq!(tag.len(), enc.tag_len(), "{enc}");
                assert_eq!(**open(enc, &cek, &iv, b"aad", &sealed, &tag).unwrap(), *content, "{enc}");
                for at in 0..sealed.len() {
                    let mut changed = sealed.clone();
                    changed[at] ^= 1;
                    assert!(open(enc, &cek, &iv, b"aad", &changed, &tag).is_none());
                }
                for at in 0..tag.len() {
                    let mut changed = tag.clone();
                    changed[at] ^= 1;
                    assert!(open(enc, &cek, &iv, b"aad", &sealed, &changed).is_none());
                }
                let mut other = iv.clone();
                other[0] ^= 1;
                assert!(open(enc, &cek, &other, b"aad", &sealed, &tag).is_none());
                assert!(open(enc, &cek, &iv, b"aae", &sealed, &tag).is_none());
                // A tag cut short, as GCM allows and JOSE does not.
                assert!(open(enc, &cek, &iv, b"aad", &sealed, &tag[..12]).is_none());
            }
        }
    }
}
