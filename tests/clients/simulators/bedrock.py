"""Bedrock's Converse, after botocore's service model; signatures after botocore's own signer."""

import base64
import binascii
import datetime
import json
import re
import struct
import typing
import urllib.parse

import botocore.auth
import botocore.session
import pydantic
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

from . import cohere, scene, strict
from .vendor import Vendor, vector

STOP = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens", "filter": "content_filtered"}
EXCEPTION = {"429": "ThrottlingException", "500": "InternalServerException", "529": "ServiceUnavailableException", "denied": "AccessDeniedException"}
PATH = re.compile(r"/model/([^/]+)/(converse|converse-stream|invoke|count-tokens)")
KEYS = Credentials("AKIDEXAMPLE", "a-secret-of-the-gateway")
REGION = "eu-west-1"
MODEL = botocore.session.get_session().get_service_model("bedrock-runtime")


class Bedrock(Vendor):
    name = "bedrock"
    kind = "application/vnd.amazon.eventstream"
    headers = {"x-amzn-requestid": "req-1"}
    alive = b""

    def credential(self, asked, method, path, headers, raw):
        found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/bedrock/aws4_request, ?SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{64})", headers.get("authorization", ""))
        if not found:
            return asked.wrong("authorization", "no signature of version 4")
        key, day, region, signed, signature = found.groups()
        if not {"host", "x-amz-date"} <= set(signed.split(";")):
            asked.wrong("authorization", f"only {signed} is signed")
        if (key, region) != (KEYS.access_key, REGION) or not headers.get("x-amz-date", "").startswith(day):
            asked.wrong("authorization", f"signed by {key} in {region} on {day}")
        # What the real service sees of the path is signed, not the segment that names this vendor here.
        request = AWSRequest(method, f"http://{headers['host']}{path}", {name: headers[name] for name in signed.split(";")}, raw)
        request.context["timestamp"] = headers["x-amz-date"]
        signer = botocore.auth.SigV4Auth(KEYS, "bedrock", REGION)
        if signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request) != signature:
            asked.wrong("authorization", "the signature is not what botocore makes of this request")
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        if abs(age) > datetime.timedelta(minutes=5):
            asked.wrong("x-amz-date", headers["x-amz-date"])

    def read(self, asked, path, body):
        found = PATH.fullmatch(path)
        if not found:
            asked.wrong("path", path)
            return "chat"
        if found[2] == "invoke":
            return invoked(asked, urllib.parse.unquote(found[1]), body)
        operation = {"converse": "Converse", "converse-stream": "ConverseStream", "count-tokens": "CountTokens"}[found[2]]
        shape = MODEL.operation_model(operation).input_shape
        given = body | {"modelId": urllib.parse.unquote(found[1])}
        report = ParamValidator().validate(decoded(shape, given), shape)
        asked.problems += [report.generate_report()] if report.has_errors() else []
        asked.problems += unknown(shape, given, "$")
        if operation == "CountTokens":
            return "embed"
        asked.stream = operation == "ConverseStream"
        if asked.problems:
            return "chat"
        turns(asked, body["messages"])
        asked.system = "".join(part.get("text", "") for part in body.get("system", []))
        config = body.get("toolConfig") or {}
        asked.tools = {tool["toolSpec"]["name"]: tool["toolSpec"]["inputSchema"]["json"] for tool in config.get("tools", []) if "toolSpec" in tool}
        asked.forced = bool({"any", "tool"} & set(config.get("toolChoice") or {}))
        form = ((body.get("outputConfig") or {}).get("textFormat") or {}).get("structure", {}).get("jsonSchema")
        asked.schema = json.loads(form["schema"]) if form else None
        asked.thinks = ((body.get("additionalModelRequestFields") or {}).get("thinking") or {}).get("type") in ("enabled", "adaptive")
        if (asked.calls or asked.results) and not asked.tools:
            asked.wrong("toolConfig", "has to be there where messages have calls")
        return "chat"

    def blocks(self, reply):
        blocks = [{"reasoningContent": {"reasoningText": {"text": reply.thought, "signature": scene.SIGNATURE}}}] if reply.thought else []
        blocks += [{"text": reply.text}] if reply.text else []
        return blocks + [{"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}} for call in reply.calls]

    def answer(self, asked, reply, body):
        return {"output": {"message": {"role": "assistant", "content": self.blocks(reply)}}, "stopReason": STOP[reply.stop], "usage": USAGE, "metrics": {"latencyMs": 42}}

    def stream(self, asked, reply, body):
        events = [event("messageStart", {"role": "assistant"})]
        for index, block in enumerate(self.blocks(reply)):
            if "toolUse" in block:
                call = block["toolUse"]
                events.append(event("contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}}))
                text = json.dumps(call["input"], ensure_ascii=False)
                deltas = [{"toolUse": {"input": text[at : at + 4]}} for at in range(0, len(text), 4)]
            elif "text" in block:
                deltas = [{"text": piece} for piece in scene.pieces(block["text"])]
            else:
                thought = block["reasoningContent"]["reasoningText"]
                deltas = [{"reasoningContent": {"text": piece}} for piece in scene.pieces(thought["text"])] + [{"reasoningContent": {"signature": thought["signature"]}}]
            events += [event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in deltas]
            events.append(event("contentBlockStop", {"contentBlockIndex": index}))
        return [*events, event("messageStop", {"stopReason": STOP[reply.stop]}), event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 42}})]

    malformed = b"\x00\x00\x00\x40\x00\x00\x00\x10\xde\xad\xbe\xef" + bytes(52)

    def error(self, status, what, message):
        if what == "too-long":
            message = "Input is too long for requested model."
        return {"x-amzn-errortype": EXCEPTION.get(what, "ValidationException"), **self.headers}, {"message": message}

    def broken(self, body):
        return event("modelStreamErrorException", {"message": "simulated: broken", "originalStatusCode": 500}, exception=True)

    def embedded(self, form, body):
        if form == "titan":
            return {"embedding": vector(body["inputText"]), "embeddingsByType": {"float": vector(body["inputText"])}, "inputTextTokenCount": scene.INPUT}
        if form == "cohere":
            return {"id": "e1", "response_type": "embeddings_by_type", "embeddings": {"float": [vector(text) for text in body["texts"]]}, "texts": body["texts"]}
        return {"inputTokens": scene.INPUT}


class Titan(pydantic.BaseModel):
    """Bodies of models have no types in the service model: this is what AWS's guide says of Titan Text Embeddings V2."""

    inputText: str
    dimensions: typing.Literal[256, 512, 1024, None] = None
    normalize: typing.Optional[bool] = None
    embeddingTypes: typing.Optional[list[typing.Literal["float", "binary"]]] = None


# Cohere's models at Bedrock take what Cohere takes, but for the model's name.
COHERE = pydantic.create_model("Embed", **{name: (field.annotation, field) for name, field in cohere.EMBED.model_fields.items() if name != "model"})


def invoked(asked, model, body):
    if "embed" not in model:
        asked.prompt = "[[unserved]]"
        return "embed"
    form = "cohere" if model.startswith("cohere.") else "titan"
    asked.problems += strict.problems(body, COHERE if form == "cohere" else Titan)
    asked.prompt = "".join(body.get("texts") or [body.get("inputText", "")])
    return form


USAGE = {"inputTokens": scene.INPUT - 3, "outputTokens": scene.OUTPUT, "totalTokens": scene.INPUT + scene.OUTPUT, "cacheReadInputTokens": 3, "cacheWriteInputTokens": 0}


def turns(asked, messages):
    last = None
    for at, message in enumerate(messages):
        if message["role"] == last:
            asked.wrong(f"messages[{at}]", "roles have to alternate")
        last = message["role"]
        content = message["content"]
        if not content:
            asked.wrong(f"messages[{at}]", "no content")
        if last == "assistant":
            asked.results = []
            asked.calls += [scene.Call(part["toolUse"]["toolUseId"], part["toolUse"]["name"], part["toolUse"]["input"]) for part in content if "toolUse" in part]
            continue
        asked.results = [result(part["toolResult"]) for part in content if "toolResult" in part]
        texts = [part["text"] for part in content if "text" in part]
        media = [(f"image/{part['image']['format']}", base64.b64decode(part["image"]["source"]["bytes"])) for part in content if "image" in part]
        if any(not text.strip() for text in texts):
            asked.wrong(f"messages[{at}]", "a blank text")
        if texts or media:
            asked.prompt, asked.media = "".join(texts), media


def result(block):
    text = "".join(part.get("text") or json.dumps(part.get("json"), ensure_ascii=False) for part in block["content"])
    return scene.Result(block["toolUseId"], text, block.get("status") == "error")


def decoded(shape, value):
    """With bytes where the wire has base64: what the validator is made for."""
    if getattr(shape, "is_document_type", False):
        return value
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    if shape.type_name == "structure" and isinstance(value, dict):
        return {name: decoded(shape.members[name], one) if name in shape.members else one for name, one in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [decoded(shape.member, one) for one in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {name: decoded(shape.value, one) for name, one in value.items()}
    return value


def unknown(shape, value, at):
    """What the validator overlooks: words that are none of an enumeration, members that nobody knows."""
    if getattr(shape, "is_document_type", False):
        return
    if getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{at}: {value!r} is none of {shape.enum}"
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, one in value.items():
            if name not in shape.members:
                yield f"{at}.{name}: {shape.name} has no such member"
            else:
                yield from unknown(shape.members[name], one, f"{at}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        for index, one in enumerate(value):
            yield from unknown(shape.member, one, f"{at}[{index}]")
    elif shape.type_name == "map" and isinstance(value, dict):
        for name, one in value.items():
            yield from unknown(shape.value, one, f"{at}.{name}")


def event(name, payload, exception=False):
    """One message of the framing application/vnd.amazon.eventstream."""
    kinds = {":message-type": "exception", ":exception-type": name} if exception else {":message-type": "event", ":event-type": name}
    headers = b"".join(struct.pack("!B", len(key)) + key.encode() + struct.pack("!BH", 7, len(value)) + value.encode() for key, value in {**kinds, ":content-type": "application/json"}.items())
    data = json.dumps(payload, ensure_ascii=False).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(data), len(headers))
    prelude += struct.pack("!I", binascii.crc32(prelude))
    message = prelude + headers + data
    return message + struct.pack("!I", binascii.crc32(message))
