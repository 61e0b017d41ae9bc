"""What OpenAI has beside conversations: images, sound and moderations, after the types of its Python package. Forms are read by
the standard library's reader of mail, which is no relative of the gateway's."""

import email.parser
import email.policy

from openai.types import image_create_variation_params, image_edit_params, image_generate_params
from openai.types.audio import speech_create_params, transcription_create_params, translation_create_params
from openai.types.moderation_create_params import ModerationCreateParams

from . import strict
from .vendor import sse

SOUND = b"ID3" + bytes(range(256)) * 40
SAID = "count the ships in the harbour"
USAGE = {"type": "tokens", "input_tokens": 14, "input_token_details": {"text_tokens": 4, "audio_tokens": 10}, "output_tokens": 6, "total_tokens": 20}
DRAWN = {"input_tokens": 50, "output_tokens": 60, "total_tokens": 110, "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}}
FILES = {"file", "image", "image[]", "mask"}
LISTS = {"image[]", "include[]", "timestamp_granularities[]", "known_speaker_names[]", "known_speaker_references[]"}


class File(bytes):
    """What came as a file."""


def form(asked, headers, raw):
    """A form's fields as the caller's library would have been given them; what is wrong with how they are written."""
    kind = headers.get("content-type", "")
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + raw)
    if message.get_content_type() != "multipart/form-data" or not message.is_multipart():
        return asked.wrong("content-type", kind)
    if message.defects or message.preamble or (message.epilogue or "").strip():
        asked.wrong("form", f"{message.defects} {message.preamble} {message.epilogue}")
    fields = {}
    for part in message.iter_parts():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        is_file = part.get_filename() is not None
        if is_file != (name in FILES) or part.defects:
            asked.wrong(name, f"a file: {is_file}, {part.defects}")
        value = File(content) if is_file else content.decode()
        if name.endswith("[]"):
            if name not in LISTS:
                asked.wrong(name, "no list")
            fields.setdefault(name.removesuffix("[]"), []).append(value)
        elif name in fields:
            asked.wrong(name, "twice")
        else:
            fields[name] = value
    return fields


def allowed(asked, fields, *kinds):
    """The names that a call may have; forms say everything as text, so its types are the library's own matter."""
    known = {name for kind in kinds for name in kind.__annotations__} | {name for kind in kinds for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}
    for name in fields or {}:
        if name not in known:
            asked.wrong(name, "no such field")
    for name in ("model", "file" if kinds[0].__module__.split(".")[-1].startswith("trans") else "image"):
        if name not in (fields or {}):
            asked.wrong(name, "missing")
    for value in (fields or {}).values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, File) and not one:
                asked.wrong("file", "empty")


def read(asked, path, headers, raw, body):
    """The answer of this operation: headers and body; `None` where the path is another one's. `body`: the JSON, if it is some."""
    if body and path.startswith(("/v1/images/", "/v1/audio/", "/v1/moderations")):
        asked.prompt = str(body.get("prompt") or body.get("input") or "")
    if path == "/v1/images/generations":
        streamed = bool(body.get("stream"))
        kind = image_generate_params.ImageGenerateParamsStreaming if streamed else image_generate_params.ImageGenerateParamsNonStreaming
        asked.problems += strict.problems(body, kind)
        if streamed:
            partial = {"type": "image_generation.partial_image", "b64_json": "AAAA", "partial_image_index": 0, "created_at": 1, "size": "1024x1024", "quality": "high", "background": "opaque", "output_format": "png"}
            whole = {**partial, "type": "image_generation.completed", "usage": DRAWN}
            del whole["partial_image_index"]
            return {"content-type": "text/event-stream"}, sse(partial, partial["type"]) + sse(whole, whole["type"])
        return {}, {"created": 1, "data": [{"b64_json": "AAAA"}] * (body.get("n") or 1), "usage": DRAWN}
    if path in ("/v1/images/edits", "/v1/images/variations"):
        edits = (image_edit_params.ImageEditParamsBase,)
        variations = (image_create_variation_params.ImageCreateVariationParams,)
        allowed(asked, form(asked, headers, raw), *(edits if path.endswith("edits") else variations))
        return {}, {"created": 1, "data": [{"b64_json": "AAAA"}], "usage": DRAWN}
    if path == "/v1/audio/transcriptions":
        fields = form(asked, headers, raw)
        allowed(asked, fields, transcription_create_params.TranscriptionCreateParamsBase, transcription_create_params.TranscriptionCreateParamsStreaming)
        if fields.get("stream") == "true":
            events = [{"type": "transcript.text.delta", "delta": piece} for piece in ("count the ", "ships in ", "the harbour")]
            events.append({"type": "transcript.text.done", "text": SAID, "usage": USAGE})
            return {"content-type": "text/event-stream"}, b"".join(sse(event, event["type"]) for event in events)
        if fields.get("response_format") == "text":
            return {"content-type": "text/plain"}, SAID.encode()
        return {}, {"text": SAID, "usage": USAGE}
    if path == "/v1/audio/translations":
        allowed(asked, form(asked, headers, raw), translation_create_params.TranslationCreateParams)
        return {}, {"text": SAID}
    if path == "/v1/audio/speech":
        asked.problems += strict.problems(body, speech_create_params.SpeechCreateParams)
        if body.get("stream_format") == "sse":
            done = {"type": "speech.audio.done", "usage": {"input_tokens": 7, "output_tokens": 90, "total_tokens": 97}}
            return {"content-type": "text/event-stream"}, sse({"type": "speech.audio.delta", "audio": "SUQz"}) + sse(done)
        return {"content-type": "audio/mpeg"}, SOUND
    if path == "/v1/moderations":
        asked.problems += strict.problems(body, ModerationCreateParams)
        flags = {"hate": False, "hate/threatening": False, "harassment": False, "harassment/threatening": False, "illicit": False, "illicit/violent": False, "self-harm": False, "self-harm/intent": False, "self-harm/instructions": False, "sexual": False, "sexual/minors": False, "violence": True, "violence/graphic": False}
        one = {"flagged": True, "categories": flags, "category_scores": {name: float(flag) for name, flag in flags.items()}, "category_applied_input_types": {name: ["text"] for name in flags}}
        return {}, {"id": "modr-1", "model": body["model"], "results": [one]}
    return None
