//! A key as JSON.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::material::{Jwk, Material};
use crate::b64;

impl Jwk {
    /// The public key as a JWK. Nothing for a shared secret, which has no public half.
    pub fn to_public_json(&self) -> Option<String> {
        self.to_public().map(|public| Value::Object(public.members()).to_string())
    }

    /// The whole key as a JWK, private parts included. Wiped when dropped; keep it that way.
    pub fn to_private_json(&self) -> Zeroizing<String> {
        Zeroizing::new(Value::Object(self.members()).to_string())
    }

    pub(super) fn members(&self) -> Map<String, Value> {
        let mut all = Map::new();
        let mut put = |name: &str, value: &str| all.insert(name.to_owned(), value.into());
        put("kty", self.key_type().name());
        if let Some(kid) = &self.kid {
            put("kid", kid);
        }
        if let Some(usage) = &self.usage {
            put("use", usage.name());
        }
        if let Some(alg) = &self.alg {
            put("alg", alg);
        }
        let mut bytes = |name: &str, value: &[u8]| {
            put(name, &b64::encode(value));
        };
        match &self.material {
            Material::Oct(secret) => bytes("k", secret),
            Material::Rsa(rsa) => {
                bytes("n", &rsa.n);
                bytes("e", &rsa.e);
                if let Some(private) = &rsa.private {
                    for (name, part) in [
                        ("d", &private.d),
                        ("p", &private.p),
                        ("q", &private.q),
                        ("dp", &private.dp),
                        ("dq", &private.dq),
                        ("qi", &private.qi),
                    ] {
                        bytes(name, part);
                    }
                }
            }
            Material::Ec { curve, point, d } => {
                // 0x04, x, y.
                let (x, y) = point[1..].split_at(curve.field());
                bytes("x", x);
                bytes("y", y);
                if let Some(d) = d {
                    bytes("d", d);
                }
                put("crv", curve.name());
            }
            Material::Okp { curve, x, d } => {
                bytes("x", x);
                if let Some(d) = d {
                    bytes("d", d);
                }
                put("crv", curve.name());
            }
            Material::MlDsa { alg, public, seed } => {
                bytes("pub", public);
                if let Some(seed) = seed {
                    bytes("priv", seed);
                }
                put("alg", alg.name());
            }
        }
        if let Some(ops) = &self.ops {
            all.insert("key_ops".to_owned(), ops.iter().map(super::Op::name).collect());
        }
        all
    }
}
