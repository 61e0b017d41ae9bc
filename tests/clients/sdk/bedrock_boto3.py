"""boto3's `bedrock-runtime`: Converse and ConverseStream, with a bearer token."""

import json
import os

import boto3
import botocore.exceptions
from botocore.config import Config

from .asking import TOOL, TOOL_NAME, TOOL_SAYS, Called, Heard, Refused, classes, System, User

TOOLS = [{"toolSpec": {"name": TOOL_NAME, "description": TOOL_SAYS, "inputSchema": {"json": TOOL}}}]


class BedrockBoto3:
    name, dialect = "bedrock-boto3", "bedrock"
    stops = {"end": "end_turn", "tools": "tool_use", "filter": "content_filtered"}
    raised = {400: "ValidationException", 401: "UnrecognizedClientException", 404: "ResourceNotFoundException", 429: "ThrottlingException", 500: "InternalServerException", 502: "InternalServerException", 503: "ServiceUnavailableException", 529: "ServiceUnavailableException"}
    mid_stream, timed_out = {"EventStreamError"}, {"ReadTimeoutError"}
    thoughts, needs_tls = True, True

    def __init__(self, url, key, model, timeout=60, trusted=None):
        self.model, self.key = model, key
        self.tell_key()
        config = Config(retries={"total_max_attempts": 1}, read_timeout=timeout, connect_timeout=timeout)
        self.client = boto3.session.Session().client("bedrock-runtime", region_name="us-east-1", endpoint_url=url + "/bedrock", config=config, verify=str(trusted))

    def tell_key(self):
        """The one way in which boto3 is given a Bedrock API key; it is read at the first call."""
        os.environ["AWS_BEARER_TOKEN_BEDROCK"] = self.key

    def ask(self, turns, stream=False, tools=False, force=False, schema=None, think=False):
        self.tell_key()
        more = {"system": [{"text": turn.text} for turn in turns if isinstance(turn, System)]} if isinstance(turns[0], System) else {}
        if tools:
            more["toolConfig"] = {"tools": TOOLS} | ({"toolChoice": {"any": {}}} if force else {})
        if schema:
            more["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema), "name": "person"}}}}
        if think:
            more["additionalModelRequestFields"] = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
        call = dict(modelId=self.model, messages=messages(turns), inferenceConfig={"maxTokens": 4000}, **more)
        return self.streamed(self.client.converse_stream(**call)["stream"]) if stream else self.whole(self.client.converse(**call))

    def whole(self, answer):
        heard = Heard(stop=answer["stopReason"], tokens=tokens(answer["usage"]), said=answer["output"]["message"])
        for block in heard.said["content"]:
            heard.text += block.get("text", "")
            heard.thought += block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
            if "toolUse" in block:
                heard.calls.append(Called(block["toolUse"]["toolUseId"], block["toolUse"]["name"], block["toolUse"]["input"]))
        return heard

    def streamed(self, events):
        heard, calls, ended = Heard(), {}, set()
        for event in events:
            (kind, data), = event.items()
            at = data.get("contentBlockIndex")
            if at in ended:
                heard.problems.append(f"{kind} after the end of block {at}")
            if kind == "contentBlockStart" and "toolUse" in data["start"]:
                calls[at] = [data["start"]["toolUse"]["toolUseId"], data["start"]["toolUse"]["name"], ""]
            elif kind == "contentBlockDelta":
                delta = data["delta"]
                heard.piece(delta.get("text"))
                heard.thought += delta.get("reasoningContent", {}).get("text", "")
                if "toolUse" in delta:
                    calls[at][2] += delta["toolUse"]["input"]
            elif kind == "contentBlockStop":
                ended.add(at)
            elif kind == "messageStop":
                heard.stop = data["stopReason"]
            elif kind == "metadata":
                heard.tokens = tokens(data["usage"])
        heard.calls = [Called(id, name, json.loads(text)) for _, (id, name, text) in sorted(calls.items())]
        return heard

    def embed(self, texts):
        """By `invoke`, whose bodies are each vendor's own: Amazon's."""
        self.tell_key()
        bodies = [json.dumps({"inputText": text}) for text in texts]
        return [json.loads(self.client.invoke_model(modelId=self.model, body=body)["body"].read())["embedding"] for body in bodies]

    def count(self, turns):
        self.tell_key()
        return self.client.count_tokens(modelId=self.model, input={"converse": {"messages": messages(turns)}})["inputTokens"]

    def refusal(self, error):
        if isinstance(error, botocore.exceptions.EventStreamError):
            return Refused({"EventStreamError"}, code=error.response["Error"]["Code"], said=str(error))
        if isinstance(error, botocore.exceptions.ClientError):
            meta = error.response["ResponseMetadata"]
            # boto3's classes are named after the code.
            return Refused({error.response["Error"]["Code"]}, meta["HTTPStatusCode"], error.response["Error"]["Code"], meta["HTTPHeaders"].get("retry-after"), str(error))
        return Refused(classes(error), said=str(error))


def tokens(usage):
    return usage["inputTokens"] + usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0), usage["outputTokens"]


def messages(turns):
    said, calls = [], []
    for turn in turns:
        if isinstance(turn, User):
            said.append({"role": "user", "content": [*({"image": {"format": "png", "source": {"bytes": image}}} for image in turn.images), {"text": turn.text}]})
        elif isinstance(turn, Heard):
            calls = turn.calls
            said.append(turn.said)
        elif not isinstance(turn, System):
            said.append({"role": "user", "content": [{"toolResult": {"toolUseId": call.id, "content": [{"text": text}]}} for call, text in zip(calls, turn.texts, strict=True)]})
    return said
