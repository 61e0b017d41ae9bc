"""Encrypted tokens good and bad for the table "who accepts what"."""

import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519

from .cases import ACCEPT, MAY, REFUSE, Case
from .corpus import CLAIMS
from .crafts import CURVES, Key, agreed, b64, deflated, oaep, password_wrapped, pkcs1, sealed, text

PLAIN = text(CLAIMS).encode()
PASSWORD = "a password that somebody could remember"
# (0, y) with the y that makes it a point of y² = x³ − 3x + b for another b: on no curve that anybody agreed on.
OFF_CURVE = {"kty": "EC", "crv": "P-256", "x": b64(bytes(32)), "y": b64(bytes(31) + b"\1")}


def encrypted(keys):
    cek128 = os.urandom(16)
    rsa, p256 = keys.rsa, keys.p256
    shared = Key(os.urandom(32), "")
    case = lambda name, token, key, should, source, alg, enc="A128GCM", **more: Case(name, token, key, should, source, alg=alg, enc=enc, kind="jwe", jwk=key.jwk, **more)  # noqa: E731
    dir_gcm, dir_cbc = {"alg": "dir", "enc": "A256GCM"}, {"alg": "dir", "enc": "A128CBC-HS256"}

    by_rsa = {"alg": "RSA-OAEP", "enc": "A128GCM"}
    yield case("RSA-OAEP, A128GCM", sealed(by_rsa, cek128, oaep(rsa.key, cek128, hashes.SHA1), PLAIN), rsa, ACCEPT, "RFC 7516 §5.2", "RSA-OAEP")
    yield case("`dir`, A128CBC-HS256", sealed(dir_cbc, shared.key, b"", PLAIN), shared, ACCEPT, "RFC 7516 §5.2", "dir", "A128CBC-HS256")
    by_ecdh, ephemeral = {"alg": "ECDH-ES", "enc": "A128GCM"}, Key(ec.generate_private_key(ec.SECP256R1()))
    epk = lambda key: {name: value for name, value in key.jwk.items() if name != "d"}  # noqa: E731
    secret = ephemeral.key.exchange(ec.ECDH(), p256.key.public_key())
    yield case("ECDH-ES, A128GCM", sealed(by_ecdh | {"epk": epk(ephemeral)}, agreed(secret, "A128GCM", 128), b"", PLAIN), p256, ACCEPT, "RFC 7516 §5.2", "ECDH-ES")

    yield case("RSA1_5", sealed(by_rsa | {"alg": "RSA1_5"}, cek128, pkcs1(rsa.key, cek128), PLAIN), rsa, REFUSE, "RFC 8725 §3.2", "RSA1_5")
    yield case("RSA-OAEP, RSA of 1024 bits", sealed(by_rsa, cek128, oaep(keys.rsa1024.key, cek128, hashes.SHA1), PLAIN), keys.rsa1024, REFUSE, "RFC 7518 §4.3", "RSA-OAEP")
    yield case("`dir` with an encrypted key", sealed(dir_cbc, shared.key, b"x", PLAIN), shared, REFUSE, "RFC 7516 §5.2", "dir", "A128CBC-HS256")
    yield case("unknown `crit`", sealed(dir_gcm | {"crit": ["urn:example:x"], "urn:example:x": 1}, shared.key, b"", PLAIN), shared, REFUSE, "RFC 7516 §4.1.13", "dir", "A256GCM")

    whole = sealed(dir_gcm, shared.key, b"", PLAIN)
    yield case("A256GCM, tag of 12 bytes", sealed(dir_gcm, shared.key, b"", PLAIN, tag_size=12), shared, REFUSE, "RFC 7518 §5.3", "dir", "A256GCM")
    yield case("A256GCM, tag of 4 bytes", sealed(dir_gcm, shared.key, b"", PLAIN, tag_size=4), shared, REFUSE, "RFC 7518 §5.3", "dir", "A256GCM")
    yield case("A256GCM, no tag", whole[: whole.rindex(".") + 1], shared, REFUSE, "RFC 7518 §5.3", "dir", "A256GCM")
    yield case("A256GCM, initialisation vector of 16 bytes", sealed(dir_gcm, shared.key, b"", PLAIN, iv=os.urandom(16)), shared, REFUSE, "RFC 7518 §5.3", "dir", "A256GCM")
    yield case("A128CBC-HS256, tag of 8 bytes", sealed(dir_cbc, shared.key, b"", PLAIN, tag_size=8), shared, REFUSE, "RFC 7518 §5.2.2.2", "dir", "A128CBC-HS256")
    yield case("A128CBC-HS256, no tag", sealed(dir_cbc, shared.key, b"", PLAIN, tag_size=0), shared, REFUSE, "RFC 7518 §5.2.2.2", "dir", "A128CBC-HS256")

    # Who multiplies a point that is on another curve gives away its key piece by piece.
    yield case("ECDH-ES, `epk` off the curve", sealed(by_ecdh | {"epk": OFF_CURVE}, agreed(bytes(32), "A128GCM", 128), b"", PLAIN), p256, REFUSE, "RFC 8725 §3.4", "ECDH-ES")
    other = Key(ec.generate_private_key(CURVES["P-384"]()))
    yield case("ECDH-ES, `epk` on P-384 for a key on P-256", sealed(by_ecdh | {"epk": epk(other)}, agreed(bytes(32), "A128GCM", 128), b"", PLAIN), p256, REFUSE, "RFC 7518 §4.6.1.1", "ECDH-ES")
    montgomery = Key(x25519.X25519PrivateKey.generate())
    zero = {"kty": "OKP", "crv": "X25519", "x": b64(bytes(32))}
    yield case("ECDH-ES, X25519 with `epk` of order 1: everybody knows the secret", sealed(by_ecdh | {"epk": zero}, agreed(bytes(32), "A128GCM", 128), b"", PLAIN), montgomery, REFUSE, "RFC 8725 §3.4", "ECDH-ES")
    yield case("ECDH-ES, no `epk`", sealed(by_ecdh, agreed(secret, "A128GCM", 128), b"", PLAIN), p256, REFUSE, "RFC 7518 §4.6.1.1", "ECDH-ES")

    password = Key(PASSWORD.encode(), "")
    pbes2 = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM"}

    def by_password(count):
        salt = os.urandom(16)
        wrapped = password_wrapped(PASSWORD, pbes2["alg"], salt, count, cek128)
        return sealed(pbes2 | {"p2s": b64(salt), "p2c": count}, cek128, wrapped, PLAIN)

    yield case("PBES2, `p2c` 10,000", by_password(10_000), password, ACCEPT, "RFC 7518 §4.8", "PBES2-HS256+A128KW")
    yield case("PBES2, `p2c` 1", by_password(1), password, MAY, "RFC 7518 §4.8.1.2", "PBES2-HS256+A128KW", ours=REFUSE)
    yield case("PBES2, `p2c` 2,147,483,647: minutes of work", by_password(2**31 - 1), password, REFUSE, "CVE-2022-36083", "PBES2-HS256+A128KW")

    zipped = lambda data: sealed(dir_gcm | {"zip": "DEF"}, shared.key, b"", deflated(data))  # noqa: E731
    yield case("`zip`, 30 KB that are 30 MB", zipped(bytes(30_000_000)), shared, MAY, "CVE-2024-28102", "dir", "A256GCM", ours=REFUSE)
    yield case("`zip`, 150 KB that are 150 MB", zipped(bytes(150_000_000)), shared, REFUSE, "CVE-2024-28102", "dir", "A256GCM")
    yield case("`zip`, cut off", sealed(dir_gcm | {"zip": "DEF"}, shared.key, b"", deflated(PLAIN * 50)[:-9]), shared, REFUSE, "RFC 1951", "dir", "A256GCM")
    yield case("`zip` of an unknown kind", sealed(dir_gcm | {"zip": "GZ"}, shared.key, b"", PLAIN), shared, REFUSE, "RFC 7516 §4.1.3", "dir", "A256GCM")

    # To the verifier's own public key anybody can encrypt: that is no signature (CVE-2022-3102).
    token = sealed(by_rsa, cek128, oaep(rsa.key, cek128, hashes.SHA1), PLAIN)
    yield Case("encrypted to the verifier's own key, where a signature is expected", token, rsa, REFUSE, "CVE-2022-3102", alg="RS256", jwk=rsa.jwk)
