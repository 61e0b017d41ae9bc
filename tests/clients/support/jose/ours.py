"""Our side: the workbench of a running gateway, asked over its socket with the operations of the foreign libraries."""

import http.client
import json
import socket
import subprocess
import time

from ..gateway import BINARY, PATIENCE
from .algorithms import MANAGEMENT, OURS, SIGNATURES
from .worker import Refused, Silent

CONFIG = """
[storage]
data_dir = "{data}"

[gateway]
listen = "127.0.0.1:0"

[control]
listen = "127.0.0.1:0"
"""


class Socket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Ours:
    name, claims, takes_jwk = OURS, True, True
    signatures, management = set(SIGNATURES), set(MANAGEMENT)

    def __init__(self, directory):
        self.directory, self.connection = directory, None
        self.data = directory / "data"
        self.config = directory / "portcullis.toml"
        self.config.write_text(CONFIG.format(data=self.data))
        # What is asked of a library is asked of its worker; ours is its own.
        self.worker = self

    def __enter__(self):
        self.log = open(self.directory / "log", "wb")
        self.process = subprocess.Popen([BINARY, "serve", "--config", self.config], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + PATIENCE
        while not self.ready():
            assert self.process.poll() is None and time.monotonic() < deadline, self.logged()
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.drop()
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0, self.logged()
        assert "panicked" not in self.logged()

    def ready(self):
        try:
            return self.request("GET", "/health/ready")[0] == 200
        except OSError:
            return False

    def logged(self):
        return (self.directory / "log").read_text(errors="replace")

    def drop(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def request(self, method, path, body=None):
        """One connection, kept; status and document."""
        if self.connection is None:
            self.connection = Socket(self.data / "control.sock")
        try:
            self.connection.request(method, path, None if body is None else json.dumps(body), {"content-type": "application/json"})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException):
            self.drop()
            raise

    def generates(self, spec):
        return True

    def post(self, path, body):
        """The answer of an operation; a request that cannot be carried out is a refusal."""
        try:
            status, answer = self.request("POST", f"/workbench/v1/{path}", body)
        except TimeoutError:
            raise Silent("hangs") from None
        except (OSError, http.client.HTTPException):
            raise Silent("crashes") from None
        if status != 200:
            raise Refused(f"{status} {answer}", own=status < 500)
        return answer

    def ask(self, op, timeout=None, **members):
        return getattr(self, op)(**members)

    def generate(self, kty, crv=None, bits=None, alg=None):
        kinds = {"AKP": {"algorithm": alg}, "oct": {"kty": kty, "bytes": (bits or 0) // 8}, "RSA": {"kty": kty, "bits": bits}}
        return {"key": self.post("keys/generate", kinds.get(kty, {"kty": kty, "curve": crv}) | {"no_kid": True})["jwk"]}

    def sign(self, alg, key, payload, form, keys=None):
        signers = keys if form == "general" else [{"alg": alg, "key": key}]
        detached = form in ("detached", "unencoded", "unencoded_json")
        asked = {
            "payload": {"text": payload}, "keys": [{"jwk": each["key"], "alg": each["alg"]} for each in signers],
            "serialization": {"general": "general", "flattened": "flattened", "unencoded_json": "flattened"}.get(form, "compact"),
            "detached": detached, "unencoded": form.startswith("unencoded"),
        }
        token = self.post("sign", asked)["token"]
        # An unencoded payload is left out, and its bearer puts it where it belongs.
        return {"token": json.dumps(json.loads(token) | {"payload": payload}) if form == "unencoded_json" else token}

    def verify(self, alg, key, token, form, payload=None, keys=None):
        asked = {"token": token, "keys": [{"jwk": key}], "algorithms": [alg]}
        if payload is not None:
            asked["payload"] = {"text": payload}
        answer = self.valid(self.post("verify", asked))
        return {"payload": answer["payload"]["text"]}

    @staticmethod
    def valid(answer):
        if not answer["valid"]:
            raise Refused(json.dumps([answer.get("refused"), answer["violations"]]))
        return answer

    @staticmethod
    def recipient(key, alg):
        """A key, or for a password the password."""
        return {"secret": key["k"], "encoding": "base64url"} if alg.startswith("PBES2") else {"jwk": key}

    def encrypt(self, alg, enc, key, payload, form, keys=None, zip=False, aad=None, iterations=None):
        recipients = keys if form == "general" else [{"alg": alg, "key": key}]
        asked = {
            "content": {"text": payload}, "encryption": enc, "compress": zip, "serialization": form,
            "keys": [self.recipient(each["key"], each["alg"]) | {"alg": each["alg"]} for each in recipients],
        }
        if aad:
            asked["additional_data"] = {"text": aad}
        if iterations:
            asked["iterations"] = iterations
        return {"token": self.post("encrypt", asked)["token"]}

    def decrypt(self, alg, enc, key, token, form, algs=None):
        answer = self.post("decrypt", {"token": token, "keys": [self.recipient(key, alg)], "algorithms": [alg], "encryptions": [enc]})
        return {"payload": self.decrypted(answer)["content"]["text"]}

    @staticmethod
    def decrypted(answer):
        if not answer["decrypted"]:
            raise Refused(json.dumps(answer["refused"]))
        return answer

    def thumbprint(self, key):
        return self.post("keys/thumbprint", {"keys": [{"jwk": key}]})["thumbprints"][0]

    def from_pem(self, pem, kty):
        return {"key": json.loads(self.post("keys/convert", {"keys": [{"pem": pem}], "to": "jwk"})["text"])}

    def to_pem(self, key, private):
        return {"pem": self.post("keys/convert", {"keys": [{"jwk": key}], "to": "pem", "public": not private})["text"]}

    def accept(self, kind, token, alg, enc=None, audience=None, secret=None, pem=None, key=None):
        if kind == "jwe":
            self.decrypted(self.post("decrypt", {"token": token, "keys": [self.recipient(key, alg)]}))
            return
        given = {"jwk": key} if key else {"secret": secret} if secret is not None else {"pem": pem}
        # A text, as RFC 7519 §4.1.2 wants it: what `sub` has to be is for whoever asks to say.
        expect = {"subject": "text"} | ({"audiences": [audience]} if audience else {})
        self.valid(self.post("verify", {"token": token, "keys": [given], "algorithms": [alg], "expect": expect}))
