"""The real binary under test."""

import http.client
import json
import os
import pathlib
import subprocess
import time

from .keys import AUDIENCE, ISSUER, SECRET_ISSUER

BINARY = os.environ.get("PORTCULLIS_BIN", "portcullis")

CONFIG = """
[storage]
data_dir = "{data}"

[gateway]
listen = "127.0.0.1:{port}"
# The attack suites fail on purpose, and from one address.
failure_budget = {{ failures = 100000, window = "60s" }}
{listener}

[control]
listen = "127.0.0.1:{control}"
rate = 1000

[[tenants]]
name = "acme"
models = ["echo", "remote"]

[[tenants]]
name = "globex"
models = []

[[issuers]]
name = "files"
tenant = "acme"
issuer = "{issuer}"
jwks_file = "{jwks}"
audiences = ["{audience}"]
algorithms = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
subject = {{ claim = "sub", attribute = "external_id" }}
machine = [{{ claim = "gty", equals = "client-credentials" }}]

[[issuers]]
name = "shared"
tenant = "acme"
issuer = "{secret_issuer}"
secret = "file:{secret}"
algorithms = ["HS256"]
audiences = ["{audience}"]
subject = {{ claim = "sub", attribute = "external_id" }}

[[issuers]]
name = "live"
tenant = "acme"
issuer = "{live}"
algorithms = ["ES256"]
audiences = ["{live_audience}"]
profile = "rfc9068"
subject = {{ claim = "sub", attribute = "external_id" }}
machine = [{{ claim = "sub", same = "client_id" }}]

[[providers]]
name = "echo"
preset = "echo"

[[providers]]
name = "remote"
base_url = "{upstream}/v1"
api_key = "env:REMOTE_KEY"

[[models]]
name = "echo"
deployments = [{{ provider = "echo", model = "echo" }}]

[[models]]
name = "remote"
deployments = [{{ provider = "remote", model = "upstream-model" }}]

[[models]]
name = "not-granted"
deployments = [{{ provider = "echo", model = "echo" }}]

[[services]]
name = "orders"
tenant = "acme"
path = "/orders"
upstream = "{upstream}"
scopes = ["orders:read"]
websocket = true

[[services]]
name = "open"
tenant = "acme"
path = "/open"
upstream = "{upstream}"
auth = "none"

[[services]]
name = "watched"
tenant = "acme"
path = "/watched"
upstream = "{upstream}"
auth = "monitor"

[[services]]
name = "forwarding"
tenant = "acme"
path = "/forwarding"
upstream = "{upstream}"
forward = "caller"

[[services]]
name = "foreign"
tenant = "globex"
path = "/foreign"
upstream = "{upstream}"
"""


PATIENCE = 60
"""Seconds. Longer than anything takes that works, on a busy machine as well."""


def eventually(holds, patience=PATIENCE):
    """Asks until it holds; what it said in the end."""
    deadline = time.monotonic() + patience
    while not (said := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return said


def within_a_second(attempt, what):
    """That something is done within a second. An attempt is told its number, from 0, and gives the seconds that it took. A busy
    machine may hold up one, so there are several; what is slow by itself is slow in each."""
    took = []
    while not took or took[-1] >= 1:
        assert len(took) < 5, f"{what}: each time longer than a second: {took}"
        took.append(attempt(len(took)))


def timed(holds, what):
    """The seconds until it holds."""
    began = time.monotonic()
    assert eventually(holds), what
    return time.monotonic() - began


class Gateway:
    secrets = {"REMOTE_KEY": "sk-of-the-gateway"}
    """What the configuration takes from the environment."""

    def __init__(self, directory, upstream, issuers, live, extra="", listener="", scheme="http"):
        self.place(directory, scheme)
        self.config.write_text(
            CONFIG.format(
                data=self.directory / "data", port=self.port, control=self.control, issuer=ISSUER, secret_issuer=SECRET_ISSUER, audience=AUDIENCE,
                jwks=issuers.jwks_file, secret=issuers.secret_file, live=live.url, live_audience=live.audience, upstream=upstream.url, listener=listener,
            )
            + extra
        )

    def place(self, directory, scheme="http"):
        self.directory = pathlib.Path(directory)
        self.scheme = scheme
        # Ports that the kernel gives: told by the process when it has them.
        self.port, self.control = 0, 0
        self.config = self.directory / "portcullis.toml"

    def __enter__(self):
        self.log = open(self.directory / "log", "wb")
        environment = os.environ | self.secrets
        self.process = subprocess.Popen([BINARY, "serve", "--config", self.config], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment)
        deadline = time.monotonic() + PATIENCE
        while not (self.told() and self.ready()):
            assert self.process.poll() is None and time.monotonic() < deadline, self.logged()
            time.sleep(0.02)
        return self

    def told(self):
        """Whether the process has said where it listens."""
        try:
            told = json.loads((self.directory / "data" / "serving.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return False
        self.port, self.control = (int(told[name].rsplit(":", 1)[1]) for name in ("gateway", "control"))
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"
        return told["pid"] == self.process.pid

    def ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.control, timeout=15)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0, self.logged()
        assert "panicked" not in self.logged()

    def logged(self):
        return (self.directory / "log").read_text(errors="replace")

    def cli(self, *arguments):
        environment = os.environ | self.secrets
        done = subprocess.run([BINARY, *map(str, arguments), "--config", self.config, "--output", "json"], capture_output=True, text=True, env=environment, timeout=2 * PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def create_user(self, external_id, tenant="acme"):
        return self.cli("user", "create", "--tenant", tenant, "--external-id", external_id)

    def call(self, method, path, headers=None, body=None):
        """One call on a connection of its own; status 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            answer.text = answer.read().decode("utf-8", "replace")
            return answer
        except ConnectionRefusedError:
            return type("Nothing", (), {"status": 0, "text": ""})()
        finally:
            connection.close()

    def bearer(self, token, method="GET", path="/orders", **headers):
        return self.call(method, path, {"authorization": f"Bearer {token}", **headers})

    def code(self, answer):
        """The catalogue code of a refusal."""
        document = json.loads(answer.text)
        return document.get("code") or document["error"]["code"]

    def whoami(self, token):
        return json.loads(self.bearer(token, path="/-/whoami").text)
