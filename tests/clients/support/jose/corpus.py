"""Tokens good and bad for the table "who accepts what". Each bad one differs from a good one in one thing."""

import json
import re

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils

from .cases import ACCEPT, MAY, REFUSE, Case
from .crafts import Key, b64, compact, octets, padding, hashes, signature, text, unb64

FAR, PAST = 4_102_444_800, 1_000_000_000
AUDIENCE = "https://api.example"
CLAIMS = {"iss": "https://idp.example", "sub": "ada", "exp": FAR}
SECRET = "an ordinary secret of more than sixty-four characters, so that every HMAC takes it"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


class Keys:
    """Made anew for each run: no outcome may depend on which key it is."""

    def __init__(self):
        self.rsa = Key(rsa.generate_private_key(65537, 2048))
        self.rsa1024 = Key(rsa.generate_private_key(65537, 1024))
        self.p256 = Key(ec.generate_private_key(ec.SECP256R1()))
        self.p384 = Key(ec.generate_private_key(ec.SECP384R1()))
        self.ed25519 = Key(ed25519.Ed25519PrivateKey.generate())
        self.stranger = Key(ec.generate_private_key(ec.SECP256R1()))
        self.secret = Key.hmac(SECRET)


def without(*names, **changes):
    return {name: value for name, value in (CLAIMS | changes).items() if name not in names}


def corpus(keys):
    """Sections in the order of the page: (title, cases)."""
    return [
        ("The algorithm and the header", list(headers(keys))),
        ("The spelling", list(spellings(keys))),
        ("The signature", list(signatures(keys))),
        ("The key", list(weak_keys(keys))),
        ("The claims", list(claims(keys))),
    ]


def headers(keys):
    good = {"alg": "ES256", "typ": "JWT"}
    sign = lambda header, payload=CLAIMS, **how: compact(header, payload, keys.p256.key, **{"alg": "ES256"} | how)  # noqa: E731
    case = lambda name, token, should, source, **more: Case(name, token, keys.p256, should, source, **more)  # noqa: E731
    bare = f"{b64(text({'alg': 'none'}))}.{b64(text(CLAIMS))}."
    yield case("an ordinary token", sign(good), ACCEPT, "RFC 7519 §7.2")
    yield case("`alg` is `none`, no signature", bare, REFUSE, "RFC 8725 §3.2")
    for spelling in ("None", "nOnE"):
        yield case(f"`alg` is `{spelling}`, no signature", bare.replace(b64(text({"alg": "none"})), b64(text({"alg": spelling}))), REFUSE, "RFC 7515 §4.1.1")
    yield case("`alg` is `none`, with the signature left in place", sign(good | {"alg": "none"}), REFUSE, "RFC 8725 §3.2")
    yield case("no `alg`", sign({"typ": "JWT"}), REFUSE, "RFC 7515 §4.1.1")
    yield case("`alg` in lower case", sign(good | {"alg": "es256"}), REFUSE, "RFC 7515 §4.1.1")
    yield case("`alg` is a list", sign(good | {"alg": ["ES256"]}), REFUSE, "RFC 7515 §4.1.1")
    pem = keys.rsa.pem
    yield Case("RS256 is expected, signed with HS256 and the public key's PEM", compact({"alg": "HS256"}, CLAIMS, pem.encode()), keys.rsa, REFUSE, "RFC 8725 §2.1", alg="RS256")
    yield case("the key comes along in `jwk`, and signed it", compact(good | {"jwk": {k: v for k, v in keys.stranger.jwk.items() if k != "d"}}, CLAIMS, keys.stranger.key), REFUSE, "CVE-2018-0114")
    yield case("unknown `crit`", sign(good | {"crit": ["urn:example:x"], "urn:example:x": 1}), REFUSE, "RFC 7515 §4.1.11")
    yield case("`crit` is empty", sign(good | {"crit": []}), REFUSE, "RFC 7515 §4.1.11")
    yield case("`crit` is not a list", sign(good | {"crit": "exp", "exp": FAR}), REFUSE, "RFC 7515 §4.1.11")
    yield case("`crit` names `alg`", sign(good | {"crit": ["alg"]}), REFUSE, "RFC 7515 §4.1.11")
    yield case("`crit` names what is not there", sign(good | {"crit": ["b64"]}), REFUSE, "RFC 7515 §4.1.11")
    yield case("`b64` `false` without `crit`, payload encoded", sign(good | {"b64": False}), MAY, "RFC 7797 §6", ours=REFUSE)
    header = b64(text(good | {"b64": False, "crit": ["b64"]}))
    raw = json.dumps(CLAIMS, separators=(",", ":")).replace(".", "\\u002e")
    assert "." not in raw
    token = f"{header}.{raw}.{b64(signature('ES256', keys.p256.key, f'{header}.{raw}'.encode()))}"
    yield case("`b64` `false` with `crit`: the claims stand there as they are", token, REFUSE, "RFC 7797 §7", jwt_only=True)
    yield case("`alg` twice, the last one right", sign('{"alg":"none","alg":"ES256"}'), MAY, "RFC 7515 §4", ours=REFUSE)
    yield case("`alg` twice, the first one right", sign('{"alg":"ES256","alg":"none"}'), REFUSE, "RFC 7515 §4")
    yield case("`typ` of another kind: `dpop+jwt`", sign(good | {"typ": "dpop+jwt"}), MAY, "RFC 8725 §3.11", ours=REFUSE, jwt_only=True)
    yield case("`kid` is a number", sign(good | {"kid": 1}), REFUSE, "RFC 7515 §4.1.4")
    yield case("the header is not UTF-8", sign(b'{"alg":"ES256","x":"\xff"}'), REFUSE, "RFC 7515 §5.2")
    yield case("the header is a list", sign([good]), REFUSE, "RFC 7515 §5.2")
    yield case("unknown parameter", sign(good | {"urn:example:x": 1}), ACCEPT, "RFC 7515 §4")


def with_both_characters(make):
    """A token whose last two parts both have a character that standard base64 writes otherwise."""
    for n in range(10_000):
        token = make(n)
        if all(re.search("[-_]", part) for part in token.split(".")[1:]):
            return token
    raise AssertionError("the odds are against this")


def spellings(keys):
    # 257 bytes of payload, so that padding would be there.
    made = with_both_characters(lambda n: compact({"alg": "ES256", "x": "xx"}, without(x="?~?" * 3, n=n), keys.p256.key))
    header, payload, sig = made.split(".")
    case = lambda name, token, should, source, **more: Case(name, token, keys.p256, should, source, **more)  # noqa: E731
    fill = lambda part: part + "=" * (-len(part) % 4)  # noqa: E731

    def padded(make, at):
        for n in range(16):
            parts = make("x" * n).split(".")
            if len(parts[at]) % 4:
                parts[at] = fill(parts[at])
                return ".".join(parts)
        raise AssertionError

    signed = lambda more: compact({"alg": "ES256", "x": more}, without(x=more), keys.p256.key)  # noqa: E731
    sec = "RFC 7515 §2"
    yield case("header padded with `=` after it was signed", padded(signed, 0), REFUSE, sec)
    yield case("payload padded with `=` after it was signed", padded(signed, 1), REFUSE, sec)

    def signed_padded(more):
        head, body = b64(text({"alg": "ES256"})), fill(b64(text(without(x=more))))
        return f"{head}.{body}.{b64(signature('ES256', keys.p256.key, f'{head}.{body}'.encode()))}"

    yield case("payload padded with `=` before it was signed", next(token for n in range(9) if "=" in (token := signed_padded("x" * n))), REFUSE, sec)
    yield case("signature padded with `=`", f"{header}.{payload}.{fill(sig)}", REFUSE, sec)
    standard = payload.replace("-", "+").replace("_", "/")
    yield case("payload in standard base64", f"{header}.{standard}.{b64(signature('ES256', keys.p256.key, f'{header}.{standard}'.encode()))}", REFUSE, sec)
    yield case("signature in standard base64", f"{header}.{payload}." + sig.replace("-", "+").replace("_", "/"), REFUSE, sec)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield case("unused last bits of the signature set", f"{header}.{payload}.{sig[:-1]}{alphabet[alphabet.index(sig[-1]) | 1]}", MAY, "RFC 4648 §3.5", ours=REFUSE)
    yield case("a line break within the signature", f"{header}.{payload}.{sig[:20]}\n{sig[20:]}", REFUSE, sec)
    yield case("a `*` within the signature", f"{header}.{payload}.{sig[:20]}*{sig[20:]}", REFUSE, sec)
    yield case("a `!` behind the signature", f"{made}!", REFUSE, sec)
    yield case("a fourth part", f"{made}.e30", REFUSE, "RFC 7515 §7.1")
    yield case("an empty fourth part", f"{made}.", REFUSE, "RFC 7515 §7.1")
    yield case("a line feed behind the token", f"{made}\n", MAY, "RFC 7515 §2", ours=REFUSE)


def signatures(keys):
    good = compact({"alg": "ES256"}, CLAIMS, keys.p256.key)
    header, payload, sig = good.split(".")
    put = lambda raw: f"{header}.{payload}.{b64(raw)}"  # noqa: E731
    case = lambda name, token, should, source, **more: Case(name, token, keys.p256, should, source, **more)  # noqa: E731
    raw = unb64(sig)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    yield case("payload altered", f"{header}.{b64(text(without(sub='eve')))}.{sig}", REFUSE, "RFC 7515 §5.2")
    yield case("ES256, empty signature", f"{header}.{payload}.", REFUSE, "RFC 7515 §5.2")
    yield case("ES256, signature in DER", put(utils.encode_dss_signature(r, s)), REFUSE, "RFC 7518 §3.4")
    yield case("ES256, r = s = 0", put(bytes(64)), REFUSE, "CVE-2022-21449")
    yield case("ES256, r = s = the order of the curve", put(octets(P256_ORDER) * 2), REFUSE, "CVE-2022-21449")
    yield case("ES256, a leading zero before r and s", put(b"\0" + raw[:32] + b"\0" + raw[32:]), REFUSE, "RFC 7518 §3.4")
    yield case("ES256, s replaced by its negative", put(raw[:32] + octets(P256_ORDER - s, 32)), ACCEPT, "RFC 7518 §3.4")
    mac = signature("HS256", keys.secret.key, f"{b64(text({'alg': 'HS256'}))}.{payload}".encode())
    short = f"{b64(text({'alg': 'HS256'}))}.{payload}.{b64(mac[:16])}"
    yield Case("HS256, MAC cut to 16 bytes", short, keys.secret, REFUSE, "RFC 7518 §3.2", alg="HS256")
    yield Case("HS256, empty MAC", short[: short.rindex(".") + 1], keys.secret, REFUSE, "RFC 7518 §3.2", alg="HS256")
    for name, salt in (("without salt", 0), ("with the longest salt", padding.PSS.MAX_LENGTH)):
        token = compact({"alg": "PS256"}, CLAIMS, keys.rsa.key, sign=lambda alg, key, data, salt=salt: signature(alg, key, data, salt))
        yield Case(f"PS256, {name}", token, keys.rsa, REFUSE, "RFC 7518 §3.5", alg="PS256")
    mixed = lambda alg, key, data: key.sign(data, padding.PSS(padding.MGF1(hashes.SHA1()), 32), hashes.SHA256())  # noqa: E731
    yield Case("PS256, mask by SHA-1", compact({"alg": "PS256"}, CLAIMS, keys.rsa.key, sign=mixed), keys.rsa, REFUSE, "RFC 7518 §3.5", alg="PS256")
    yield Case("RS256, digest by SHA-1", compact({"alg": "RS256"}, CLAIMS, keys.rsa.key, sign=lambda alg, key, data: key.sign(data, padding.PKCS1v15(), hashes.SHA1())), keys.rsa, REFUSE, "RFC 7518 §3.3", alg="RS256")
    yield Case("RS256, signature with a zero before it", compact({"alg": "RS256"}, CLAIMS, keys.rsa.key, sign=lambda *of: b"\0" + signature(*of)), keys.rsa, REFUSE, "RFC 8017 §8.2.2", alg="RS256")

    def beyond_the_order(alg, key, data):
        made = key.sign(data)
        return made[:32] + (int.from_bytes(made[32:], "little") + ED25519_ORDER).to_bytes(32, "little")

    yield Case("EdDSA, S beyond the order", compact({"alg": "EdDSA"}, CLAIMS, keys.ed25519.key, sign=beyond_the_order), keys.ed25519, REFUSE, "RFC 8032 §5.1.7", alg="EdDSA")


def weak_keys(keys):
    for size in (0, 1, 31):
        weak = Key.hmac("k" * size)
        name = {0: "HS256, empty secret", 1: "HS256, secret of one byte", 31: "HS256, secret of 31 bytes"}[size]
        yield Case(name, compact({"alg": "HS256"}, CLAIMS, weak.key), weak, REFUSE, "RFC 7518 §3.2", alg="HS256")
    yield Case("RS256, RSA of 1024 bits", compact({"alg": "RS256"}, CLAIMS, keys.rsa1024.key), keys.rsa1024, REFUSE, "RFC 7518 §3.3", alg="RS256")
    yield Case("ES256 with a key on P-384", compact({"alg": "ES256"}, CLAIMS, keys.p384.key, alg="ES384"), keys.p384, REFUSE, "RFC 7518 §3.4")
    yield Case("ES384 with a key on P-256", compact({"alg": "ES384"}, CLAIMS, keys.p256.key, alg="ES256"), keys.p256, REFUSE, "RFC 7518 §3.4", alg="ES384")
    public = {name: value for name, value in keys.p256.jwk.items() if name != "d"}
    token = compact({"alg": "ES256"}, CLAIMS, keys.p256.key)
    yield Case("the JWK's `use` is `enc`", token, keys.p256, MAY, "RFC 7517 §4.2", jwk=public | {"use": "enc"}, ours=REFUSE)
    yield Case("the JWK's `key_ops` lack `verify`", token, keys.p256, MAY, "RFC 7517 §4.3", jwk=public | {"key_ops": ["deriveBits"]}, ours=REFUSE)
    rsa_public = {name: value for name, value in keys.rsa.jwk.items() if name in ("kty", "n", "e")}
    yield Case("the JWK's `alg` is RS512, the token's RS256", compact({"alg": "RS256"}, CLAIMS, keys.rsa.key), keys.rsa, REFUSE, "RFC 8725 §3.1", alg="RS256", jwk=rsa_public | {"alg": "RS512"})


def claims(keys):
    sign = lambda payload: compact({"alg": "ES256"}, payload, keys.p256.key)  # noqa: E731
    case = lambda name, payload, should, source, **more: Case(name, sign(payload), keys.p256, should, source, jwt_only=True, **more)  # noqa: E731
    exp, nbf, aud, sub, number = "RFC 7519 §4.1.4", "RFC 7519 §4.1.5", "RFC 7519 §4.1.3", "RFC 7519 §4.1.2", "RFC 7519 §2"
    yield case("expired", without(exp=PAST), REFUSE, exp)
    yield case("`exp` is negative", without(exp=-1), REFUSE, exp)
    yield case("no `exp`", without("exp"), MAY, exp, ours=REFUSE)
    yield case("`exp` with a fraction", without(exp=FAR + 0.5), ACCEPT, number)
    yield case("`exp` with an exponent", json.dumps(CLAIMS).replace(str(FAR), "4.1e9"), ACCEPT, number)
    yield case("`exp` as text", without(exp=str(FAR)), REFUSE, number)
    yield case("`exp` is `null`", without(exp=None), REFUSE, number)
    yield case("`exp` is `true`", without(exp=True), REFUSE, number)
    yield case("`exp` of 30 digits", json.dumps(CLAIMS).replace(str(FAR), "9" * 30), MAY, number, ours=REFUSE)
    yield case("`exp` is 1e400", json.dumps(CLAIMS).replace(str(FAR), "1e400"), MAY, number, ours=REFUSE)
    yield case("`nbf` in the future", without(nbf=FAR - 1), REFUSE, nbf)
    yield case("`nbf` as text, in the future", without(nbf=str(FAR - 1)), REFUSE, number)
    yield case("`iat` in the future", without(iat=FAR - 1), MAY, "RFC 7519 §4.1.6", ours=REFUSE)
    yield case("`aud` is who was named", without(aud=AUDIENCE), ACCEPT, aud, audience=AUDIENCE)
    yield case("`aud` is a list with who was named", without(aud=["https://else.example", AUDIENCE]), ACCEPT, aud, audience=AUDIENCE)
    yield case("`aud` is somebody else", without(aud="https://else.example"), REFUSE, aud, audience=AUDIENCE)
    yield case("`aud` begins with who was named", without(aud=AUDIENCE + ".evil.example"), REFUSE, aud, audience=AUDIENCE)
    yield case("`aud` is an empty list", without(aud=[]), REFUSE, aud, audience=AUDIENCE)
    yield case("`aud` has a number beside who was named", without(aud=[AUDIENCE, 1]), REFUSE, aud, audience=AUDIENCE)
    yield case("no `aud`, and somebody was named", without(), MAY, aud, audience=AUDIENCE, ours=REFUSE)
    # The workbench looks at the audience where one is named; the gate has no issuer without one.
    yield case("`aud` is there, and nobody was named", without(aud=AUDIENCE), REFUSE, aud, ours=ACCEPT)
    yield case("`sub` is a number", without(sub=42), REFUSE, sub)
    yield case("`iss` is a number", without(iss=42), REFUSE, "RFC 7519 §4.1.1")
    yield case("`sub` twice", '{"sub":"ada","exp":%d,"sub":"eve"}' % FAR, MAY, "RFC 7519 §4", ours=REFUSE)
    yield case("`sub` twice, once with an escape", '{"sub":"ada","exp":%d,"s\\u0075b":"eve"}' % FAR, MAY, "RFC 7519 §4", ours=REFUSE)
    yield case("claims that are not UTF-8", b'{"sub":"\xff\xfe","exp":%d}' % FAR, REFUSE, "RFC 7519 §7.2")
    yield case("claims in UTF-16", json.dumps(CLAIMS).encode("utf-16"), REFUSE, "RFC 7519 §7.2")
    yield case("a byte order mark before the claims", b"\xef\xbb\xbf" + json.dumps(CLAIMS).encode(), MAY, "RFC 8259 §8.1", ours=REFUSE)
    yield case("half a surrogate pair in `sub`", '{"sub":"\\ud800","exp":%d}' % FAR, MAY, "RFC 8259 §8.2", ours=REFUSE)
    yield case("claims are a list", [CLAIMS], REFUSE, "RFC 7519 §7.2")
    yield case("claims are text", '"ada"', REFUSE, "RFC 7519 §7.2")
    yield case("claims are empty", "", REFUSE, "RFC 7519 §7.2")
    yield case("`NaN` among the claims", '{"sub":"ada","exp":%d,"x":NaN}' % FAR, REFUSE, "RFC 8259 §6")
    yield case("a comma too many", '{"sub":"ada","exp":%d,}' % FAR, REFUSE, "RFC 8259 §4")
    yield case("two objects", json.dumps(CLAIMS) * 2, REFUSE, "RFC 8259 §2")
    deep = 20_000
    yield case("20,000 lists in one another", '{"sub":"ada","exp":%d,"x":%s}' % (FAR, "[" * deep + "]" * deep), MAY, "RFC 8259 §9", ours=REFUSE)
