//! Keys made once, and tokens made by hand, as an attacker makes them.

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_jose::{Alg, SigningKey};

static KEYS: LazyLock<HashMap<Alg, SigningKey>> = LazyLock::new(|| {
    let mut keys: HashMap<_, _> = HashMap::new();
    // One RSA key serves all six algorithms: making one takes long without optimisation.
    let rsa = SigningKey::generate(Alg::RS256).unwrap().to_unbound();
    for alg in Alg::ALL {
        let key = match alg.name().as_bytes() {
            [b'R' | b'P', b'S', ..] => rsa.clone().with_alg(alg).unwrap().signing_key(None).unwrap(),
            _ => SigningKey::generate(alg).unwrap(),
        };
        keys.insert(alg, key);
    }
    keys
});

trait Unbound {
    fn to_unbound(&self) -> portcullis_jose::Jwk;
}

impl Unbound for SigningKey {
    /// The private key without the algorithm it was made for.
    fn to_unbound(&self) -> portcullis_jose::Jwk {
        let mut json: serde_json::Value = serde_json::from_str(&self.jwk().to_private_json()).unwrap();
        json.as_object_mut().unwrap().remove("alg");
        portcullis_jose::Jwk::parse(json.to_string().as_bytes()).unwrap()
    }
}

/// The key of that algorithm, the same in every test.
pub fn key(alg: Alg) -> &'static SigningKey {
    &KEYS[&alg]
}

/// The RSA key, bound to no algorithm.
pub fn unbound(alg: Alg) -> portcullis_jose::Jwk {
    key(alg).to_unbound()
}

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A token with exactly this header, signed by the key whatever the header says.
pub fn forge(header: &str, payload: &str, key: &SigningKey) -> String {
    let input = format!("{}.{}", b64(header), b64(payload));
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", b64(signature))
}

/// A payload of ordinary size.
pub const PAYLOAD: &str = r#"{"iss":"https://idp.example/realms/corp","sub":"7d1c1f5e-2a51-4a7f-a8a1-5f1b1f6b7a10","aud":["api://acme","account"],"exp":1900000000,"nbf":1700000000,"iat":1700000000,"jti":"0193-aa","azp":"web","scope":"openid orders:read orders:write","realm_access":{"roles":["offline_access","default-roles-corp","admin"]},"email_verified":true,"name":"Ada Lovelace","preferred_username":"ada"}"#;
