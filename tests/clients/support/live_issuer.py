"""A real OpenID provider (oidc-provider) as a process of its own."""

import json
import pathlib
import subprocess
import urllib.parse
import urllib.request

from .gateway import PATIENCE

NODE = pathlib.Path(__file__).resolve().parent.parent / "node"


class LiveIssuer:
    def __enter__(self):
        self.process = subprocess.Popen(["node", NODE / "issuer.mjs"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        told = json.loads(self.process.stdout.readline())
        self.url, self.audience = told["issuer"], told["resource"]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)

    def ask(self, path, method="GET", **query):
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=PATIENCE) as answer:
            return json.loads(answer.read())

    def token(self, sub):
        return self.ask("/test/token", sub=sub)["token"]

    def machine_token(self):
        """By the client credentials grant, as a robot would."""
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": "robot", "client_secret": "robot-secret-robot-secret-robot!", "scope": "api:read"}).encode()
        with urllib.request.urlopen(self.url + "/token", form, timeout=PATIENCE) as answer:
            return json.loads(answer.read())["access_token"]
