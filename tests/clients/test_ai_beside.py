"""What AI libraries ask beside conversations, and the events of a stream as they are."""

import anthropic
import openai
import pytest
from sdk.anthropic_python import AnthropicPython
from sdk.asking import User
from sdk.cohere_python import CoherePython
from sdk.google_genai import GoogleGenai
from sdk.ollama_python import OllamaPython
from sdk.openai_python import OpenAiPython
from simulators import scene
from simulators.vendor import vector
from support.ai_gateway import BESIDE, PROVIDERS


@pytest.fixture()
def clean(simulated):
    simulated.take()
    yield
    assert not [problem for one in simulated.take() for problem in one["problems"]]


@pytest.fixture()
def key(issuers):
    return issuers.token("ES256", sub="ada")


@pytest.mark.parametrize("via", ["openai", "gemini", "cohere", "ollama"])
@pytest.mark.parametrize("library", [OpenAiPython, GoogleGenai, CoherePython, OllamaPython], ids=lambda library: library.name)
def test_embeddings(ai_gateway, key, clean, library, via):
    vectors = library(ai_gateway.url, key, f"via-{via}").embed(["a", "naïve 🚢"])
    assert vectors == [pytest.approx(vector(text)) for text in ("a", "naïve 🚢")]


def test_embeddings_where_there_are_none(ai_gateway, key, clean):
    with pytest.raises(openai.APIStatusError) as refused:
        OpenAiPython(ai_gateway.url, key, "via-anthropic").embed(["a"])
    assert refused.value.status_code < 500 and refused.value.code


@pytest.mark.parametrize("via", ["anthropic", "gemini"])
def test_counting(ai_gateway, key, clean, via):
    assert AnthropicPython(ai_gateway.url, key, f"via-{via}").count([User("how long is this?")]) == scene.INPUT


@pytest.mark.parametrize("via", ["openai", "cohere", "ollama"])
def test_counting_where_nobody_counts(ai_gateway, key, clean, via):
    assert 4 < AnthropicPython(ai_gateway.url, key, f"via-{via}").count([User("how long is this?")]) < 20


def test_orders_of_documents(ai_gateway, key, clean):
    assert CoherePython(ai_gateway.url, key, "via-cohere").rerank("ships harbour", ["cars", "ships in the harbour"]) == [(1, 1.0), (0, 0.0)]


def test_models(ai_gateway, key):
    named = {f"{called}via-{via}" for via in PROVIDERS for called in ("", "gpt-5-", "claude-sonnet-4-5-", "gemini-3-flash-")} | set(BESIDE)
    assert {model.id for model in OpenAiPython(ai_gateway.url, key, "").client.models.list()} == named
    assert {model.id for model in anthropic.Anthropic(base_url=ai_gateway.url + "/anthropic", api_key=key).models.list(limit=100)} == named
    for library in (CoherePython, OllamaPython):
        assert library(ai_gateway.url, key, "").models() == named


@pytest.mark.parametrize("via", PROVIDERS)
def test_the_events_of_messages(ai_gateway, key, via, clean):
    events, problems = AnthropicPython(ai_gateway.url, key, f"via-{via}").raw_events([User("one two three")])
    assert not problems
    kinds = [event.type for event in events if event.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"] and kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
