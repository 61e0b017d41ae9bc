"""Keys both ways: JWK, PEM and thumbprints are the same thing here and there."""

import json

import pytest
from support.jose.algorithms import MANAGEMENT, SIGNATURES, octets, public
from support.jose.libraries import KTYS, LIBRARIES, kind
from support.jose.tries import refuses
from support.jose.worker import Refused

# One of each kind: {"RSA": …, "EC P-256": …, …}
SPECS = {kind(spec): spec for _, spec in [*SIGNATURES.values(), *MANAGEMENT.values()] if spec}
EACH_LIBRARY = pytest.mark.parametrize("theirs", LIBRARIES.values(), ids=lambda library: library.name)
# For an import that wants to know what the key will be used for.
PURPOSE = {"RSA": "RS256", "EC P-256": "ES256", "EC P-384": "ES384", "EC P-521": "ES512", "OKP Ed25519": "EdDSA", "OKP X25519": "ECDH-ES"}


def material(key):
    """What makes the key, and nothing that is said about it."""
    about = ("kid", "use", "alg", "key_ops", "ext") if key["kty"] != "AKP" else ("kid", "use", "key_ops")
    return {name: value for name, value in key.items() if name not in about}


@EACH_LIBRARY
@pytest.mark.parametrize("which", SPECS)
def test_thumbprints(ours, keyring, theirs, which):
    key = public(keyring(ours, SPECS[which] if which != "oct" else octets(256)))
    right = ours.ask("thumbprint", key=key)["thumbprint"]
    try:
        same = theirs.ask("thumbprint", key=key)["thumbprint"] == right
    except Refused:
        same = False
    assert same == (which in theirs.thumbprints), "libraries.py says otherwise"


@EACH_LIBRARY
@pytest.mark.parametrize("which", sorted(KTYS))
@pytest.mark.parametrize("private", [True, False], ids=["private", "public"])
def test_pem(ours, keyring, theirs, which, private):
    purpose = {"alg": PURPOSE.get(which)} if theirs.name == "jose (npm)" else {}
    written = keyring(ours, SPECS[which])
    written = material(written if private else public(written))
    pem = ours.ask("to_pem", key=written, private=private)["pem"]
    if which not in theirs.pem:
        no = [refuses(theirs, "to_pem", key=written, private=private, **purpose), refuses(theirs, "from_pem", pem=pem, kty=written["kty"], **purpose)]
        assert any(no), "it has learnt that: say so in libraries.py"
        return
    # Ours written here and read there, theirs written there and read here.
    assert ("PRIVATE KEY" in pem) == private
    assert material(theirs.ask("from_pem", pem=pem, kty=written["kty"], **purpose)["key"]) == written
    made = material(keyring(theirs, SPECS[which]))
    made = made if private else public(made)
    pem = theirs.ask("to_pem", key=made, private=private, **purpose)["pem"]
    assert material(ours.ask("from_pem", pem=pem, kty=made["kty"])["key"]) == made, json.dumps(sorted(made))
