//! Encryption, both ways: every key management with every content encryption, on every curve that both sides have.

use portcullis_jose::jwa::{Enc, KeyManagement};
use portcullis_jose::jwe::{Decryption, Encryption};
use portcullis_oracles::{for_encryption, josekit as theirs};

const CONTENT: &[u8] = b"what is in it \xff\x00, and again what is in it";

#[test]
fn josekit_and_we_open_each_others_messages() {
    let (mut met, mut without) = (0, Vec::new());
    for alg in KeyManagement::all() {
        for enc in Enc::ALL {
            for key in for_encryption(alg, enc) {
                let case = format!("{alg} {enc} {}", key.curve().map_or("", |curve| curve.name()));
                let (Some(Ok(encrypter)), Some(Ok(decrypter))) =
                    (theirs::encrypter(alg, &key), theirs::decrypter(alg, &key))
                else {
                    without.push(case);
                    continue;
                };
                met += 1;
                let own = key.decryption_key().unwrap_or_else(|e| panic!("{case}: {e}"));
                for zip in [false, true] {
                    let token =
                        josekit::jwe::serialize_compact(CONTENT, &theirs::header(enc, zip), &*encrypter)
                            .unwrap();
                    let reading = Decryption::new().also_rsa1_5();
                    let opened =
                        reading.open(token.as_bytes(), &own).unwrap_or_else(|e| panic!("{case}: {e}"));
                    assert_eq!(opened.content(), CONTENT, "{case}");
                    assert_eq!((opened.alg(), opened.enc()), (alg, enc), "{case}");
                }
                // Read and never written.
                if alg == KeyManagement::RSA1_5 {
                    assert!(key.encryption_key(Some(alg)).is_err());
                    continue;
                }
                let to = key.encryption_key(Some(alg)).unwrap_or_else(|e| panic!("{case}: {e}"));
                let plain = Encryption::new(enc).iterations(1000);
                for message in [plain.clone(), plain.clone().compress()] {
                    let token = message.compact(CONTENT, &to).unwrap();
                    let (content, _) = josekit::jwe::deserialize_compact(&token, &*decrypter)
                        .unwrap_or_else(|e| panic!("{case}: {e}"));
                    assert_eq!(content, CONTENT, "{case}");
                }
                for message in [
                    plain.flattened(CONTENT, &to).unwrap(),
                    plain.general(CONTENT, &[&to]).unwrap(),
                    plain.clone().additional_data("aad").flattened(CONTENT, &to).unwrap(),
                ] {
                    let (content, _) = josekit::jwe::deserialize_json(&message, &*decrypter)
                        .unwrap_or_else(|e| panic!("{case}: {e}: {message}"));
                    assert_eq!(content, CONTENT, "{case}");
                }
            }
        }
    }
    println!("{met} combinations; josekit has none for: {without:?}");
    assert!(without.is_empty(), "{without:?}");
}
