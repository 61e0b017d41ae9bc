"""The foreign libraries, and what each of them knows.

What a library knows is data here and nowhere else: the suites fail when one of them does less, and when it does more."""

import base64
import os
import pathlib
import sys
from dataclasses import dataclass, field

from jwcrypto import jwk

from .algorithms import MANAGEMENT, SIGNATURES
from .worker import CLIENTS, Worker

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "portcullis/clients"


def python(module):
    return [sys.executable, "-m", f"support.jose.{module}"]


def node(script):
    return ["node", str(CLIENTS / "node" / script)]


CLASSIC = {name for name in SIGNATURES if name[:2] in ("HS", "RS", "PS")} | {"ES256", "ES384", "ES512"}
NIST = {name for name in MANAGEMENT if "(P-" in name}
MONTGOMERY = {name for name in MANAGEMENT if "(X" in name}
SYMMETRIC = {name for name in MANAGEMENT if name[0] == "A"} | {"dir"}
PASSWORD = {name for name in MANAGEMENT if name.startswith("PBES2")}
ALL_FORMS = {"compact", "flattened", "general", "detached", "unencoded", "unencoded_json"}
EVERYTHING = {"thumbprint", "from_pem", "to_pem"}


@dataclass
class Library:
    name: str
    command: list
    signatures: set
    forms: set
    management: set = field(default_factory=set)
    # `general` means several recipients.
    encrypted_forms: set = field(default_factory=set)
    # Whether what it compresses can be read by others. All read what others compress.
    writes_zip: bool = True
    # Kinds of key whose thumbprints it makes, and that it reads and writes as PEM.
    thumbprints: set = field(default_factory=set)
    pem: set = field(default_factory=set)
    claims: bool = True
    # Whether it reads keys as JWK: itself (`takes_jwk`), or the platform that it runs on. If neither, whoever asks converts.
    takes_jwk: bool = True
    jwk: bool = True
    # Where it comes from. Debian's version is whatever Debian's is: it is not pinned.
    source: str = "PyPI"

    def __post_init__(self):
        self.worker = Worker(self.command)

    def ask(self, op, **members):
        if not self.jwk and "key" in members:
            members |= as_pem(members.pop("key"), op == "sign")
        return self.worker.ask(op, **members)

    def generates(self, spec):
        """Whether it makes such keys itself (a library without keys gets ours)."""
        return self.takes_jwk


def as_pem(key, private):
    if key["kty"] == "oct":
        secret = base64.urlsafe_b64decode(key["k"] + "=" * (-len(key["k"]) % 4))
        return {"secret_bytes": base64.b64encode(secret).decode()}
    if key["kty"] == "AKP":
        return {}
    return {"pem": jwk.JWK(**key).export_to_pem(private_key=private, password=None).decode()}


KTYS = {"RSA", "EC P-256", "EC P-384", "EC P-521", "EC secp256k1", "OKP Ed25519", "OKP Ed448", "OKP X25519", "OKP X448"}

LIBRARIES = {
    library.name: library
    for library in [
        Library(
            "PyJWT", python("pyjwt_worker"),
            CLASSIC | {"ES256K", "EdDSA (Ed25519)", "EdDSA (Ed448)"}, {"compact", "unencoded"},
            pem=KTYS - {"OKP X25519", "OKP X448"},
        ),
        Library(
            "joserfc", python("joserfc_worker"),
            CLASSIC | {"ES256K", "EdDSA (Ed25519)", "EdDSA (Ed448)", "Ed25519", "Ed448"}, ALL_FORMS,
            NIST | MONTGOMERY | SYMMETRIC | PASSWORD | {"RSA-OAEP", "RSA-OAEP-256"}, {"compact", "flattened", "general"},
            thumbprints=KTYS | {"oct"}, pem=KTYS,
        ),
        Library(
            "jwcrypto", python("jwcrypto_worker"),
            set(SIGNATURES), ALL_FORMS,
            NIST | MONTGOMERY | SYMMETRIC | PASSWORD | {"RSA-OAEP", "RSA-OAEP-256"}, {"compact", "flattened", "general"},
            thumbprints=KTYS | {"oct", "AKP"}, pem=KTYS - {"OKP X448"},
        ),
        Library(
            "jose (npm)", node("jose_panva.mjs"),
            CLASSIC | {"EdDSA (Ed25519)", "Ed25519"}, ALL_FORMS,
            set(MANAGEMENT) - {name for name in MANAGEMENT if "X448" in name}, {"compact", "flattened", "general"},
            thumbprints=KTYS | {"oct", "AKP"}, pem=KTYS - {"EC secp256k1", "OKP Ed448", "OKP X448"},
            source="npm",
        ),
        Library("jsonwebtoken", node("jose_jsonwebtoken.mjs"), CLASSIC, {"compact"}, takes_jwk=False, source="npm"),
        Library("golang-jwt", [str(CACHE / "golang-jwt")], CLASSIC | {"EdDSA (Ed25519)"}, {"compact"}, takes_jwk=False, jwk=False, source="Go module"),
        Library(
            "jose (Debian)", python("debian_worker"),
            CLASSIC, {"compact", "flattened", "general", "detached"},
            NIST | SYMMETRIC | PASSWORD, {"compact", "flattened", "general"},
            # For others it prints whatever lay in memory.
            thumbprints={name for name in KTYS if name[0] != "O"} | {"oct"},
            # Writes `zip` into the header and the content as it is.
            writes_zip=False, claims=False, source="Debian",
        ),
    ]
}
assert all(library.signatures <= set(SIGNATURES) and library.management <= set(MANAGEMENT) for library in LIBRARIES.values())


def kind(key):
    """`RSA`, `EC P-256`, `oct`, …: the words of `KTYS`."""
    return f"{key['kty']} {key['crv']}" if "crv" in key else key["kty"]
