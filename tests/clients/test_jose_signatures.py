"""Signatures both ways: what a foreign library signs is taken here, and what is signed here is taken there."""

import pytest
from support.jose.algorithms import SIGNATURES, public, same_json
from support.jose.libraries import LIBRARIES
from support.jose.tries import altered, refuses

CLAIMS = '{"iss":"https://idp.example","sub":"ada","exp":4102444800,"n":[1,2.5,null,"é"]}'
SAMPLE = ["HS256", "RS256", "PS384", "ES256", "ES512", "EdDSA (Ed25519)"]
FORMS = ["flattened", "general", "detached", "unencoded", "unencoded_json"]
EACH_LIBRARY = pytest.mark.parametrize("theirs", LIBRARIES.values(), ids=lambda library: library.name)


@EACH_LIBRARY
@pytest.mark.parametrize("name", SIGNATURES)
def test_compact(ours, keyring, theirs, name):
    alg, spec = SIGNATURES[name]
    if name not in theirs.signatures:
        key = keyring(ours, spec)
        assert refuses(theirs, "sign", alg=alg, key=key, payload=CLAIMS, form="compact"), "it has learnt that: say so in libraries.py"
        token = ours.ask("sign", alg=alg, key=key, payload=CLAIMS, form="compact")["token"]
        assert refuses(theirs, "verify", alg=alg, key=public(key), token=token, form="compact")
        return
    for key in [keyring(maker, spec) for maker in (theirs, ours)]:
        for signer, verifier in ((theirs, ours), (ours, theirs)):
            token = signer.ask("sign", alg=alg, key=key, payload=CLAIMS, form="compact")["token"]
            assert same_json(verifier.ask("verify", alg=alg, key=public(key), token=token, form="compact")["payload"], CLAIMS)
            assert refuses(verifier, "verify", alg=alg, key=public(key), token=altered(token, 1), form="compact")
            assert refuses(verifier, "verify", alg=alg, key=public(key), token=altered(token, 2), form="compact")


@EACH_LIBRARY
@pytest.mark.parametrize("name", SAMPLE)
@pytest.mark.parametrize("form", FORMS)
def test_other_forms(ours, keyring, theirs, name, form):
    alg, spec = SIGNATURES[name]
    if name not in theirs.signatures or form not in theirs.forms:
        assert refuses(theirs, "sign", alg=alg, key=keyring(ours, spec), payload=CLAIMS, form=form, keys=[]), "it has learnt that: say so in libraries.py"
        return
    # Dots would make an unencoded payload one that has to be detached.
    payload = CLAIMS if not form.startswith("unencoded") else "$02 and no dots"
    key = keyring(theirs, spec)
    signers = [{"alg": alg, "key": key}, {"alg": "ES384", "key": keyring(ours, SIGNATURES["ES384"][1])}]
    verifiers = {"keys": [each | {"key": public(each["key"])} for each in signers]} if form == "general" else {}
    for signer, verifier in ((theirs, ours), (ours, theirs)):
        more = {"keys": signers} if form == "general" else {}
        token = signer.ask("sign", alg=alg, key=key, payload=payload, form=form, **more)["token"]
        apart = {"payload": payload} if form in ("detached", "unencoded") else {}
        for each in signers if form == "general" else signers[:1]:
            asked = {"alg": each["alg"], "key": public(each["key"]), "form": form}
            told = verifier.ask("verify", token=token, **asked, **apart, **verifiers)["payload"]
            assert told == payload
        if apart:
            assert refuses(verifier, "verify", alg=alg, key=public(key), token=token, form=form, payload=payload + "!")
