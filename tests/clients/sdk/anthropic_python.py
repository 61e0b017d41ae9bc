"""The package `anthropic`: Messages."""

import base64

import anthropic
from anthropic.types import Message, RawMessageStreamEvent
from simulators import strict

from .asking import TOOL, TOOL_NAME, TOOL_SAYS, Called, Heard, Refused, classes, System, User

TOOLS = [{"name": TOOL_NAME, "description": TOOL_SAYS, "input_schema": TOOL}]


class AnthropicPython:
    name, dialect = "anthropic-python", "anthropic"
    stops = {"end": "end_turn", "tools": "tool_use", "filter": "refusal"}
    raised = {401: "AuthenticationError", 404: "NotFoundError", 400: "BadRequestError", 429: "RateLimitError", 500: "InternalServerError", 502: "InternalServerError", 503: "ServiceUnavailableError", 529: "OverloadedError"}
    mid_stream, timed_out = {"APIStatusError", "OverloadedError", "InternalServerError", "APIError"}, {"APITimeoutError"}
    thoughts = True

    def __init__(self, url, key, model, timeout=60):
        self.model = model
        self.client = anthropic.Anthropic(base_url=url + "/anthropic", api_key=key, max_retries=0, timeout=timeout)

    def ask(self, turns, stream=False, tools=False, force=False, schema=None, think=False):
        more = {"system": "".join(turn.text for turn in turns if isinstance(turn, System))} if isinstance(turns[0], System) else {}
        more |= {"tools": TOOLS} if tools else {}
        more |= {"tool_choice": {"type": "any"}} if force else {}
        more |= {"output_config": {"format": {"type": "json_schema", "schema": schema}}} if schema else {}
        more |= {"thinking": {"type": "enabled", "budget_tokens": 1024}} if think else {}
        call = dict(model=self.model, max_tokens=4000, messages=messages(turns), **more)
        if not stream:
            return self.whole(self.client.messages.create(**call))
        heard = Heard()
        with self.client.messages.stream(**call) as events:
            for event in events:
                if event.type == "text":
                    heard.piece(event.text)
            whole = self.whole(events.get_final_message())
        whole.at, whole.problems = heard.at, whole.problems + ([] if whole.text == heard.text else ["pieces and whole differ"])
        return whole

    def whole(self, answer):
        heard = Heard("".join(block.text for block in answer.content if block.type == "text"), stop=answer.stop_reason, said={"role": "assistant", "content": [block.to_dict() for block in answer.content]})
        heard.thought = "".join(block.thinking for block in answer.content if block.type == "thinking")
        heard.calls = [Called(block.id, block.name, block.input) for block in answer.content if block.type == "tool_use"]
        usage = answer.usage
        heard.tokens = (usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0), usage.output_tokens)
        heard.problems = [problem for problem in strict.problems(answer.to_dict(), Message) if "parsed_output" not in problem]
        return heard

    def raw_events(self, turns):
        """Events as they come, held against their types."""
        events = list(self.client.messages.create(model=self.model, max_tokens=4000, messages=messages(turns), stream=True))
        return events, [problem for event in events for problem in strict.problems(event.to_dict(), RawMessageStreamEvent)]

    def count(self, turns):
        return self.client.messages.count_tokens(model=self.model, messages=messages(turns)).input_tokens

    def refusal(self, error):
        response, body = getattr(error, "response", None), getattr(error, "body", None)
        inner = body.get("error", {}) if isinstance(body, dict) else {}
        inner = inner if isinstance(inner, dict) else {}
        return Refused(classes(error), getattr(error, "status_code", None), inner.get("code") or inner.get("type"), response.headers.get("retry-after") if response is not None else None, str(error))


def messages(turns):
    said, calls = [], []
    for turn in turns:
        if isinstance(turn, User):
            images = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(image).decode()}} for image in turn.images]
            said.append({"role": "user", "content": [*images, {"type": "text", "text": turn.text}] if images else turn.text})
        elif isinstance(turn, Heard):
            calls = turn.calls
            said.append(turn.said)
        elif not isinstance(turn, System):
            said.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in zip(calls, turn.texts, strict=True)]})
    return said
