"""Tokens minted by libraries that nobody here wrote are accepted, and their callers are who they say."""

import json
import subprocess

import jwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OctKey, import_key
from support.keys import SECRET_ISSUER
from support.live_issuer import NODE

ASYMMETRIC = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]


def pyjwt(issuers, alg, claims, key):
    return jwt.encode(claims, key, algorithm=alg, headers={"kid": alg})


def joserfc(issuers, alg, claims, key):
    imported = OctKey.import_key(key) if alg.startswith("HS") else import_key(key, {"EdDSA": "OKP"}.get(alg, {"R": "RSA", "P": "RSA", "E": "EC"}[alg[0]]))
    return joserfc_jwt.encode({"alg": alg, "kid": alg}, claims, imported, algorithms=[alg])


def npm(library):
    def mint(issuers, alg, claims, key):
        asked = {"library": library, "alg": alg, "kid": alg, "key": key, "claims": claims}
        done = subprocess.run(["node", NODE / "mint.mjs"], input=json.dumps(asked), capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["token"]

    return mint


LIBRARIES = {"PyJWT": pyjwt, "joserfc": joserfc, "jose": npm("jose"), "jsonwebtoken": npm("jsonwebtoken")}
# jsonwebtoken knows no EdDSA.
CASES = [(library, alg) for library in LIBRARIES for alg in [*ASYMMETRIC, "HS256"] if (library, alg) != ("jsonwebtoken", "EdDSA")]


@pytest.mark.parametrize("library,alg", CASES)
def test_minted_elsewhere(gateway, issuers, library, alg):
    claims = issuers.claims(sub="ada", **({"iss": SECRET_ISSUER} if alg == "HS256" else {}))
    key = issuers.secret if alg == "HS256" else issuers.private_pem(alg)
    token = LIBRARIES[library](issuers, alg, claims, key)
    answer = gateway.bearer(token)
    assert answer.status == 200, answer.text
    assert gateway.whoami(token)["user"]["external_id"] == "ada"


def test_a_subject_is_case_sensitive(gateway, issuers):
    assert gateway.bearer(issuers.token(sub="Grace")).status == 200
    assert gateway.bearer(issuers.token(sub="grace")).status == 401
