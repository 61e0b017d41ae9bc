//! RSA: size, exponent, and moduli that can be factored (CVE-2017-15361, CVE-2022-26320).

use num_bigint::BigUint;
use num_integer::Integer;

use crate::finding::{Finding, Severity, Subject};

/// Fermat's method with one step finds primes whose upper halves are equal; sound ones need astronomically many. Few,
/// because a set may have hundreds of large moduli.
const FERMAT_STEPS: usize = 16;

pub(super) fn audit(n: &[u8], e: &[u8], subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |severity, code, evidence: String, next| {
        findings.push(Finding::new(severity, code, subject.clone(), evidence, next));
    };
    if n.first() == Some(&0) {
        say(
            Severity::Warning,
            "rsa_leading_zero",
            "the modulus is written with a leading zero byte".into(),
            "write it without (RFC 7518 §6.3.1.1): some readers refuse it, and thumbprints differ",
        );
    }
    let (n, e) = (BigUint::from_bytes_be(n), BigUint::from_bytes_be(e));
    match n.bits() {
        bits @ ..2048 => say(
            Severity::Error,
            "rsa_too_small",
            format!("modulus of {bits} bits"),
            "replace the key by one of at least 2048 bits, better 3072",
        ),
        bits @ 2048..3072 => say(
            Severity::Info,
            "rsa_below_3072",
            format!("modulus of {bits} bits, about 112 bits of strength"),
            "prefer 3072 bits or an elliptic curve for keys that live beyond 2030 (NIST SP 800-131A)",
        ),
        _ => {}
    }
    if n.bits() > 8192 || n.bits() < 16 {
        return findings;
    }
    if e < BigUint::from(3u8) || e.is_even() {
        say(
            Severity::Error,
            "rsa_exponent",
            format!("public exponent {e}"),
            "replace the key by one with the exponent 65537",
        );
    } else if e < BigUint::from(65537u32) {
        say(
            Severity::Warning,
            "rsa_small_exponent",
            format!("public exponent {e}"),
            "use 65537: small exponents turn sloppy padding checks into forgeries",
        );
    }
    if is_roca(&n) {
        say(
            Severity::Error,
            "rsa_roca",
            "the modulus has the fingerprint of CVE-2017-15361: its primes can be found".into(),
            "replace the key, and update the chip or card that made it",
        );
    }
    if has_close_primes(&n) {
        say(
            Severity::Error,
            "rsa_close_primes",
            "the two primes are so close that Fermat's method found them at once".into(),
            "replace the key, and the library that made it (CVE-2022-26320)",
        );
    }
    if let Some(factor) = small_factor(&n) {
        say(
            Severity::Error,
            "rsa_small_factor",
            format!("the modulus is divisible by {factor}"),
            "replace the key: it was damaged, or made to be broken",
        );
    }
    findings
}

/// Primes up to 167, which decide the fingerprint.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// The flawed library made primes of the form k·M + 65537^a mod M, M the product of small primes. So the modulus is a
/// power of 65537 modulo every one of those; a random number is so with a probability of about 2⁻²⁷ or less.
fn is_roca(n: &BigUint) -> bool {
    PRIMES.iter().all(|prime| {
        let wanted = (n % *prime).iter_u32_digits().next().unwrap_or(0);
        let mut power = 1;
        for _ in 0..*prime {
            if power == wanted {
                return true;
            }
            power = power * (65537 % prime) % prime;
        }
        false
    })
}

fn has_close_primes(n: &BigUint) -> bool {
    if n.is_even() {
        return false;
    }
    let mut a = n.sqrt();
    if &(&a * &a) == n {
        return true;
    }
    a += 1u8;
    for _ in 0..FERMAT_STEPS {
        let rest = &a * &a - n;
        let root = rest.sqrt();
        if &root * &root == rest {
            return true;
        }
        a += 1u8;
    }
    false
}

fn small_factor(n: &BigUint) -> Option<u32> {
    [2].into_iter().chain(PRIMES).find(|prime| (n % *prime) == BigUint::ZERO)
}

/// Which of these moduli share a factor with an earlier one: pairs of positions. Equal moduli are not told here.
pub(super) fn shared_factors(moduli: &[(usize, BigUint)]) -> Vec<(usize, usize)> {
    let one = BigUint::from(1u8);
    let mut pairs = Vec::new();
    for (at, (index, n)) in moduli.iter().enumerate() {
        // One greatest common divisor with all earlier ones together, and each by itself only where that says so.
        let earlier: Vec<_> = moduli[..at].iter().filter(|(_, other)| other != n).collect();
        let product = earlier.iter().fold(one.clone(), |product, (_, other)| product * other % n);
        if product.gcd(n) != one {
            pairs.extend(
                earlier.iter().filter(|(_, other)| other.gcd(n) != one).map(|(other, _)| (*other, *index)),
            );
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(n: &BigUint, e: u32) -> Vec<&'static str> {
        audit(&n.to_bytes_be(), &e.to_be_bytes(), &Subject::Input)
            .iter()
            .map(|finding| finding.code)
            .collect()
    }

    /// The next prime-looking number is not needed: the checks look at sizes and differences only.
    fn odd(bits: u64, add: u32) -> BigUint {
        (BigUint::from(1u8) << (bits - 1)) + add
    }

    #[test]
    fn the_fingerprint_tells_flawed_moduli() {
        let m = PRIMES.iter().fold(BigUint::from(1u8), |m, prime| m * *prime);
        let flawed = |a: u32, k: u32| {
            let power = BigUint::from(65537u32).modpow(&BigUint::from(a), &m);
            (BigUint::from(k) << 800u32) * &m + power
        };
        let n = flawed(77, 3) * flawed(1234, 5);
        assert!(is_roca(&n));
        assert!(codes(&n, 65537).contains(&"rsa_roca"));
        assert!(!is_roca(&(n + 2u8)));
    }

    #[test]
    fn close_primes_are_found_and_distant_ones_not() {
        let close = odd(1024, 643) * odd(1024, 12_345);
        assert!(codes(&close, 65537).contains(&"rsa_close_primes"));
        assert!(codes(&(odd(1024, 643) * odd(1024, 643)), 65537).contains(&"rsa_close_primes"));
        let distant = odd(1024, 643) * ((odd(1024, 1) >> 1u32) + odd(1024, 9));
        assert!(!has_close_primes(&distant));
    }

    #[test]
    fn sizes_and_exponents() {
        let n = odd(2048, 1);
        assert!(codes(&n, 1).contains(&"rsa_exponent"));
        assert!(codes(&n, 65536).contains(&"rsa_exponent"));
        assert!(codes(&n, 3).contains(&"rsa_small_exponent"));
        assert!(codes(&odd(1024, 1), 65537).contains(&"rsa_too_small"));
        assert!(codes(&(odd(2048, 1) * 7u8), 65537).contains(&"rsa_small_factor"));
        // Nothing here may take long or panic.
        for n in [BigUint::ZERO, BigUint::from(1u8), BigUint::from(1u8) << 70_000u32] {
            codes(&n, 65537);
        }
    }

    #[test]
    fn shared_factors_are_told_with_their_pair() {
        let (p, q, r) = (odd(512, 569), odd(512, 77), odd(512, 1_011));
        let moduli = [(4, &p * &q), (7, &q * &r + 2u8), (9, &p * &r), (11, &p * &q)];
        assert!(shared_factors(&moduli[..1]).is_empty());
        assert!(shared_factors(&moduli).contains(&(4, 9)));
        assert!(!shared_factors(&moduli).contains(&(4, 11)));
    }
}
