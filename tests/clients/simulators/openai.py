"""OpenAI's chat completions and embeddings, after the types of its Python package; the rest is in files of its own."""

import base64
import json
import struct

from openai.types import completion_create_params as legacy
from openai.types.chat import completion_create_params
from openai.types.embedding_create_params import EmbeddingCreateParams

from . import openai_files, openai_media, openai_realtime, scene, strict
from .responses import Responses
from .vendor import Vendor, media_of, sse, vector

STOP = {"end": "stop", "tools": "tool_calls", "length": "length", "filter": "content_filter"}
TYPES = {"429": ("rate_limit_error", "rate_limit_exceeded"), "too-long": ("invalid_request_error", "context_length_exceeded"), "denied": ("invalid_request_error", "invalid_api_key"), "invalid": ("invalid_request_error", None)}


class OpenAi(Vendor):
    name = "openai"
    responses = Responses()
    subprotocols = openai_realtime.SUBPROTOCOLS

    def __init__(self):
        self.account = openai_files.Account()

    def beside(self, asked, method, path, headers, raw, body):
        media = openai_media.read(asked, path, headers, raw, body) if method == "POST" else None
        return (200, *media) if media else self.account.read(asked, method, path, headers, raw, body)

    def session(self, asked, path, headers):
        model = openai_realtime.model_of(asked, path, headers)
        # Nothing is said yet that could ask for trouble.
        asked.prompt = f"[[{model.removeprefix('gpt-realtime-')}]]"
        return openai_realtime.Session(model)

    def read(self, asked, path, body):
        if path == "/v1/responses":
            self.responses.read(asked, body)
            return "chat"
        if path == "/v1/embeddings":
            asked.problems += strict.problems(body, EmbeddingCreateParams)
            asked.prompt = "".join(text for text in body.get("input", "") if isinstance(text, str))
            return "embed"
        if path == "/v1/completions":
            asked.stream = bool(body.get("stream"))
            kind = legacy.CompletionCreateParamsStreaming if asked.stream else legacy.CompletionCreateParamsNonStreaming
            asked.problems += strict.problems(body, kind)
            asked.prompt = body["prompt"] if isinstance(body.get("prompt"), str) else ""
            return "chat"
        if path != "/v1/chat/completions":
            asked.wrong("path", path)
        asked.stream = bool(body.get("stream"))
        kind = completion_create_params.CompletionCreateParamsStreaming if asked.stream else completion_create_params.CompletionCreateParamsNonStreaming
        asked.problems += strict.problems(body, kind)
        if asked.problems:
            return "chat"
        for at, message in enumerate(body["messages"]):
            self.message(asked, f"messages[{at}]", message)
        asked.tools = {tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in body.get("tools", [])}
        choice = body.get("tool_choice", "auto")
        asked.forced = choice == "required" or isinstance(choice, dict)
        form = body.get("response_format") or {}
        asked.schema = form["json_schema"].get("schema", {}) if form.get("type") == "json_schema" else None
        asked.thinks = body.get("reasoning_effort", "none") not in (None, "none")
        if "max_tokens" in body and "max_completion_tokens" in body:
            asked.wrong("max_tokens", "beside max_completion_tokens")
        return "chat"

    def message(self, asked, at, message):
        content, role = message.get("content"), message["role"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        text = "".join(part["text"] for part in parts if part["type"] == "text")
        if role in ("system", "developer"):
            asked.system += text
        elif role == "tool":
            asked.results.append(scene.Result(message["tool_call_id"], text))
        elif role == "assistant":
            asked.results = []
            asked.calls += [scene.Call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in message.get("tool_calls") or []]
        else:
            asked.prompt, asked.media = text, []
            for part in parts:
                if part["type"] == "image_url":
                    media_of(asked, at, part["image_url"]["url"])

    def answer(self, asked, reply, body):
        if "input" in body:
            return self.responses.answer(asked, reply, body)
        if "prompt" in body:
            return {**text(body, reply.text, STOP[reply.stop]), "usage": usage(asked)}
        message = {"role": "assistant", "content": reply.text if not reply.calls else None, "refusal": None}
        if reply.calls:
            message["tool_calls"] = [self.call(call) for call in reply.calls]
        choice = {"index": 0, "message": message, "finish_reason": STOP[reply.stop], "logprobs": None}
        return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1763800000, "model": body["model"], "choices": [choice], "usage": usage(asked), "system_fingerprint": "fp_1"}

    @staticmethod
    def call(call):
        return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}}

    def stream(self, asked, reply, body):
        if "input" in body:
            return self.responses.stream(asked, reply, body)
        counted = (body.get("stream_options") or {}).get("include_usage")
        if "prompt" in body:
            events = [sse(text(body, piece)) for piece in reply.pieces()] + [sse(text(body, "", STOP[reply.stop]))]
            return events + ([sse(text(body) | {"choices": [], "usage": usage(asked)})] if counted else []) + [b"data: [DONE]\n\n"]

        def chunk(choices, counts=None):
            data = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1763800000, "model": body["model"], "choices": choices, "system_fingerprint": "fp_1"}
            return sse(data | ({"usage": counts} if counted else {}))

        def delta(what, stop=None):
            return chunk([{"index": 0, "delta": what, "finish_reason": stop, "logprobs": None}])

        events = [delta({"role": "assistant", "content": None if reply.calls else ""})]
        events += [delta({"content": piece}) for piece in reply.pieces()]
        for index, call in enumerate(reply.calls):
            whole = self.call(call)
            events.append(delta({"tool_calls": [{"index": index, **whole, "function": {"name": call.name, "arguments": ""}}]}))
            arguments = whole["function"]["arguments"]
            events += [delta({"tool_calls": [{"index": index, "function": {"arguments": arguments[at : at + 4]}}]}) for at in range(0, len(arguments), 4)]
        events.append(delta({}, STOP[reply.stop]))
        return events + ([chunk([], usage(asked))] if counted else []) + [b"data: [DONE]\n\n"]

    def error(self, status, what, message):
        if what == "too-long":
            message = "This model's maximum context length is 400000 tokens. However, your messages resulted in 410000 tokens. Please reduce the length of the messages."
        kind, code = TYPES.get(what, ("server_error", None))
        return {"x-request-id": "req_1"}, {"error": {"message": message, "type": kind, "param": None, "code": code}}

    def broken(self, body):
        if "input" in body:
            return self.responses.broken()
        return sse(self.error(500, "broken", "simulated: broken")[1])

    def embedded(self, form, body):
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        vectors = [vector(str(text)) for text in texts]
        if body.get("encoding_format") == "base64":
            vectors = [base64.b64encode(struct.pack(f"<{len(one)}f", *one)).decode() for one in vectors]
        data = [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(vectors)]
        return {"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": scene.INPUT, "total_tokens": scene.INPUT}}


def text(body, said="", stop=None):
    """An answer of the legacy completions, or a piece of one."""
    return {"id": "cmpl-1", "object": "text_completion", "created": 1763800000, "model": body["model"], "choices": [{"index": 0, "text": said, "finish_reason": stop, "logprobs": None}], "system_fingerprint": "fp_1"}


def usage(asked):
    details = {"prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": scene.REASONING if asked.thinks else 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}
    return {"prompt_tokens": scene.INPUT, "completion_tokens": scene.OUTPUT, "total_tokens": scene.INPUT + scene.OUTPUT, **details}
