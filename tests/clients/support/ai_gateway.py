"""The real binary before simulators of AI vendors: a model for each format in which a provider can be spoken to."""

import http.client
import json
import pathlib
import subprocess
import sys

from .certificate import certificate
from .gateway import PATIENCE, Gateway
from .keys import AUDIENCE, ISSUER

CLIENTS = pathlib.Path(__file__).parent.parent
PROVIDERS = {
    "openai": ("openai", "/openai/v1", "gpt-5"),
    "anthropic": ("anthropic", "/anthropic/v1", "claude-sonnet-4-5"),
    "gemini": ("gemini", "/gemini/v1beta", "gemini-2.5-flash"),
    "bedrock": ("bedrock", "/bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    "cohere": ("cohere", "/cohere", "command-a-03-2025"),
    "ollama": ("ollama", "/ollama", "qwen3:8b"),
}
"""By format: the preset, the path of the base URL, the model's name there."""
VIAS = {name: (name, model, "") for name, (_, _, model) in PROVIDERS.items()} | {"responses": ("openai", "gpt-5", ', api = "responses"')}
"""By the format in which a provider is asked: the provider, the model's name there, and what else its deployment says."""

CONFIG = """
[storage]
data_dir = "{data}"

[gateway]
listen = "127.0.0.1:{port}"
failure_budget = {{ failures = 100000, window = "60s" }}

[control]
listen = "127.0.0.1:{control}"
rate = 1000

[[tenants]]
name = "acme"
models = [{granted}]

[[issuers]]
name = "files"
tenant = "acme"
issuer = "{issuer}"
jwks_file = "{jwks}"
audiences = ["{audience}"]
algorithms = ["ES256"]
subject = {{ claim = "sub", attribute = "external_id" }}
"""
BESIDE = {
    "painter": ("openai", "gpt-image-2"),
    "listener": ("openai", "gpt-4o-transcribe"),
    "speaker": ("openai", "gpt-4o-mini-tts"),
    "judge": ("openai", "omni-moderation-latest"),
    "voice": ("openai", "gpt-realtime"),
    "voice-429": ("openai", "gpt-realtime-429"),
    "voice-denied": ("openai", "gpt-realtime-denied"),
    "vectors-titan": ("bedrock", "amazon.titan-embed-text-v2:0"),
    "vectors-cohere": ("bedrock", "cohere.embed-multilingual-v3"),
    "harbour/large:0": ("openai", "gpt-5"),
}
"""Models that are not for conversations, and one with a vendor's kind of name: the provider, and the name there."""
CALLED = ("", "gpt-5-", "claude-sonnet-4-5-", "gemini-3-flash-")
"""What a model's name begins with: by that some clients think that they know what it can do."""
AWS = '{ region = "eu-west-1", access_key_id = "env:AWS_ID", secret_access_key = "env:AWS_KEY" }'


class Simulated:
    """The process of the simulators."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-m", "simulators"], cwd=CLIENTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(PATIENCE)

    def take(self):
        """What came since the last time, each with what was wrong with it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", "/-/taken")
        taken = json.loads(connection.getresponse().read())
        connection.close()
        return taken


class AiGateway(Gateway):
    secrets = {"REMOTE_KEY": "sk-of-the-gateway", "AWS_ID": "AKIDEXAMPLE", "AWS_KEY": "a-secret-of-the-gateway"}

    def __init__(self, directory, simulated, issuers, tls=False):
        self.place(directory, "https" if tls else "http")
        self.certificate = self.directory / "cert.pem"
        granted = ", ".join([f'"{called}via-{name}"' for name in VIAS for called in CALLED] + [f'"{name}"' for name in BESIDE])
        text = CONFIG.format(data=self.directory / "data", port=self.port, control=self.control, granted=granted, issuer=ISSUER, jwks=issuers.jwks_file, audience=AUDIENCE)
        if tls:
            certificate(self.directory, "gateway")
            text += f'[gateway.tls]\ncertificate_file = "{self.certificate}"\nkey_file = "{self.directory}/key.pem"\n\n'
        for name, (preset, path, _) in PROVIDERS.items():
            key = f"aws = {AWS}" if name == "bedrock" else 'api_key = "env:REMOTE_KEY"'
            text += f'[[providers]]\nname = "{name}"\npreset = "{preset}"\nbase_url = "{simulated.url}{path}"\n{key}\n\n'
        for name, (provider, model, more) in VIAS.items():
            for called in CALLED:
                text += f'[[models]]\nname = "{called}via-{name}"\nbreaker = {{ failures = 0 }}\ndeployments = [{{ provider = "{provider}", model = "{model}"{more} }}]\n\n'
        for name, (provider, model) in BESIDE.items():
            text += f'[[models]]\nname = "{name}"\nbreaker = {{ failures = 0 }}\ndeployments = [{{ provider = "{provider}", model = "{model}" }}]\n\n'
        self.config.write_text(text)
