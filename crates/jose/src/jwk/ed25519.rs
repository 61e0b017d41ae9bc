//! Ed25519 public keys: whether one is a point at all, and not one of the few for which anybody can sign.
//!
//! The library finds out only when it verifies, and then cannot be told from a bad signature. Public values only, so
//! nothing here needs to run in constant time.

/// An element of the field modulo 2²⁵⁵ − 19: four limbs, least first, fully reduced.
type Element = [u64; 4];

const P: Element = [0xffff_ffff_ffff_ffed, u64::MAX, u64::MAX, 0x7fff_ffff_ffff_ffff];

const ONE: Element = [1, 0, 0, 0];

/// The curve constant −121665/121666 (RFC 8032 §5.1).
const D: Element =
    [0x75eb_4dca_1359_78a3, 0x0070_0a4d_4141_d8ab, 0x8cc7_4079_7779_e898, 0x5203_6cee_2b6f_fe73];

/// y of every point whose order divides 8: of orders 4, 1, 2 and twice 8.
const SMALL: [Element; 5] = [
    [0, 0, 0, 0],
    ONE,
    [0xffff_ffff_ffff_ffec, u64::MAX, u64::MAX, 0x7fff_ffff_ffff_ffff],
    [0xb027_b2c2_8f95_e826, 0xf098_eff2_89f4_c345, 0x3933_c6d3_05ac_dfd5, 0x05fc_536d_8802_38b1],
    [0x4fd8_4d3d_706a_17c7, 0x0f67_100d_760b_3cba, 0xc6cc_392c_fa53_202a, 0x7a03_ac92_77fd_c74e],
];

/// Whether these 32 bytes (RFC 8032 §5.1.2) are a point of the curve, canonically encoded, of large order.
///
/// With a point of small order in place of a key, one signature fits many messages.
pub(super) fn is_sound_point(encoded: &[u8; 32]) -> bool {
    let mut y = [0; 4];
    for (limb, bytes) in y.iter_mut().zip(encoded.chunks_exact(8)) {
        *limb = bytes.iter().rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    // The top bit is the sign of x; both signs are points.
    y[3] &= u64::MAX >> 1;
    if at_least(y, P) || SMALL.contains(&y) {
        return false;
    }
    // x² = (y² − 1) / (d·y² + 1) must have a root: Euler's criterion on the product, which has one when the quotient
    // has. The denominator is never zero, −1/d being no square; the numerator only for y = ±1, which are gone.
    let y2 = multiply(y, y);
    let product = multiply(subtract(y2, ONE), add(multiply(D, y2), ONE));
    power_half(product) == ONE
}

/// To the power (p − 1)/2.
fn power_half(base: Element) -> Element {
    // (p − 1)/2 = 2²⁵⁴ − 10.
    const EXPONENT: Element = [0xffff_ffff_ffff_fff6, u64::MAX, u64::MAX, 0x3fff_ffff_ffff_ffff];
    let mut out = ONE;
    for bit in (0..254).rev() {
        out = multiply(out, out);
        if EXPONENT[bit / 64] >> (bit % 64) & 1 == 1 {
            out = multiply(out, base);
        }
    }
    out
}

fn multiply(a: Element, b: Element) -> Element {
    let mut wide = [0u64; 8];
    for (i, x) in a.into_iter().enumerate() {
        let mut carry = 0;
        for (j, y) in b.into_iter().enumerate() {
            let sum = u128::from(x) * u128::from(y) + u128::from(wide[i + j]) + carry;
            wide[i + j] = sum as u64;
            carry = sum >> 64;
        }
        wide[i + 4] = carry as u64;
    }
    // 2²⁵⁶ = 38: the upper half comes back 38-fold, twice, because the first time it may overflow by a little.
    let mut out = [0; 4];
    let mut carry = 0;
    for i in 0..4 {
        let sum = u128::from(wide[i]) + u128::from(wide[i + 4]) * 38 + carry;
        out[i] = sum as u64;
        carry = sum >> 64;
    }
    while carry > 0 {
        carry *= 38;
        for limb in &mut out {
            let sum = u128::from(*limb) + carry;
            *limb = sum as u64;
            carry = sum >> 64;
        }
    }
    reduce(out)
}

fn add(a: Element, b: Element) -> Element {
    reduce(plus(a, b))
}

fn subtract(a: Element, b: Element) -> Element {
    if at_least(a, b) { minus(a, b) } else { minus(plus(a, P), b) }
}

/// Neither is beyond the prime, so the sum stays below 2²⁵⁶.
fn plus(a: Element, b: Element) -> Element {
    let mut out = [0; 4];
    let mut carry = false;
    for i in 0..4 {
        (out[i], carry) = a[i].carrying_add(b[i], carry);
    }
    out
}

fn reduce(mut a: Element) -> Element {
    while at_least(a, P) {
        a = minus(a, P);
    }
    a
}

/// Where a ≥ b.
fn minus(a: Element, b: Element) -> Element {
    let mut out = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        (out[i], borrow) = a[i].borrowing_sub(b[i], borrow);
    }
    out
}

fn at_least(a: Element, b: Element) -> bool {
    a.iter().rev().ge(b.iter().rev())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(y: Element) -> [u8; 32] {
        let mut out = [0; 32];
        for (chunk, limb) in out.chunks_exact_mut(8).zip(y) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        out
    }

    #[test]
    fn real_keys_are_points() {
        for _ in 0..32 {
            let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
            let key = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref().try_into().unwrap();
            assert!(is_sound_point(&key));
        }
    }

    #[test]
    fn small_orders_and_second_spellings_are_refused() {
        for y in SMALL {
            let mut key = bytes(y);
            assert!(!is_sound_point(&key), "{y:?}");
            key[31] |= 0x80;
            assert!(!is_sound_point(&key), "{y:?}");
        }
        // p + 3 spells 3 a second time; 3 itself is a point.
        let twice = [0xffff_ffff_ffff_fff0, u64::MAX, u64::MAX, 0x7fff_ffff_ffff_ffff];
        assert!(is_sound_point(&bytes([3, 0, 0, 0])));
        assert!(!is_sound_point(&bytes(twice)));
    }

    #[test]
    fn about_half_of_all_values_are_off_the_curve() {
        let sound = (2..202u64).filter(|y| is_sound_point(&bytes([*y, 0, 0, 0]))).count();
        assert!((70..130).contains(&sound), "{sound}");
        // Known from RFC 8032's mathematics: 2 is the y of no point.
        assert!(!is_sound_point(&bytes([2, 0, 0, 0])));
    }
}
