"""OpenAI's files and batches, after the types of its Python package: what is uploaded is kept, and a batch is done at once."""

import itertools
import json
import threading

from openai.types import batch_create_params, file_create_params
from openai.types.chat import completion_create_params

from . import strict
from .openai_media import File, form

URLS = ("/v1/chat/completions", "/v1/embeddings", "/v1/completions", "/v1/responses", "/v1/moderations")


class Account:
    """What lives at the account, whoever put it there."""

    def __init__(self):
        self.files, self.batches, self.numbers, self.lock = {}, {}, itertools.count(1), threading.Lock()
        self.keep("theirs.jsonl", "user_data", b"somebody else's")

    def keep(self, name, purpose, content):
        about = {"id": f"file-{next(self.numbers)}", "object": "file", "bytes": len(content), "created_at": 1763800000, "filename": name, "purpose": purpose, "status": "processed"}
        self.files[about["id"]] = (about, content)
        return about

    def read(self, asked, method, path, headers, raw, body):
        """The answer: status, headers and body; `None` where the path is another one's."""
        with self.lock:
            return self.answer(asked, method, path.partition("?")[0].split("/")[2:], headers, raw, body)

    def answer(self, asked, method, steps, headers, raw, body):
        match (method, *steps):
            case ("POST", "files"):
                return self.upload(asked, headers, raw)
            case ("GET", "files", id) if id in self.files:
                return 200, {}, self.files[id][0]
            case ("GET", "files", id, "content") if id in self.files:
                return 200, {"content-type": "application/octet-stream"}, self.files[id][1]
            case ("DELETE", "files", id) if id in self.files:
                del self.files[id]
                return 200, {}, {"id": id, "object": "file", "deleted": True}
            case ("POST", "batches"):
                return self.begin(asked, body)
            case ("GET", "batches", id) if id in self.batches:
                return 200, {}, self.batches[id]
            case ("POST", "batches", id, "cancel") if id in self.batches:
                self.batches[id]["status"] = "cancelling"
                return 200, {}, self.batches[id]
            case (_, "files" | "batches", *_):
                return 404, {}, {"error": {"message": f"No such object: {steps[-1]}", "type": "invalid_request_error", "param": "id", "code": None}}
        return None

    def upload(self, asked, headers, raw):
        fields = form(asked, headers, raw) or {}
        for name in fields:
            if name.split("[")[0] not in file_create_params.FileCreateParams.__annotations__:
                asked.wrong(name, "no such field")
        if not isinstance(fields.get("file"), File) or fields.get("purpose") not in ("assistants", "batch", "fine-tune", "vision", "user_data", "evals"):
            asked.wrong("form", f"a file and its purpose are wanted: {sorted(fields)}")
            return 400, {}, {}
        if fields["purpose"] == "batch":
            for line in fields["file"].splitlines():
                asked.problems += line_problems(json.loads(line))
        return 200, {}, self.keep("uploaded", fields["purpose"], bytes(fields["file"]))

    def begin(self, asked, body):
        asked.problems += strict.problems(body, batch_create_params.BatchCreateParams)
        about, content = self.files[body["input_file_id"]]
        if about["purpose"] != "batch":
            asked.wrong("input_file_id", about["purpose"])
        lines = [json.loads(line) for line in content.splitlines()]
        if any(line["url"] != body["endpoint"] for line in lines):
            asked.wrong("endpoint", body["endpoint"])
        said = [{"id": f"batch_req_{line['custom_id']}", "custom_id": line["custom_id"], "response": {"status_code": 200, "request_id": "r", "body": {"model": line["body"]["model"]}}, "error": None} for line in lines]
        output = self.keep("output.jsonl", "batch_output", "".join(json.dumps(one) + "\n" for one in said).encode())
        counts = {"total": len(lines), "completed": len(lines), "failed": 0}
        batch = {"id": f"batch_{next(self.numbers)}", "object": "batch", "endpoint": body["endpoint"], "errors": None, "input_file_id": about["id"], "completion_window": body["completion_window"], "status": "completed", "output_file_id": output["id"], "error_file_id": None, "created_at": 1763800000, "request_counts": counts, "metadata": body.get("metadata")}
        self.batches[batch["id"]] = batch
        return 200, {}, batch


def line_problems(line):
    found = strict.problems(line.get("body"), completion_create_params.CompletionCreateParamsNonStreaming) if line.get("url") == URLS[0] else []
    if set(line) != {"custom_id", "method", "url", "body"} or line["method"] != "POST" or line["url"] not in URLS:
        found.append(f"no line of a batch: {line}")
    if not line.get("body", {}).get("model", "").startswith("gpt-"):
        found.append(f"a model that this account does not have: {line}")
    return found
