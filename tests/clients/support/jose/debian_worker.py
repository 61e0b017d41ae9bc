"""The `jose` command of Debian (José, a C library): a process per operation. It knows JWS and JWE and nothing of claims."""

import json
import pathlib
import subprocess
import tempfile

from support.jose.answering import answer, only
from support.jose.crafts import b64


class Failed(Exception):
    """It exits with 1 and, often, a word."""


def jose(*arguments, given=None):
    """Runs `jose`; a dictionary among the arguments becomes a file."""
    with tempfile.TemporaryDirectory() as directory:
        words = []
        for place, word in enumerate(arguments):
            if isinstance(word, (dict, list)):
                file = pathlib.Path(directory) / str(place)
                file.write_text(json.dumps(word))
                word = str(file)
            words.append(word)
        done = subprocess.run(["jose", *words], input=given, capture_output=True)
    if done.returncode < 0:
        raise ChildProcessError(f"signal {-done.returncode}")
    if done.returncode:
        raise Failed(done.stderr.decode(errors="replace").strip() or "exit status 1")
    return done.stdout


def bare(key):
    # It takes `alg` and `use` of a key as a restriction on this very step.
    return {name: value for name, value in key.items() if name not in ("alg", "key_ops", "use")}


def version():
    told = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "jose"], capture_output=True, text=True, check=True)
    return {"version": told.stdout, "runtime": ""}


def generate(kty, crv=None, bits=None, alg=None):
    named = {"EC": {"crv": crv}, "OKP": {"crv": crv}, "oct": {"bytes": (bits or 0) // 8}}.get(kty, {"bits": bits})
    return {"key": bare(json.loads(jose("jwk", "gen", "-i", json.dumps({"kty": kty} | named))))}


def sign(alg, key, payload, form, keys=None):
    only(form, "compact", "flattened", "general", "detached")
    signers = keys if form == "general" else [{"alg": alg, "key": key}]
    words = ["jws", "sig", "-I-"]
    for each in signers:
        words += ["-s", json.dumps({"protected": {"alg": each["alg"]}}), "-k", bare(each["key"])]
    if form == "compact":
        words.append("-c")
    token = jose(*words, given=payload.encode()).decode().strip()
    if form == "detached":
        # It writes the payload elsewhere (-O) and leaves the JSON form; the compact one is put together from it.
        message = json.loads(token)
        token = f"{message['protected']}..{message['signature']}"
    return {"token": token}


def verify(alg, key, token, form, payload=None, keys=None):
    only(form, "compact", "flattened", "general", "detached")
    if form == "detached":
        protected, _, signature = token.split(".")
        message = {"protected": protected, "signature": signature}
        with tempfile.NamedTemporaryFile() as file:
            file.write(payload.encode())
            file.flush()
            return {"payload": jose("jws", "ver", "-i", message, "-I", file.name, "-k", bare(key), "-O-").decode()}
    return {"payload": jose("jws", "ver", "-i-", "-k", bare(key), "-O-", given=token.encode()).decode()}


def encrypt(alg, enc, key, payload, form, keys=None, zip=False, aad=None):
    only(form, "compact", "flattened", "general")
    protected = {"enc": enc} | ({"zip": "DEF"} if zip else {})
    recipients = keys if form == "general" else [{"alg": alg, "key": key}]
    if form != "general":
        protected["alg"] = alg
    words = ["jwe", "enc", "-I-", "-i", json.dumps({"protected": protected} | ({"aad": b64(aad)} if aad else {}))]
    for each in recipients:
        words += ["-r", json.dumps({"header": {"alg": each["alg"]}} if form == "general" else {}), "-k", bare(each["key"])]
    if form == "compact":
        words.append("-c")
    return {"token": jose(*words, given=payload.encode()).decode().strip()}


def decrypt(alg, enc, key, token, form, algs=None):
    return {"payload": jose("jwe", "dec", "-i-", "-k", bare(key), "-O-", given=token.encode()).decode()}


def thumbprint(key):
    return {"thumbprint": jose("jwk", "thp", "-a", "S256", "-i-", given=json.dumps(key).encode()).decode().strip()}


def accept(kind, token, alg, enc=None, audience=None, secret=None, pem=None, key=None):
    if kind == "jwe":
        jose("jwe", "dec", "-i-", "-k", key, "-O-", given=token.encode("utf-8", "surrogateescape"))
    else:
        jose("jws", "ver", "-i-", "-k", key, "-O-", given=token.encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    answer(globals(), (Failed,))
