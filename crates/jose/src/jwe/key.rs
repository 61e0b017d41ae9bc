//! The content key: brought to a recipient, and taken out again (RFC 7518 §4).

use std::num::NonZeroU32;

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::content::{self, Bytes};
use super::derive;
use super::header::Header;
use super::wrap;
use crate::b64;
use crate::jwa::{Enc, KeyManagement, Mode};
use crate::jwk::{EncryptionKey, Opener, Party, Sealer};

/// What a recipient gets: header parameters of its own, and the encrypted key, empty where there is none.
pub(super) struct Delivery {
    pub(super) parameters: Map<String, Value>,
    pub(super) encrypted_key: Vec<u8>,
}

fn oaep(alg: KeyManagement) -> Option<&'static OaepAlgorithm> {
    Some(match alg {
        KeyManagement::RSA_OAEP => &OAEP_SHA1_MGF1SHA1,
        KeyManagement::RSA_OAEP_256 => &OAEP_SHA256_MGF1SHA256,
        KeyManagement::RSA_OAEP_384 => &OAEP_SHA384_MGF1SHA384,
        KeyManagement::RSA_OAEP_512 => &OAEP_SHA512_MGF1SHA512,
        _ => return None,
    })
}

pub(super) fn random(len: usize) -> Option<Bytes> {
    let mut bytes = Zeroizing::new(vec![0; len]);
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// What the sender may say about the agreement.
#[derive(Clone, Default)]
pub(super) struct Parties {
    pub(super) apu: Vec<u8>,
    pub(super) apv: Vec<u8>,
}

/// The content key that this recipient's algorithm fixes: the shared or the agreed one.
pub(super) fn fixed(key: &EncryptionKey, enc: Enc, parties: &Parties) -> Option<Option<(Bytes, Delivery)>> {
    match (key.alg().mode(), key.sealer()) {
        (Mode::Direct, Sealer::Shared(secret)) => {
            Some(Some((secret.clone(), Delivery { parameters: Map::new(), encrypted_key: Vec::new() })))
        }
        (Mode::Agreement, Sealer::Party(party)) => {
            let (secret, parameters) = offer(party, parties)?;
            let key = derive::concat(&secret, enc.name(), &parties.apu, &parties.apv, enc.key_len());
            Some(Some((key, Delivery { parameters, encrypted_key: Vec::new() })))
        }
        _ => Some(None),
    }
}

/// Encrypts the content key to a recipient whose algorithm has one to encrypt.
pub(super) fn seal(
    key: &EncryptionKey,
    cek: &[u8],
    parties: &Parties,
    rounds: Option<NonZeroU32>,
) -> Option<Delivery> {
    let alg = key.alg();
    let mut parameters = Map::new();
    let encrypted_key = match (alg.mode(), key.sealer()) {
        (Mode::Rsa, Sealer::Rsa(rsa)) => {
            let mut out = vec![0; rsa.ciphertext_size()];
            rsa.encrypt(oaep(alg)?, cek, &mut out, None).ok()?.to_vec()
        }
        (Mode::Wrap, Sealer::Shared(secret)) => wrap::wrap(secret, cek)?,
        (Mode::GcmWrap, Sealer::Shared(secret)) => {
            let iv = random(12)?;
            let (sealed, tag) = content::gcm_seal(secret, &iv, &[], cek)?;
            parameters.insert("iv".into(), b64::encode(&iv).into());
            parameters.insert("tag".into(), b64::encode(&tag).into());
            sealed
        }
        (Mode::AgreementWrap, Sealer::Party(party)) => {
            let (secret, own) = offer(party, parties)?;
            parameters = own;
            let kek = derive::concat(&secret, alg.name(), &parties.apu, &parties.apv, alg.wrapping_len());
            wrap::wrap(&kek, cek)?
        }
        (Mode::Password, Sealer::Password(password)) => {
            let salt = random(16)?;
            let rounds = rounds.unwrap_or(ordinary_rounds(alg));
            parameters.insert("p2s".into(), b64::encode(&salt).into());
            parameters.insert("p2c".into(), rounds.get().into());
            wrap::wrap(&derive::password(alg, password, &salt, rounds), cek)?
        }
        _ => return None,
    };
    Some(Delivery { parameters, encrypted_key })
}

/// Iterations that cost an attacker as much as current advice for stored passwords wants (OWASP, 2023).
fn ordinary_rounds(alg: KeyManagement) -> NonZeroU32 {
    const SHA256: NonZeroU32 = NonZeroU32::new(600_000).unwrap();
    const SHA512: NonZeroU32 = NonZeroU32::new(210_000).unwrap();
    if alg == KeyManagement::PBES2_HS256_A128KW { SHA256 } else { SHA512 }
}

fn offer(party: &Party, parties: &Parties) -> Option<(Bytes, Map<String, Value>)> {
    let (epk, secret) = party.offer()?;
    let mut parameters = Map::new();
    parameters.insert("epk".into(), serde_json::from_str(&epk.to_public_json()?).ok()?);
    for (name, value) in [("apu", &parties.apu), ("apv", &parties.apv)] {
        if !value.is_empty() {
            parameters.insert(name.into(), b64::encode(value).into());
        }
    }
    Some((secret, parameters))
}

/// Takes the content key out. Nothing if it does not come out; the caller then goes on with a random one.
pub(super) fn open(
    alg: KeyManagement,
    enc: Enc,
    opener: &Opener,
    header: &Header,
    sealed: &[u8],
) -> Option<Bytes> {
    match (alg.mode(), opener) {
        (Mode::Rsa, Opener::Rsa(rsa)) => {
            let mut out = Zeroizing::new(vec![0; rsa.oaep.min_output_size()]);
            let len = match oaep(alg) {
                Some(oaep) => rsa.oaep.decrypt(oaep, sealed, &mut out, None).ok()?.len(),
                None => rsa.pkcs1.decrypt(sealed, &mut out).ok()?.len(),
            };
            out.truncate(len);
            Some(out)
        }
        (Mode::Wrap, Opener::Shared(secret)) => wrap::unwrap(secret, sealed),
        (Mode::GcmWrap, Opener::Shared(secret)) => {
            content::gcm_open(secret, header.iv.as_ref()?, &[], sealed, header.tag.as_ref()?)
        }
        (Mode::Direct, Opener::Shared(secret)) => Some(secret.clone()),
        (Mode::Agreement, Opener::Party(own)) => {
            let secret = own.accept(&Party::of_epk(header.epk.as_ref()?)?)?;
            Some(derive::concat(&secret, enc.name(), &header.apu, &header.apv, enc.key_len()))
        }
        (Mode::AgreementWrap, Opener::Party(own)) => {
            let secret = own.accept(&Party::of_epk(header.epk.as_ref()?)?)?;
            let kek = derive::concat(&secret, alg.name(), &header.apu, &header.apv, alg.wrapping_len());
            wrap::unwrap(&kek, sealed)
        }
        (Mode::Password, Opener::Password(password)) => {
            let rounds = NonZeroU32::new(u32::try_from(header.p2c?).ok()?)?;
            wrap::unwrap(&derive::password(alg, password, header.p2s.as_ref()?, rounds), sealed)
        }
        _ => None,
    }
}
