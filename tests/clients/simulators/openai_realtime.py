"""OpenAI's realtime sessions, after the types of its Python package: what a caller's event comes to, event by event."""

import base64
import hashlib
import itertools
import json
import urllib.parse

from openai.types.realtime import realtime_client_event_param

from . import scene, strict

SUBPROTOCOLS = ("realtime", "openai-beta.realtime-v1")
HEARD = "count the ships in the harbour"
"""What is said in any sound, to whoever writes it down."""
PCM = {"type": "audio/pcm", "rate": 24000}
USED = {
    "total_tokens": scene.INPUT + scene.OUTPUT,
    "input_tokens": scene.INPUT,
    "output_tokens": scene.OUTPUT,
    "input_token_details": {"text_tokens": scene.INPUT - 2, "audio_tokens": 2, "image_tokens": 0, "cached_tokens": 0, "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}},
    "output_token_details": {"text_tokens": scene.OUTPUT - 3, "audio_tokens": 3},
}


def model_of(asked, path, headers):
    """The model that a session is asked for, and what is wrong with how it is asked."""
    path, _, query = path.partition("?")
    given = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    if path != "/v1/realtime" or [name for name, _ in given] != ["model"] or not given[0][1].startswith("gpt-realtime"):
        asked.wrong("path", f"{path}?{query}")
    for name in ("origin", "sec-websocket-extensions"):
        if name in headers:
            asked.wrong(name, headers[name])
    for name in headers.get("sec-websocket-protocol", "realtime").split(","):
        if name.strip() not in SUBPROTOCOLS:
            asked.wrong("sec-websocket-protocol", name)
    return dict(given).get("model", "")


class Session:
    def __init__(self, model):
        self.model, self.items, self.numbers, self.sound = model, {}, itertools.count(1), b""
        self.settings = {
            "type": "realtime",
            "model": model,
            "output_modalities": ["audio"],
            "instructions": "",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "audio": {"input": {"format": PCM, "transcription": None, "turn_detection": None}, "output": {"format": PCM, "voice": "marin", "speed": 1.0}},
        }

    def made(self, kind):
        return f"{kind}_{next(self.numbers)}"

    def event(self, kind, **more):
        return {"type": kind, "event_id": self.made("event"), **more}

    def error(self, about, code, message):
        return self.event("error", error={"type": "invalid_request_error", "code": code, "message": message, "param": None, "event_id": about.get("event_id")})

    def begin(self):
        return [self.event("session.created", session=self.settings)]

    def hear(self, asked, said):
        """The events that answer this one; `asked` gets what is wrong with it."""
        if said is None:
            asked.wrong("message", "bytes")
            return []
        said = json.loads(said)
        asked.problems += strict.problems(said, realtime_client_event_param.RealtimeClientEventParam)
        if asked.problems:
            return [self.error(said, "invalid_event", "; ".join(asked.problems))]
        return getattr(self, "on_" + said["type"].replace(".", "_"))(asked, said)

    def on_session_update(self, asked, said):
        given = said["session"]
        if given.get("model", self.model) != self.model:
            asked.wrong("session.model", given["model"])
        ears = given.get("audio", {}).get("input", {}).get("transcription") or {}
        if ears.get("model", "gpt-").split("-")[0] not in ("gpt", "whisper"):
            asked.wrong("session.audio.input.transcription.model", ears["model"])
        self.settings = merged(self.settings, given)
        return [self.event("session.updated", session=self.settings)]

    def on_conversation_item_create(self, asked, said):
        return self.kept(said["item"])

    def on_conversation_item_retrieve(self, asked, said):
        if said["item_id"] not in self.items:
            return [self.error(said, "item_not_found", f"no item {said['item_id']}")]
        return [self.event("conversation.item.retrieved", item=self.items[said["item_id"]])]

    def on_conversation_item_delete(self, asked, said):
        if self.items.pop(said["item_id"], None) is None:
            return [self.error(said, "item_not_found", f"no item {said['item_id']}")]
        return [self.event("conversation.item.deleted", item_id=said["item_id"])]

    def on_input_audio_buffer_append(self, asked, said):
        self.sound += base64.b64decode(said["audio"], validate=True)
        return []

    def on_input_audio_buffer_clear(self, asked, said):
        self.sound = b""
        return [self.event("input_audio_buffer.cleared")]

    def on_input_audio_buffer_commit(self, asked, said):
        if not self.sound:
            return [self.error(said, "input_audio_buffer_commit_empty", "there is no sound")]
        item = {"id": self.made("item"), "type": "message", "role": "user", "content": [{"type": "input_audio", "audio": base64.b64encode(self.sound).decode()}]}
        self.sound, events = b"", [self.event("input_audio_buffer.committed", item_id=item["id"])]
        events += self.kept(item)
        if self.settings["audio"]["input"]["transcription"]:
            usage = {"type": "tokens", "input_tokens": 3, "output_tokens": 6, "total_tokens": 9, "input_token_details": {"audio_tokens": 3, "text_tokens": 0}}
            events.append(self.event("conversation.item.input_audio_transcription.completed", item_id=item["id"], content_index=0, transcript=HEARD, usage=usage))
        return events

    def on_response_cancel(self, asked, said):
        return [self.error(said, "response_cancel_not_active", "nothing is being said")]

    def on_response_create(self, asked, said):
        given = said.get("response", {})
        self.read(asked, given)
        reply = scene.reply(asked)
        told = {"id": self.made("resp"), "object": "realtime.response", "status": "in_progress", "output": [], "output_modalities": given.get("output_modalities", self.settings["output_modalities"]), "metadata": given.get("metadata")}
        events = [self.event("response.created", response=told)]
        if asked.mark() == "500":
            failed = {"type": "failed", "error": {"type": "server_error", "code": "server_error"}}
            return [*events, self.event("response.done", response=told | {"status": "failed", "status_details": failed})]
        for index, item in enumerate(self.spoken(reply, told["output_modalities"])):
            at = {"response_id": told["id"], "output_index": index}
            events += self.item(at, item, reply)
        told = told | {"status": "completed", "output": [item for item in self.items.values() if item["id"] in {one.get("item_id") for one in events}], "usage": USED}
        limits = [{"name": "tokens", "limit": 40000, "remaining": 39000, "reset_seconds": 1.5}]
        return [*events, self.event("response.done", response=told), self.event("rate_limits.updated", rate_limits=limits)]

    def read(self, asked, given):
        """What the conversation comes to, as a question."""
        asked.system = given.get("instructions", self.settings["instructions"])
        asked.tools = {tool["name"]: tool["parameters"] for tool in given.get("tools", self.settings["tools"]) if tool["type"] == "function"}
        asked.forced = given.get("tool_choice", self.settings["tool_choice"]) not in ("auto", "none")
        for item in self.items.values() if given.get("conversation") != "none" else given.get("input", []):
            if item["type"] == "function_call":
                asked.calls.append(scene.Call(item["call_id"], item["name"], json.loads(item["arguments"])))
            elif item["type"] == "function_call_output":
                asked.results.append(scene.Result(item["call_id"], item["output"]))
            elif item["role"] == "user":
                asked.prompt, asked.results = "".join(part.get("text", "") for part in item["content"]), []
                asked.media = [("audio/pcm", base64.b64decode(part["audio"])) for part in item["content"] if part["type"] == "input_audio"]
            elif item["role"] == "system":
                asked.system += "".join(part["text"] for part in item["content"])

    def spoken(self, reply, modalities):
        if reply.text:
            member = {"type": "output_text", "text": reply.text} if modalities == ["text"] else {"type": "output_audio", "transcript": reply.text}
            yield {"id": self.made("item"), "type": "message", "role": "assistant", "status": "completed", "content": [member]}
        for call in reply.calls:
            yield {"id": self.made("item"), "type": "function_call", "status": "completed", "call_id": call.id, "name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}

    def item(self, at, item, reply):
        begun = item | {"status": "in_progress"} | ({"content": []} if item["type"] == "message" else {"arguments": ""})
        self.items[item["id"]] = item
        events = [self.event("response.output_item.added", **at, item=begun), self.event("conversation.item.added", item=begun)]
        where = at | {"item_id": item["id"]}
        if item["type"] == "function_call":
            arguments = item["arguments"]
            events += [self.event("response.function_call_arguments.delta", **where, call_id=item["call_id"], delta=arguments[start : start + 4]) for start in range(0, len(arguments), 4)]
            events.append(self.event("response.function_call_arguments.done", **where, call_id=item["call_id"], name=item["name"], arguments=arguments))
        else:
            events += self.part(where | {"content_index": 0}, item["content"][0]["type"] == "output_text", reply)
        return [*events, self.event("conversation.item.done", item=item), self.event("response.output_item.done", **at, item=item)]

    def part(self, where, text, reply):
        part = {"type": "text", "text": reply.text} if text else {"type": "audio", "transcript": reply.text}
        kind, member = ("response.output_text", "text") if text else ("response.output_audio_transcript", "transcript")
        yield self.event("response.content_part.added", **where, part=part | {member: ""})
        for piece in reply.pieces():
            yield self.event(f"{kind}.delta", **where, delta=piece)
            if not text:
                yield self.event("response.output_audio.delta", **where, delta=base64.b64encode(sound(piece)).decode())
        if not text:
            yield self.event("response.output_audio.done", **where)
        yield self.event(f"{kind}.done", **where, **{member: reply.text})
        yield self.event("response.content_part.done", **where, part=part)

    def kept(self, item):
        item = {"id": self.made("item"), "object": "realtime.item", "status": "completed", **item}
        if item["type"] == "function_call_output" and item["call_id"] not in {one.get("call_id") for one in self.items.values()}:
            return [self.error(item, "invalid_value", f"no call {item['call_id']}")]
        self.items[item["id"]] = item
        return [self.event(kind, item=item) for kind in ("conversation.item.added", "conversation.item.done")]


def sound(piece):
    """How a piece of text sounds."""
    return hashlib.sha256(piece.encode()).digest() * 30


def merged(old, new):
    return {name: merged(old[name], new[name]) if isinstance(new.get(name), dict) and isinstance(old.get(name), dict) else new.get(name, old.get(name)) for name in {**old, **new}}
