"""Every official library at every provider's format. What a provider is sent is held against its own published types by the
simulators; what a library hears is the same whoever answers."""

import dataclasses
import hashlib
import json

import pytest
from sdk.anthropic_python import AnthropicPython
from sdk.asking import PNG, SCHEMA, TOOL_NAME, Results, System, User, refused
from sdk.bedrock_boto3 import BedrockBoto3
from sdk.cohere_python import CoherePython
from sdk.google_genai import GoogleGenai
from sdk.langchain import LangChainAnthropic, LangChainOpenAi
from sdk.litellm_python import LiteLlmAnthropic, LiteLlmOpenAi
from sdk.ollama_python import OllamaPython
from sdk.openai_python import OpenAiPython
from sdk.openai_responses import OpenAiResponses
from simulators import scene
from support.ai_gateway import VIAS

LIBRARIES = [OpenAiPython, OpenAiResponses, AnthropicPython, GoogleGenai, BedrockBoto3, CoherePython, OllamaPython, LangChainOpenAi, LangChainAnthropic, LiteLlmOpenAi, LiteLlmAnthropic]
HELLO = "count the ships in the harbour"
TOKENS = (scene.INPUT, scene.OUTPUT)
UNFILTERED = ("cohere", "ollama")
"""Providers that have no word for it."""
OPENAIS = ("openai", "responses")
"""OpenAI's own endpoints, which tell no thoughts unless they are asked for in OpenAI's own words."""


def pytest_generate_tests(metafunc):
    if "library" in metafunc.fixturenames:
        sample = not metafunc.config.getoption("--matrix") and metafunc.function.__name__ != "test_chat"
        pairs = [(library, via) for at, library in enumerate(LIBRARIES) for on, via in enumerate(VIAS) if not sample or chosen(library, via, at, on)]
        metafunc.parametrize(("library", "via"), pairs, ids=[f"{library.name}-via-{via}" for library, via in pairs])


def chosen(library, via, at, on):
    """Whether a pair is in the sample: one of each library's, and who comes most often to an endpoint that is not the usual one."""
    return (at + on) % len(VIAS) == at // len(VIAS) or (via == "responses" and library in (OpenAiPython, AnthropicPython, LangChainOpenAi))


@pytest.fixture(scope="session")
def key(issuers):
    return issuers.token("ES256", sub="ada", exp=4000000000)


@pytest.fixture()
def taken(simulated):
    """What the provider was sent; anything wrong with it fails the test, with the reason."""
    simulated.take()
    yield simulated.take
    wrong = [f"{one['vendor']} {one['path']}: {problem}\n    of {one['body'][:2000]}" for one in simulated.take() for problem in one["problems"]]
    assert not wrong, "\n".join(wrong)


@pytest.fixture()
def made(library, request, key, taken):
    """Makes the library's client."""
    if getattr(library, "needs_tls", False):
        gateway = request.getfixturevalue("ai_gateway_tls")
        return lambda model, key=key, **more: library(gateway.url, key, model, trusted=gateway.certificate, **more)
    gateway = request.getfixturevalue("ai_gateway")
    return lambda model, key=key, **more: library(gateway.url, key, model, **more)


@pytest.fixture()
def ask(via, made):
    return made(f"via-{via}")


def of(library, via):
    """Whether both sides speak the same, so that bytes pass."""
    return library.dialect == via or (library.dialect, via) == ("responses", "openai")  # which has both


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
class TestHeard:
    def test_chat(self, ask, stream):
        heard = ask.ask([User(HELLO)], stream=stream)
        assert heard.text == scene.SAID + HELLO
        assert heard.stop == ask.stops["end"] and heard.tokens == TOKENS
        assert not heard.problems
        assert not stream or len(heard.at) > 3

    def test_conversation(self, ask, stream):
        first = ask.ask([User("one")])
        heard = ask.ask([System("be brief"), User("one"), first, User("two, naïve 🚢")], stream=stream)
        assert heard.text == scene.SAID + "two, naïve 🚢 | be brief"
        assert not heard.problems

    def test_tools_in_parallel_and_their_results(self, ask, stream):
        turns = [User("the weather in Paris, Oslo and Zürich")]
        called = ask.ask(turns, tools=True, stream=stream)
        assert [(call.name, call.arguments) for call in called.calls] == [(TOOL_NAME, {"city": city}) for city in ("Paris", "Oslo", "Zürich")]
        assert len({call.id for call in called.calls}) == 3 or None in [call.id for call in called.calls]
        assert called.stop == ask.stops["tools"] and not called.problems
        turns += [called if called.said is not None else ask.ask(turns, tools=True), Results(["18 °C", "-3 °C", "7 °C"])]
        heard = ask.ask(turns, tools=True, stream=stream)
        for city, degrees in (("Paris", "18 °C"), ("Oslo", "-3 °C"), ("Zürich", "7 °C")):
            assert f'{TOOL_NAME}({{"city": "{city}"}}) = {degrees}' in heard.text
        assert heard.stop == ask.stops["end"]

    def test_structured_output(self, ask, via, stream):
        if stream and ask.name.startswith("langchain"):
            pytest.skip("LangChain's structured output is asked for whole")
        if via == "ollama" and getattr(ask, "demands", False):
            pytest.skip("the library asks for it by a tool that must be called, and there nothing can be demanded")
        heard = ask.ask([User("who is there?")], schema=SCHEMA, stream=stream)
        said = heard.text[heard.text.find("{") :] if stream and getattr(ask, "speaks_first", False) else heard.text
        assert json.loads(said) == {"name": "Ada", "age": 36}

    def test_vision(self, ask, stream):
        heard = ask.ask([User("what is this?", [PNG])], stream=stream)
        assert heard.text == f"Seen: image/png {len(PNG)} {hashlib.sha256(PNG).hexdigest()[:12]}"

    def test_thinking(self, ask, library, via, stream):
        heard = ask.ask([User(HELLO)], think=True, stream=stream)
        assert heard.text == scene.SAID + HELLO
        if library.thoughts and (via not in OPENAIS or of(library, via)):
            assert heard.thought == scene.THOUGHT

    def test_filtered(self, ask, via, stream):
        if via in UNFILTERED:
            pytest.skip(f"{via} has no word for it")
        heard = ask.ask([User("[[filter]]")], stream=stream)
        assert heard.stop == ask.stops["filter"]


def test_a_forced_tool(ask, library, via):
    if not getattr(library, "forces", True):
        pytest.skip("the library cannot demand one")
    if via == "ollama":
        # There, nothing can be demanded: a call that might come without it is refused.
        seen = refused(ask, lambda: ask.ask([User(HELLO)], tools=True, force=True))
        assert seen.status == 400, seen
        return
    assert [call.name for call in ask.ask([User(HELLO)], tools=True, force=True).calls] == [TOOL_NAME]


def test_errors_keep_what_they_are(ask, library, via):
    # A status of Anthropic's own, which Google's format and AWS's have no word for.
    overload = 529 if via == "anthropic" and library.dialect not in ("gemini", "bedrock") else 503
    overload = getattr(library, "overload", overload)
    for mark, status in (("429", 429), ("500", 500), ("529", overload), ("too-long", 400), ("denied", 502)):
        for stream in (False, True):
            seen = refused(ask, lambda mark=mark, stream=stream: ask.ask([User(f"[[{mark}]]")], stream=stream))
            kinds = library.raised[status]
            assert seen.kinds & (kinds if isinstance(kinds, set) else {kinds}) and seen.status == status, (mark, stream, seen)
            if mark == "429":
                assert seen.retry_after == "7" or library.name.startswith("litellm") or not getattr(library, "headers_told", True), seen
            if mark == "denied":
                assert "sk-of-the-gateway" not in seen.said


def test_refusals_of_ours(library, via, made, taken):
    unknown = made("no-such-model")
    seen = refused(unknown, lambda: unknown.ask([User(HELLO)]))
    assert library.raised[404] in seen.kinds and seen.status == 404, seen
    stranger = made(f"via-{via}", key="not-a-token")
    seen = refused(stranger, lambda: stranger.ask([User(HELLO)]))
    assert library.raised[401] in seen.kinds and seen.status == 401, seen
    assert taken() == []


def test_broken_answers_are_errors(ask, library, via):
    for mark in ("cut", "malformed"):
        if not of(library, via):
            seen = refused(ask, lambda mark=mark: ask.ask([User(f"[[{mark}]]")]))
            assert seen.status == 502, (mark, seen)


def test_broken_streams_are_errors(ask, library, via):
    for mark in ("broken", "cut") + (() if of(library, via) else ("malformed",)):
        seen = refused(ask, lambda mark=mark: ask.ask([User(f"[[{mark}]] one two three four five")], stream=True))
        assert seen.kinds & library.mid_stream, (mark, seen)


def test_slow_streams_come_piece_by_piece(ask):
    # A busy machine may keep this process from hearing the first before the last is there, but not each time.
    apart = []
    while not apart or apart[-1] <= 0.2:
        assert len(apart) < 5, apart
        heard = ask.ask([User("[[slow]] one two")], stream=True)
        assert heard.text == scene.SAID + "[[slow]] one two"
        apart.append(heard.at[-1] - heard.at[0])


def test_time_outs(library, via, made):
    hasty = made(f"via-{via}", timeout=1)
    seen = refused(hasty, lambda: hasty.ask([User("[[hang]]")]))
    assert seen.kinds & library.timed_out, seen
    assert dataclasses.asdict(seen)["status"] in (None, 408)
