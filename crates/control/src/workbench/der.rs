//! As much DER as it takes to tell containers of keys apart, and to take PKCS#8 and SubjectPublicKeyInfo off what is in
//! them. What is in them was checked, or is checked afterwards, by `portcullis_jose`.

use zeroize::Zeroizing;

/// What the first tags inside the outermost sequence say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Pkcs12,
    Encrypted,
    Pkcs8,
    Pkcs1,
    Pkcs1Public,
    Sec1,
    Spki,
    Certificate,
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// What a DER file is.
pub(super) fn shape(bytes: &[u8]) -> Shape {
    let inside = element(bytes).map(|(_, content, _)| content).unwrap_or_default();
    match element(inside) {
        Some((INTEGER, version, rest)) => match (version, rest.first()) {
            ([3], Some(&SEQUENCE)) => Shape::Pkcs12,
            ([0 | 1], Some(&SEQUENCE)) => Shape::Pkcs8,
            ([1], Some(&OCTET_STRING)) => Shape::Sec1,
            ([0 | 1], Some(&INTEGER)) => Shape::Pkcs1,
            _ => Shape::Pkcs1Public,
        },
        Some((SEQUENCE, first, rest)) if first.first() == Some(&OID) => match rest.first() {
            Some(&OCTET_STRING) => Shape::Encrypted,
            _ => Shape::Spki,
        },
        _ => Shape::Certificate,
    }
}

/// The PKCS#1 key inside a PKCS#8 or SubjectPublicKeyInfo of an RSA key.
pub(super) fn pkcs1(der: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (_, inside, _) = element(der)?;
    let (tag, first, rest) = element(inside)?;
    let inner = match tag {
        INTEGER => {
            let (_, _, rest) = element(rest)?;
            element(rest).filter(|(tag, ..)| *tag == OCTET_STRING)?.1
        }
        SEQUENCE if !first.is_empty() => {
            element(rest).filter(|(tag, ..)| *tag == BIT_STRING)?.1.split_first()?.1
        }
        _ => return None,
    };
    Some(Zeroizing::new(inner.to_vec()))
}

/// The SEC 1 key (RFC 5915) inside a PKCS#8 of an EC key, with the name of its curve, which stands outside there.
pub(super) fn sec1(der: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (_, inside, _) = element(der)?;
    let (_, _, rest) = element(inside)?;
    let (_, identifier, rest) = element(rest)?;
    // The algorithm, then the curve.
    let (_, _, curve) = element(identifier)?;
    let (_, key, _) = element(rest)?;
    let (_, key, _) = element(key)?;
    let (_, _, behind_version) = element(key)?;
    let (_, _, behind_secret) = element(behind_version)?;
    let start = &key[..key.len() - behind_secret.len()];
    let named = write(0xa0, curve);
    Some(write(SEQUENCE, &Zeroizing::new([start, &named, behind_secret].concat())))
}

fn write(tag: u8, content: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(content.len() + 6));
    out.push(tag);
    let length = content.len().to_be_bytes();
    let digits = &length[length.iter().position(|digit| *digit != 0).unwrap_or(length.len() - 1)..];
    match digits {
        [short @ ..0x80] => out.push(*short),
        // At most eight digits.
        digits => {
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(content);
    out
}

/// The first element: its tag, its content, and what is behind it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) || rest.len() < count {
            return None;
        }
        let (digits, behind) = rest.split_at(count);
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = behind;
    }
    (length <= rest.len()).then(|| (tag, &rest[..length], &rest[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_jose::Jwk;
    use portcullis_jose::jwk::{Curve, KeyKind, RsaBits};

    #[test]
    fn shapes_are_told_apart() {
        let rsa = Jwk::generate(KeyKind::Rsa(RsaBits::B2048)).unwrap();
        let ec = Jwk::generate(KeyKind::Ec(Curve::P521)).unwrap();
        let (private, public) = (rsa.to_private_der().unwrap(), rsa.to_public_der().unwrap());
        assert_eq!((shape(&private), shape(&public)), (Shape::Pkcs8, Shape::Spki));
        assert_eq!(shape(&pkcs1(&private).unwrap()), Shape::Pkcs1);
        assert_eq!(shape(&pkcs1(&public).unwrap()), Shape::Pkcs1Public);
        assert_eq!(shape(&sec1(&ec.to_private_der().unwrap()).unwrap()), Shape::Sec1);
        for cut in [&private[..], &public[..]] {
            for len in 0..cut.len().min(40) {
                // Nothing panics, whatever is missing.
                let _ = (shape(&cut[..len]), pkcs1(&cut[..len]), sec1(&cut[..len]));
            }
        }
        assert_eq!(write(4, &[7; 200])[..3], [4, 0x81, 200]);
    }
}
