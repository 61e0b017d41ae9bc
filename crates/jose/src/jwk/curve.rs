//! The parameters that an algorithm fixes: the curves of ECDSA and the sets of ML-DSA, in the library's terms.

use aws_lc_rs::signature::{
    self as lc, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, PqdsaSigningAlgorithm,
    PqdsaVerificationAlgorithm,
};

use crate::jwa::Alg;

/// A curve of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the registered curves")]
pub enum Curve {
    P256,
    P384,
    P521,
    Secp256k1,
}

/// One row per curve: everything that follows from it.
struct CurveRow {
    curve: Curve,
    name: &'static str,
    oid: &'static [u8],
    alg: Alg,
    field: usize,
    verifying: &'static EcdsaVerificationAlgorithm,
    signing: &'static EcdsaSigningAlgorithm,
}

const CURVES: [CurveRow; 4] = [
    CurveRow {
        curve: Curve::P256,
        name: "P-256",
        oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        alg: Alg::ES256,
        field: 32,
        verifying: &lc::ECDSA_P256_SHA256_FIXED,
        signing: &lc::ECDSA_P256_SHA256_FIXED_SIGNING,
    },
    CurveRow {
        curve: Curve::P384,
        name: "P-384",
        oid: &[0x2b, 0x81, 0x04, 0x00, 0x22],
        alg: Alg::ES384,
        field: 48,
        verifying: &lc::ECDSA_P384_SHA384_FIXED,
        signing: &lc::ECDSA_P384_SHA384_FIXED_SIGNING,
    },
    CurveRow {
        curve: Curve::P521,
        name: "P-521",
        oid: &[0x2b, 0x81, 0x04, 0x00, 0x23],
        alg: Alg::ES512,
        field: 66,
        verifying: &lc::ECDSA_P521_SHA512_FIXED,
        signing: &lc::ECDSA_P521_SHA512_FIXED_SIGNING,
    },
    CurveRow {
        curve: Curve::Secp256k1,
        name: "secp256k1",
        oid: &[0x2b, 0x81, 0x04, 0x00, 0x0a],
        alg: Alg::ES256K,
        field: 32,
        verifying: &lc::ECDSA_P256K1_SHA256_FIXED,
        signing: &lc::ECDSA_P256K1_SHA256_FIXED_SIGNING,
    },
];

impl Curve {
    fn row(self) -> &'static CurveRow {
        // The table is in the order of the enum.
        &CURVES[self as usize]
    }

    /// As it stands in `crv`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The one algorithm that uses it (RFC 7518 §3.4, RFC 8812 §3.2).
    pub fn alg(self) -> Alg {
        self.row().alg
    }

    /// Bytes of a coordinate.
    pub(crate) fn field(self) -> usize {
        self.row().field
    }

    /// Its object identifier, as DER content.
    pub(super) fn oid(self) -> &'static [u8] {
        self.row().oid
    }

    pub(super) fn verifying(self) -> &'static EcdsaVerificationAlgorithm {
        self.row().verifying
    }

    pub(super) fn signing(self) -> &'static EcdsaSigningAlgorithm {
        self.row().signing
    }

    pub(crate) fn named(name: &str) -> Option<Curve> {
        CURVES.iter().find(|row| row.name == name).map(|row| row.curve)
    }

    pub(super) fn of_oid(oid: &[u8]) -> Option<Curve> {
        CURVES.iter().find(|row| row.oid == oid).map(|row| row.curve)
    }

    pub(super) fn of_alg(alg: Alg) -> Option<Curve> {
        CURVES.iter().find(|row| row.alg == alg).map(|row| row.curve)
    }
}

/// An ML-DSA algorithm in the library's terms.
pub(super) struct MlDsa {
    pub(super) verifying: &'static PqdsaVerificationAlgorithm,
    pub(super) signing: &'static PqdsaSigningAlgorithm,
}

pub(super) fn ml_dsa(alg: Alg) -> Option<MlDsa> {
    match alg {
        Alg::MlDsa44 => Some(MlDsa { verifying: &lc::ML_DSA_44, signing: &lc::ML_DSA_44_SIGNING }),
        Alg::MlDsa65 => Some(MlDsa { verifying: &lc::ML_DSA_65, signing: &lc::ML_DSA_65_SIGNING }),
        Alg::MlDsa87 => Some(MlDsa { verifying: &lc::ML_DSA_87, signing: &lc::ML_DSA_87_SIGNING }),
        _ => None,
    }
}

/// Bytes of an ML-DSA seed (RFC 9964 §2: `priv`).
pub(super) const ML_DSA_SEED: usize = 32;
