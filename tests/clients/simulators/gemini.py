"""Gemini's generateContent, after the types of the package google-genai."""

import base64
import json
import re
import typing

import pydantic
from google.genai import types

from . import scene, strict
from .vendor import KEY, Vendor, sse, vector

STATUS = {"429": "RESOURCE_EXHAUSTED", "500": "INTERNAL", "529": "UNAVAILABLE", "denied": "PERMISSION_DENIED"}
PATH = re.compile(r"/v1beta/models/([^/:]+):(generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents)(\?alt=sse)?")


class Request(pydantic.BaseModel):
    """The body, whose own type the package keeps to itself."""

    model_config = types.Content.model_config
    contents: list[types.Content]
    system_instruction: typing.Optional[types.Content] = None
    tools: typing.Optional[list[types.Tool]] = None
    tool_config: typing.Optional[types.ToolConfig] = None
    safety_settings: typing.Optional[list[types.SafetySetting]] = None
    generation_config: typing.Optional[types.GenerationConfig] = None
    cached_content: typing.Optional[str] = None
    service_tier: typing.Optional[str] = None
    store: typing.Optional[bool] = None


class Embed(pydantic.BaseModel):
    """One text of which a vector is wanted: what the package writes for each, which has no type of its own."""

    model_config = types.Content.model_config
    model: typing.Optional[str] = None
    content: types.Content
    task_type: typing.Optional[str] = None
    title: typing.Optional[str] = None
    output_dimensionality: typing.Optional[int] = None


class Several(pydantic.BaseModel):
    requests: list[Embed]


class Whole(Request):
    """A request in the request that counts it, which names the model again."""

    model: str


class Count(pydantic.BaseModel):
    model_config = types.Content.model_config
    contents: typing.Optional[list[types.Content]] = None
    generate_content_request: typing.Optional[Whole] = None


BESIDE = {"countTokens": Count, "embedContent": Embed, "batchEmbedContents": Several}


class Gemini(Vendor):
    name = "gemini"
    alive = b""  # the package takes a comment for a broken answer

    def credential(self, asked, method, path, headers, raw):
        if headers.get("x-goog-api-key") != KEY or "authorization" in headers or "key=" in path:
            asked.wrong("x-goog-api-key", "not the key of the gateway alone")

    def read(self, asked, path, body):
        found = PATH.fullmatch(path)
        if not found:
            asked.wrong("path", path)
            return "chat"
        asked.model, method, framed = found.groups()
        if kind := BESIDE.get(method):
            asked.problems += strict.problems(body, kind)
            self.beside_chats(asked, camel(body))
            return method
        asked.stream = method == "streamGenerateContent"
        if asked.stream and not framed:
            asked.wrong("path", "a stream without alt=sse")
        asked.problems += strict.problems(body, Request)
        if asked.problems:
            return "chat"
        body = camel(body)
        for content in body["contents"]:
            self.turn(asked, content)
        asked.system = "".join(part.get("text", "") for part in (body.get("systemInstruction") or {}).get("parts", []))
        asked.tools = {one["name"]: one.get("parametersJsonSchema") or one.get("parameters", {}) for tool in body.get("tools", []) for one in tool.get("functionDeclarations", [])}
        asked.forced = (body.get("toolConfig") or {}).get("functionCallingConfig", {}).get("mode") == "ANY"
        config = body.get("generationConfig") or {}
        asked.schema = config.get("responseJsonSchema") or config.get("responseSchema")
        if asked.schema and config.get("responseMimeType") != "application/json":
            asked.wrong("generationConfig.responseMimeType", "a schema wants application/json")
        asked.thinks = bool((config.get("thinkingConfig") or {}).get("includeThoughts"))
        return "chat"

    @staticmethod
    def beside_chats(asked, body):
        whole = body.get("generateContentRequest")
        if whole and "contents" in body:
            asked.wrong("generateContentRequest", "beside contents")
        for one in [*body.get("requests", []), *([whole] if whole else [])]:
            if one.get("model") != f"models/{asked.model}":
                asked.wrong("model", f"{one.get('model')!r} below the path of {asked.model!r}")
        asked.prompt = "".join(words(one["content"]) for one in body.get("requests", [body]) if "content" in one)

    @staticmethod
    def turn(asked, content):
        if not content.get("parts"):
            asked.wrong("contents", "a content without parts")
        parts = content.get("parts", [])
        if content.get("role") == "model":
            asked.results = []
            names = [part["functionCall"] for part in parts if "functionCall" in part]
            asked.calls = [scene.Call(call.get("id") or call["name"], call["name"], call.get("args") or {}) for call in names]
            for part in parts:
                if part.get("thoughtSignature", scene.SIGNATURE).replace("-", "+").replace("_", "/") != scene.SIGNATURE:
                    asked.wrong("contents", f"a signature that was not made here: {part['thoughtSignature']!r}")
            return
        if content.get("role") not in ("user", "function", None):
            asked.wrong("contents", f"no role: {content.get('role')}")
        responses = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if responses and len(responses) != len(asked.calls):
            asked.wrong("contents", f"{len(responses)} responses to {len(asked.calls)} calls")
        ids = {call.id for call in asked.calls}
        for index, response in enumerate(responses):
            # Calls without ids are answered in their order.
            at = response["id"] if response.get("id") in ids else asked.calls[index].id if index < len(asked.calls) else ""
            if asked.calls[index:] and at == asked.calls[index].id and response["name"] != asked.calls[index].name:
                asked.wrong("contents", f"a response of {response['name']} to {asked.calls[index].name}")
            asked.results.append(scene.Result(at, told(response["response"]), "error" in response["response"]))
        texts = [part["text"] for part in parts if "text" in part]
        media = [(part["inlineData"]["mimeType"], decoded(part["inlineData"]["data"])) for part in parts if "inlineData" in part]
        if texts or media:
            asked.prompt, asked.media = "".join(texts), media

    def parts(self, reply):
        parts = [{"text": reply.thought, "thought": True}] if reply.thought else []
        parts += [{"text": reply.text}] if reply.text else []
        calls = [{"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}} for call in reply.calls]
        if calls and reply.thought:
            calls[0]["thoughtSignature"] = scene.SIGNATURE
        return parts + calls

    def document(self, asked, parts, stop=None, whole=True):
        candidate = {"index": 0, "content": {"role": "model", "parts": parts}} | ({"finishReason": stop} if stop else {})
        usage = {"promptTokenCount": scene.INPUT, "cachedContentTokenCount": 3, "totalTokenCount": scene.INPUT + scene.OUTPUT}
        thoughts = scene.REASONING if asked.thinks else 0
        usage |= {"candidatesTokenCount": scene.OUTPUT - thoughts} | ({"thoughtsTokenCount": thoughts} if thoughts else {}) if whole else {}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": asked.model, "responseId": "resp_1"}

    def answer(self, asked, reply, body):
        if reply.stop == "filter":
            return self.document(asked, [], "SAFETY")
        return self.document(asked, self.parts(reply), "STOP")

    def stream(self, asked, reply, body):
        if reply.stop == "filter":
            return [sse(self.answer(asked, reply, body))]
        parts = [part for whole in self.parts(reply) for part in ([whole | {"text": piece} for piece in scene.pieces(whole["text"])] if "text" in whole else [whole])]
        events = [self.document(asked, [part], whole=False) for part in parts[:-1]] + [self.document(asked, parts[-1:], "STOP")]
        return [sse(event) for event in events]

    def error(self, status, what, message):
        if what == "too-long":
            message = "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."
        error = {"code": status, "message": message, "status": STATUS.get(what, "INVALID_ARGUMENT")}
        if what == "429":
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]
        return {}, {"error": error}

    def broken(self, body):
        return sse(self.error(500, "500", "simulated: broken")[1])

    def embedded(self, form, body):
        if form == "countTokens":
            return {"totalTokens": scene.INPUT}
        if form == "embedContent":
            return {"embedding": {"values": vector(words(body["content"]))}}
        return {"embeddings": [{"values": vector(words(one["content"]))} for one in body["requests"]]}


FREE = {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema"}


def camel(value):
    """With one spelling of the members, of which both are right on this wire."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = {re.sub(r"_(\w)", lambda found: found[1].upper(), name): one for name, one in value.items()}
    return {name: one if name in FREE else camel(one) for name, one in named.items()}


def words(content):
    return "".join(part["text"] for part in content["parts"])


def told(response):
    value = next((response[name] for name in ("result", "output", "error", "content") if name in response), response)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def decoded(text):
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
