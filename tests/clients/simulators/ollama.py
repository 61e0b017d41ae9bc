"""Ollama's own chat and embeddings, after the types of its Python package, and what newer servers say beyond them."""

import base64
import binascii
import json
import typing

import ollama
import pydantic
from ollama import _types as types

from . import scene, strict
from .vendor import Vendor, vector

KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class Call(pydantic.BaseModel):
    id: typing.Optional[str] = None
    function: ollama.Message.ToolCall.Function


class Function(pydantic.BaseModel):
    name: str
    description: typing.Optional[str] = None
    parameters: dict


class Tool(pydantic.BaseModel):
    type: typing.Literal["function"]
    function: Function


class Message(pydantic.BaseModel):
    role: typing.Literal["system", "user", "assistant", "tool"]
    content: typing.Optional[str] = None
    thinking: typing.Optional[str] = None
    images: typing.Optional[list[bytes]] = None
    tool_calls: typing.Optional[list[Call]] = None
    tool_name: typing.Optional[str] = None
    tool_call_id: typing.Optional[str] = None


class Request(types.BaseGenerateRequest):
    options: typing.Optional[ollama.Options] = None
    messages: list[Message]
    tools: typing.Optional[list[Tool]] = None
    think: typing.Union[bool, typing.Literal["low", "medium", "high"], None] = None
    logprobs: typing.Optional[bool] = None
    top_logprobs: typing.Optional[int] = None


class Ollama(Vendor):
    name = "ollama"
    kind = "application/x-ndjson"
    alive = b""
    malformed = b'{"model": "half a li\n'

    def read(self, asked, path, body):
        if path == "/api/embed":
            asked.problems += strict.problems(body, types.EmbedRequest)
            asked.prompt = "".join(body.get("input", ""))
            return "embed"
        if path == "/api/generate":
            asked.stream = body.get("stream", True)
            asked.problems += strict.problems(body, types.GenerateRequest)
            asked.prompt, asked.system = body.get("prompt") or "", body.get("system") or ""
            return "chat"
        if path != "/api/chat":
            asked.wrong("path", path)
        asked.stream = body.get("stream", True)
        asked.problems += strict.problems(body, Request)
        if asked.problems:
            return "chat"
        for at, message in enumerate(body["messages"]):
            self.message(asked, f"messages[{at}]", message)
        asked.tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in body.get("tools") or []}
        form = body.get("format")
        asked.schema = form if isinstance(form, dict) else {} if form == "json" else None
        asked.thinks = bool(body.get("think"))
        return "chat"

    @staticmethod
    def message(asked, at, message):
        role, text = message["role"], message.get("content") or ""
        if role == "system":
            asked.system += text
        elif role == "tool":
            # There are no ids: results come in the order of the calls.
            index = len(asked.results)
            calls = asked.calls
            if index >= len(calls):
                return asked.wrong(at, "a result of no call")
            if message.get("tool_name") != calls[index].name:
                asked.wrong(at, f"a result of {message.get('tool_name')!r} to {calls[index].name!r}")
            asked.results.append(scene.Result(calls[index].id, text))
        elif role == "assistant":
            asked.results = []
            asked.calls = [scene.Call(f"call_{number}", call["function"]["name"], call["function"]["arguments"]) for number, call in enumerate(message.get("tool_calls") or [])]
        else:
            asked.prompt, asked.media = text, [image(asked, at, data) for data in message.get("images") or []]

    def line(self, body, message, **more):
        said = {"response": message.get("content", "")} if "prompt" in body else {"message": {"role": "assistant", "content": "", **message}}
        return {"model": body["model"], "created_at": "2026-11-22T10:00:00.123456789Z", **said, "done": False, **more}

    @staticmethod
    def calls(reply):
        return [{"function": {"name": call.name, "arguments": call.arguments}} for call in reply.calls]

    def answer(self, asked, reply, body):
        message = {"content": reply.text} | ({"thinking": reply.thought} if reply.thought else {}) | ({"tool_calls": self.calls(reply)} if reply.calls else {})
        return self.line(body, message, **end())

    def stream(self, asked, reply, body):
        lines = [self.line(body, {"thinking": piece}) for piece in scene.pieces(reply.thought)]
        lines += [self.line(body, {"content": piece}) for piece in reply.pieces()]
        lines += [self.line(body, {"tool_calls": [call]}) for call in self.calls(reply)]
        return [json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in [*lines, self.line(body, {}, **end())]]

    def error(self, status, what, message):
        if what == "too-long":
            message = "the input length exceeds the context length"
        return {}, {"error": message}

    def broken(self, body):
        return b'{"error": "simulated: broken"}\n'

    def embedded(self, form, body):
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        return {"model": body["model"], "embeddings": [vector(text) for text in texts], "total_duration": 1, "load_duration": 1, "prompt_eval_count": scene.INPUT}


def image(asked, at, text):
    """Nothing says what it is but its first bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        asked.wrong(at, str(error))
        return "", b""
    return next((kind for magic, kind in KINDS.items() if data.startswith(magic)), "?"), data


def end():
    counts = {"prompt_eval_count": scene.INPUT, "prompt_eval_duration": 1, "eval_count": scene.OUTPUT, "eval_duration": 1}
    return {"done": True, "done_reason": "stop", "total_duration": 3, "load_duration": 1, **counts}
