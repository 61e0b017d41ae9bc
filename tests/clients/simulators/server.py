"""The one HTTP server: finds the vendor by the path, checks, answers whole or streamed, and misbehaves when it is asked to.

`GET /-/taken` gives what came since the last time, with what was wrong with it."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import scene
from .socket import Socket
from .vendors import VENDORS

RETRY_AFTER = "7"
HANG = 3
PAUSE = 0.05
STATUS = {"429": 429, "500": 500, "529": 529, "too-long": 400, "unserved": 400, "denied": 401}


class Closed(Exception):
    """The connection is to be closed at once, whatever was promised."""


class Simulators:
    def __init__(self):
        self.taken, self.lock = [], threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def do_GET(self):
                if self.path == "/-/taken":
                    return self.whole(200, {}, owner.take())
                if self.headers.get("upgrade", "").lower() == "websocket":
                    self.close_connection = True
                    return owner.session(self)
                self.do_POST()

            def do_DELETE(self):
                self.do_POST()

            def do_POST(self):
                length = int(self.headers.get("content-length") or 0)
                raw = self.unchunked() if self.headers.get("transfer-encoding") == "chunked" else self.rfile.read(length)
                try:
                    owner.serve(self, raw)
                except (Closed, ConnectionError):
                    self.close_connection = True

            def unchunked(self):
                data = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    data += self.rfile.read(size)
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return data

            def head(self, status, headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def whole(self, status, headers, body, promised=0):
                data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
                self.head(status, {"content-type": "application/json", **headers, "content-length": str(len(data) + promised)})
                self.wfile.write(data)
                self.wfile.flush()
                if promised:
                    raise Closed

            def chunk(self, data):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port

    def take(self):
        with self.lock:
            taken, self.taken[:] = list(self.taken), []
        return taken

    def serve(self, http, raw):
        vendor = vendor_at(http.path)
        if vendor is None:
            return http.whole(404, {}, {"error": f"no vendor at {http.path}"})
        headers = {name.lower(): value for name, value in http.headers.items()}
        seen = {"vendor": vendor.name, "path": http.path, "headers": headers, "body": raw.decode("utf-8", "replace")}
        asked, body = scene.Asked(), None
        try:
            vendor.credential(asked, http.command, http.path, headers, raw)
            of_callers(asked, http.path, headers)
            is_json = not headers.get("content-type", "").startswith("multipart/")
            body = json.loads(raw, object_pairs_hook=lambda pairs: unique(asked, pairs)) if raw and is_json else None
            beside = vendor.beside(asked, http.command, http.path.removeprefix(f"/{vendor.name}"), headers, raw, body)
            form = "beside" if beside else vendor.read(asked, http.path.removeprefix(f"/{vendor.name}"), body)
            reply = scene.reply(asked) if form == "chat" else None
        except Exception as error:  # What makes a simulator stumble is a finding as well, and has to reach the test.
            asked.wrong("request", f"{type(error).__name__}: {error}")
        self.came(seen, asked)
        if asked.problems:
            return http.whole(400, *vendor.error(400, "invalid", "; ".join(asked.problems)))
        if beside and asked.mark() not in STATUS:
            return http.whole(*beside)
        self.answer(http, vendor, asked, form, reply, body)

    def session(self, http):
        """A WebSocket: every message is one more that came."""
        vendor = vendor_at(http.path)
        if vendor is None:
            return http.whole(404, {}, {"error": f"no vendor at {http.path}"})
        headers = {name.lower(): value for name, value in http.headers.items()}
        seen = {"vendor": vendor.name, "path": http.path, "headers": headers, "body": ""}
        asked = scene.Asked()
        vendor.credential(asked, "GET", http.path, headers, b"")
        of_callers(asked, http.path, headers)
        session = vendor.session(asked, http.path.removeprefix(f"/{vendor.name}"), headers)
        self.came(seen, asked)
        if asked.mark() in STATUS:
            return self.answer(http, vendor, asked, "session", None, None)
        if asked.problems:
            return http.whole(400, *vendor.error(400, "invalid", "; ".join(asked.problems)))
        socket = Socket(http, vendor.subprotocols)
        if socket.refused:
            asked.wrong("handshake", socket.refused)
            return None
        for event in session.begin():
            socket.say(event)
        for text in socket.texts():
            asked = scene.Asked()
            try:
                events = session.hear(asked, text)
            except Exception as error:  # As below.
                asked.wrong("event", f"{type(error).__name__}: {error}")
                events = []
            self.came(seen | {"body": text or ""}, asked)
            for index, event in enumerate(events):
                if asked.mark() == "cut" and index == len(events) // 2:
                    return None
                if asked.mark() == "slow":
                    time.sleep(PAUSE)
                socket.say(event)
        return None

    def came(self, seen, asked):
        with self.lock:
            self.taken.append(seen | {"problems": asked.problems})

    def answer(self, http, vendor, asked, form, reply, body):
        mark = asked.mark()
        if mark in STATUS:
            status = vendor.overload if mark == "529" else STATUS[mark]
            headers, document = vendor.error(status, mark, f"simulated: {mark}")
            return http.whole(status, headers | ({"retry-after": RETRY_AFTER} if status in (429, vendor.overload) else {}), document)
        if mark == "hang":
            time.sleep(HANG)
        if not asked.stream:
            if mark == "malformed":
                return http.whole(200, {}, b'{"id": "half an ans')
            document = vendor.answer(asked, reply, body) if form == "chat" else vendor.embedded(form, body)
            return http.whole(200, vendor.headers, document, promised=100 if mark == "cut" else 0)
        events = vendor.stream(asked, reply, body)
        http.head(200, {"content-type": vendor.kind, "transfer-encoding": "chunked", **vendor.headers})
        half = max(2, len(events) // 2)
        for index, event in enumerate(events):
            if index == half and mark == "cut":
                raise Closed
            if index == half and mark == "malformed":
                http.chunk(vendor.malformed)
                break
            if index == half and mark == "broken":
                http.chunk(vendor.broken(body))
                break
            if mark == "slow":
                time.sleep(PAUSE)
                if vendor.alive:
                    http.chunk(vendor.alive)
            http.chunk(event)
        http.wfile.write(b"0\r\n\r\n")


def vendor_at(path):
    return next((vendor for vendor in VENDORS if path.startswith(f"/{vendor.name}/")), None)


def of_callers(asked, path, headers):
    """Callers of the tests have tokens, which all begin alike; no vendor may see one."""
    for name, value in [("path", path), *headers.items()]:
        if "eyJ" in value:
            asked.wrong(name, "a caller's token")


def unique(asked, pairs):
    document = dict(pairs)
    if len(document) != len(pairs):
        asked.wrong("$", f"members twice: {[name for name, _ in pairs]}")
    return document
