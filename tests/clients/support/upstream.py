"""An upstream that answers with what it saw, can be told to misbehave, and speaks enough of the chat API to be a provider."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHAT = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "upstream-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "from upstream"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


class Upstream:
    """`script` holds answers to give before the ordinary one: (status, headers, body)."""

    def __enter__(self):
        self.seen, self.script, self.lock = [], [], threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def body(self):
                if self.headers.get("transfer-encoding") == "chunked":
                    data = b""
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        data += self.rfile.read(size)
                        self.rfile.readline()
                    while self.rfile.readline().strip():
                        pass
                    return data
                return self.rfile.read(int(self.headers.get("content-length", 0)))

            def answer(self):
                seen = {"method": self.command, "path": self.path, "headers": [(k.lower(), v) for k, v in self.headers.items()], "body": self.body().decode("utf-8", "replace")}
                with owner.lock:
                    owner.seen.append(seen)
                    scripted = owner.script.pop(0) if owner.script else None
                status, headers, body = scripted or (200, {}, CHAT if self.path.endswith("/chat/completions") else seen)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def take(self):
        """What was seen since the last time."""
        with self.lock:
            seen, self.seen[:] = list(self.seen), []
        return seen
