"""The package `ollama`: its own chat and embeddings."""

import ollama

from .asking import TOOL, TOOL_NAME, TOOL_SAYS, Called, Heard, Refused, System, User, classes

TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "description": TOOL_SAYS, "parameters": TOOL}}]
RAISED = "ResponseError"


class OllamaPython:
    name, dialect = "ollama-python", "ollama"
    stops = {"end": "stop", "tools": "stop", "filter": "content_filter"}
    raised = dict.fromkeys((400, 401, 404, 429, 500, 502, 503, 529), RAISED)
    mid_stream, timed_out = {RAISED}, {"ReadTimeout"}
    thoughts = True
    headers_told, forces = False, False
    """Its errors have no headers; and nothing can be demanded."""

    def __init__(self, url, key, model, timeout=60):
        self.model = model
        self.client = ollama.Client(host=url + "/ollama", headers={"Authorization": f"Bearer {key}"}, timeout=timeout)

    def ask(self, turns, stream=False, tools=False, schema=None, think=False):
        more = {"tools": TOOLS} if tools else {}
        more |= {"format": schema} if schema else {}
        more |= {"think": True} if think else {}
        answer = self.client.chat(model=self.model, messages=messages(turns), options={"num_predict": 4000}, stream=stream, **more)
        return self.heard(answer if stream else [answer])

    def heard(self, answers):
        heard, whole = Heard(), None
        for answer in answers:
            message, whole = answer.message, answer
            heard.piece(message.content)
            heard.thought += message.thinking or ""
            heard.calls += [Called(None, call.function.name, dict(call.function.arguments)) for call in message.tool_calls or []]
        heard.problems = [] if whole.done else ["no ending"]
        heard.stop, heard.tokens = whole.done_reason, (whole.prompt_eval_count, whole.eval_count)
        calls = [{"function": {"name": call.name, "arguments": call.arguments}} for call in heard.calls]
        heard.said = {"role": "assistant", "content": heard.text} | ({"tool_calls": calls} if calls else {})
        return heard

    def complete(self, text, stream=False):
        answer = self.client.generate(model=self.model, prompt=text, stream=stream)
        return "".join(one.response for one in (answer if stream else [answer]))

    def embed(self, texts):
        return self.client.embed(model=self.model, input=texts).embeddings

    def models(self):
        return {model.model for model in self.client.list().models}

    def refusal(self, error):
        return Refused(classes(error), getattr(error, "status_code", None), None, None, str(error))


def messages(turns):
    said, calls = [], []
    for turn in turns:
        if isinstance(turn, System):
            said.append({"role": "system", "content": turn.text})
        elif isinstance(turn, User):
            said.append({"role": "user", "content": turn.text} | ({"images": turn.images} if turn.images else {}))
        elif isinstance(turn, Heard):
            calls = turn.calls
            said.append(turn.said)
        else:
            said += [{"role": "tool", "tool_name": call.name, "content": text} for call, text in zip(calls, turn.texts, strict=True)]
    return said
