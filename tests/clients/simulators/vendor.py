"""What a simulator of a vendor is."""

import base64
import json
import re

KEY = "sk-of-the-gateway"
DATA_URL = re.compile(r"data:([\w./+-]+);base64,(.*)", re.S)


class Vendor:
    name = ""
    """Also the first segment of its path."""
    kind = "text/event-stream; charset=utf-8"
    headers = {}
    overload = 503
    alive = b": keep-alive\n\n"
    """What is sent while nothing is to be said."""
    subprotocols = ()
    malformed = b'data: {"id": "half a chu\n\n'

    def credential(self, asked, method, path, headers, raw):
        """Whether it is the gateway's own key, and nobody else's."""
        if headers.get("authorization") != f"Bearer {KEY}":
            asked.wrong("authorization", "not the key of the gateway")
        for name in ("x-api-key", "x-goog-api-key", "api-key", "cookie"):
            if name in headers:
                asked.wrong(name, "a header that nobody wants here")

    def beside(self, asked, method, path, headers, raw, body):
        """The answer to what is no conversation: status, headers and body; `None` where it is one. `body`: the JSON, if it is some."""
        return None

    def session(self, asked, path, headers):
        """A session over a WebSocket: `begin()` and `hear(asked, text)` give events."""
        asked.wrong("path", f"no sessions at {path}")

    def read(self, asked, path, body):
        """`chat`, or what else is asked, as `embedded` knows it; fills `asked`, with what is wrong."""
        raise NotImplementedError

    def answer(self, asked, reply, body):
        raise NotImplementedError

    def stream(self, asked, reply, body):
        """The events, as bytes."""
        raise NotImplementedError

    def error(self, status, what, message):
        """Headers and body."""
        raise NotImplementedError

    def broken(self, body):
        """An error in the middle of the stream that this asked for."""
        raise NotImplementedError

    def embedded(self, form, body):
        raise NotImplementedError


def sse(data, event=None):
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def media_of(asked, at, url):
    found = DATA_URL.fullmatch(url)
    if not found:
        return asked.wrong(at, f"no data URL: {url[:60]}")
    asked.media.append((found[1], base64.b64decode(found[2], validate=True)))


def vector(text, size=8):
    return [((sum(text.encode()) * (index + 3)) % 199 - 99) / 100 for index in range(size)]
