"""Tokens put together byte by byte, right or wrong as wanted. Uses `cryptography` for the primitives and no JOSE library."""

import base64
import hashlib
import hmac
import json
import os
import struct
import zlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1, "secp256k1": ec.SECP256K1}


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def octets(number, size=None):
    return number.to_bytes(size or (number.bit_length() + 7) // 8, "big")


def numbered(**members):
    return {name: b64(value) for name, value in members.items()}


class Key:
    """A key in the forms in which libraries want it: `jwk` (private), `pem` (public), or `secret` (text)."""

    def __init__(self, key, secret=None):
        self.key, self.secret = key, secret
        self.pem = None if secret is not None else key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    @staticmethod
    def hmac(secret):
        return Key(secret.encode(), secret)

    @property
    def jwk(self):
        key = self.key
        if isinstance(key, bytes):
            return {"kty": "oct", "k": b64(key)}
        if isinstance(key, rsa.RSAPrivateKey):
            n = key.private_numbers()
            return {"kty": "RSA"} | numbered(
                n=octets(n.public_numbers.n), e=octets(n.public_numbers.e), d=octets(n.d), p=octets(n.p), q=octets(n.q), dp=octets(n.dmp1), dq=octets(n.dmq1), qi=octets(n.iqmp)
            )
        if isinstance(key, ec.EllipticCurvePrivateKey):
            n, size = key.private_numbers(), (key.key_size + 7) // 8
            crv = next(name for name, curve in CURVES.items() if isinstance(key.curve, curve))
            return {"kty": "EC", "crv": crv} | numbered(x=octets(n.public_numbers.x, size), y=octets(n.public_numbers.y, size), d=octets(n.private_value, size))
        crv = {ed25519.Ed25519PrivateKey: "Ed25519", ed448.Ed448PrivateKey: "Ed448", x25519.X25519PrivateKey: "X25519"}
        crv = next(name for kind, name in crv.items() if isinstance(key, kind))
        return {"kty": "OKP", "crv": crv} | numbered(x=key.public_key().public_bytes_raw(), d=key.private_bytes_raw())


def signature(alg, key, signed, salt=None):
    if alg.startswith("HS"):
        return hmac.digest(key, signed, f"sha{alg[2:]}")
    if alg.startswith("Ed"):
        return key.sign(signed)
    digest = HASHES["256" if alg == "ES256K" else alg[2:]]()
    if alg.startswith("RS"):
        return key.sign(signed, padding.PKCS1v15(), digest)
    if alg.startswith("PS"):
        return key.sign(signed, padding.PSS(padding.MGF1(digest), digest.digest_size if salt is None else salt), digest)
    r, s = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(digest)))
    size = (key.key_size + 7) // 8
    return octets(r, size) + octets(s, size)


def text(value):
    return value if isinstance(value, (bytes, str)) else json.dumps(value, separators=(",", ":"))


def compact(header, payload, key, alg=None, sign=signature):
    """Signs whatever it is given, well-formed or not. `alg` is how it is signed, where the header says otherwise."""
    signed = f"{b64(text(header))}.{b64(text(payload))}"
    return f"{signed}.{b64(sign(alg or header['alg'], key, signed.encode()))}"


def deflated(data):
    squeeze = zlib.compressobj(9, wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


def sealed(header, cek, encrypted_key, plaintext, iv=None, tag_size=16):
    """The compact form with content under `cek`, by the `enc` of the header."""
    protected = b64(text(header))
    if header["enc"].endswith("GCM"):
        iv = iv or os.urandom(12)
        whole = AESGCM(cek).encrypt(iv, plaintext, protected.encode())
        ciphertext, tag = whole[:-16], whole[-16:][:tag_size]
    else:
        iv, half = iv or os.urandom(16), len(cek) // 2
        fill = 16 - len(plaintext) % 16
        encryptor = Cipher(algorithms.AES(cek[half:]), modes.CBC(iv)).encryptor()
        ciphertext = encryptor.update(plaintext + bytes([fill]) * fill) + encryptor.finalize()
        covered = protected.encode() + iv + ciphertext + struct.pack(">Q", len(protected) * 8)
        tag = hmac.digest(cek[:half], covered, {16: "sha256", 24: "sha384", 32: "sha512"}[half])[: min(half, tag_size)]
    return ".".join([protected, b64(encrypted_key), b64(iv), b64(ciphertext), b64(tag)])


def agreed(shared, enc, bits):
    """The key of ECDH-ES in its direct form (RFC 7518 §4.6.2)."""
    info = struct.pack(">I", len(enc)) + enc.encode() + struct.pack(">III", 0, 0, bits)
    return ConcatKDFHash(hashes.SHA256(), bits // 8, info).derive(shared)


def oaep(key, cek, digest):
    return key.public_key().encrypt(cek, padding.OAEP(padding.MGF1(digest()), digest(), None))


def pkcs1(key, cek):
    return key.public_key().encrypt(cek, padding.PKCS1v15())


def password_wrapped(secret, alg, salt, count, cek):
    """RFC 7518 §4.8; with a count that nobody wants to wait for, a key that is not right."""
    n, bits = {"PBES2-HS256+A128KW": ("sha256", 128)}[alg]
    derived = hashlib.pbkdf2_hmac(n, secret.encode(), alg.encode() + b"\0" + salt, min(count, 100_000), bits // 8)
    return aes_key_wrap(derived, cek)
