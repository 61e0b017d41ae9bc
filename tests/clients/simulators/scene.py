"""What a question comes to, whatever the format, and what is answered: the same everywhere, so that tests expect the same of every vendor."""

import hashlib
import json
import re
from dataclasses import dataclass, field

INPUT, OUTPUT, REASONING = 11, 7, 4
SAID = "You said (naïve, 你好, 🚢): "
THOUGHT = "Let me think about ships."
SIGNATURE = "c2lnbmVkIGJ5IHRoZSBzaW11bGF0b3I="
MARK = re.compile(r"\[\[([a-z0-9-]+)\]\]")


@dataclass
class Call:
    id: str
    name: str
    arguments: dict


@dataclass
class Result:
    id: str
    text: str
    failed: bool = False


@dataclass
class Asked:
    """What a request says."""

    prompt: str = ""
    system: str = ""
    tools: dict = field(default_factory=dict)
    """Schemas by name."""
    forced: bool = False
    calls: list = field(default_factory=list)
    results: list = field(default_factory=list)
    """Of the last turn only."""
    schema: dict | None = None
    media: list = field(default_factory=list)
    thinks: bool = False
    stream: bool = False
    model: str = ""
    """Where it is in the path."""
    problems: list = field(default_factory=list)

    def mark(self):
        found = MARK.search(self.prompt)
        return found and found[1]

    def wrong(self, at, what):
        self.problems.append(f"{at}: {what}")


@dataclass
class Reply:
    text: str = ""
    thought: str = ""
    calls: list = field(default_factory=list)
    stop: str = "end"

    def pieces(self):
        return pieces(self.text)


def pieces(text):
    """Words with the spaces before them: what models send, nearly."""
    return re.findall(r"\s*\S+|\s+$", text)


def reply(asked):
    if asked.mark() == "filter":
        return Reply(stop="filter")
    thought = THOUGHT if asked.thinks else ""
    if asked.results:
        return Reply(told(asked), thought)
    if asked.tools and (asked.forced or "weather" in asked.prompt):
        name, schema = next(iter(asked.tools.items()))
        cities = re.findall(r"\b(Paris|Oslo|Zürich)\b", asked.prompt)
        arguments = [{"city": city} for city in cities] or [example(schema)]
        return Reply("", thought, [Call(f"call_{index}_sim", name, one) for index, one in enumerate(arguments)], "tools")
    if asked.schema is not None:
        return Reply(json.dumps(example(asked.schema), ensure_ascii=False), thought)
    if asked.media:
        return Reply("Seen: " + ", ".join(f"{kind} {len(data)} {hashlib.sha256(data).hexdigest()[:12]}" for kind, data in asked.media), thought)
    return Reply(SAID + asked.prompt + (f" | {asked.system}" if asked.system else ""), thought)


def told(asked):
    """The results, each beside the call that it answers."""
    calls = {call.id: call for call in asked.calls}
    said = []
    for result in asked.results:
        call = calls.get(result.id)
        if call is None:
            asked.wrong("results", f"no call has the id {result.id!r}; there are {sorted(calls)}")
            continue
        said.append(f"{call.name}({json.dumps(call.arguments, ensure_ascii=False, sort_keys=True)}) = {result.text}{' failed' if result.failed else ''}")
    return "Results: " + "; ".join(said)


def example(schema):
    """Something that fits a JSON schema of the tests."""
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example(schema["anyOf"][0])
    match kind and kind.lower():
        case "object":
            return {name: example(one) for name, one in schema.get("properties", {}).items()}
        case "array":
            return [example(schema.get("items", {}))]
        case "integer":
            return 36
        case "number":
            return 0.5
        case "boolean":
            return True
        case _:
            return "Ada"
