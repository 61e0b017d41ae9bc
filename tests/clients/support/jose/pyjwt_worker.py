"""PyJWT."""

import platform
import secrets

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

from support.jose.answering import answer, only

CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1, "secp256k1": ec.SECP256K1}
EDWARDS = {"Ed25519": ed25519.Ed25519PrivateKey, "Ed448": ed448.Ed448PrivateKey}
KINDS = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm, "oct": HMACAlgorithm}


def read(jwk, alg):
    return jwt.PyJWK(jwk, algorithm=alg).key


def written(key, kty):
    jwk = KINDS[kty].to_jwk(key, as_dict=True)
    jwk.pop("key_ops", None)
    return jwk


def generate(kty, crv=None, bits=None, alg=None):
    # The library makes no keys: its users make them with `cryptography`, and the library writes the JWK.
    if kty == "RSA":
        key = rsa.generate_private_key(65537, bits)
    elif kty == "EC":
        key = ec.generate_private_key(CURVES[crv]())
    elif kty == "OKP":
        key = EDWARDS[crv].generate()
    elif kty == "oct":
        key = secrets.token_bytes(bits // 8)
    else:
        raise NotImplementedError(kty)
    return {"key": written(key, kty)}


def sign(alg, key, payload, form, keys=None):
    only(form, "compact", "unencoded")
    detached = form == "unencoded"
    # It writes `typ` `JWT` unless told not to, and a JWT's payload is never unencoded (RFC 7797 §7).
    token = jwt.api_jws.encode(payload.encode(), read(key, alg), algorithm=alg, headers={"typ": None} if detached else None, is_payload_detached=detached)
    return {"token": token}


def verify(alg, key, token, form, payload=None, keys=None):
    only(form, "compact", "unencoded")
    detached = payload.encode() if form == "unencoded" else None
    return {"payload": jwt.api_jws.decode(token, read(key, alg), algorithms=[alg], detached_payload=detached).decode()}


def from_pem(pem, kty):
    reader = OKPAlgorithm() if kty == "OKP" else KINDS[kty](KINDS[kty].SHA256)
    return {"key": written(reader.prepare_key(pem), kty)}


def to_pem(key, private):
    loaded = KINDS[key["kty"]].from_jwk(key)
    if private:
        return {"pem": loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()}
    loaded = loaded.public_key() if hasattr(loaded, "public_key") else loaded
    return {"pem": loaded.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()}


def accept(kind, token, alg, audience=None, secret=None, pem=None, key=None):
    if kind != "jwt":
        raise NotImplementedError(kind)
    # As its page shows it: the secret as text or the key as PEM, one algorithm, and the audience where there is one.
    # A key that says about itself what it is for can only be given as a JWK.
    material = jwt.PyJWK(key) if key else secret if secret is not None else pem
    jwt.decode(token, material, algorithms=[alg], **({"audience": audience} if audience else {}))


def version():
    return {"version": jwt.__version__, "runtime": f"Python {platform.python_version()}"}


if __name__ == "__main__":
    answer(globals(), (jwt.PyJWTError,))
