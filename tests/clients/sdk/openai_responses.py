"""The package `openai`: Responses, at the provider that has them and at those that do not."""

import base64
import json

from openai.types.responses import Response, ResponseStreamEvent
from simulators import strict

from .asking import TOOL, TOOL_NAME, TOOL_SAYS, Called, Heard, System, User
from .openai_python import OpenAiPython

TOOLS = [{"type": "function", "name": TOOL_NAME, "description": TOOL_SAYS, "parameters": TOOL, "strict": False}]


# The API says these; the package's types lack them.
SAID = ("store", "presence_penalty", "frequency_penalty")


class OpenAiResponses(OpenAiPython):
    name, dialect = "openai-responses", "responses"
    stops = {"end": "completed", "tools": "completed", "filter": "incomplete"}
    thoughts = True

    def ask(self, turns, stream=False, tools=False, force=False, schema=None, think=False):
        more = {"instructions": "".join(turn.text for turn in turns if isinstance(turn, System))} if isinstance(turns[0], System) else {}
        more |= {"tools": TOOLS} if tools else {}
        more |= {"tool_choice": "required"} if force else {}
        more |= {"text": {"format": {"type": "json_schema", "name": "person", "schema": schema, "strict": True}}} if schema else {}
        more |= {"reasoning": {"effort": "low", "summary": "auto"}} if think else {}
        call = dict(model=self.model, input=items(turns), max_output_tokens=4000, store=False, **more)
        if not stream:
            return self.whole(self.client.responses.create(**call))
        pieces, last, numbers = Heard(), None, []
        for event in self.client.responses.create(stream=True, **call):
            pieces.problems += unknown(event, ResponseStreamEvent)
            numbers.append(event.sequence_number)
            if event.type == "response.output_text.delta":
                pieces.piece(event.delta)
            elif event.type in ("response.completed", "response.incomplete", "response.failed"):
                last = event.response
        heard = self.whole(last)
        heard.at, heard.problems = pieces.at, heard.problems + pieces.problems
        heard.problems += [] if heard.text == pieces.text else ["pieces and whole differ"]
        heard.problems += [] if numbers == list(range(len(numbers))) else [f"numbered {numbers}"]
        return heard

    def whole(self, answer):
        heard = Heard(answer.output_text, stop=answer.status, tokens=(answer.usage.input_tokens, answer.usage.output_tokens) if answer.usage else ())
        for item in answer.output:
            if item.type == "function_call":
                heard.calls.append(Called(item.call_id, item.name, json.loads(item.arguments)))
            elif item.type == "reasoning":
                heard.thought += "".join(part.text for part in item.summary)
        heard.said = [item.to_dict() for item in answer.output]
        heard.problems = unknown(answer, Response)
        return heard


def unknown(said, kind):
    return [one for one in strict.problems(said.to_dict(), kind) if not any(f".{name}: " in one for name in SAID)]


def items(turns):
    said, calls = [], []
    for turn in turns:
        if isinstance(turn, User):
            images = [{"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64," + base64.b64encode(image).decode()} for image in turn.images]
            said.append({"role": "user", "content": [{"type": "input_text", "text": turn.text}, *images]})
        elif isinstance(turn, Heard):
            calls = turn.calls
            said += turn.said
        elif not isinstance(turn, System):
            said += [{"type": "function_call_output", "call_id": call.id, "output": text} for call, text in zip(calls, turn.texts, strict=True)]
    return said
