"""joserfc."""

import json
import platform
from importlib.metadata import version as installed

from joserfc import jwe, jwk, jws, jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from support.jose.answering import answer, only, remembered


@remembered
def read(key):
    return jwk.import_key(key)


def version():
    return {"version": installed("joserfc"), "runtime": f"Python {platform.python_version()}"}


def generate(kty, crv=None, bits=None, alg=None):
    return {"key": jwk.generate_key(kty, crv or bits).as_dict(private=True)}


def sign(alg, key, payload, form, keys=None):
    only(form, "compact", "flattened", "general", "detached", "unencoded", "unencoded_json")
    if form == "general":
        members = [{"protected": {"alg": each["alg"], "kid": str(place)}} for place, each in enumerate(keys)]
        ring = jwk.KeySet([jwk.import_key(each["key"] | {"kid": str(place)}) for place, each in enumerate(keys)])
        return {"token": json.dumps(jws.serialize_json(members, payload, ring, algorithms=[each["alg"] for each in keys]))}
    header = {"alg": alg} | ({"b64": False, "crit": ["b64"]} if form.startswith("unencoded") else {})
    key = read(key)
    if form in ("flattened", "unencoded_json"):
        return {"token": json.dumps(jws.serialize_json({"protected": header}, payload, key, algorithms=[alg]))}
    token = jws.serialize_compact(header, payload, key, algorithms=[alg])
    return {"token": jws.detach_content(token) if form == "detached" else token}


def verify(alg, key, token, form, payload=None, keys=None):
    if form == "general":
        # Every signature has to hold for it, each by the key of its algorithm.
        ring = {each["alg"]: read(each["key"]) for each in keys}
        return {"payload": jws.deserialize_json(json.loads(token), lambda signature: ring[signature.headers()["alg"]], algorithms=list(ring)).payload.decode()}
    key = read(key)
    if form in ("flattened", "unencoded_json"):
        return {"payload": jws.deserialize_json(json.loads(token), key, algorithms=[alg]).payload.decode()}
    registry = JWSRegistry(algorithms=[alg])
    object_ = jws.extract_compact(token.encode(), payload, registry=registry)
    if not jws.validate_compact(object_, key, algorithms=[alg]):
        raise JoseError("signature")
    return {"payload": object_.payload.decode()}


def encrypt(alg, enc, key, payload, form, keys=None, zip=False, aad=None):
    protected = {"enc": enc} | ({"zip": "DEF"} if zip else {})
    if form == "compact":
        return {"token": jwe.encrypt_compact({"alg": alg} | protected, payload, read(key), algorithms=[alg, enc, "DEF"])}
    kinds = {"flattened": jwe.FlattenedJSONEncryption, "general": jwe.GeneralJSONEncryption}
    message = kinds[form](protected, payload.encode(), aad=aad.encode() if aad else None)
    recipients = keys or [{"alg": alg, "key": key}]
    for each in recipients:
        message.add_recipient({"alg": each["alg"]}, read(each["key"]))
    return {"token": json.dumps(jwe.encrypt_json(message, None, algorithms=[each["alg"] for each in recipients] + [enc, "DEF"]))}


def decrypt(alg, enc, key, token, form, algs=None):
    key = read(key)
    allowed = [alg, enc, "DEF"]
    if form == "compact":
        return {"payload": jwe.decrypt_compact(token, key, algorithms=allowed).plaintext.decode()}
    # It wants every recipient's key unless told that one is enough.
    registry = jwe.JWERegistry(algorithms=allowed + (algs or []), verify_all_recipients=False)
    return {"payload": jwe.decrypt_json(json.loads(token), key, registry=registry).plaintext.decode()}


def thumbprint(key):
    return {"thumbprint": read(key).thumbprint()}


def from_pem(pem, kty):
    key = jwk.import_key(pem, kty)
    return {"key": key.as_dict(private="PRIVATE" in pem)}


def to_pem(key, private):
    return {"pem": read(key).as_pem(private=private).decode()}


def accept(kind, token, alg, enc=None, audience=None, secret=None, pem=None, key=None):
    key = read(key) if key else jwk.import_key(secret, "oct") if secret is not None else jwk.import_key(pem, {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}[alg[:2]])
    if kind == "jwe":
        jwe.decrypt_compact(token, key, algorithms=beyond(jwe.JWERegistry.recommended, alg, enc))
        return
    decoded = jwt.decode(token, key, algorithms=beyond(JWSRegistry.recommended, alg))
    jwt.JWTClaimsRegistry(**({"aud": {"essential": True, "value": audience}} if audience else {})).validate(decoded.claims)


def beyond(recommended, *names):
    """Its page names no algorithms where the recommended ones do; others have to be named."""
    return None if all(name in recommended for name in names) else list(names)


if __name__ == "__main__":
    answer(globals(), (JoseError,))
