"""LiteLLM as a client, towards OpenAI's and towards Anthropic's format."""

import gc
import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch a price list

import litellm  # noqa: E402

from .asking import Called, Heard, Refused, classes  # noqa: E402
from .openai_python import TOOLS, messages  # noqa: E402

litellm.telemetry = False


class LiteLlm:
    # Its answers are OpenAI's, whatever it talks to.
    stops = {"end": "stop", "tools": "tool_calls", "filter": "content_filter"}
    mid_stream, timed_out = {"APIError", "APIConnectionError", "InternalServerError", "MidStreamFallbackError", "ServiceUnavailableError", "BadRequestError", "AnthropicError"}, {"Timeout"}

    def __init__(self, url, key, model, timeout=60):
        self.call = dict(model=self.prefix + model, api_base=url + self.base, api_key=key, num_retries=0, max_retries=0, timeout=timeout, max_tokens=4000)

    def ask(self, turns, stream=False, tools=False, force=False, schema=None, think=False):
        more = {"tools": TOOLS} if tools else {}
        more |= {"tool_choice": "required"} if force else {}
        more |= {"response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}}} if schema else {}
        more |= self.thinking if think else {}
        more |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        # It leaves streams that fail to the collector, whose call back into its connection pool waits for ever where it comes
        # while the pool is locked.
        gc.collect()
        answer = litellm.completion(messages=messages(turns), **self.call, **more)
        heard = Heard()
        if stream:
            chunks = []
            for chunk in answer:
                chunks.append(chunk)
                for choice in chunk.choices:
                    heard.piece(choice.delta.content)
            answer = litellm.stream_chunk_builder(chunks)
            # That overlooks how streams end.
            heard.stop = next((choice.finish_reason for chunk in reversed(chunks) for choice in chunk.choices if choice.finish_reason), "")
        message, text = answer.choices[0].message, heard.text
        heard.text, heard.stop, heard.tokens = message.content or "", heard.stop or answer.choices[0].finish_reason, (answer.usage.prompt_tokens, answer.usage.completion_tokens)
        heard.problems += ["pieces and whole differ"] if stream and text != heard.text else []
        heard.calls = [Called(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []]
        heard.thought = getattr(message, "reasoning_content", None) or ""
        heard.said = message.model_dump(exclude_none=True, exclude={"provider_specific_fields"})
        return heard

    def embed(self, texts):
        call = {name: value for name, value in self.call.items() if name != "max_tokens"}
        # It says `null` where nothing is said, which is none of the vendor's words.
        return [one["embedding"] for one in litellm.embedding(input=texts, encoding_format="float", **call).data]

    def refusal(self, error):
        headers = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "litellm_response_headers", None) or {}
        return Refused(classes(error), getattr(error, "status_code", None), getattr(error, "code", None), headers.get("retry-after"), str(error))


class LiteLlmOpenAi(LiteLlm):
    name, dialect, prefix, base, thoughts = "litellm-openai", "openai", "openai/", "/openai/v1", False
    thinking = {"reasoning_effort": "low", "allowed_openai_params": ["reasoning_effort"]}
    raised = {401: "AuthenticationError", 404: "NotFoundError", 400: {"BadRequestError", "ContextWindowExceededError"}, 429: "RateLimitError", 500: "InternalServerError", 502: {"APIError", "InternalServerError", "BadGatewayError"}, 503: "ServiceUnavailableError", 529: {"APIError", "InternalServerError"}}


class LiteLlmAnthropic(LiteLlm):
    # It asks for structured output by a tool; in a stream, what the model says before it calls that tool is put before the JSON.
    speaks_first = True
    name, dialect, prefix, base, thoughts = "litellm-anthropic", "anthropic", "anthropic/", "/anthropic", True
    demands = True
    """It asks for an answer in a form by a tool that must be called."""
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "allowed_openai_params": ["thinking"]}
    # It takes every overload that Anthropic's format tells for a failure.
    raised = LiteLlmOpenAi.raised | {503: {"ServiceUnavailableError", "InternalServerError"}}
    overload = 500
