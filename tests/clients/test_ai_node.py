"""The official Node packages of OpenAI and Anthropic at every provider's format, in one process."""

import base64
import hashlib
import json
import os
import subprocess

import pytest
from sdk.anthropic_python import AnthropicPython
from sdk.asking import PNG
from sdk.openai_python import OpenAiPython
from simulators import scene
from support.ai_gateway import PROVIDERS
from support.live_issuer import NODE

# The same words and classes as in Python, but for the names of two.
STOPS = {"openai": OpenAiPython.stops, "anthropic": AnthropicPython.stops}
RAISED = OpenAiPython.raised
IMAGE = f"Seen: image/png {len(PNG)} {hashlib.sha256(PNG).hexdigest()[:12]}"


@pytest.fixture(scope="module")
def seen(ai_gateway, simulated, issuers):
    simulated.take()
    models = ",".join(f"via-{via}" for via in PROVIDERS)
    environment = os.environ | {"BASE_URL": ai_gateway.url, "API_KEY": issuers.token(sub="ada"), "MODELS": models, "PNG": base64.b64encode(PNG).decode()}
    done = subprocess.run(["node", NODE / "ai.mjs"], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    wrong = [f"{one['vendor']} {one['path']}: {one['problems']}\n    of {one['body'][:2000]}" for one in simulated.take() if one["problems"]]
    assert not wrong, "\n".join(wrong)
    return json.loads(done.stdout)


@pytest.mark.parametrize("via", PROVIDERS)
@pytest.mark.parametrize("package", ["openai", "anthropic"])
class TestNode:
    def test_what_is_heard(self, seen, package, via):
        at = seen[package][f"via-{via}"]
        for when in ("whole", "stream"):
            chat = at[f"chat {when}"]["heard"]
            assert chat["text"] == scene.SAID + "count the ships in the harbour"
            assert chat["stop"] == STOPS[package]["end"] and chat["tokens"] == [scene.INPUT, scene.OUTPUT]
            assert when == "whole" or chat["pieces"] > 3
            calls = at[f"calls {when}"]["heard"]
            assert [call["arguments"] for call in calls["calls"]] == [{"city": "Paris"}, {"city": "Oslo"}]
            assert calls["stop"] == STOPS[package]["tools"]
            results = at[f"results {when}"]["heard"]["text"]
            assert '"Paris"}) = 18 °C' in results and '"Oslo"}) = -3 °C' in results
            assert json.loads(at[f"schema {when}"]["heard"]["text"]) == {"name": "Ada", "age": 36}
            assert at[f"image {when}"]["heard"]["text"] == IMAGE

    def test_errors_are_of_the_right_class(self, seen, package, via):
        at = seen[package][f"via-{via}"]
        overload = 529 if via == "anthropic" else 503
        for mark, status in (("429", 429), ("500", 500), ("529", overload), ("too-long", 400), ("denied", 502)):
            for when in ("whole", "stream"):
                error = at[f"{mark} {when}"]
                assert error["status"] == status and RAISED[status] in error["kinds"], (mark, when, error)
                assert mark != "429" or error["retryAfter"] == "7"
                assert "sk-of-the-gateway" not in error["message"]
        assert at["stranger"]["status"] == 401 and RAISED[401] in at["stranger"]["kinds"]
        assert at["unknown"]["status"] == 404 and RAISED[404] in at["unknown"]["kinds"]

    def test_streams_that_break_and_calls_that_hang(self, seen, package, via):
        at = seen[package][f"via-{via}"]
        for mark in ("broken", "cut"):
            assert {"APIError", "AnthropicError", "OpenAIError"} & set(at[mark]["kinds"]), at[mark]
        assert "APIConnectionTimeoutError" in at["late"]["kinds"], at["late"]
