"""The package `openai`: chat completions."""

import base64
import json

import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from simulators import strict

from .asking import TOOL, TOOL_NAME, TOOL_SAYS, Called, Heard, Refused, classes, System, User

TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "description": TOOL_SAYS, "parameters": TOOL}}]


class OpenAiPython:
    name, dialect = "openai-python", "openai"
    stops = {"end": "stop", "tools": "tool_calls", "filter": "content_filter"}
    raised = {401: "AuthenticationError", 404: "NotFoundError", 400: "BadRequestError", 429: "RateLimitError", 500: "InternalServerError", 502: "InternalServerError", 503: "InternalServerError", 529: "InternalServerError"}
    mid_stream, timed_out = {"APIError", "InternalServerError"}, {"APITimeoutError"}
    thoughts = False

    def __init__(self, url, key, model, timeout=60):
        self.model = model
        self.client = openai.OpenAI(base_url=url + "/openai/v1", api_key=key, max_retries=0, timeout=timeout)

    def ask(self, turns, stream=False, tools=False, force=False, schema=None, think=False):
        more = {"tools": TOOLS} if tools else {}
        more |= {"tool_choice": "required"} if force else {}
        more |= {"response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}}} if schema else {}
        more |= {"reasoning_effort": "low"} if think else {}
        more |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        answer = self.client.chat.completions.create(model=self.model, messages=messages(turns), max_completion_tokens=4000, **more)
        return self.streamed(answer) if stream else self.whole(answer)

    def whole(self, answer):
        message = answer.choices[0].message
        heard = Heard(message.content or "", stop=answer.choices[0].finish_reason, tokens=(answer.usage.prompt_tokens, answer.usage.completion_tokens), said=message.to_dict())
        heard.calls = [Called(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []]
        heard.problems = strict.problems(answer.to_dict(), ChatCompletion)
        return heard

    def streamed(self, chunks):
        heard, calls = Heard(), {}
        for chunk in chunks:
            heard.problems += strict.problems(chunk.to_dict(), ChatCompletionChunk)
            if chunk.usage:
                heard.tokens = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
            for choice in chunk.choices:
                heard.piece(choice.delta.content)
                heard.stop = choice.finish_reason or heard.stop
                for call in choice.delta.tool_calls or []:
                    one = calls.setdefault(call.index, {"id": call.id, "name": call.function.name, "arguments": ""})
                    one["arguments"] += call.function.arguments or ""
        heard.calls = [Called(call["id"], call["name"], json.loads(call["arguments"])) for _, call in sorted(calls.items())]
        return heard

    def complete(self, text, stream=False):
        answer = self.client.completions.create(model=self.model, prompt=text, max_tokens=4000, stream=stream)
        return "".join(choice.text for one in (answer if stream else [answer]) for choice in one.choices)

    def embed(self, texts):
        return [one.embedding for one in self.client.embeddings.create(model=self.model, input=texts).data]

    def refusal(self, error):
        response = getattr(error, "response", None)
        return Refused(classes(error), getattr(error, "status_code", None), getattr(error, "code", None), response.headers.get("retry-after") if response is not None else None, str(error))


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
