"""A library in a process of its own."""

import json
import os
import pathlib
import selectors
import subprocess

CLIENTS = pathlib.Path(__file__).resolve().parents[2]

# Each takes and gives text, JSON objects for keys, and nothing else.
OPERATIONS = {
    "version": "→ version, runtime",
    "generate": "kty, crv | bits, alg → key (a private JWK)",
    "sign": "alg, key, payload, form → token; form is compact, flattened, general (keys: two signers), detached, unencoded or unencoded_json",
    "verify": "alg, key, token, form, payload (detached only) → payload",
    "encrypt": "alg, enc, key, payload, form, zip, aad → token; form is compact, flattened or general (keys: [{alg, key}])",
    "decrypt": "alg, enc, key, token, form → payload",
    "thumbprint": "key → thumbprint",
    "from_pem": "pem, kty → key",
    "to_pem": "key, private → pem",
    "accept": "kind (jwt | jwe), token, key, secret | pem, alg, audience → nothing: by the library's defaults",
}


class Refused(Exception):
    """The library said no. `own` says whether by an error of the kind that it documents."""

    def __init__(self, error, own=True):
        super().__init__(error)
        self.own = own


class Silent(Exception):
    """The process died (`crashes`), or did not answer in time (`hangs`)."""


class Worker:
    def __init__(self, command):
        self.command, self.process, self.told = command, None, ""

    def start(self):
        self.process = subprocess.Popen(
            self.command, cwd=CLIENTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(CLIENTS), "PYTHONWARNINGS": "ignore"}
        )
        os.set_blocking(self.process.stdout.fileno(), False)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait(10)
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def ask(self, op, timeout=60, **members):
        """What the library answered, as a dictionary; raises `Refused` or `Silent`."""
        if self.process is None:
            self.start()
        assert op in OPERATIONS, op
        try:
            self.process.stdin.write(json.dumps({"op": op, **members}).encode() + b"\n")
            self.process.stdin.flush()
            line = self.line(timeout)
        except (BrokenPipeError, EOFError):
            self.stop()
            raise Silent("crashes") from None
        except TimeoutError:
            self.stop()
            raise Silent("hangs") from None
        answer = json.loads(line)
        if not answer.pop("ok"):
            raise Refused(answer["error"], answer.get("own", True))
        return answer

    def line(self, timeout):
        gathered = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not gathered.endswith(b"\n"):
                if not selector.select(timeout):
                    raise TimeoutError
                piece = self.process.stdout.read()
                if not piece:
                    raise EOFError
                gathered += piece
        return gathered
