"""What the real libraries say when they refuse a token leads to the right page."""

import json
import subprocess
import time

import google.auth.exceptions
import google.auth.jwt
import joserfc.errors
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OctKey
from jwcrypto import jwk, jws
from jwcrypto import jwt as jwcrypto_jwt
from support.gateway import BINARY
from support.live_issuer import NODE

SECRET = "a secret of this test, and of nothing else"
OTHER = "another secret, which nobody here knows"


def claims(**changed):
    return {"iss": "https://issuer.example", "aud": "orders", "sub": "ada", "exp": int(time.time()) + 600, **changed}


def minted(key=SECRET, alg="HS256", **changed):
    return jwt.encode(claims(**changed), key, algorithm=alg)


def pyjwt(token, **options):
    with pytest.raises(jwt.PyJWTError) as refused:
        jwt.decode(token, SECRET, **{"algorithms": ["HS256"], "audience": "orders", **options})
    return f"{type(refused.value).__name__}: {refused.value}"


def joserfc_says(token, **rules):
    with pytest.raises(joserfc.errors.JoseError) as refused:
        decoded = joserfc_jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"])
        joserfc_jwt.JWTClaimsRegistry(**rules).validate(decoded.claims)
    return str(refused.value)


def jwcrypto_says(token, **rules):
    key = jwk.JWK(kty="oct", k=jwk.base64url_encode(SECRET))
    with pytest.raises((jwcrypto_jwt.JWException, jws.JWException, ValueError)) as refused:
        jwcrypto_jwt.JWT(jwt=token, key=key, algs=["HS256"], **rules)
    return str(refused.value)


def google_says(token=None, audience="orders", **changed):
    """`token` is of another key, if it is given."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises((google.auth.exceptions.GoogleAuthError, ValueError)) as refused:
        google.auth.jwt.decode(token or minted(key, "RS256", **{"iat": now(), **changed}), certs=public, audience=audience)
    return str(refused.value)


def now():
    return int(time.time())


def python():
    """Library, code, and what was said."""
    yield "PyJWT", "token_expired", pyjwt(minted(exp=now() - 60))
    yield "PyJWT", "token_not_yet_valid", pyjwt(minted(nbf=now() + 600))
    yield "PyJWT", "token_from_future", pyjwt(minted(iat=now() + 600))
    yield "PyJWT", "signature_invalid", pyjwt(minted(OTHER))
    yield "PyJWT", "audience_mismatch", pyjwt(minted(), audience="billing")
    yield "PyJWT", "issuer_unknown", pyjwt(minted(), issuer="https://other.example")
    yield "PyJWT", "claim_missing", pyjwt(minted(), options={"require": ["tenant"]})
    yield "PyJWT", "subject_invalid", pyjwt(minted(sub=7))
    yield "PyJWT", "token_malformed", pyjwt("not-a-token")
    yield "PyJWT", "algorithm_not_allowed", pyjwt(minted(alg="HS512", key=SECRET + OTHER))
    yield "joserfc", "token_expired", joserfc_says(minted(exp=now() - 60))
    yield "joserfc", "token_not_yet_valid", joserfc_says(minted(nbf=now() + 600))
    yield "joserfc", "token_from_future", joserfc_says(minted(iat=now() + 600))
    yield "joserfc", "audience_mismatch", joserfc_says(minted(), aud={"essential": True, "value": "billing"})
    yield "joserfc", "claim_missing", joserfc_says(minted(), tenant={"essential": True})
    yield "joserfc", "signature_invalid", joserfc_says(minted(OTHER))
    yield "joserfc", "token_malformed", joserfc_says("not-a-token")
    yield "jwcrypto", "token_expired", jwcrypto_says(minted(exp=now() - 600))
    yield "jwcrypto", "token_not_yet_valid", jwcrypto_says(minted(nbf=now() + 600))
    yield "jwcrypto", "signature_invalid", jwcrypto_says(minted(OTHER))
    yield "jwcrypto", "token_malformed", jwcrypto_says("not-a-token")
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    yield "google-auth (Python)", "token_expired", google_says(exp=now() - 60, iat=now() - 600)
    yield "google-auth (Python)", "token_from_future", google_says(iat=now() + 600, exp=now() + 900)
    yield "google-auth (Python)", "audience_mismatch", google_says(audience="billing")
    yield "google-auth (Python)", "signature_invalid", google_says(minted(foreign, "RS256", iat=now()))
    yield "google-auth (Python)", "token_malformed", google_says("not-a-token")


NPM = {
    "expired": "token_expired",
    "early": "token_not_yet_valid",
    "malformed": "token_malformed",
    "absent": "credential_missing",
    "signature": "signature_invalid",
    "algorithm": "algorithm_not_allowed",
    "audience": "audience_mismatch",
    "issuer": "issuer_unknown",
    "subject": "subject_invalid",
    "age": "token_too_old",
    "missing": "claim_missing",
    "type": "token_type_mismatch",
    "key": "key_unknown",
}


def npm():
    done = subprocess.run(["node", NODE / "messages.mjs"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for library, case, message in json.loads(done.stdout):
        yield library, NPM[case], message


def found(message):
    done = subprocess.run([BINARY, "errors", "match", "--output", "json", message], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["messages"]


def test_what_libraries_say_is_known():
    said = [*python(), *npm()]
    assert len(said) >= 40
    wrong = []
    for library, code, message in said:
        known = found(message)
        own = [row for row in known if row["library"] == library]
        if not own or code not in own[0]["codes"] or code not in known[0]["codes"]:
            wrong.append((library, code, message, [(row["library"], row["message"]) for row in known]))
    assert not wrong, "\n".join(map(str, wrong))


def test_the_expected_value_is_read_from_the_message():
    message = next(message for library, code, message in npm() if library.startswith("jsonwebtoken") and code == "audience_mismatch")
    assert found(message)[0]["values"] == {"audience": "billing"}


def test_a_text_without_a_known_message_says_so():
    done = subprocess.run([BINARY, "errors", "match", "all is well"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "no message" in done.stderr
