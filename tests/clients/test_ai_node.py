"""The official Node packages at providers' formats, one process for each package."""

import base64
import dataclasses
import hashlib
import json
import os
import subprocess

import pytest
from sdk.anthropic_python import AnthropicPython
from sdk.asking import PNG
from sdk.cohere_python import CoherePython
from sdk.google_genai import GoogleGenai
from sdk.ollama_python import OllamaPython
from sdk.openai_python import OpenAiPython
from sdk.openai_responses import OpenAiResponses
from simulators import scene
from simulators.vendor import vector
from support.ai_gateway import PROVIDERS
from support.live_issuer import NODE

STATUSES = (400, 401, 404, 429, 500, 502, 503, 529)
IMAGE = f"Seen: image/png {len(PNG)} {hashlib.sha256(PNG).hexdigest()[:12]}"
EMBED = ("openai", "gemini", "cohere", "ollama")
"""Providers with vectors."""


@dataclasses.dataclass
class Package:
    """What is different about it."""

    dialect: str
    stops: dict
    """The words for an ending: the same as in Python."""
    raised: dict
    """Its class of errors by status."""
    broken: set
    late: set
    headers_told: bool = True
    """Whether its errors have the answer's headers."""
    embeds: bool = True


OPENAI = Package("openai", OpenAiPython.stops, OpenAiPython.raised, {"APIError"}, {"APIConnectionTimeoutError"})
PACKAGES = {
    "openai": OPENAI,
    "responses": dataclasses.replace(OPENAI, stops=OpenAiResponses.stops, embeds=False),
    "anthropic": Package("anthropic", AnthropicPython.stops, OpenAiPython.raised, {"AnthropicError"}, {"APIConnectionTimeoutError"}, embeds=False),
    "google": Package("gemini", GoogleGenai.stops, dict.fromkeys(STATUSES, "ApiError"), {"ApiError"}, {"AbortError"}, headers_told=False),
    "cohere": Package("cohere", CoherePython.stops, CoherePython.raised | {502: "CohereError", 529: "CohereError"}, {"Broken"}, {"CohereError"}),
    "ollama": Package("ollama", OllamaPython.stops, dict.fromkeys(STATUSES, "ResponseError"), {"Error"}, {"TimeoutError"}, headers_told=False),
    "langchain": dataclasses.replace(OPENAI, late={"TimeoutError"}),
}


def pytest_generate_tests(metafunc):
    if {"package", "via"} <= set(metafunc.fixturenames):
        pairs = [(package, via) for package in PACKAGES for via in tried(package, metafunc.config)]
        metafunc.parametrize(("package", "via"), pairs, ids=[f"{package}-via-{via}" for package, via in pairs])


def tried(package, config):
    """The providers at which it is: the one that speaks its format, and two others."""
    names = list(PROVIDERS)
    own = names.index(PACKAGES[package].dialect)
    return names if config.getoption("--matrix") else [names[(own + step) % len(names)] for step in (0, 1, 3)]


@pytest.fixture(scope="module")
def seen(request, ai_gateway, simulated, issuers):
    """What a package saw; it is asked when it is tried first."""
    known = {}

    def seen(package, via):
        if package not in known:
            simulated.take()
            models = ",".join(f"via-{one}" for one in tried(package, request.config))
            environment = os.environ | {"BASE_URL": ai_gateway.url, "API_KEY": issuers.token(sub="ada"), "PACKAGES": package, "MODELS": models, "PNG": base64.b64encode(PNG).decode()}
            done = subprocess.run(["node", NODE / "ai.mjs"], capture_output=True, text=True, env=environment, timeout=120)
            assert done.returncode == 0, done.stderr
            wrong = [f"{one['vendor']} {one['path']}: {one['problems']}\n    of {one['body'][:2000]}" for one in simulated.take() if one["problems"]]
            assert not wrong, "\n".join(wrong)
            known[package] = json.loads(done.stdout)[package]
        return PACKAGES[package], known[package][f"via-{via}"]

    return seen


def heard(at, scenario):
    assert "heard" in at[scenario], (scenario, at[scenario])
    return at[scenario]["heard"]


def test_what_is_heard(seen, package, via):
    expected, at = seen(package, via)
    for when in ("whole", "stream"):
        chat = heard(at, f"chat {when}")
        assert chat["text"] == scene.SAID + "count the ships in the harbour"
        assert chat["stop"] == expected.stops["end"] and chat["tokens"] == [scene.INPUT, scene.OUTPUT]
        assert when == "whole" or chat["pieces"] > 3
        calls = heard(at, f"calls {when}")
        assert [(call["name"], call["arguments"]) for call in calls["calls"]] == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Oslo"})]
        assert calls["stop"] == expected.stops["tools"]
        results = heard(at, f"results {when}")["text"]
        assert '"Paris"}) = 18 °C' in results and '"Oslo"}) = -3 °C' in results
        assert json.loads(heard(at, f"schema {when}")["text"]) == {"name": "Ada", "age": 36}
        assert heard(at, f"image {when}")["text"] == IMAGE
    if expected.embeds and via in EMBED:
        assert heard(at, "embeddings") == [pytest.approx(vector(text)) for text in ("a", "naïve 🚢")]


def test_errors_are_of_the_right_class(seen, package, via):
    expected, at = seen(package, via)
    # A status of Anthropic's own, which Google's format has no word for.
    overload = 529 if via == "anthropic" and expected.dialect != "gemini" else 503
    for mark, status in (("429", 429), ("500", 500), ("529", overload), ("too-long", 400), ("denied", 502)):
        for when in ("whole", "stream"):
            error = at[f"{mark} {when}"]
            # LangChain knows a prompt that is too long by OpenAI's own words; what it makes of it has no status.
            if (package, via, mark) == ("langchain", "openai", "too-long"):
                assert "ContextOverflowError" in error["kinds"]
                continue
            assert error["status"] == status and expected.raised[status] in error["kinds"], (mark, when, error)
            assert mark != "429" or not expected.headers_told or error["retryAfter"] == "7"
            assert "sk-of-the-gateway" not in error["message"]
    assert at["stranger"]["status"] == 401 and expected.raised[401] in at["stranger"]["kinds"]
    assert at["unknown"]["status"] == 404 and expected.raised[404] in at["unknown"]["kinds"]
    if expected.embeds and via not in EMBED:
        assert at["embeddings"]["status"] in (400, 404), at["embeddings"]


def test_streams_that_break_and_calls_that_hang(seen, package, via):
    expected, at = seen(package, via)
    for mark in ("broken", "cut"):
        assert expected.broken & set(at[mark].get("kinds", ())), at[mark]
    assert expected.late & set(at["late"].get("kinds", ())) and at["late"]["status"] is None, at["late"]
