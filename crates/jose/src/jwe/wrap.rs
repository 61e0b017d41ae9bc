//! AES Key Wrap (RFC 3394): a content key under another key, with its own check.
//!
//! The library has it for 128 and 256 bits. For A192KW the same few steps are composed here on the library's AES;
//! a test holds them against the library's own where both exist.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap};
use zeroize::Zeroizing;

/// The initial value of RFC 3394 §2.2.3.1: what shows that the right key was used.
const CHECK: [u8; 8] = [0xa6; 8];

type Bytes = Zeroizing<Vec<u8>>;

/// Wraps `cek` (a multiple of 8 bytes, at least 16).
pub(super) fn wrap(kek: &[u8], cek: &[u8]) -> Option<Vec<u8>> {
    let cipher = match kek.len() {
        16 => &key_wrap::AES_128,
        24 => return compose(kek, cek),
        32 => &key_wrap::AES_256,
        _ => return None,
    };
    let mut out = vec![0; cek.len() + 8];
    let written = AesKek::new(cipher, kek).ok()?.wrap(cek, &mut out).ok()?.len();
    out.truncate(written);
    Some(out)
}

/// Unwraps. Nothing when the check fails.
pub(super) fn unwrap(kek: &[u8], wrapped: &[u8]) -> Option<Bytes> {
    let cipher = match kek.len() {
        16 => &key_wrap::AES_128,
        24 => return decompose(kek, wrapped),
        32 => &key_wrap::AES_256,
        _ => return None,
    };
    let mut out = Zeroizing::new(vec![0; wrapped.len()]);
    let written = AesKek::new(cipher, kek).ok()?.unwrap(wrapped, &mut out).ok()?.len();
    out.truncate(written);
    Some(out)
}

fn key(bytes: &[u8]) -> Option<UnboundCipherKey> {
    let algorithm = match bytes.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return None,
    };
    UnboundCipherKey::new(algorithm, bytes).ok()
}

/// RFC 3394 §2.2.1, index based.
fn compose(kek: &[u8], cek: &[u8]) -> Option<Vec<u8>> {
    if !cek.len().is_multiple_of(8) || cek.len() < 16 {
        return None;
    }
    let aes = EncryptingKey::ecb(key(kek)?).ok()?;
    let mut check = CHECK;
    let mut rest = Zeroizing::new(cek.to_vec());
    let mut counter = 0u64;
    for _ in 0..6 {
        for half in rest.chunks_exact_mut(8) {
            let mut block = Zeroizing::new([check, half.try_into().ok()?].concat());
            aes.less_safe_encrypt(&mut block, EncryptionContext::None).ok()?;
            counter += 1;
            check.copy_from_slice(&block[..8]);
            check.iter_mut().zip(counter.to_be_bytes()).for_each(|(byte, count)| *byte ^= count);
            half.copy_from_slice(&block[8..]);
        }
    }
    Some([&check, &**rest].concat())
}

/// RFC 3394 §2.2.2, index based.
fn decompose(kek: &[u8], wrapped: &[u8]) -> Option<Bytes> {
    if !wrapped.len().is_multiple_of(8) || wrapped.len() < 24 {
        return None;
    }
    let aes = DecryptingKey::ecb(key(kek)?).ok()?;
    let (first, rest) = wrapped.split_at(8);
    let mut check: [u8; 8] = first.try_into().ok()?;
    let mut rest = Zeroizing::new(rest.to_vec());
    let mut counter = (rest.len() / 8 * 6) as u64;
    for _ in 0..6 {
        for half in rest.chunks_exact_mut(8).rev() {
            check.iter_mut().zip(counter.to_be_bytes()).for_each(|(byte, count)| *byte ^= count);
            let mut block = Zeroizing::new([check, half.try_into().ok()?].concat());
            aes.decrypt(&mut block, DecryptionContext::None).ok()?;
            counter -= 1;
            check.copy_from_slice(&block[..8]);
            half.copy_from_slice(&block[8..]);
        }
    }
    verify_slices_are_equal(&check, &CHECK).ok()?;
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_composed_is_what_the_library_makes() {
        for kek in [&[7u8; 16][..], &[9; 32]] {
            for len in [16, 24, 32, 48, 64] {
                let cek: Vec<u8> = (0..len).map(|i| i as u8 ^ 0x5a).collect();
                let wrapped = wrap(kek, &cek).unwrap();
                assert_eq!(compose(kek, &cek).unwrap(), wrapped);
                assert_eq!(*decompose(kek, &wrapped).unwrap(), cek);
            }
        }
    }

    #[test]
    fn rfc_3394_with_192_bits() {
        // §4.2: 128 bits of key data under 192 bits.
        let kek: Vec<u8> = (0..24).collect();
        let cek: Vec<u8> = (0..16).map(|i| i * 0x11).collect();
        let wrapped = wrap(&kek, &cek).unwrap();
        let want = [
            0x96, 0x77, 0x8b, 0x25, 0xae, 0x6c, 0xa4, 0x35, 0xf9, 0x2b, 0x5b, 0x97, 0xc0, 0x50, 0xae, 0xd2,
            0x46, 0x8a, 0xb8, 0xa1, 0x7a, 0xd8, 0x4e, 0x5d,
        ];
        assert_eq!(wrapped, want);
        assert_eq!(*unwrap(&kek, &wrapped).unwrap(), cek);
    }

    #[test]
    fn any_changed_bit_is_noticed() {
        for kek in [&[1u8; 16][..], &[2; 24], &[3; 32]] {
            let wrapped = wrap(kek, &[5; 32]).unwrap();
            for at in 0..wrapped.len() {
                let mut changed = wrapped.clone();
                changed[at] ^= 0x10;
                assert!(unwrap(kek, &changed).is_none());
            }
            assert!(unwrap(kek, &wrapped[..wrapped.len() - 8]).is_none());
            assert!(unwrap(kek, b"").is_none());
        }
    }
}
