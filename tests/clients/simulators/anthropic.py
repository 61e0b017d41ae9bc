"""Anthropic's Messages, after the types of its Python package."""

import base64
import json

import anthropic
from anthropic.types import message_count_tokens_params, message_create_params

from . import scene, strict
from .vendor import KEY, Vendor, sse

STOP = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens", "filter": "refusal"}
TYPES = {"429": "rate_limit_error", "529": "overloaded_error", "too-long": "invalid_request_error", "denied": "authentication_error", "invalid": "invalid_request_error"}
CACHED = 3
# The one that everybody is told, and the one that the package says.
VERSIONS = {"2023-06-01", anthropic.Anthropic(api_key="-").default_headers["anthropic-version"]}


class Anthropic(Vendor):
    name = "anthropic"
    headers = {"request-id": "req_1"}
    overload = 529
    alive = sse({"type": "ping"}, "ping")
    malformed = b'event: content_block_delta\ndata: {"type": "content_bl\n\n'

    def credential(self, asked, method, path, headers, raw):
        if headers.get("x-api-key") != KEY or "authorization" in headers:
            asked.wrong("x-api-key", "not the key of the gateway alone")
        if headers.get("anthropic-version") not in VERSIONS:
            asked.wrong("anthropic-version", headers.get("anthropic-version"))

    def read(self, asked, path, body):
        if path == "/v1/messages/count_tokens":
            asked.problems += strict.problems(body, message_count_tokens_params.MessageCountTokensParams)
            return "embed"
        if path != "/v1/messages":
            asked.wrong("path", path)
        asked.stream = bool(body.get("stream"))
        kind = message_create_params.MessageCreateParamsStreaming if asked.stream else message_create_params.MessageCreateParamsNonStreaming
        asked.problems += strict.problems(body, kind)
        if asked.problems:
            return "chat"
        system = body.get("system") or ""
        asked.system = system if isinstance(system, str) else "".join(part["text"] for part in system)
        last = None
        for at, message in enumerate(body["messages"]):
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            if not parts:
                asked.wrong(f"messages[{at}].content", "empty")
            self.turn(asked, at, message["role"], parts, last)
            last = message["role"]
        asked.tools = {tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools", [])}
        choice = body.get("tool_choice") or {}
        asked.forced = choice.get("type") in ("any", "tool")
        form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
        asked.schema = form.get("schema")
        self.thinking(asked, body)
        return "chat"

    @staticmethod
    def thinking(asked, body):
        thinking = body.get("thinking") or {}
        asked.thinks = thinking.get("type") in ("enabled", "adaptive")
        if thinking.get("type") == "enabled" and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
            asked.wrong("thinking.budget_tokens", f"{thinking['budget_tokens']} of max_tokens {body['max_tokens']}")
        if asked.thinks and (asked.forced or body.get("temperature", 1) != 1 or "top_k" in body):
            asked.wrong("thinking", "neither with a forced tool nor with temperature or top_k")
        if not 0 <= body.get("temperature", 0) <= 1:
            asked.wrong("temperature", body["temperature"])

    @staticmethod
    def turn(asked, at, role, parts, last):
        if role == "assistant":
            asked.results = []
            asked.calls += [scene.Call(part["id"], part["name"], part["input"]) for part in parts if part["type"] == "tool_use"]
            for part in parts:
                if part["type"] == "thinking" and part["signature"] != scene.SIGNATURE:
                    asked.wrong(f"messages[{at}]", f"a signature that was not made here: {part['signature']!r}")
            return
        texts, media, results = [], [], []
        for part in parts:
            if part["type"] == "text":
                if not part["text"].strip():
                    asked.wrong(f"messages[{at}]", "a blank text")
                texts.append(part["text"])
            elif part["type"] in ("image", "document") and part["source"]["type"] == "base64":
                media.append((part["source"]["media_type"], base64.b64decode(part["source"]["data"], validate=True)))
            elif part["type"] == "tool_result":
                content = part.get("content") or ""
                text = content if isinstance(content, str) else "".join(inner.get("text", "") for inner in content)
                results.append(scene.Result(part["tool_use_id"], text, bool(part.get("is_error"))))
        asked.results = asked.results + results
        if texts or media:
            asked.prompt, asked.media = "".join(texts), media

    def blocks(self, reply):
        blocks = [{"type": "thinking", "thinking": reply.thought, "signature": scene.SIGNATURE}] if reply.thought else []
        blocks += [{"type": "text", "text": reply.text, "citations": None}] if reply.text else []
        return blocks + [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments, "caller": {"type": "direct"}} for call in reply.calls]

    def message(self, reply, body, content, stop, usage):
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": content, "stop_reason": stop, "stop_sequence": None, "stop_details": None, "usage": usage, "container": None}

    def answer(self, asked, reply, body):
        return self.message(reply, body, self.blocks(reply), STOP[reply.stop], usage(scene.OUTPUT))

    def stream(self, asked, reply, body):
        def event(data):
            return sse(data, data["type"])

        events = [event({"type": "message_start", "message": self.message(reply, body, [], None, usage(1))}), event({"type": "ping"})]
        for index, block in enumerate(self.blocks(reply)):
            empty, deltas = parts_of(block)
            events.append(event({"type": "content_block_start", "index": index, "content_block": empty}))
            events += [event({"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas]
            events.append(event({"type": "content_block_stop", "index": index}))
        events.append(event({"type": "message_delta", "delta": {"stop_reason": STOP[reply.stop], "stop_sequence": None, "stop_details": None, "container": None}, "usage": usage(scene.OUTPUT, tier=False)}))
        return [*events, event({"type": "message_stop"})]

    def error(self, status, what, message):
        if what == "too-long":
            message = "prompt is too long: 210000 tokens > 200000 maximum"
        return self.headers, {"type": "error", "error": {"type": TYPES.get(what, "api_error"), "message": message}, "request_id": "req_1"}

    def broken(self, body):
        return sse({"type": "error", "error": {"type": "overloaded_error", "message": "simulated: broken"}}, "error")

    def embedded(self, form, body):
        return {"input_tokens": scene.INPUT}


def parts_of(block):
    """A block as it starts, and what follows."""
    if block["type"] == "text":
        return block | {"text": ""}, [{"type": "text_delta", "text": piece} for piece in scene.pieces(block["text"])]
    if block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in scene.pieces(block["thinking"])]
        return block | {"thinking": "", "signature": ""}, [*deltas, {"type": "signature_delta", "signature": block["signature"]}]
    text = json.dumps(block["input"], ensure_ascii=False)
    return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": ""}, *({"type": "input_json_delta", "partial_json": text[at : at + 4]} for at in range(0, len(text), 4))]


def usage(output, tier=True):
    counts = {"input_tokens": scene.INPUT - CACHED, "cache_creation_input_tokens": 0, "cache_read_input_tokens": CACHED, "output_tokens": output, "output_tokens_details": None, "server_tool_use": None}
    written = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
    return counts | ({"cache_creation": written, "inference_geo": "not_available", "service_tier": "standard"} if tier else {})
