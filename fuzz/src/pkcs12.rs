//! The outside of a PKCS#12 file (RFC 7292 §4) around any content: what only somebody who has the password can write.

use aws_lc_rs::{digest, hmac};

use super::keys;

const DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const SHA256: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00];
const SALT: [u8; 8] = *b"fuzzsalt";

/// With a check value that is right.
pub fn around(content: &[u8]) -> Vec<u8> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &mac_key()), content);
    let safe = [DATA, &tlv(0xa0, &tlv(0x04, content))].concat();
    let info = tlv(0x30, &[SHA256, &tlv(0x04, tag.as_ref())].concat());
    let mac = tlv(0x30, &[&info[..], &tlv(0x04, &SALT), &tlv(0x02, &[1])].concat());
    tlv(0x30, &[&tlv(0x02, &[3])[..], &tlv(0x30, &safe), &mac].concat())
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = value.len();
    let length: &[u8] = match len {
        ..0x80 => &[len as u8],
        0x80..0x100 => &[0x81, len as u8],
        _ => &[0x82, (len >> 8) as u8, len as u8],
    };
    [&[tag][..], length, value].concat()
}

/// RFC 7292 appendix B with one iteration: the hash of purpose, salt and password, each filled up to whole blocks.
fn mac_key() -> [u8; 32] {
    let password: Vec<u8> = keys::PASSWORD.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
    let fill = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().copied().cycle().take(bytes.len().div_ceil(64) * 64).collect()
    };
    let input = [vec![3; 64], fill(&SALT), fill(&password)].concat();
    digest::digest(&digest::SHA256, &input).as_ref().try_into().expect("32 bytes")
}
