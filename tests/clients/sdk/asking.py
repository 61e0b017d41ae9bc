"""What every library is asked, and what it heard: the words that the cases are written in."""

import base64
import time
from dataclasses import dataclass, field

TOOL = {"type": "object", "properties": {"city": {"type": "string", "description": "a city"}}, "required": ["city"], "additionalProperties": False}
TOOL_NAME, TOOL_SAYS = "get_weather", "the weather of a city"
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"], "additionalProperties": False}
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@dataclass
class User:
    text: str
    images: list = field(default_factory=list)


@dataclass
class System:
    text: str


@dataclass
class Results:
    """One text for each call of the turn before."""

    texts: list


@dataclass
class Called:
    id: str
    name: str
    arguments: dict


@dataclass
class Heard:
    text: str = ""
    thought: str = ""
    calls: list = field(default_factory=list)
    stop: str = ""
    """In the library's own word."""
    tokens: tuple = ()
    """In, out."""
    said: object = None
    """The turn as the library wants it back."""
    at: list = field(default_factory=list)
    """When pieces came."""
    problems: list = field(default_factory=list)
    """What the library's own types do not have."""

    def piece(self, text):
        if text:
            self.text += text
            self.at.append(time.monotonic())


@dataclass
class Refused:
    """What was raised."""

    kinds: set
    """The exception's classes, by name."""
    status: int | None = None
    code: str | None = None
    retry_after: str | None = None
    said: str = ""


def classes(error):
    return {kind.__name__ for kind in type(error).__mro__}


def refused(library, function):
    """What the library raises; fails where it raises nothing."""
    try:
        heard = function()
    except Exception as error:
        return library.refusal(error)
    raise AssertionError(f"nothing was raised; heard {heard}")
