"""Realtime sessions with OpenAI's own packages, before a strict simulator of the vendor."""

import base64
import contextlib
import hashlib
import json
import os
import subprocess
import threading
import time

import openai
import pytest
import websockets.exceptions
from openai.types.realtime import RealtimeServerEvent
from sdk.asking import TOOL, TOOL_NAME, TOOL_SAYS
from simulators import scene, strict
from simulators.openai_realtime import HEARD, sound
from support.gateway import PATIENCE, within_a_second
from support.live_issuer import NODE

TEXT = {"type": "realtime", "output_modalities": ["text"]}
TOOLS = [{"type": "function", "name": TOOL_NAME, "description": TOOL_SAYS, "parameters": TOOL}]
SOUND = bytes(range(256)) * 200


@pytest.fixture()
def taken(simulated):
    """What the provider was sent; anything wrong with it fails the test."""

    def taken():
        all_ = simulated.take()
        wrong = [f"{one['path']}: {one['problems']}\n    of {one['body'][:2000]}" for one in all_ if one["problems"]]
        assert not wrong, "\n".join(wrong)
        return all_

    simulated.take()
    yield taken
    taken()


@pytest.fixture()
def opened(ai_gateway, issuers, taken):
    """Opens a session, which ends by itself when a test waits for what does not come."""

    @contextlib.contextmanager
    def opened(model="voice", base="/v1", **claims):
        client = openai.OpenAI(base_url=ai_gateway.url + base, api_key=issuers.token("ES256", **claims), max_retries=0)
        with client.realtime.connect(model=model) as connection:
            watch = threading.Timer(PATIENCE, connection.close)
            watch.start()
            try:
                yield connection
            finally:
                watch.cancel()

    return opened


def until(connection, last):
    """What is heard up to this event, each held against the package's types."""
    heard = []
    while not heard or heard[-1].type != last:
        heard.append(connection.recv())
        assert not strict.problems(heard[-1].to_dict(), RealtimeServerEvent), heard[-1]
    return heard


def record_of(gateway, user):
    """The one record of this user's calls, once it is written."""
    deadline = time.monotonic() + PATIENCE
    while not (found := gateway.cli("record", "list", "--user", user)["items"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (record,) = found
    return record


def say(connection, text):
    connection.conversation.item.create(item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
    until(connection, "conversation.item.done")


def pieces(events, kind):
    return [event.delta for event in events if event.type == kind]


@pytest.mark.parametrize("base", ["/v1", "/openai/v1"])
def test_a_conversation_in_text(opened, taken, base):
    with opened(base=base) as connection:
        assert until(connection, "session.created")[0].session.type == "realtime"
        connection.session.update(session=TEXT | {"model": "voice", "instructions": "be brief"})
        assert until(connection, "session.updated")[-1].session.instructions == "be brief"
        for text in ("one two, naïve 🚢", "three"):
            say(connection, text)
            connection.response.create()
            events = until(connection, "response.done")
            said = pieces(events, "response.output_text.delta")
            assert "".join(said) == scene.SAID + text + " | be brief" and len(said) > 3
            assert events[-1].response.usage.input_tokens == scene.INPUT
            assert until(connection, "rate_limits.updated")
    opening, update, *_ = taken()
    assert opening["path"] == "/openai/v1/realtime?model=gpt-realtime" and opening["headers"]["authorization"] == "Bearer sk-of-the-gateway"
    assert json.loads(update["body"])["session"]["model"] == "gpt-realtime"


def test_tools_and_their_results(opened):
    with opened() as connection:
        connection.session.update(session=TEXT | {"tools": TOOLS, "tool_choice": "auto"})
        say(connection, "the weather in Paris and Oslo")
        connection.response.create()
        events = until(connection, "response.done")
        calls = events[-1].response.output
        assert [json.loads(call.arguments) for call in calls] == [{"city": "Paris"}, {"city": "Oslo"}]
        assert "".join(pieces(events, "response.function_call_arguments.delta")) == "".join(call.arguments for call in calls)
        for call, degrees in zip(calls, ("18 °C", "-3 °C"), strict=True):
            connection.conversation.item.create(item={"type": "function_call_output", "call_id": call.call_id, "output": degrees})
        connection.response.create()
        assert f'{TOOL_NAME}({{"city": "Oslo"}}) = -3 °C' in "".join(pieces(until(connection, "response.done"), "response.output_text.delta"))


def test_sound_both_ways(opened):
    with opened() as connection:
        connection.session.update(session={"type": "realtime", "audio": {"input": {"transcription": {"model": "listener"}, "turn_detection": None}}})
        for start in range(0, len(SOUND), 9000):
            connection.input_audio_buffer.append(audio=base64.b64encode(SOUND[start : start + 9000]).decode())
        connection.input_audio_buffer.commit()
        assert until(connection, "conversation.item.input_audio_transcription.completed")[-1].transcript == HEARD
        connection.response.create()
        events = until(connection, "response.done")
        said = pieces(events, "response.output_audio_transcript.delta")
        assert "".join(said) == f"Seen: audio/pcm {len(SOUND)} {hashlib.sha256(SOUND).hexdigest()[:12]}"
        assert [base64.b64decode(one) for one in pieces(events, "response.output_audio.delta")] == [sound(piece) for piece in said]


def test_what_goes_wrong_there_is_heard(opened):
    with opened() as connection:
        connection.conversation.item.retrieve(item_id="item_none", event_id="mine")
        told = until(connection, "error")[-1].error
        assert (told.code, told.event_id) == ("item_not_found", "mine")
        say(connection, "[[500]]")
        connection.response.create()
        assert until(connection, "response.done")[-1].response.status == "failed"
        say(connection, "hello")
        connection.response.create(response={"output_modalities": ["text"]})
        assert until(connection, "response.done")[-1].response.status == "completed"


def test_what_may_not_be_said_ends_the_session(opened, taken):
    server = {"type": "mcp", "server_label": "x", "server_url": "https://mcp.example.com", "require_approval": "never"}
    for session, code in (({"tools": [server]}, "ai_tool_refused"), ({"model": "not-granted"}, "model_not_found"), ({"audio": {"input": {"transcription": {"model": "whisper-1"}}}}, "model_not_found")):
        with opened() as connection:
            until(connection, "session.created")
            connection.session.update(session={"type": "realtime"} | session)
            with pytest.raises(websockets.exceptions.ConnectionClosedError) as closed:
                connection.recv()
            assert closed.value.rcvd.code == 1008 and closed.value.rcvd.reason.startswith(code)
    assert [one["body"] for one in taken()] == ["", "", ""]


@pytest.mark.parametrize(("model", "status", "code"), [("no-such-model", 404, "model_not_found"), ("via-anthropic", 400, "ai_request_invalid"), ("voice-429", 429, "rate_limit_exceeded"), ("voice-denied", 502, "provider_credential_refused")])
def test_sessions_that_are_not_opened(opened, model, status, code):
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused, opened(model):
        pass
    answer = refused.value.response
    assert answer.status_code == status
    error = json.loads(answer.body)["error"]
    assert error["code"] == code
    assert "sk-of-the-gateway" not in json.dumps(error)
    assert (answer.headers.get("retry-after") == "7") == (status == 429)


def test_strangers_open_none(opened, taken):
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused, opened(sub="nobody"):
        pass
    assert refused.value.response.status_code == 401 and taken() == []


def test_a_session_that_is_cut_does_not_look_ended(ai_gateway, opened):
    ai_gateway.create_user("cut-off")
    with opened(sub="cut-off") as connection:
        connection.session.update(session=TEXT)
        say(connection, "[[cut]] one two three four five")
        connection.response.create()
        with pytest.raises(websockets.exceptions.ConnectionClosedError):
            until(connection, "response.done")
    assert record_of(ai_gateway, "cut-off")["outcome"] == "upstream_cut"


def test_a_session_ends_with_its_user(ai_gateway, opened):
    def attempt(number):
        name = f"talking-{number}"
        user = ai_gateway.create_user(name)
        with opened(sub=name) as connection:
            connection.session.update(session=TEXT)
            say(connection, "[[slow]] " + "word " * 200)
            connection.response.create()
            until(connection, "response.output_text.delta")
            ai_gateway.cli("user", "suspend", user["id"], "--reason", "test")
            began = time.monotonic()
            with pytest.raises(websockets.exceptions.ConnectionClosedError) as closed:
                until(connection, "response.done")
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "subject_unresolved")
            return time.monotonic() - began

    within_a_second(attempt, "closed after the suspension")


def test_a_session_ends_with_its_token(opened):
    with opened(exp=int(time.time()) + 6) as connection:
        until(connection, "session.created")
        with pytest.raises(websockets.exceptions.ConnectionClosedError) as closed:
            connection.recv()
        assert closed.value.rcvd.code == 1008


def test_a_record_has_what_it_used(ai_gateway, opened):
    ai_gateway.create_user("counted")
    with opened(sub="counted") as connection:
        for _ in range(2):
            say(connection, "hello")
            connection.response.create()
            until(connection, "response.done")
    record = record_of(ai_gateway, "counted")
    assert (record["operation"], record["model"], record["outcome"]) == ("realtime", "voice", "completed")
    assert (record["usage"]["input_tokens"], record["usage"]["output_tokens"]) == (2 * scene.INPUT, 2 * scene.OUTPUT)


def test_the_node_package(ai_gateway_tls, issuers, taken):
    """Which speaks TLS only: with the key in a header, and as browsers have to give it."""
    environment = os.environ | {"BASE_URL": ai_gateway_tls.url + "/v1", "API_KEY": issuers.token(), "MODEL": "voice", "NODE_EXTRA_CA_CERTS": str(ai_gateway_tls.certificate)}
    done = subprocess.run(["node", "--experimental-websocket", NODE / "realtime.mjs"], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    for way in ("ws", "native"):
        assert seen[way]["kinds"][0] == "session.created" and seen[way]["closed"][0] == 1000, seen[way]
        assert seen[way]["text"] == scene.SAID + "one two"
    code, reason = seen["refused"]["closed"]
    assert code == 1008 and reason.startswith("ai_tool_refused")
    taken()
