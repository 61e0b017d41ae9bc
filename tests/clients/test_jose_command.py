"""The same by hand: a sample of each verb of `portcullis jose`, against one foreign library each."""

import json
import os
import subprocess

import pytest
from support.gateway import BINARY
from support.jose.algorithms import SIGNATURES, okp, public
from support.jose.libraries import LIBRARIES
from support.jose.tries import altered

CLAIMS = '{"iss":"https://idp.example","sub":"ada","exp":4102444800}'


@pytest.fixture()
def desk(tmp_path):
    """`desk(verb, …)` runs `portcullis jose` in a directory of its own and gives what it printed; the exit code is as it should be."""

    def run(*words, code=0):
        done = subprocess.run([BINARY, "jose", *words], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, env=os.environ | {"NO_COLOR": "1"})
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout.strip()

    run.path = tmp_path
    run.write = lambda name, text: (tmp_path / name).write_text(text if isinstance(text, str) else json.dumps(text))
    run.read = lambda name: json.loads((tmp_path / name).read_text())
    return run


@pytest.mark.parametrize("alg", ["HS256", "RS256", "PS512", "ES256", "ES512", "EdDSA", "ML-DSA-65"])
def test_made_here_and_taken_there(desk, alg):
    theirs = LIBRARIES["jwcrypto"]
    desk("key", "generate", "--alg", alg, "--out", "key.jwk")
    desk.write("claims.json", CLAIMS)
    token = desk("sign", "--key", "key.jwk", "--claims", "@claims.json")
    told = theirs.ask("verify", alg=alg, key=public(desk.read("key.jwk")), token=token, form="compact")["payload"]
    assert json.loads(told) == json.loads(CLAIMS)


@pytest.mark.parametrize("name", ["HS256", "RS256", "PS512", "ES256", "EdDSA (Ed25519)"])
def test_made_there_and_taken_here(desk, name):
    theirs, (alg, spec) = LIBRARIES["jose (npm)"], SIGNATURES[name]
    key = theirs.ask("generate", **spec)["key"]
    token = theirs.ask("sign", alg=alg, key=key, payload=CLAIMS, form="compact")["token"]
    desk.write("key.jwk", public(key))
    answer = json.loads(desk("verify", token, "--key", "key.jwk", "--iss", "https://idp.example", "--output", "json"))
    assert answer["valid"] and answer["claims"] == json.loads(CLAIMS) and answer["signers"][0]["algorithm"] == alg
    desk("verify", altered(token, 2), "--key", "key.jwk", code=1)
    desk("verify", token, "--key", "key.jwk", "--iss", "https://idp.example/", code=1)


@pytest.mark.parametrize("alg", ["RSA-OAEP-256", "ECDH-ES+A256KW", "A128KW", "dir"])
def test_encrypted_both_ways(desk, alg):
    theirs, enc = LIBRARIES["joserfc"], "A256GCM"
    # The key of `dir` is the content's.
    desk("key", "generate", "--alg", enc if alg == "dir" else alg, "--out", "key.jwk")
    key = {name: value for name, value in desk.read("key.jwk").items() if name not in ("alg", "use", "kid")}
    desk.write("key.jwk", key)
    desk.write("public.jwk", public(key))
    desk.write("message.txt", "for your eyes only")
    token = desk("encrypt", "@message.txt", "--key", "public.jwk", "--alg", alg, "--enc", enc)
    asked = {"alg": alg, "enc": enc, "form": "compact"}
    assert theirs.ask("decrypt", key=key, token=token, **asked)["payload"] == "for your eyes only"
    token = theirs.ask("encrypt", key=public(key), payload="for mine", **asked)["token"]
    assert desk("decrypt", token, "--key", "key.jwk") == "for mine"
    desk("decrypt", altered(token, 4), "--key", "key.jwk", code=1)


def test_a_key_in_its_forms(desk):
    theirs = LIBRARIES["joserfc"]
    key = theirs.ask("generate", **okp("Ed25519"))["key"]
    desk.write("key.jwk", key)
    assert theirs.ask("thumbprint", key=key)["thumbprint"] in desk("key", "thumbprint", "key.jwk")
    for words, expected in (((), key), (("--public",), public(key))):
        pem = desk("key", "convert", "key.jwk", "--to", "pem", *words)
        assert theirs.ask("from_pem", pem=pem + "\n", kty="OKP")["key"] | {"kid": 0} == expected | {"kid": 0}
