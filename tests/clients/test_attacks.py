"""The attacker's side of the token path: every line here is a token that some library somewhere has accepted."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from support.gateway import timed, within_a_second
from support.keys import AUDIENCE, ISSUER, SECRET_ISSUER, b64, unb64

# A token of the right form, refused with this code; or with one of these.
SHAPE = {"token_malformed", "credential_malformed"}


def refused(gateway, token, codes, status=401):
    answer = gateway.bearer(token)
    assert answer.status == status, answer.text
    codes = {codes} if isinstance(codes, str) else codes
    assert gateway.code(answer) in codes, answer.text
    if status == 401:
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert token.split(".")[-1] not in answer.text or not token.split(".")[-1]


def test_the_good_token_is_good(gateway, token):
    assert gateway.bearer(token).status == 200


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", " none", "none ", "\u006eone"])
@pytest.mark.parametrize("signature", ["", "AA"])
def test_alg_none(gateway, issuers, alg, signature):
    token = f"{b64(json.dumps({'alg': alg, 'typ': 'JWT'}))}.{b64(json.dumps(issuers.claims()))}.{signature}"
    refused(gateway, token, SHAPE | {"algorithm_not_allowed"})


def spellings(issuers):
    """Every way in which an RSA public key may be taken for an HMAC secret."""
    pem = issuers.public_pem("RS256")
    public = issuers.keys["RS256"].public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pkcs1 = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    jwk = issuers.public_jwk("RS256")
    return [pem, pem.strip(), pem.replace(b"\n", b"\r\n"), pkcs1, pkcs1.strip(), der, base64.b64encode(der), json.dumps(jwk).encode(), json.dumps(jwk, separators=(",", ":")).encode(), jwk["n"].encode(), unb64(jwk["n"]), b""]


@pytest.mark.parametrize("kid", ["RS256", "ES256", None])
@pytest.mark.parametrize("alg,digest", [("HS256", hashlib.sha256), ("HS384", hashlib.sha384), ("HS512", hashlib.sha512)])
def test_rs_to_hs_confusion(gateway, issuers, kid, alg, digest):
    for secret in spellings(issuers):
        header = {"alg": alg, "typ": "JWT"} | ({"kid": kid} if kid else {})
        signed = f"{b64(json.dumps(header))}.{b64(json.dumps(issuers.claims()))}"
        refused(gateway, f"{signed}.{b64(hmac.new(secret, signed.encode(), digest).digest())}", "algorithm_not_allowed")


def test_a_key_is_bound_to_its_algorithm(gateway, issuers):
    refused(gateway, jwt.encode(issuers.claims(), issuers.keys["RS256"], algorithm="PS256", headers={"kid": "RS256"}), {"key_unknown", "signature_invalid", "algorithm_not_allowed"})
    refused(gateway, jwt.encode(issuers.claims(), issuers.keys["RS256"], algorithm="RS512", headers={"kid": "RS256"}), "algorithm_not_allowed")
    wrong_issuer = issuers.claims(iss=SECRET_ISSUER)
    refused(gateway, jwt.encode(wrong_issuer, issuers.keys["ES256"], algorithm="ES256", headers={"kid": "ES256"}), "algorithm_not_allowed")
    refused(gateway, jwt.encode(issuers.claims(), issuers.secret, algorithm="HS256"), "algorithm_not_allowed")


@pytest.mark.parametrize(
    "header,codes",
    [
        ({"crit": ["exp"], "exp": 1}, {"token_critical_unknown", "token_malformed"}),
        ({"crit": ["b64"], "b64": False}, {"token_critical_unknown", "token_malformed"}),
        ({"b64": False}, SHAPE | {"token_critical_unknown"}),
        ({"crit": []}, {"token_critical_unknown", "token_malformed"}),
        ({"crit": "exp"}, {"token_critical_unknown", "token_malformed"}),
        ({"crit": ["http://example.test/x"]}, {"token_critical_unknown", "token_malformed"}),
        ({"kid": 7}, "token_malformed"),
        ({"kid": None}, "token_malformed"),
        ({"kid": ["ES256"]}, "token_malformed"),
        ({"kid": "k" * 65536}, {"token_malformed", "token_too_large"}),
        ({"kid": "../../../../dev/null"}, "key_unknown"),
        ({"kid": "ES256' OR '1'='1"}, "key_unknown"),
        ({"kid": "ES256\u0000"}, {"key_unknown", "token_malformed"}),
        ({"kid": ""}, {"key_unknown", "token_malformed"}),
        ({"typ": "dpop+jwt"}, "token_type_mismatch"),
        ({"typ": "logout+jwt"}, "token_type_mismatch"),
        ({"typ": 1}, "token_malformed"),
        ({"alg": ["ES256"]}, "token_malformed"),
        ({"alg": None}, "token_malformed"),
    ],
)
def test_headers(gateway, issuers, header, codes):
    refused_with = {codes} if isinstance(codes, str) else codes
    token = issuers.raw({"alg": "ES256", "kid": "ES256", "typ": "JWT"} | header, issuers.claims())
    answer = gateway.bearer(token)
    if answer.status == 431:
        return  # too large even for the header section: refused before it is a token
    assert answer.status == 401 and gateway.code(answer) in refused_with, answer.text


@pytest.mark.parametrize("steer", ["jku", "x5u", "jwk", "x5c"])
def test_a_token_does_not_choose_its_key(gateway, issuers, upstream, steer):
    mine = issuers.public_jwk("PS256") | {"kid": "attacker", "alg": "PS256"}
    value = {"jku": upstream.url + "/keys", "x5u": upstream.url + "/cert", "jwk": mine, "x5c": ["MIIB"]}[steer]
    upstream.take()
    stranger = jwt.encode(issuers.claims(), issuers.keys["PS256"], algorithm="PS256", headers={"kid": "attacker", steer: value})
    refused(gateway, stranger, "key_unknown")
    assert upstream.take() == [], "the gateway fetched what a token named"
    # Beside a good signature such members are ignored, and recorded.
    assert gateway.bearer(issuers.token(headers={steer: value})).status == 200


@pytest.mark.parametrize(
    "header,payload",
    [
        ('{"alg":"ES256","kid":"ES256","alg":"none"}', None),
        ('{"alg":"ES256","kid":"ES256","\\u0061lg":"none"}', None),
        ('{"alg":"ES256","kid":"ES256"} ', None),
        ('{"alg":"ES256","kid":"ES256"}x', None),
        ("\ufeff" + '{"alg":"ES256","kid":"ES256"}', None),
        ('["ES256"]', None),
        ('"ES256"', None),
        (None, '{"sub":"eve",%s'),
        (None, '{"\\u0073ub":"eve",%s'),
        (None, '{"a":{"b":1,"b":2},%s'),
        (None, '{"deep":' + "[" * 500 + "]" * 500 + ",%s"),
        (None, "[1]"),
        (None, "null"),
        (None, ""),
        (None, b'{"sub":"\xff"}'),
    ],
)
def test_json_that_two_parsers_read_differently(gateway, issuers, header, payload):
    good_header, good = '{"alg":"ES256","kid":"ES256"}', json.dumps(issuers.claims())
    if isinstance(payload, str) and "%s" in payload:
        payload = payload.replace("%s", good[1:])
    token = issuers.raw(header.encode() if header else good_header, good if payload is None else payload)
    answer = gateway.bearer(token)
    # White space around the object is JSON (RFC 8259 §2); nothing else here is one object with one reading.
    if header and header.endswith("} "):
        assert answer.status in (200, 401)
    else:
        assert answer.status == 401 and gateway.code(answer) in SHAPE | {"claim_invalid"}, answer.text


@pytest.mark.parametrize("cnf", [{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}, {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}, {"jwk": {}}, {}, "x"])
def test_a_bound_token_is_no_bearer_token(gateway, issuers, cnf):
    refused(gateway, issuers.token(cnf=cnf), {"token_bound", "claim_invalid"})


@pytest.mark.parametrize(
    "changes,codes",
    [
        ({"sub": None}, "subject_missing"),
        ({"sub": ""}, {"subject_missing", "subject_invalid"}),
        ({"sub": "nobody"}, "subject_unresolved"),
        ({"sub": "ADA"}, "subject_unresolved"),
        ({"sub": "ada "}, "subject_unresolved"),
        ({"sub": "ad\u0430"}, "subject_unresolved"),
        ({"sub": "ada\u0000"}, {"subject_unresolved", "subject_invalid"}),
        ({"sub": "a" * 5000}, {"subject_unresolved", "subject_invalid"}),
        ({"exp": None}, "claim_missing"),
        ({"exp": 1}, "token_expired"),
        ({"exp": -1}, {"token_expired", "claim_invalid"}),
        ({"exp": "4102444800"}, "claim_invalid"),
        ({"exp": 1e300}, "claim_invalid"),
        ({"exp": True}, "claim_invalid"),
        ({"exp": [4102444800]}, "claim_invalid"),
        ({"nbf": 4102444800}, "token_not_yet_valid"),
        ({"nbf": "0"}, "claim_invalid"),
        ({"iat": 4102444800}, "token_from_future"),
        ({"iat": {}}, "claim_invalid"),
        ({"iss": None}, {"issuer_unknown", "claim_missing"}),
        ({"iss": ISSUER + "/"}, "issuer_unknown"),
        ({"iss": ISSUER.upper()}, "issuer_unknown"),
        ({"aud": None}, {"audience_mismatch", "claim_missing"}),
        ({"aud": "api://other"}, "audience_mismatch"),
        ({"aud": []}, "audience_mismatch"),
        ({"aud": AUDIENCE + "/"}, "audience_mismatch"),
        ({"aud": {"0": AUDIENCE}}, {"audience_mismatch", "claim_invalid"}),
        ({"gty": "client-credentials"}, "claim_missing"),  # a machine that names no client
    ],
)
def test_claims(gateway, issuers, changes, codes):
    refused(gateway, issuers.token(**changes), codes)


def test_an_issuer_that_is_no_string(gateway, issuers):
    refused(gateway, issuers.raw({"alg": "ES256", "kid": "ES256"}, issuers.claims() | {"iss": [ISSUER]}), {"issuer_unknown", "claim_invalid", "token_malformed"})


@pytest.mark.parametrize("sub", [7, 1.5, True, ["ada"], {"id": "ada"}])
def test_a_subject_that_is_no_string(gateway, issuers, sub):
    refused(gateway, issuers.raw({"alg": "ES256", "kid": "ES256"}, issuers.claims() | {"sub": sub}), {"subject_invalid", "claim_invalid"})


def test_a_machine_token_is_never_a_user(gateway, issuers):
    """Its `sub` is the id of an active user; it still is a machine, and no application here."""
    refused(gateway, issuers.token(sub="ada", gty="client-credentials", azp="ada"), "subject_unresolved")


def test_leeway_is_thirty_seconds_and_not_more(gateway, issuers):
    now = int(time.time())
    assert gateway.bearer(issuers.token(exp=now - 20)).status == 200
    refused(gateway, issuers.token(exp=now - 40), "token_expired")


def test_one_spelling_of_base64(gateway, token):
    head, payload, signature = token.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = signature[:-1] + last[last.index(signature[-1]) ^ 1]
    assert unb64(twin) == unb64(signature), "the twin decodes to the same bytes"
    for other in (f"{head}.{payload}.{twin}", f"{head}.{payload}.{signature}=", f"{head}=.{payload}.{signature}", f"{head}.{payload}.{signature}A", f".{payload}.{signature}", f"{head}..{signature}", f"{head}.{payload}", f"{head}.{payload}.{signature}.", f"{head}.{payload}.{signature}.x.y"):
        answer = gateway.bearer(other)
        assert answer.status == 401 and gateway.code(answer) in SHAPE | {"signature_invalid", "token_encrypted"}, answer.text


def test_every_byte_is_protected(gateway, issuers):
    token = issuers.token()
    for at in range(0, len(token), 7):
        if token[at] == ".":
            continue
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert gateway.bearer(changed).status == 401, at


def test_ecdsa_in_der_is_refused(gateway, issuers):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    signed = issuers.token().rsplit(".", 1)[0]
    der = issuers.keys["ES256"].sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    refused(gateway, f"{signed}.{b64(der)}", {"signature_invalid", "token_malformed"})
    refused(gateway, f"{signed}.{b64(bytes(64))}", "signature_invalid")


def test_two_credentials(gateway, issuers, token):
    eve = issuers.token(sub="eve")
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.putrequest("GET", "/orders")
    connection.putheader("Authorization", f"Bearer {token}")
    connection.putheader("Authorization", f"Bearer {eve}")
    connection.endheaders()
    answer = connection.getresponse()
    document = json.loads(answer.read())
    assert answer.status == 400 and document["code"] == "credential_conflict"
    answer = gateway.call("GET", "/v1/models", {"authorization": f"Bearer {token}", "api-key": eve})
    assert answer.status == 400 and gateway.code(answer) == "credential_conflict"
    assert gateway.call("GET", "/orders", {"authorization": f"Bearer {token}, Bearer {eve}"}).status in (400, 401)


def test_no_credential(gateway):
    answer = gateway.call("GET", "/orders")
    assert answer.status == 401 and gateway.code(answer) == "credential_missing"
    assert answer.headers["www-authenticate"] == 'Bearer realm="portcullis"'
    for header in ("Basic YWRhOmFkYQ==", "Bearer", "Bearer ", "bearer  x", "Bearer\tx", "Token x"):
        answer = gateway.call("GET", "/orders", {"authorization": header})
        assert answer.status in (400, 401), header


def test_a_token_does_not_belong_in_the_url(gateway, token):
    assert gateway.call("GET", f"/orders?access_token={token}").status == 401


def test_scope_and_tenant(gateway, issuers):
    missing = gateway.bearer(issuers.token(scope="orders:write"))
    assert missing.status == 403 and 'error="insufficient_scope"' in missing.headers["www-authenticate"] and 'scope="orders:read"' in missing.headers["www-authenticate"]
    foreign, nothing = gateway.bearer(issuers.token(), path="/foreign"), gateway.bearer(issuers.token(), path="/nothing-here")
    assert foreign.status == nothing.status == 404
    assert gateway.code(foreign) == gateway.code(nothing) == "route_not_found"


def test_unknown_suspended_and_deleted_look_alike(gateway, issuers):
    made = {name: gateway.create_user(name) for name in ("to-suspend", "to-delete")}
    gateway.cli("user", "suspend", made["to-suspend"]["id"], "--reason", "test")
    gateway.cli("user", "delete", made["to-delete"]["id"], "--reason", "test")

    def outside(sub):
        answer = gateway.bearer(issuers.token(sub=sub))
        document = json.loads(answer.text)
        headers = {k.lower(): v for k, v in answer.getheaders() if k.lower() not in ("date", "x-request-id", "content-length", "traceparent")}
        return answer.status, {k: v for k, v in document.items() if k != "request_id"}, headers

    unknown = outside("never-existed")
    assert unknown[0] == 401 and unknown == outside("to-suspend") == outside("to-delete")


def test_suspension_takes_effect_within_a_second(gateway, issuers):
    user, token = gateway.create_user("short-lived"), issuers.token(sub="short-lived")
    assert gateway.bearer(token).status == 200

    def change(verb, status):
        gateway.cli("user", verb, user["id"])
        return timed(lambda: gateway.bearer(token).status == status, f"{verb} changes nothing")

    def suspended(number):
        if number:
            change("restore", 200)
        return change("suspend", 401)

    def restored(number):
        if number:
            change("suspend", 401)
        return change("restore", 200)

    within_a_second(suspended, "suspended")
    within_a_second(restored, "restored")


def test_nothing_secret_is_logged(gateway, issuers):
    token = issuers.token(sub="nobody-at-all")
    gateway.bearer(token)
    log = gateway.logged()
    assert token not in log and token.split(".")[2] not in log and issuers.secret not in log and "sk-of-the-gateway" not in log
