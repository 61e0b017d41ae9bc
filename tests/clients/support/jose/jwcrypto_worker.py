"""jwcrypto."""

import json
import platform
from importlib.metadata import version as installed

from jwcrypto import jwe, jwk, jws, jwt
from jwcrypto.common import JWException

from support.jose.answering import answer, only, remembered


def version():
    return {"version": installed("jwcrypto"), "runtime": f"Python {platform.python_version()}"}


@remembered
def read(key):
    return jwk.JWK(**key)


def generate(kty, crv=None, bits=None, alg=None):
    named = {"EC": {"crv": crv}, "OKP": {"crv": crv}, "AKP": {"alg": alg}}.get(kty, {"size": bits})
    return {"key": jwk.JWK.generate(kty=kty, **named).export(as_dict=True)}


def sign(alg, key, payload, form, keys=None):
    only(form, "compact", "flattened", "general", "detached", "unencoded", "unencoded_json")
    # As text where it goes into JSON as it is.
    message = jws.JWS(payload if form == "unencoded_json" else payload.encode())
    signers = keys if form == "general" else [{"alg": alg, "key": key}]
    message.allowed_algs = [each["alg"] for each in signers]
    for each in signers:
        header = {"alg": each["alg"]} | ({"b64": False, "crit": ["b64"]} if form.startswith("unencoded") else {})
        message.add_signature(read(each["key"]), None, json.dumps(header))
    if form in ("detached", "unencoded"):
        message.detach_payload()
    return {"token": message.serialize(compact=form in ("compact", "detached", "unencoded"))}


def verify(alg, key, token, form, payload=None, keys=None):
    message = jws.JWS()
    # One signature of several that holds is enough for it.
    message.allowed_algs = [alg]
    message.deserialize(token)
    message.verify(read(key), detached_payload=payload.encode() if form in ("detached", "unencoded") else None)
    found = payload if form in ("detached", "unencoded") else message.payload
    return {"payload": found if isinstance(found, str) else found.decode()}


def encrypt(alg, enc, key, payload, form, keys=None, zip=False, aad=None):
    protected = {"enc": enc} | ({"zip": "DEF"} if zip else {}) | ({"alg": alg} if form != "general" else {})
    recipients = keys if form == "general" else [{"alg": alg, "key": key}]
    algs = [enc] + [each["alg"] for each in recipients]
    message = jwe.JWE(payload.encode(), json.dumps(protected), aad=aad.encode() if aad else None, algs=algs)
    for each in recipients:
        message.add_recipient(read(each["key"]), header=json.dumps({"alg": each["alg"]}) if form == "general" else None)
    return {"token": message.serialize(compact=form == "compact")}


def decrypt(alg, enc, key, token, form, algs=None):
    message = jwe.JWE(algs=[alg, enc] + (algs or []))
    message.deserialize(token, read(key))
    return {"payload": message.payload.decode()}


def thumbprint(key):
    return {"thumbprint": read(key).thumbprint()}


def from_pem(pem, kty):
    key = jwk.JWK.from_pem(pem.encode()).export(private_key="PRIVATE" in pem, as_dict=True)
    # It adds the thumbprint as `kid`.
    key.pop("kid", None)
    return {"key": key}


def to_pem(key, private):
    return {"pem": read(key).export_to_pem(private_key=private, password=None).decode()}


def accept(kind, token, alg, enc=None, audience=None, secret=None, pem=None, key=None):
    key = read(key) if key else jwk.JWK.from_password(secret) if secret is not None else jwk.JWK.from_pem(pem.encode())
    if kind == "jwe":
        # Its page shows nothing else for what its default list lacks.
        named = None if {alg, enc} <= set(jwe.default_allowed_algs) or alg == "RSA1_5" else [alg, enc]
        message = jwe.JWE(algs=named)
        message.deserialize(token, key)
        return
    jwt.JWT(key=key, jwt=token, **({"check_claims": {"aud": audience}} if audience else {}))


if __name__ == "__main__":
    answer(globals(), (JWException,))
