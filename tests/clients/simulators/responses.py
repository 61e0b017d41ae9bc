"""OpenAI's Responses, after the types of its Python package: as the provider that has them, at the same account as its chats."""

import json

from openai.types.responses import response_create_params

from . import scene, strict
from .vendor import media_of, sse

ENCRYPTED = "gAAAA-encrypted-by-the-simulator"


class Responses:
    def read(self, asked, body):
        asked.stream = bool(body.get("stream"))
        kind = response_create_params.ResponseCreateParamsStreaming if asked.stream else response_create_params.ResponseCreateParamsNonStreaming
        asked.problems += strict.problems(body, kind)
        if asked.problems:
            return
        items = body["input"]
        for at, item in enumerate([{"role": "user", "content": items}] if isinstance(items, str) else items):
            self.item(asked, f"input[{at}]", item)
        asked.system = (body.get("instructions") or "") + asked.system
        asked.tools = {tool["name"]: tool.get("parameters") or {} for tool in body.get("tools") or [] if tool["type"] == "function"}
        choice = body.get("tool_choice", "auto")
        asked.forced = choice == "required" or isinstance(choice, dict)
        form = (body.get("text") or {}).get("format") or {}
        asked.schema = form.get("schema") if form.get("type") == "json_schema" else None
        reasoning = body.get("reasoning") or {}
        asked.thinks = reasoning.get("effort", "none") not in (None, "none") and bool(reasoning.get("summary"))

    def item(self, asked, at, item):
        kind = item.get("type", "message")
        if kind == "function_call":
            if asked.results:
                asked.calls, asked.results = [], []
            asked.calls.append(scene.Call(item["call_id"], item["name"], json.loads(item["arguments"])))
        elif kind == "function_call_output":
            output = item["output"]
            text = output if isinstance(output, str) else "".join(part.get("text", "") for part in output)
            asked.results.append(scene.Result(item["call_id"], text))
        elif kind == "reasoning":
            if item.get("encrypted_content") not in (None, ENCRYPTED):
                asked.wrong(at, "encrypted content that was not made here")
        elif kind == "message":
            self.message(asked, at, item)
        else:
            asked.wrong(at, f"nothing that the tests send: {kind}")

    @staticmethod
    def message(asked, at, item):
        content, role = item["content"], item["role"]
        parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
        text = "".join(part["text"] for part in parts if part["type"] in ("input_text", "output_text"))
        if role in ("system", "developer"):
            asked.system += text
        elif role == "assistant":
            asked.results = []
        else:
            asked.prompt, asked.media, asked.results = text, [], []
            for part in parts:
                if part["type"] == "input_image":
                    media_of(asked, at, part["image_url"])

    def items(self, reply, status="completed"):
        items = []
        if reply.thought:
            items.append({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": reply.thought}], "encrypted_content": ENCRYPTED})
        if reply.text:
            items.append({"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": [{"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}]})
        for index, call in enumerate(reply.calls):
            items.append({"type": "function_call", "id": f"fc_{index}", "call_id": call.id, "name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False), "status": status})
        return items

    def answer(self, asked, reply, body, status=None, items=None):
        filtered = reply.stop == "filter"
        status = status or ("incomplete" if filtered else "completed")
        whole = status != "in_progress"
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1763800000,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "content_filter"} if filtered and whole else None,
            "instructions": body.get("instructions"),
            "metadata": {},
            "model": body["model"],
            "output": self.items(reply) if items is None else items,
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": body.get("tool_choice") or "auto",
            "tools": body.get("tools") or [],
            "top_p": 1.0,
            "usage": usage(asked) if whole else None,
        }

    def stream(self, asked, reply, body):
        told = []

        def event(kind, **more):
            told.append(sse({"type": kind, "sequence_number": len(told), **more}, kind))

        for kind in ("response.created", "response.in_progress"):
            event(kind, response=self.answer(asked, reply, body, "in_progress", []))
        for index, item in enumerate(self.items(reply)):
            at = {"item_id": item["id"], "output_index": index}
            self.streamed(event, at, item)
        last = self.answer(asked, reply, body)
        event(f"response.{last['status']}", response=last)
        return told

    @staticmethod
    def streamed(event, at, item):
        index = at["output_index"]
        if item["type"] == "message":
            part = item["content"][0]
            event("response.output_item.added", output_index=index, item=item | {"status": "in_progress", "content": []})
            event("response.content_part.added", **at, content_index=0, part=part | {"text": ""})
            for piece in scene.pieces(part["text"]):
                event("response.output_text.delta", **at, content_index=0, delta=piece, logprobs=[])
            event("response.output_text.done", **at, content_index=0, text=part["text"], logprobs=[])
            event("response.content_part.done", **at, content_index=0, part=part)
        elif item["type"] == "function_call":
            arguments = item["arguments"]
            event("response.output_item.added", output_index=index, item=item | {"status": "in_progress", "arguments": ""})
            for start in range(0, len(arguments), 4):
                event("response.function_call_arguments.delta", **at, delta=arguments[start : start + 4])
            event("response.function_call_arguments.done", **at, arguments=arguments)
        else:
            part = item["summary"][0]
            event("response.output_item.added", output_index=index, item=item | {"summary": []})
            event("response.reasoning_summary_part.added", **at, summary_index=0, part=part | {"text": ""})
            for piece in scene.pieces(part["text"]):
                event("response.reasoning_summary_text.delta", **at, summary_index=0, delta=piece)
            event("response.reasoning_summary_text.done", **at, summary_index=0, text=part["text"])
            event("response.reasoning_summary_part.done", **at, summary_index=0, part=part)
        event("response.output_item.done", output_index=index, item=item)

    @staticmethod
    def broken():
        error = {"type": "server_error", "code": "server_error", "message": "simulated: broken", "param": None}
        return sse({"type": "error", "error": error, "sequence_number": 3}, "error")


def usage(asked):
    reasoning = scene.REASONING if asked.thinks else 0
    return {"input_tokens": scene.INPUT, "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0}, "output_tokens": scene.OUTPUT, "output_tokens_details": {"reasoning_tokens": reasoning}, "total_tokens": scene.INPUT + scene.OUTPUT}
