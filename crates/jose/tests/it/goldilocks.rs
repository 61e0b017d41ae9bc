//! Ed448 (RFC 8032, 8037, 9864) and X448 (RFC 7748, 8037): the RFCs' own numbers, and what an attacker would try.

use portcullis_jose::jwa::{Enc, KeyManagement, Mode};
use portcullis_jose::jwe::{Decryption, Encryption};
use portcullis_jose::jwk::KeyKind;
use portcullis_jose::{Alg, Algs, Jwk, JwkSet, Protected, SignatureError, Unverified, encode};
use serde_json::json;

use crate::support::{PAYLOAD, b64, forge, key, unb64};

struct Signed {
    secret: &'static str,
    public: &'static str,
    message: &'static str,
    signature: &'static str,
}

/// RFC 8032 §7.4: messages of 0, 1, 11, 12, 13, 64 and 256 octets, without a context.
const ED448: [Signed; 7] = [
    Signed {
        secret: "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f\
         032e7549a20098f95b",
        public: "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6c\
         d1fa1abeafe8256180",
        message: "",
        signature: "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d78\
         28c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4db\
         b61149f05a7363268c71d95808ff2e652600",
    },
    Signed {
        secret: "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949e\
         f8021e954e0a12274e",
        public: "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c\
         235160627b4c3a9480",
        message: "03",
        signature: "26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7e18f62de8ccdf633\
         fc1bf037ab7cd779805e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0f\
         f3348ab21aa4adafd1d234441cf807c03a00",
    },
    Signed {
        secret: "cd23d24f714274e744343237b93290f511f6425f98e64459ff203e8985083ffdf60500553abc0e05cd02184bdb89c4cc\
         d67e187951267eb328",
        public: "dcea9e78f35a1bf3499a831b10b86c90aac01cd84b67a0109b55a36e9328b1e365fce161d71ce7131a543ea4cb5f7e9f\
         1d8b00696447001400",
        message: "0c3e544074ec63b0265e0c",
        signature: "1f0a8888ce25e8d458a21130879b840a9089d999aaba039eaf3e3afa090a09d389dba82c4ff2ae8ac5cdfb7c55e94d5d\
         961a29fe0109941e00b8dbdeea6d3b051068df7254c0cdc129cbe62db2dc957dbb47b51fd3f213fb8698f064774250a5\
         028961c9bf8ffd973fe5d5c206492b140e00",
    },
    Signed {
        secret: "258cdd4ada32ed9c9ff54e63756ae582fb8fab2ac721f2c8e676a72768513d939f63dddb55609133f29adf86ec9929dc\
         cb52c1c5fd2ff7e21b",
        public: "3ba16da0c6f2cc1f30187740756f5e798d6bc5fc015d7c63cc9510ee3fd44adc24d8e968b6e46e6f94d19b945361726b\
         d75e149ef09817f580",
        message: "64a65f3cdedcdd66811e2915",
        signature: "7eeeab7c4e50fb799b418ee5e3197ff6bf15d43a14c34389b59dd1a7b1b85b4ae90438aca634bea45e3a2695f1270f07\
         fdcdf7c62b8efeaf00b45c2c96ba457eb1a8bf075a3db28e5c24f6b923ed4ad747c3c9e03c7079efb87cb110d3a99861\
         e72003cbae6d6b8b827e4e6c143064ff3c00",
    },
    Signed {
        secret: "7ef4e84544236752fbb56b8f31a23a10e42814f5f55ca037cdcc11c64c9a3b2949c1bb60700314611732a6c2fea98eeb\
         c0266a11a93970100e",
        public: "b3da079b0aa493a5772029f0467baebee5a8112d9d3a22532361da294f7bb3815c5dc59e176b4d9f381ca0938e13c6c0\
         7b174be65dfa578e80",
        message: "64a65f3cdedcdd66811e2915e7",
        signature: "6a12066f55331b6c22acd5d5bfc5d71228fbda80ae8dec26bdd306743c5027cb4890810c162c027468675ecf645a8317\
         6c0d7323a2ccde2d80efe5a1268e8aca1d6fbc194d3f77c44986eb4ab4177919ad8bec33eb47bbb5fc6e28196fd1caf5\
         6b4e7e0ba5519234d047155ac727a1053100",
    },
    Signed {
        secret: "d65df341ad13e008567688baedda8e9dcdc17dc024974ea5b4227b6530e339bff21f99e68ca6968f3cca6dfe0fb9f4fa\
         b4fa135d5542ea3f01",
        public: "df9705f58edbab802c7f8363cfe5560ab1c6132c20a9f1dd163483a26f8ac53a39d6808bf4a1dfbd261b099bb03b3fb5\
         0906cb28bd8a081f00",
        message: "bd0f6a3747cd561bdddf4640a332461a4a30a12a434cd0bf40d766d9c6d458e5512204a30c17d1f50b5079631f64eb31\
         12182da3005835461113718d1a5ef944",
        signature: "554bc2480860b49eab8532d2a533b7d578ef473eeb58c98bb2d0e1ce488a98b18dfde9b9b90775e67f47d4a1c3482058\
         efc9f40d2ca033a0801b63d45b3b722ef552bad3b4ccb667da350192b61c508cf7b6b5adadc2c8d9a446ef003fb05cba\
         5f30e88e36ec2703b349ca229c2670833900",
    },
    Signed {
        secret: "2ec5fe3c17045abdb136a5e6a913e32ab75ae68b53d2fc149b77e504132d37569b7e766ba74a19bd6162343a21c8590a\
         a9cebca9014c636df5",
        public: "79756f014dcfe2079f5dd9e718be4171e2ef2486a08f25186f6bff43a9936b9bfe12402b08ae65798a3d81e22e9ec80e\
         7690862ef3d4ed3a00",
        message: "15777532b0bdd0d1389f636c5f6b9ba734c90af572877e2d272dd078aa1e567cfa80e12928bb542330e8409f31745041\
         07ecd5efac61ae7504dabe2a602ede89e5cca6257a7c77e27a702b3ae39fc769fc54f2395ae6a1178cab4738e543072f\
         c1c177fe71e92e25bf03e4ecb72f47b64d0465aaea4c7fad372536c8ba516a6039c3c2a39f0e4d832be432dfa9a706a6\
         e5c7e19f397964ca4258002f7c0541b590316dbc5622b6b2a6fe7a4abffd96105eca76ea7b98816af0748c10df048ce0\
         12d901015a51f189f3888145c03650aa23ce894c3bd889e030d565071c59f409a9981b51878fd6fc110624dcbcde0bf7\
         a69ccce38fabdf86f3bef6044819de11",
        signature: "c650ddbb0601c19ca11439e1640dd931f43c518ea5bea70d3dcde5f4191fe53f00cf966546b72bcc7d58be2b9badef28\
         743954e3a44a23f880e8d4f1cfce2d7a61452d26da05896f0a50da66a239a8a188b6d825b3305ad77b73fbac0836ecc6\
         0987fd08527c1a8e80d5823e65cafe2a3d00",
    },
];

/// RFC 8032 §7.4 and §7.5 under the keys of the message of one octet, with the context `foo`, and pre-hashed `abc` without and with
/// it: signatures of another kind than JOSE's.
const OTHER_KINDS: [Signed; 3] = [
    Signed {
        secret: ED448[1].secret,
        public: ED448[1].public,
        message: "03",
        signature: "d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d60721\
         7fce6e042f6815ea000c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d\
         5428407e85dcbc98a49155c13764e66c3c00",
    },
    Signed {
        secret: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42ef7822e0d5104127dc05d6dbefde69e3\
         ab2cec7c867c6e2c49",
        public: "259b71c19f83ef77a7abd26524cbdb3161b590a48f7d17de3ee0ba9c52beb743c09428a131d6b1b57303d90d8132c276\
         d5ed3d5d01c0f53880",
        message: "616263",
        signature: "822f6901f7480f3d5f562c592994d9693602875614483256505600bbc281ae381f54d6bce2ea911574932f52a4e6cadd\
         78769375ec3ffd1b801a0d9b3f4030cd433964b6457ea39476511214f97469b57dd32dbc560a9a94d00bff07620464a3\
         ad203df7dc7ce360c3cd3696d9d9fab90f00",
    },
    Signed {
        secret: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42ef7822e0d5104127dc05d6dbefde69e3\
         ab2cec7c867c6e2c49",
        public: "259b71c19f83ef77a7abd26524cbdb3161b590a48f7d17de3ee0ba9c52beb743c09428a131d6b1b57303d90d8132c276\
         d5ed3d5d01c0f53880",
        message: "616263",
        signature: "c32299d46ec8ff02b54540982814dce9a05812f81962b649d528095916a2aa481065b1580423ef927ecf0af5888f90da\
         0f6a9a85ad5dc3f280d91224ba9911a3653d00e484e2ce232521481c8658df304bb7745a73514cdb9bf3e15784ab7128\
         4f8d0704a608c54a6b62d97beb511d132100",
    },
];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

impl Signed {
    fn key(&self) -> Jwk {
        let (x, d) = (b64(hex(self.public)), b64(hex(self.secret)));
        Jwk::parse(json!({"kty": "OKP", "crv": "Ed448", "x": x, "d": d}).to_string().as_bytes()).unwrap()
    }
}

#[test]
fn the_rfc_s_signatures_are_made_and_verified() {
    for case in &ED448 {
        let (jwk, message, signature) = (case.key(), hex(case.message), hex(case.signature));
        let accepts = jwk.accepts().unwrap();
        assert_eq!(accepts, Algs::of(&[Alg::EdDSA, Alg::Ed448]));
        let verifying = jwk.to_public().unwrap().verifying_key().unwrap();
        for alg in accepts.iter() {
            assert_eq!(jwk.signing_key(Some(alg)).unwrap().sign(&message).unwrap(), signature);
            verifying.verify(alg, &message, &signature).unwrap();
            let longer = [&message[..], &[0]].concat();
            assert_eq!(verifying.verify(alg, &longer, &signature), Err(SignatureError::Mismatch));
        }
    }
}

#[test]
fn signatures_with_a_context_or_over_a_digest_are_another_kind() {
    for case in &OTHER_KINDS {
        let refused =
            case.key().verifying_key().unwrap().verify(Alg::Ed448, &hex(case.message), &hex(case.signature));
        assert_eq!(refused, Err(SignatureError::Mismatch));
    }
}

#[test]
fn no_bit_of_a_signature_can_be_changed() {
    let case = &ED448[2];
    let (verifying, message, signature) =
        (case.key().verifying_key().unwrap(), hex(case.message), hex(case.signature));
    for bit in 0..signature.len() * 8 {
        let mut changed = signature.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verifying.verify(Alg::Ed448, &message, &changed), Err(SignatureError::Mismatch), "{bit}");
    }
}

/// S and S + L are the same number to the curve; RFC 8032 §5.2.7 has only the smaller one be a signature.
#[test]
fn a_second_spelling_of_s_is_no_signature() {
    /// 2⁴⁴⁶ − 13818066809895115352007386748515426880336692474882178609894547503885, least byte first.
    const L: &str = "f34458ab92c27823558fc58d72c26c219036d6ae49db4ec4e923ca7cffffffff\
         ffffffffffffffffffffffffffffffffffffffffffffff3f";
    for case in &ED448 {
        let (verifying, message, mut signature) =
            (case.key().verifying_key().unwrap(), hex(case.message), hex(case.signature));
        // Once and twice: three times does not fit.
        for _ in 0..2 {
            let mut carry = 0u16;
            for (byte, of_l) in signature[57..].iter_mut().zip(hex(L).into_iter().chain([0])) {
                carry += u16::from(*byte) + u16::from(of_l);
                *byte = carry as u8;
                carry >>= 8;
            }
            assert_eq!(verifying.verify(Alg::Ed448, &message, &signature), Err(SignatureError::Mismatch));
        }
    }
}

#[test]
fn each_curve_takes_its_own_names_and_lengths_only() {
    let (ed25519, ed448) = (Jwk::generate(KeyKind::Ed25519).unwrap(), Jwk::generate(KeyKind::Ed448).unwrap());
    for (own, other, alg, foreign) in
        [(&ed25519, &ed448, Alg::Ed25519, Alg::Ed448), (&ed448, &ed25519, Alg::Ed448, Alg::Ed25519)]
    {
        let verifying = own.verifying_key().unwrap();
        let signature = own.signing_key(Some(Alg::EdDSA)).unwrap().sign(b"input").unwrap();
        // One signature under both names, and never under the other curve's.
        verifying.verify(Alg::EdDSA, b"input", &signature).unwrap();
        verifying.verify(alg, b"input", &signature).unwrap();
        let refused = verifying.verify(foreign, b"input", &signature).unwrap_err();
        assert!(matches!(refused, SignatureError::KeyMismatch { .. }));
        let refused = other.verifying_key().unwrap().verify(Alg::EdDSA, b"input", &signature).unwrap_err();
        assert!(matches!(refused, SignatureError::Length { .. }), "{refused}");
        assert_eq!(own.clone().with_alg(foreign).unwrap_err().name(), "key_alg_mismatch");
        assert_eq!(own.signing_key(None).unwrap_err().name(), "key_alg_ambiguous");
    }
}

/// What RFC 8037 §3.1 leaves open the key decides, and an allow-list of one name is no allow-list of the other.
#[test]
fn a_token_under_either_name() {
    let jwk = Jwk::generate(KeyKind::Ed448).unwrap().with_kid("a");
    let verifying = jwk.verifying_key().unwrap();
    for (alg, other) in [(Alg::EdDSA, Alg::Ed448), (Alg::Ed448, Alg::EdDSA)] {
        let token =
            encode(&Protected::new(), PAYLOAD.as_bytes(), &jwk.signing_key(Some(alg)).unwrap()).unwrap();
        let token = Unverified::parse(&token).unwrap();
        assert_eq!(token.verify(&verifying, alg.into()).unwrap().alg(), alg);
        assert_eq!(token.verify(&verifying, other.into()).unwrap_err().name(), "alg_not_allowed");
        // A key that names the other name, and keys of other kinds.
        let bound = jwk.clone().with_alg(other).unwrap().verifying_key().unwrap();
        assert_eq!(token.verify(&bound, alg.into()).unwrap_err().name(), "key_mismatch");
        for foreign in [Alg::ES512, Alg::MlDsa44, Alg::HS512, Alg::Ed25519] {
            let foreign = key(foreign).verifying_key();
            assert!(token.verify(&foreign, Algs::of(&Alg::ALL)).is_err());
        }
    }
    // The header says Ed25519 over an Ed448 signature.
    let forged = forge(r#"{"alg":"Ed25519"}"#, PAYLOAD, &jwk.signing_key(Some(Alg::Ed448)).unwrap());
    let refused = Unverified::parse(&forged).unwrap().verify(&verifying, Algs::of(&Alg::ALL)).unwrap_err();
    assert_eq!(refused.name(), "key_mismatch");
}

/// For a public key of small order everybody can sign: with S zero, R the key's multiple by luck of one in a few.
#[test]
fn keys_of_small_order_are_none_in_no_container() {
    let mut minus_one = [0xff; 56];
    (minus_one[0], minus_one[28]) = (0xfe, 0xfe);
    let mut one = [0; 56];
    one[0] = 1;
    for (y, x) in [([0; 56], 0), ([0; 56], 0x80), (one, 0), (minus_one, 0)] {
        let encoded = [&y[..], &[x]].concat();
        let text = json!({"kty": "OKP", "crv": "Ed448", "x": b64(&encoded)}).to_string();
        assert_eq!(Jwk::parse(text.as_bytes()).unwrap_err().name(), "key_point");
        // SubjectPublicKeyInfo of RFC 8410 §4.
        let spki = [&[0x30, 67, 0x30, 5, 6, 3, 0x2b, 0x65, 0x71, 3, 58, 0][..], &encoded].concat();
        assert_eq!(Jwk::from_spki(&spki).unwrap_err().name(), "key_point");
        let set = JwkSet::parse_public(format!(r#"{{"keys":[{text}]}}"#).as_bytes()).unwrap();
        assert_eq!((set.keys.len(), set.notes.len()), (0, 1));
    }
    let sound = Jwk::generate(KeyKind::Ed448).unwrap().to_public_der().unwrap();
    assert_eq!(&sound[..12], [0x30, 67, 0x30, 5, 6, 3, 0x2b, 0x65, 0x71, 3, 58, 0]);
    Jwk::from_spki(&sound).unwrap();
}

#[test]
fn halves_of_different_keys_and_lengths_are_refused() {
    for (kind, curve, len) in [(KeyKind::Ed448, "Ed448", 57), (KeyKind::X448, "X448", 56)] {
        let parts = |jwk: &Jwk| {
            let json: serde_json::Value = serde_json::from_str(&jwk.to_private_json()).unwrap();
            [json["x"].as_str().unwrap().to_owned(), json["d"].as_str().unwrap().to_owned()]
        };
        let [x, d] = parts(&Jwk::generate(kind).unwrap());
        let [_, other] = parts(&Jwk::generate(kind).unwrap());
        let read = |crv: &str, x: &str, d: &str| {
            Jwk::parse(json!({"kty": "OKP", "crv": crv, "x": x, "d": d}).to_string().as_bytes())
                .map_err(|error| error.name())
        };
        assert!(read(curve, &x, &d).is_ok());
        assert_eq!(read(curve, &x, &other).unwrap_err(), "key_private_mismatch");
        assert_eq!(read(curve, &b64(vec![1; len - 1]), &d).unwrap_err(), "key_length");
        assert_eq!(read(curve, &x, &b64(vec![1; len + 1])).unwrap_err(), "key_length");
        for other in ["Ed25519", "X25519", if curve == "X448" { "Ed448" } else { "X448" }] {
            assert_eq!(read(other, &x, &d).unwrap_err(), "key_length", "{curve} as {other}");
        }
    }
}

const X448: [KeyManagement; 4] = [
    KeyManagement::ECDH_ES,
    KeyManagement::ECDH_ES_A128KW,
    KeyManagement::ECDH_ES_A192KW,
    KeyManagement::ECDH_ES_A256KW,
];

#[test]
fn messages_to_an_x448_key() {
    let jwk = Jwk::generate(KeyKind::X448).unwrap();
    let own = jwk.decryption_key().unwrap();
    assert_eq!(own.accepts(), X448);
    assert_eq!(jwk.verifying_key().unwrap_err().name(), "key_not_for");
    assert_eq!(Jwk::generate(KeyKind::Ed448).unwrap().decryption_key().unwrap_err().name(), "key_not_for");
    for alg in X448 {
        let to = jwk.to_public().unwrap().encryption_key(Some(alg)).unwrap();
        let token = Encryption::new(Enc::A256GCM).parties("a", "b").compact(b"content", &to).unwrap();
        let opened = Decryption::new().open(token.as_bytes(), &own).unwrap();
        assert_eq!((opened.content(), opened.alg()), (&b"content"[..], alg));
        // Somebody else's key, on this curve and on the smaller one.
        let other = Jwk::generate(KeyKind::X448).unwrap().decryption_key().unwrap();
        assert_eq!(Decryption::new().open(token.as_bytes(), &other).unwrap_err().name(), "decryption_failed");
        let smaller = Jwk::generate(KeyKind::X25519).unwrap().decryption_key().unwrap();
        assert!(Decryption::new().open(token.as_bytes(), &smaller).is_err());
    }
}

/// An ephemeral key of small order agrees upon zeros with everybody, so anybody could read and write.
#[test]
fn an_ephemeral_key_of_small_order_is_refused() {
    let own = Jwk::generate(KeyKind::X448).unwrap().decryption_key().unwrap();
    let mut one = [0; 56];
    one[0] = 1;
    let mut minus_one = [0xff; 56];
    (minus_one[0], minus_one[28]) = (0xfe, 0xfe);
    let mut p = minus_one;
    p[0] = 0xff;
    for u in [[0; 56], one, minus_one, p] {
        for alg in X448 {
            let epk = json!({"kty": "OKP", "crv": "X448", "x": b64(u)});
            let header = json!({"alg": alg.name(), "enc": "A128GCM", "epk": epk}).to_string();
            let wrapped = if alg.mode() == Mode::Agreement { String::new() } else { b64([0; 24]) };
            let token = format!("{}.{wrapped}.{}.{}.{}", b64(header), b64([0; 12]), b64(b"x"), b64([0; 16]));
            let refused = Decryption::new().open(token.as_bytes(), &own).unwrap_err();
            assert_eq!(refused.name(), "header_parameter_malformed", "{alg}");
        }
    }
}

/// RFC 8037 appendix A.7: the thumbprints are what other software computes.
#[test]
fn names_are_those_of_the_rfc() {
    let dave = r#"{"kty":"OKP","crv":"X448","kid":"Dave","x":"PreoKbDNIPW8_AtZm2_sz22kYnEHvbDU80W0MCfYuXL8PjT7QjKhPKcG3LV67D2uB73BxnvzNgk"}"#;
    let dave = Jwk::parse(dave.as_bytes()).unwrap();
    let members = r#"{"crv":"X448","kty":"OKP","x":"PreoKbDNIPW8_AtZm2_sz22kYnEHvbDU80W0MCfYuXL8PjT7QjKhPKcG3LV67D2uB73BxnvzNgk"}"#;
    assert_eq!(dave.thumbprint(), portcullis_jose::sha256(members.as_bytes()));
    assert_eq!(unb64(&dave.thumbprint_text()).len(), 32);
    dave.encryption_key(Some(KeyManagement::ECDH_ES_A256KW)).unwrap();
}
