"""Webhooks as a receiver sees them that verifies with the Standard Webhooks library."""

import json
import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from support.gateway import BINARY, PATIENCE

OLD = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
NEW = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4"
OTHER = "whsec_enp6enp6enp6enp6enp6enp6enp6enp6"

CONFIG = """
[storage]
data_dir = "{place}/data"
[gateway]
listen = "127.0.0.1:0"
[control]
listen = "127.0.0.1:0"
[[tenants]]
name = "acme"
[[webhooks]]
name = "crm"
url = "{url}/hook"
secret = "env:NEW"
old_secret = "env:OLD"
"""


class Receiver:
    def __enter__(self):
        self.got, self.arrived = [], threading.Condition()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with owner.arrived:
                    owner.got.append((body, {name.lower(): value for name, value in self.headers.items()}))
                    owner.arrived.notify_all()
                self.send_response(204)
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def wait(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= count, PATIENCE), f"{len(self.got)} of {count} arrived"
            return self.got[:count]


@pytest.fixture()
def told(tmp_path):
    """What a receiver got: a test, and a user made and suspended."""
    environment = os.environ | {"OLD": OLD, "NEW": NEW}
    config = tmp_path / "portcullis.toml"
    with Receiver() as receiver:
        config.write_text(CONFIG.format(place=tmp_path, url=receiver.url))
        server = subprocess.Popen([BINARY, "serve", "--config", config], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)

        def cli(*arguments):
            done = subprocess.run([BINARY, *arguments, "--config", config, "--output", "json"], capture_output=True, text=True, env=environment)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        try:
            deadline = time.monotonic() + PATIENCE
            while not (tmp_path / "data" / "serving.json").exists():
                assert server.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
            while cli("webhook", "show", "crm")["status"]["state"] != "active":
                assert time.monotonic() < deadline
            cli("webhook", "test", "crm")
            user = cli("user", "create", "--tenant", "acme", "--username", "ada")
            cli("user", "suspend", user["id"])
            yield user, receiver.wait(3)
        finally:
            server.terminate()
            server.wait(PATIENCE)


def test_a_library_verifies_every_event(told):
    user, got = told
    for secret in (NEW, OLD):
        kinds = [Webhook(secret).verify(body, headers)["type"] for body, headers in got]
        assert kinds == ["test", "user.created", "user.suspended"]
    last = json.loads(got[-1][0])
    assert last["subject"] == {"user": user["id"]} and last["tenant_name"] == "acme"
    assert got[-1][1]["webhook-id"] == last["id"]


def test_what_is_not_ours_is_refused(told):
    _, got = told
    body, headers = got[-1]
    for wrong in (
        lambda: Webhook(OTHER).verify(body, headers),
        lambda: Webhook(NEW).verify(body.replace(b"suspended", b"restored."), headers),
        lambda: Webhook(NEW).verify(body, headers | {"webhook-id": "evt_other"}),
        lambda: Webhook(NEW).verify(body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 3600)}),
    ):
        with pytest.raises(WebhookVerificationError):
            wrong()
