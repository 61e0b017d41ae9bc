"""What there is to try: every algorithm that our side knows, with the key that it takes."""

import json

OURS = "portcullis"

RSA = {"kty": "RSA", "bits": 2048}


def ec(crv):
    return {"kty": "EC", "crv": crv}


def okp(crv):
    return {"kty": "OKP", "crv": crv}


def octets(bits):
    return {"kty": "oct", "bits": bits}


# Name in the tables → (`alg`, the key it takes). `EdDSA` is two algorithms under one name.
SIGNATURES = {
    **{f"HS{n}": (f"HS{n}", octets(n)) for n in (256, 384, 512)},
    **{f"{kind}{n}": (f"{kind}{n}", RSA) for kind in ("RS", "PS") for n in (256, 384, 512)},
    "ES256": ("ES256", ec("P-256")),
    "ES384": ("ES384", ec("P-384")),
    "ES512": ("ES512", ec("P-521")),
    "ES256K": ("ES256K", ec("secp256k1")),
    "EdDSA (Ed25519)": ("EdDSA", okp("Ed25519")),
    "EdDSA (Ed448)": ("EdDSA", okp("Ed448")),
    "Ed25519": ("Ed25519", okp("Ed25519")),
    "Ed448": ("Ed448", okp("Ed448")),
    **{f"ML-DSA-{n}": (f"ML-DSA-{n}", {"kty": "AKP", "alg": f"ML-DSA-{n}"}) for n in (44, 65, 87)},
}

ENCS = ["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"]
CONTENT_BITS = {"A128CBC-HS256": 256, "A192CBC-HS384": 384, "A256CBC-HS512": 512, "A128GCM": 128, "A192GCM": 192, "A256GCM": 256}
AGREEMENTS = ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"]

# Name → (`alg`, the key it takes; `dir` takes what the content does).
MANAGEMENT = {
    **{name: (name, RSA) for name in ("RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512")},
    **{f"A{n}KW": (f"A{n}KW", octets(n)) for n in (128, 192, 256)},
    **{f"A{n}GCMKW": (f"A{n}GCMKW", octets(n)) for n in (128, 192, 256)},
    "dir": ("dir", None),
    **{f"{alg} ({crv})": (alg, ec(crv) if crv.startswith("P") else okp(crv)) for alg in AGREEMENTS for crv in ("P-256", "P-384", "P-521", "X25519", "X448")},
    # Passwords are octet sequences too; 16 bytes and more, as some ask.
    **{f"PBES2-HS{n * 2}+A{n}KW": (f"PBES2-HS{n * 2}+A{n}KW", octets(256)) for n in (128, 192, 256)},
}

# Every way of management with one way of encryption, and every way of encryption with one way of management a family.
ONE_OF_EACH_FAMILY = ["RSA-OAEP", "A128KW", "A256GCMKW", "dir", "ECDH-ES (P-256)", "ECDH-ES+A256KW (X25519)", "PBES2-HS256+A128KW"]
ENCRYPTIONS = [(name, "A256GCM") for name in MANAGEMENT] + [(name, enc) for name in ONE_OF_EACH_FAMILY for enc in ENCS if enc != "A256GCM"]


def key_for(name, enc):
    return MANAGEMENT[name][1] or octets(CONTENT_BITS[enc])


PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "priv")


def public(key):
    """What the verifier or the encrypter is given; a shared secret stays what it is."""
    return {name: value for name, value in key.items() if name not in PRIVATE}


def same_json(one, other):
    return json.loads(one) == json.loads(other)
