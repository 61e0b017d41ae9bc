"""Cohere's chat, embeddings and orders of documents, version 2, after the types of its Python package."""

import inspect
import json
import typing

import cohere.v2.client
import pydantic

from . import scene, strict
from .vendor import Vendor, media_of, sse, vector

STOP = {"end": "COMPLETE", "tools": "TOOL_CALL", "length": "MAX_TOKENS"}
PLAN = "I will ask for it."


def asked_of(method, **more):
    """The body of a call, whose own type the package keeps to itself: the parameters of its method."""
    given = inspect.signature(method).parameters
    hints = {name: kind for name, kind in typing.get_type_hints(method, include_extras=True).items() if name not in ("request_options", "return")}
    # What may be left out has a default that is none of its type.
    fields = {name: (kind, ... if given[name].default is inspect.Parameter.empty else None) for name, kind in hints.items()}
    return pydantic.create_model(method.__name__, **fields, **more)


V2 = cohere.v2.client.V2Client
CHAT, EMBED, RERANK = asked_of(V2.chat, stream=(bool, ...)), asked_of(V2.embed), asked_of(V2.rerank)


class Cohere(Vendor):
    name = "cohere"
    malformed = b'event: content-delta\ndata: {"type": "content-del\n\n'

    def read(self, asked, path, body):
        if path in ("/v2/embed", "/v2/rerank"):
            asked.problems += strict.problems(body, EMBED if path == "/v2/embed" else RERANK)
            asked.prompt = "".join(body.get("texts") or [body.get("query") or ""])
            return "embed" if path == "/v2/embed" else "rerank"
        if path != "/v2/chat":
            asked.wrong("path", path)
        asked.stream = bool(body.get("stream"))
        asked.problems += strict.problems(body, CHAT)
        if asked.problems:
            return "chat"
        for at, message in enumerate(body["messages"]):
            self.message(asked, f"messages[{at}]", message)
        asked.tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in body.get("tools") or []}
        asked.forced = body.get("tool_choice") == "REQUIRED"
        form = body.get("response_format") or {}
        if form.get("type") == "json_object":
            asked.schema = form.get("json_schema") or {}
        asked.thinks = (body.get("thinking") or {}).get("type") == "enabled"
        if not 0 <= body.get("p", 0.5) <= 0.99:
            asked.wrong("p", body["p"])
        return "chat"

    def message(self, asked, at, message):
        content, role = message.get("content"), message["role"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        text = "".join(part["text"] for part in parts if part["type"] == "text")
        if role == "system":
            asked.system += text
        elif role == "tool":
            asked.results.append(scene.Result(message["tool_call_id"], text))
        elif role == "assistant":
            asked.results = []
            calls = message.get("tool_calls") or []
            asked.calls += [scene.Call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]
            if calls and text:
                asked.wrong(at, "text beside calls, which is their `tool_plan`")
            if not calls and not parts:
                asked.wrong(at, "neither content nor calls")
        else:
            asked.prompt, asked.media = text, []
            for part in parts:
                if part["type"] == "image_url":
                    media_of(asked, at, part["image_url"]["url"])

    @staticmethod
    def call(call, arguments=None):
        text = json.dumps(call.arguments, ensure_ascii=False) if arguments is None else arguments
        return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": text}}

    @staticmethod
    def contents(reply):
        return ([("thinking", reply.thought)] if reply.thought else []) + ([("text", reply.text)] if reply.text else [])

    def answer(self, asked, reply, body):
        message = {"role": "assistant"}
        if reply.calls:
            message |= {"tool_plan": PLAN, "tool_calls": [self.call(call) for call in reply.calls]}
        if contents := self.contents(reply):
            message["content"] = [{"type": kind, kind: text} for kind, text in contents]
        return {"id": "c14c80c3", "finish_reason": STOP[reply.stop], "message": message, "usage": usage()}

    def stream(self, asked, reply, body):
        def event(kind, message=None, **more):
            return sse({"type": kind, **more} | ({"delta": {"message": message}} if message else {}), kind)

        events = [event("message-start", {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}, id="c14c80c3")]
        for index, (kind, text) in enumerate(self.contents(reply)):
            events.append(event("content-start", {"content": {"type": kind, kind: ""}}, index=index))
            events += [event("content-delta", {"content": {kind: piece}}, index=index) for piece in scene.pieces(text)]
            events.append(event("content-end", index=index))
        events += [event("tool-plan-delta", {"tool_plan": piece}) for piece in scene.pieces(PLAN) if reply.calls]
        for index, call in enumerate(reply.calls):
            text = json.dumps(call.arguments, ensure_ascii=False)
            events.append(event("tool-call-start", {"tool_calls": self.call(call, "")}, index=index))
            events += [event("tool-call-delta", {"tool_calls": {"function": {"arguments": text[at : at + 4]}}}, index=index) for at in range(0, len(text), 4)]
            events.append(event("tool-call-end", index=index))
        end = {"type": "message-end", "id": "c14c80c3", "delta": {"finish_reason": STOP[reply.stop], "usage": usage()}}
        return [*events, sse(end, "message-end"), b"data: [DONE]\n\n"]

    def error(self, status, what, message):
        if what == "too-long":
            message = "too many tokens: size limit exceeded by 210000 tokens"
        return {}, {"id": "e1", "message": message}

    def broken(self, body):
        return sse({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "simulated: broken"}}, "message-end")

    def embedded(self, form, body):
        if form == "rerank":
            order = sorted(range(len(body["documents"])), key=lambda at: -relevance(body["query"], body["documents"][at]))
            results = [{"index": at, "relevance_score": relevance(body["query"], body["documents"][at])} for at in order]
            return {"id": "r1", "results": results[: body.get("top_n")], "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}}
        vectors = {"float": [vector(text) for text in body["texts"]]}
        return {"id": "e1", "embeddings": vectors, "texts": body["texts"], "meta": {"billed_units": {"input_tokens": scene.INPUT}}, "response_type": "embeddings_by_type"}


def relevance(query, document):
    """The share of the question's words that are in it."""
    words = query.split()
    return sum(word in document for word in words) / len(words)


def usage():
    """What is billed is what was said; with what the vendor adds itself it is more."""
    counts = {"input_tokens": scene.INPUT, "output_tokens": scene.OUTPUT}
    return {"billed_units": counts, "tokens": {"input_tokens": scene.INPUT + 70, "output_tokens": scene.OUTPUT}, "cached_tokens": 3}
