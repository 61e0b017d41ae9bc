"""Encryption both ways: every way of managing keys, every way of encrypting content."""

import json

import pytest
from support.jose.algorithms import ENCRYPTIONS, ENCS, MANAGEMENT, key_for, octets, public
from support.jose.crafts import unb64
from support.jose.libraries import LIBRARIES
from support.jose.tries import altered, refuses

CONTENT = '{"secret":"«ni»","n":[1,2,3]}'
# Iterations of a password derivation that everybody is ready to make.
MODEST = 10_000
THAT_ENCRYPT = pytest.mark.parametrize("theirs", [library for library in LIBRARIES.values() if library.management], ids=lambda library: library.name)


@THAT_ENCRYPT
@pytest.mark.parametrize("name,enc", ENCRYPTIONS)
def test_compact(ours, keyring, theirs, name, enc):
    alg, spec = MANAGEMENT[name][0], key_for(name, enc)
    asked = {"alg": alg, "enc": enc, "form": "compact"}
    if name not in theirs.management:
        key = keyring(ours, spec)
        assert refuses(theirs, "encrypt", key=public(key), payload=CONTENT, **asked), "it has learnt that: say so in libraries.py"
        token = ours.ask("encrypt", key=public(key), payload=CONTENT, **asked)["token"]
        assert refuses(theirs, "decrypt", key=key, token=token, **asked)
        return
    for key in [keyring(maker, spec) for maker in (theirs, ours)]:
        for sender, receiver in ((theirs, ours), (ours, theirs)):
            more = {"iterations": MODEST} if sender is ours and alg.startswith("PBES2") else {}
            token = sender.ask("encrypt", key=public(key), payload=CONTENT, **asked, **more)["token"]
            assert receiver.ask("decrypt", key=key, token=token, **asked)["payload"] == CONTENT
            assert refuses(receiver, "decrypt", key=key, token=altered(token, 3), **asked)
            assert refuses(receiver, "decrypt", key=key, token=altered(token, 4), **asked)


@THAT_ENCRYPT
@pytest.mark.parametrize("form", ["flattened", "general"])
def test_json(ours, keyring, theirs, form):
    """With data that is protected and not encrypted, and in the general form for two, of whom each can read it alone."""
    recipients = [{"alg": MANAGEMENT[name][0], "key": keyring(theirs, key_for(name, None))} for name in ("A256KW", "ECDH-ES+A128KW (P-256)")]
    asked = {"enc": "A128CBC-HS256", "form": form}
    more = {"keys": [each | {"key": public(each["key"])} for each in recipients]} if form == "general" else {}
    for sender, receiver in ((theirs, ours), (ours, theirs)):
        first = recipients[0]
        token = sender.ask("encrypt", alg=first["alg"], key=public(first["key"]), payload=CONTENT, aad="to whom it may concern", **asked, **more)["token"]
        assert '"aad"' in token
        for each in recipients if form == "general" else [first]:
            algs = [other["alg"] for other in recipients]
            assert receiver.ask("decrypt", alg=each["alg"], key=each["key"], token=token, algs=algs, **asked)["payload"] == CONTENT


@THAT_ENCRYPT
@pytest.mark.parametrize("enc", ENCS)
def test_compressed(ours, keyring, theirs, enc):
    key, long = keyring(ours, key_for("A128KW", enc)), CONTENT * 100
    asked = {"alg": "A128KW", "enc": enc, "key": key, "form": "compact"}
    for sender, receiver in ((theirs, ours), (ours, theirs)):
        token = sender.ask("encrypt", payload=long, zip=True, **asked)["token"]
        if sender is theirs and not theirs.writes_zip:
            assert refuses(receiver, "decrypt", token=token, **asked), "it has learnt that: say so in libraries.py"
            continue
        assert len(token) < len(long)
        assert receiver.ask("decrypt", token=token, **asked)["payload"] == long


@THAT_ENCRYPT
def test_iterations_that_advice_wants(ours, keyring, theirs):
    """What is written here unless fewer are asked for is more than the others are ready to read, by default."""
    asked = {"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "form": "compact", "key": keyring(ours, octets(256))}
    token = ours.ask("encrypt", payload=CONTENT, **asked)["token"]
    assert json.loads(unb64(token.split(".")[0]))["p2c"] >= 600_000
    assert refuses(theirs, "decrypt", token=token, **asked), "it reads that now: say so in docs/reference/interoperability.md"
