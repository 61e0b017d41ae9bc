"""The official Node package, unchanged but for `baseURL`."""

import json
import os
import subprocess

import pytest
from support.live_issuer import NODE


@pytest.fixture(scope="module")
def seen(gateway, issuers):
    environment = os.environ | {"BASE_URL": gateway.url + "/v1", "API_KEY": issuers.token(sub="ada"), "MODEL": "echo"}
    done = subprocess.run(["node", NODE / "openai.mjs"], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_chat_and_stream_say_the_same(seen):
    assert "ships in the harbour" in seen["chat"]["text"]
    assert seen["stream"]["text"] == seen["chat"]["text"] and seen["stream"]["chunks"] > 3
    assert seen["stream"]["usage"] is None
    assert seen["counted"]["usage"] == seen["chat"]["usage"]


def test_tools(seen):
    assert seen["tool"]["name"] == seen["toolStream"]["name"] == "lookup"
    assert json.loads(seen["tool"]["arguments"]) == json.loads(seen["toolStream"]["arguments"])


def test_embeddings_and_models(seen):
    assert len(seen["embeddings"]) == 2 and seen["embeddings"][0] > 8
    assert sorted(seen["models"]) == ["echo", "remote"]


def test_errors_are_of_the_right_class(seen):
    assert seen["unknownModel"] | {"requestId": None, "type": None} == {"class": "NotFoundError", "status": 404, "code": "model_not_found", "type": None, "requestId": None}
    assert seen["unknownModel"]["requestId"]
    assert (seen["badKey"]["class"], seen["badKey"]["status"]) == ("AuthenticationError", 401)
    assert (seen["badBody"]["class"], seen["badBody"]["code"]) == ("BadRequestError", "ai_request_invalid")
