//! The curves of 448 bits: Ed448 signatures (RFC 8032 §5.2, RFC 8037 §3.1) and X448 agreement (RFC 7748 §5).
//!
//! The cryptographic library has neither, so the arithmetic is `crrl`'s: constant-time wherever a secret is involved,
//! strict about encodings. Its private keys are not wiped when dropped, so none is kept: the seed is, and wiped.

use crrl::ed448::{Point, PrivateKey, PublicKey};
use crrl::x448;
use zeroize::Zeroizing;

use super::material::Private;

/// Bytes of an Ed448 public key, and of the seed that is the private one.
pub(super) const ED448: usize = 57;

/// Bytes of an Ed448 signature.
pub(super) const ED448_SIGNATURE: usize = 114;

/// Bytes of either half of an X448 key.
pub(super) const X448: usize = 56;

/// An Ed448 public key that was found sound.
pub(super) struct Ed448(PublicKey);

impl Ed448 {
    /// Of these bytes, if they are a point of the curve (RFC 8032 §5.2.2), canonically encoded, of large order: with a
    /// point of small order in place of a key, one signature fits many messages.
    pub(super) fn read(encoded: &[u8]) -> Option<Self> {
        let point = Point::decode(encoded)?;
        (point.has_low_order() == 0).then(|| Self(PublicKey::from_point(&point)))
    }

    /// Whether this signature (114 bytes) is of this key over this input (RFC 8032 §5.2.7, no context). An S that is
    /// not reduced, and a second spelling of R, are no signatures.
    pub(super) fn verifies(&self, input: &[u8], signature: &[u8]) -> bool {
        self.0.verify_raw(signature, input)
    }
}

/// The public key that belongs to a seed; nothing if the seed has another length.
pub(super) fn ed448_public(seed: &[u8]) -> Option<[u8; ED448]> {
    private(seed).map(|key| key.public_key.encode())
}

/// Signs (RFC 8032 §5.2.6, no context). Nothing if the seed has another length.
pub(super) fn ed448_sign(seed: &[u8], input: &[u8]) -> Option<[u8; ED448_SIGNATURE]> {
    private(seed).map(|key| key.sign_raw(input))
}

fn private(seed: &[u8]) -> Option<PrivateKey> {
    PrivateKey::decode(seed)
}

/// The public key that belongs to a private one; nothing if that has another length.
pub(super) fn x448_public(d: &[u8]) -> Option<[u8; X448]> {
    d.try_into().ok().map(x448::x448_base)
}

/// What both sides know (RFC 7748 §6.2); nothing if it is zeros, which a public key of small order makes of every
/// private one, or if a key has another length.
pub(super) fn x448_agree(d: &[u8], public: &[u8]) -> Option<Private> {
    let secret = Zeroizing::new(x448::x448(public.try_into().ok()?, d.try_into().ok()?));
    // Over all bytes whatever they are: where the first that counts stands is part of the secret.
    let any = secret.iter().fold(0, |any, byte| any | byte);
    (any != 0).then(|| Zeroizing::new(secret.to_vec()))
}

/// Whether a public key makes anything but zeros.
pub(super) fn x448_is_sound(public: &[u8]) -> bool {
    // Every private key is a multiple of the cofactor, on the curve and on its twist, so a point of small order makes
    // zeros of this one as of any other; and it is no multiple of the large order, so no other point does.
    x448_agree(&[0; X448], public).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2⁴⁴⁸ − 2²²⁴ − 1, least byte first.
    const P: [u8; X448] = {
        let mut p = [0xff; X448];
        p[28] = 0xfe;
        p
    };

    fn encoded(y: [u8; X448], top: u8) -> [u8; ED448] {
        let mut out = [0; ED448];
        out[..X448].copy_from_slice(&y);
        out[X448] = top;
        out
    }

    fn small(number: u8) -> [u8; X448] {
        let mut out = [0; X448];
        out[0] = number;
        out
    }

    fn minus_one() -> [u8; X448] {
        let mut out = P;
        out[0] -= 1;
        out
    }

    #[test]
    fn small_orders_and_second_spellings_are_refused() {
        // y of the orders 1, 2 and 4, with either sign of x.
        for y in [small(1), minus_one(), small(0)] {
            for sign in [0, 0x80] {
                assert!(Ed448::read(&encoded(y, sign)).is_none(), "{y:?}");
            }
        }
        let seed = [7; ED448];
        let public = ed448_public(&seed).unwrap();
        assert!(Ed448::read(&public).is_some());
        // Seven bits of the last byte have no meaning and must not be there.
        for bit in 0..7 {
            let mut other = public;
            other[X448] ^= 1 << bit;
            assert!(Ed448::read(&other).is_none(), "{bit}");
        }
        // y + p spells the same y where it still fits: for the small ones, of which about half are points.
        let mut spelt_twice = 0;
        for y in 2..200 {
            let mut carry = u16::from(y);
            let mut twice = P;
            for byte in &mut twice {
                carry += u16::from(*byte);
                *byte = carry as u8;
                carry >>= 8;
            }
            assert!(Ed448::read(&encoded(twice, 0)).is_none(), "{y}");
            spelt_twice += usize::from(Ed448::read(&encoded(small(y), 0)).is_some());
        }
        assert!((60..140).contains(&spelt_twice), "{spelt_twice}");
    }

    fn hex(text: &str) -> [u8; X448] {
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn rfc_7748_section_5_2() {
        for (d, u, secret) in [
            (
                "3d262fddf9ec8e88495266fea19a34d28882acef045104d0d1aae121700a779c984c24f8cdd78fbff44943eba368f54b29259a4f1c600ad3",
                "06fce640fa3487bfda5f6cf2d5263f8aad88334cbd07437f020f08f9814dc031ddbdc38c19c6da2583fa5429db94ada18aa7a7fb4ef8a086",
                "ce3e4ff95a60dc6697da1db1d85e6afbdf79b50a2412d7546d5f239fe14fbaadeb445fc66a01b0779d98223961111e21766282f73dd96b6f",
            ),
            (
                "203d494428b8399352665ddca42f9de8fef600908e0d461cb021f8c538345dd77c3e4806e25f46d3315c44e0a5b4371282dd2c8d5be3095f",
                "0fbcc2f993cd56d3305b0b7d9e55d4c1a8fb5dbb52f8e9a1e9b6201b165d015894e56c4d3570bee52fe205e28a78b91cdfbde71ce8d157db",
                "884a02576239ff7a2f2f63b2db6a9ff37047ac13568e1e30fe63c4a7ad1b3ee3a5700df34321d62077e63633c575c1c954514e99da7c179d",
            ),
        ] {
            assert_eq!(x448_agree(&hex(d), &hex(u)).unwrap().as_slice(), hex(secret));
        }
        let (mut d, mut u) = (small(5), small(5));
        for _ in 0..1000 {
            let next = x448_agree(&d, &u).unwrap().as_slice().try_into().unwrap();
            u = std::mem::replace(&mut d, next);
        }
        let after_a_thousand = "aa3b4749d55b9daf1e5b00288826c467274ce3ebbdd5c17b975e09d4af6c67cf10d087202db88286e2b79fceea3ec353ef54faa26e219f38";
        assert_eq!(d, hex(after_a_thousand));
    }

    /// RFC 8037 appendix A.7 has the same numbers.
    #[test]
    fn rfc_7748_section_6_2() {
        let alice = hex(
            "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
        );
        let bob = hex(
            "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d",
        );
        let of_alice = hex(
            "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0",
        );
        let of_bob = hex(
            "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609",
        );
        let secret = hex(
            "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037514a879d",
        );
        assert_eq!((x448_public(&alice), x448_public(&bob)), (Some(of_alice), Some(of_bob)));
        assert_eq!(x448_agree(&alice, &of_bob).unwrap().as_slice(), secret);
        assert_eq!(x448_agree(&bob, &of_alice).unwrap().as_slice(), secret);
    }

    #[test]
    fn an_agreement_of_zeros_is_none() {
        // 0, 1 and p − 1 are the small orders of the curve and its twist; p and p + 1 spell the first two again.
        let mut p_and_one = P;
        p_and_one[..28].fill(0);
        p_and_one[28] = 0xff;
        for u in [small(0), small(1), minus_one(), P, p_and_one] {
            assert!(!x448_is_sound(&u), "{u:?}");
            for d in [[0; X448], [9; X448], [0xff; X448]] {
                assert_eq!(x448_agree(&d, &u), None);
            }
        }
        assert!(x448_is_sound(&small(5)));
        assert_eq!(x448_agree(&[1; 55], &small(5)), None);
    }
}
