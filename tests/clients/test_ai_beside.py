"""What AI libraries ask beside conversations, and the events of a stream as they are."""

import json

import anthropic
import openai
import pytest
from sdk.anthropic_python import AnthropicPython
from sdk.asking import User, refused
from sdk.bedrock_boto3 import BedrockBoto3
from sdk.cohere_python import CoherePython
from sdk.google_genai import GoogleGenai
from sdk.langchain import LangChainOpenAi
from sdk.litellm_python import LiteLlmOpenAi
from sdk.ollama_python import OllamaPython
from sdk.openai_python import OpenAiPython
from simulators import scene
from simulators.vendor import vector
from support.ai_gateway import BESIDE, PROVIDERS, VIAS


EMBEDDERS = [OpenAiPython, GoogleGenai, CoherePython, OllamaPython, LangChainOpenAi, LiteLlmOpenAi]
VECTORS = ["via-openai", "via-gemini", "via-cohere", "via-ollama", "vectors-titan", "vectors-cohere"]


@pytest.fixture()
def clean(simulated):
    simulated.take()
    yield
    assert not [problem for one in simulated.take() for problem in one["problems"]]


@pytest.fixture()
def key(issuers):
    return issuers.token("ES256", sub="ada")


@pytest.mark.parametrize("model", VECTORS)
@pytest.mark.parametrize("library", EMBEDDERS, ids=lambda library: library.name)
class TestEmbeddings:
    def test_vectors(self, ai_gateway, key, clean, library, model):
        vectors = library(ai_gateway.url, key, model).embed(["a", "naïve 🚢"])
        assert vectors == [pytest.approx(vector(text)) for text in ("a", "naïve 🚢")]

    def test_errors(self, ai_gateway, key, clean, library, model):
        ask = library(ai_gateway.url, key, model)
        same = model == f"via-{library.dialect}"
        for mark, status in (("429", 429), ("500", 500), ("denied", 502)) + (() if same else (("cut", 502), ("malformed", 502))):
            seen = refused(ask, lambda mark=mark: ask.embed([f"[[{mark}]]"]))
            assert seen.status == status, (mark, seen)
            assert "sk-of-the-gateway" not in seen.said and "a-secret-of-the-gateway" not in seen.said

    def test_time_outs(self, ai_gateway, key, clean, library, model):
        hasty = library(ai_gateway.url, key, model, timeout=1)
        assert refused(hasty, lambda: hasty.embed(["[[hang]]"])).kinds & library.timed_out


def test_embeddings_where_there_are_none(ai_gateway, key, clean):
    with pytest.raises(openai.APIStatusError) as refused:
        OpenAiPython(ai_gateway.url, key, "via-anthropic").embed(["a"])
    assert refused.value.status_code < 500 and refused.value.code


@pytest.mark.parametrize("via", PROVIDERS)
@pytest.mark.parametrize("library", [AnthropicPython, GoogleGenai, BedrockBoto3], ids=lambda library: library.name)
def test_counting(request, key, clean, library, via):
    if library is BedrockBoto3:
        gateway = request.getfixturevalue("ai_gateway_tls")
        ask = library(gateway.url, key, f"via-{via}", trusted=gateway.certificate)
    else:
        ask = library(request.getfixturevalue("ai_gateway").url, key, f"via-{via}")
    counted = ask.count([User("how long is this?")])
    # Where nobody counts, it is an estimate.
    assert counted == scene.INPUT if via in ("anthropic", "gemini", "bedrock") else 4 < counted < 20


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("via", PROVIDERS)
@pytest.mark.parametrize("library", [OpenAiPython, OllamaPython], ids=lambda library: library.name)
def test_completions(ai_gateway, key, clean, library, via, stream):
    assert library(ai_gateway.url, key, f"via-{via}").complete("one two three", stream) == scene.SAID + "one two three"


def test_what_is_invoked(ai_gateway_tls, key, clean):
    made = lambda model: BedrockBoto3(ai_gateway_tls.url, key, model, trusted=ai_gateway_tls.certificate)
    assert made("vectors-titan").embed(["a", "b"]) == [pytest.approx(vector(text)) for text in ("a", "b")]
    elsewhere = made("via-openai")
    assert refused(elsewhere, lambda: elsewhere.embed(["a"])).status == 400


def test_orders_of_documents(ai_gateway, key, clean):
    asked = ("ships harbour", ["cars", "ships in the harbour"])
    assert CoherePython(ai_gateway.url, key, "via-cohere").rerank(*asked) == [(1, 1.0), (0, 0.0)]
    # Jina's, which has no library of its own.
    body = json.dumps({"model": "via-cohere", "query": asked[0], "documents": asked[1], "top_n": 1})
    answer = ai_gateway.call("POST", "/v1/rerank", {"authorization": f"Bearer {key}", "content-type": "application/json"}, body)
    assert [(one["index"], one["relevance_score"]) for one in json.loads(answer.text)["results"]] == [(1, 1.0)]


def test_models(ai_gateway, key):
    named = {f"{called}via-{via}" for via in VIAS for called in ("", "gpt-5-", "claude-sonnet-4-5-", "gemini-3-flash-")} | set(BESIDE)
    assert {model.id for model in OpenAiPython(ai_gateway.url, key, "").client.models.list()} == named
    assert {model.id for model in anthropic.Anthropic(base_url=ai_gateway.url + "/anthropic", api_key=key).models.list(limit=100)} == named
    for library in (CoherePython, OllamaPython):
        assert library(ai_gateway.url, key, "").models() == named


def test_a_name_with_a_slash(ai_gateway, ai_gateway_tls, key, clean):
    """Each library writes it into paths in its own way: encoded as one segment, or as it is."""
    name, asked = "harbour/large:0", [User("one two three")]
    assert OpenAiPython(ai_gateway.url, key, name).client.models.retrieve(name).id == name
    assert anthropic.Anthropic(base_url=ai_gateway.url + "/anthropic", api_key=key).models.retrieve(name).id == name
    assert GoogleGenai(ai_gateway.url, key, name).client.models.get(model=name).name == f"models/{name}"
    for library in (OpenAiPython, AnthropicPython, GoogleGenai, CoherePython, OllamaPython):
        assert library(ai_gateway.url, key, name).ask(asked).text, library.name
    boto3 = BedrockBoto3(ai_gateway_tls.url, key, name, trusted=ai_gateway_tls.certificate)
    for stream in (False, True):
        assert boto3.ask(asked, stream=stream).text


@pytest.mark.parametrize("via", PROVIDERS)
def test_the_events_of_messages(ai_gateway, key, via, clean):
    events, problems = AnthropicPython(ai_gateway.url, key, f"via-{via}").raw_events([User("one two three")])
    assert not problems
    kinds = [event.type for event in events if event.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"] and kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
