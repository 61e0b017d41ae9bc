"""Files and batches with the official Python package: one's own at an account that everybody shares."""

import json

import openai
import pytest

MODEL = "via-openai"


@pytest.fixture()
def client(ai_gateway, issuers, simulated):
    simulated.take()
    yield openai.OpenAI(base_url=ai_gateway.url + "/v1", api_key=issuers.token("ES256", sub="ada"), max_retries=0)
    assert not [problem for one in simulated.take() for problem in one["problems"]]


@pytest.fixture(scope="module")
def other(ai_gateway, issuers):
    ai_gateway.create_user("eve")
    return openai.OpenAI(base_url=ai_gateway.url + "/v1", api_key=issuers.token("ES256", sub="eve"), max_retries=0)


def line(number, model=MODEL, **more):
    body = {"model": model, "messages": [{"role": "user", "content": f"number {number}"}]} | more
    return json.dumps({"custom_id": f"c{number}", "method": "POST", "url": "/v1/chat/completions", "body": body})


def calls(*lines):
    return ("calls.jsonl", "\n".join(lines).encode() + b"\n", "application/jsonl")


def test_files(client, other):
    kept = client.files.create(purpose="user_data", file=("notes.txt", b"ships", "text/plain"))
    assert client.files.retrieve(kept.id).bytes == 5 and client.files.content(kept.id).content == b"ships"
    assert kept.id in {one.id for one in client.files.list()} and kept.id not in {one.id for one in other.files.list()}
    for call in (lambda: other.files.retrieve(kept.id), lambda: other.files.content(kept.id), lambda: other.files.delete(kept.id), lambda: client.files.retrieve("file-1")):
        with pytest.raises(openai.NotFoundError) as refused:
            call()
        assert refused.value.code == "ai_object_not_found"
    assert client.files.delete(kept.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(kept.id)


def test_lists_come_in_pages(client):
    made = [client.files.create(purpose="user_data", file=(f"{number}.txt", b"x", "text/plain")).id for number in range(3)]
    assert [one.id for one in client.files.list(limit=2)][:3] == made[::-1]


def test_a_batch(client, other, simulated):
    file = client.files.create(purpose="batch", file=calls(line(1), line(2, temperature=0.25)))
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"job": "nightly"})
    done = client.batches.retrieve(batch.id)
    results = [json.loads(one) for one in client.files.content(done.output_file_id).text.splitlines()]
    assert [one["custom_id"] for one in results] == ["c1", "c2"]
    assert batch.id in {one.id for one in client.batches.list()}
    for call in (lambda: other.batches.retrieve(batch.id), lambda: other.files.content(done.output_file_id), lambda: other.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")):
        with pytest.raises(openai.NotFoundError):
            call()
    assert client.batches.cancel(batch.id).status == "cancelling"


def test_lines_are_judged(client):
    for bad, status in ((line(2, model="not-granted"), 400), (line(2, tools=[{"type": "web_search"}]), 403), ("{}", 400)):
        with pytest.raises(openai.APIStatusError) as refused:
            client.files.create(purpose="batch", file=calls(line(1), bad))
        assert refused.value.status_code == status and "line 2" in refused.value.message
