"""The official Python package, unchanged but for `base_url`."""

import json
import time

import openai
import pytest
from support.gateway import timed, within_a_second

MESSAGES = [{"role": "user", "content": "count the ships in the harbour"}]
TOOLS = [{"type": "function", "function": {"name": "lookup", "description": "d", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}}]
CHOICE = {"type": "function", "function": {"name": "lookup"}}


@pytest.fixture(params=["/v1", "/openai/v1"])
def client(request, gateway, token):
    return openai.OpenAI(base_url=gateway.url + request.param, api_key=token, max_retries=0)


def test_chat(client):
    answer = client.chat.completions.create(model="echo", messages=MESSAGES)
    assert "ships in the harbour" in answer.choices[0].message.content
    assert answer.usage.prompt_tokens > 0 and answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_stream_hides_usage_that_was_not_asked_for(client):
    chunks = list(client.chat.completions.create(model="echo", messages=MESSAGES, stream=True))
    assert "ships in the harbour" in "".join(c.choices[0].delta.content or "" for c in chunks)
    assert all(c.usage is None for c in chunks) and all(c.choices for c in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_stream_with_usage(client):
    chunks = list(client.chat.completions.create(model="echo", messages=MESSAGES, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.completion_tokens > 0 and chunks[-1].choices == []


def test_tools(client):
    answer = client.chat.completions.create(model="echo", messages=MESSAGES, tools=TOOLS, tool_choice=CHOICE)
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "lookup" and json.loads(call.function.arguments) is not None
    fragments = ""
    for chunk in client.chat.completions.create(model="echo", messages=MESSAGES, tools=TOOLS, tool_choice=CHOICE, stream=True):
        for delta in chunk.choices[0].delta.tool_calls or []:
            fragments += delta.function.arguments or ""
    assert json.loads(fragments) == json.loads(call.function.arguments)


def test_embeddings_and_completions(client):
    answer = client.embeddings.create(model="echo", input=["a", "b"])
    assert len(answer.data) == 2 and len(answer.data[0].embedding) == len(answer.data[1].embedding) > 8
    again = client.embeddings.create(model="echo", input=["a"], encoding_format="float")
    assert again.data[0].embedding == pytest.approx(answer.data[0].embedding, abs=1e-6)
    assert "harbour" in client.completions.create(model="echo", prompt="ships in the harbour").choices[0].text


def test_models_are_those_that_may_be_used(client):
    assert {m.id for m in client.models.list()} == {"echo", "remote"}
    assert client.models.retrieve("echo").id == "echo"


def test_errors_are_of_the_right_class(gateway, issuers, client):
    for model in ("no-such-model", "not-granted"):
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model=model, messages=MESSAGES)
        assert caught.value.code == "model_not_found" and caught.value.request_id
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=7, messages=MESSAGES)
    for credential in ("nonsense", issuers.token(exp=1), issuers.token(sub="nobody")):
        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(base_url=gateway.url + "/v1", api_key=credential, max_retries=0).models.list()


def test_the_upstream_sees_our_key_and_the_callers_bytes(client, upstream, token):
    upstream.take()
    body = {"model": "remote", "messages": MESSAGES, "temperature": 0.25, "metadata": {"ü": "\u2028"}}
    answer = client.chat.completions.create(**body)
    assert answer.choices[0].message.content == "from upstream"
    (seen,) = upstream.take()
    assert dict(seen["headers"])["authorization"] == "Bearer sk-of-the-gateway"
    assert token not in json.dumps(seen)
    assert json.loads(seen["body"]) == body | {"model": "upstream-model"}


def test_a_refused_provider_key_is_our_fault(client, upstream):
    upstream.script.append((401, {}, {"error": {"message": "Incorrect API key provided: sk-of-the-gateway", "type": "invalid_request_error", "code": "invalid_api_key"}}))
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="remote", messages=MESSAGES)
    assert caught.value.status_code == 502 and caught.value.code == "provider_credential_refused"
    assert "sk-of-the-gateway" not in str(caught.value.body)


def test_rate_limits_keep_their_meaning_and_retry_after(client, upstream):
    limited = (429, {"retry-after": "1"}, {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}})
    upstream.script.append(limited)
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="remote", messages=MESSAGES)
    assert caught.value.response.headers["retry-after"] == "1"
    upstream.script.append(limited)
    began = time.monotonic()
    answer = client.with_options(max_retries=1).chat.completions.create(model="remote", messages=MESSAGES)
    assert answer.choices[0].message.content == "from upstream" and time.monotonic() - began >= 0.9


def test_an_api_key_is_as_good_as_a_token(gateway):
    gateway.cli("app", "create", "--tenant", "acme", "nightly")

    def attempt(_):
        key = gateway.cli("key", "create", "--tenant", "acme", "--app", "nightly")
        client = openai.OpenAI(base_url=gateway.url + "/v1", api_key=key["secret"], max_retries=0)
        assert "harbour" in client.chat.completions.create(model="echo", messages=MESSAGES).choices[0].message.content
        gateway.cli("key", "revoke", key["id"])

        def refused():
            try:
                return not client.models.list()
            except openai.AuthenticationError:
                return True

        return timed(refused, "a revoked key still works")

    within_a_second(attempt, "a key revoked")
