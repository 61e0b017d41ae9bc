"""Issuers under the tests' control: a key per algorithm, published as a JWKS file, and tokens minted with PyJWT."""

import base64
import json
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.example.test"
SECRET_ISSUER = "https://secret.example.test"
AUDIENCE = "api://acme"


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Issuers:
    def __init__(self, directory):
        rsa_key = rsa.generate_private_key(65537, 2048)
        self.keys = {
            "RS256": rsa_key,
            "PS256": rsa.generate_private_key(65537, 2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "ES384": ec.generate_private_key(ec.SECP384R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        }
        self.secret = base64.urlsafe_b64encode(bytes(range(48))).decode()
        self.jwks_file = directory / "jwks.json"
        self.secret_file = directory / "secret"
        self.secret_file.write_text(self.secret)
        self.secret_file.chmod(0o600)
        self.jwks = {"keys": [self.public_jwk(alg) for alg in self.keys]}
        self.jwks_file.write_text(json.dumps(self.jwks))

    def public_jwk(self, alg):
        key = self.keys[alg].public_key()
        convert = {"RS": RSAAlgorithm, "PS": RSAAlgorithm, "ES": ECAlgorithm, "Ed": OKPAlgorithm}[alg[:2]]
        jwk = json.loads(convert.to_jwk(key))
        jwk.pop("key_ops", None)
        return jwk | {"kid": alg, "alg": alg, "use": "sig"}

    def private_pem(self, alg):
        return self.keys[alg].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()

    def public_pem(self, alg):
        return self.keys[alg].public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @staticmethod
    def claims(**changes):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "nbf": now, "exp": now + 600, "jti": str(time.time_ns()), "scope": "orders:read"}
        claims |= changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, alg="ES256", headers=None, **changes):
        return jwt.encode(self.claims(**changes), self.keys[alg], algorithm=alg, headers={"kid": alg} | (headers or {}))

    def raw(self, header, payload, alg="ES256"):
        """Signs whatever bytes are given, well-formed or not."""
        header = header if isinstance(header, (bytes, str)) else json.dumps(header)
        payload = payload if isinstance(payload, (bytes, str)) else json.dumps(payload)
        signed = f"{b64(header)}.{b64(payload)}".encode()
        algorithm = jwt.get_algorithm_by_name(alg)
        return signed.decode() + "." + b64(algorithm.sign(signed, self.keys[alg]))
