"""The package `cohere`: chat, embeddings and orders of documents, version 2."""

import base64
import json

import cohere
from cohere.v2.types import V2ChatResponse, V2ChatStreamResponse
from simulators import strict

from .asking import TOOL, TOOL_NAME, TOOL_SAYS, Called, Heard, Refused, System, User, classes

TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "description": TOOL_SAYS, "parameters": TOOL}}]
# Said by the vendor as well as by us, and unknown to the package's own types.
BEGINNING = "$.delta.message."


class Broken(Exception):
    """A stream that ends with an error, which the package hands on as any other ending."""


class CoherePython:
    name, dialect = "cohere-python", "cohere"
    stops = {"end": "COMPLETE", "tools": "TOOL_CALL", "filter": "ERROR_TOXIC"}
    raised = {400: "BadRequestError", 401: "UnauthorizedError", 404: "NotFoundError", 429: "TooManyRequestsError", 500: "InternalServerError", 502: "ApiError", 503: "ServiceUnavailableError", 529: "ApiError"}
    mid_stream, timed_out = {"Broken"}, {"ReadTimeout"}
    thoughts = True

    def __init__(self, url, key, model, timeout=60):
        self.model = model
        self.client = cohere.ClientV2(base_url=url + "/cohere", api_key=key, timeout=timeout)
        self.once = {"max_retries": 0}

    def ask(self, turns, stream=False, tools=False, force=False, schema=None, think=False):
        more = {"tools": TOOLS} if tools else {}
        more |= {"tool_choice": "REQUIRED"} if force else {}
        more |= {"response_format": {"type": "json_object", "json_schema": schema}} if schema else {}
        more |= {"thinking": {"type": "enabled", "token_budget": 1024}} if think else {}
        call = dict(model=self.model, messages=messages(turns), max_tokens=4000, request_options=self.once, **more)
        return self.streamed(self.client.chat_stream(**call)) if stream else self.whole(self.client.chat(**call))

    def whole(self, answer):
        message, counts = answer.message, answer.usage.tokens
        billed = answer.usage.billed_units
        heard = Heard(stop=answer.finish_reason, tokens=(billed.input_tokens, billed.output_tokens), said=json.loads(message.json()))
        assert counts.input_tokens >= billed.input_tokens
        for part in message.content or []:
            heard.text += part.text if part.type == "text" else ""
            heard.thought += part.thinking if part.type == "thinking" else ""
        heard.calls = [Called(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []]
        heard.problems = strict.problems(json.loads(answer.json()), V2ChatResponse)
        return heard

    def streamed(self, events):
        heard, calls = Heard(), {}
        for event in events:
            problems = strict.problems(json.loads(event.json()), V2ChatStreamResponse)
            heard.problems += [one for one in problems if not (event.type == "message-start" and one.startswith(BEGINNING))]
            if event.type == "content-delta":
                heard.piece(event.delta.message.content.text)
                heard.thought += event.delta.message.content.thinking or ""
            elif event.type == "tool-call-start":
                call = event.delta.message.tool_calls
                calls[event.index] = {"id": call.id, "name": call.function.name, "arguments": call.function.arguments or ""}
            elif event.type == "tool-call-delta":
                calls[event.index]["arguments"] += event.delta.message.tool_calls.function.arguments
            elif event.type == "message-end":
                if event.delta.finish_reason == "ERROR":
                    raise Broken(event.delta.error)
                billed = event.delta.usage.billed_units
                heard.stop, heard.tokens = event.delta.finish_reason, (billed.input_tokens, billed.output_tokens)
        heard.calls = [Called(call["id"], call["name"], json.loads(call["arguments"])) for _, call in sorted(calls.items())]
        heard.problems += [] if heard.stop else ["no ending"]
        return heard

    def embed(self, texts):
        answer = self.client.embed(model=self.model, texts=texts, input_type="search_document", embedding_types=["float"], request_options=self.once)
        return answer.embeddings.float_

    def rerank(self, query, documents):
        answer = self.client.rerank(model=self.model, query=query, documents=documents, request_options=self.once)
        return [(one.index, one.relevance_score) for one in answer.results]

    def models(self):
        return {model.name for model in self.client.models.list().models}

    def refusal(self, error):
        body, headers = getattr(error, "body", None), getattr(error, "headers", None) or {}
        return Refused(classes(error), getattr(error, "status_code", None), body.get("code") if isinstance(body, dict) else None, headers.get("retry-after"), str(error))


def messages(turns):
    said, calls = [], []
    for turn in turns:
        if isinstance(turn, System):
            said.append({"role": "system", "content": turn.text})
        elif isinstance(turn, User):
            images = [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(image).decode()}} for image in turn.images]
            said.append({"role": "user", "content": [{"type": "text", "text": turn.text}, *images] if images else turn.text})
        elif isinstance(turn, Heard):
            calls = turn.calls
            said.append(turn.said)
        else:
            said += [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in zip(calls, turn.texts, strict=True)]
    return said
