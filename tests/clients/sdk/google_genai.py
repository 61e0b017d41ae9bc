"""The package `google-genai`: generateContent."""

import httpx2
from google import genai
from google.genai import errors, types

from .asking import TOOL, TOOL_NAME, TOOL_SAYS, Called, Heard, Refused, classes, System, User

TOOLS = [types.Tool(function_declarations=[types.FunctionDeclaration(name=TOOL_NAME, description=TOOL_SAYS, parameters_json_schema=TOOL)])]
FORCED = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY"))


class GoogleGenai:
    name, dialect = "google-genai", "gemini"
    stops = {"end": "STOP", "tools": "STOP", "filter": "SAFETY"}
    raised = {400: "ClientError", 401: "ClientError", 404: "ClientError", 429: "ClientError", 500: "ServerError", 502: "ServerError", 503: "ServerError", 529: "ServerError"}
    mid_stream, timed_out = {"ServerError", "APIError", "ClientError"}, {"ReadTimeout", "TimeoutException"}
    thoughts = True

    def __init__(self, url, key, model, timeout=60):
        self.model = model
        self.client = genai.Client(api_key=key, http_options={"base_url": url + "/gemini", "timeout": timeout * 1000})

    def ask(self, turns, stream=False, tools=False, force=False, schema=None, think=False):
        config = types.GenerateContentConfig(max_output_tokens=4000, automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))
        system = "".join(turn.text for turn in turns if isinstance(turn, System))
        config.system_instruction = system or None
        config.tools, config.tool_config = (TOOLS if tools else None), (FORCED if force else None)
        if schema:
            config.response_mime_type, config.response_json_schema = "application/json", schema
        if think:
            config.thinking_config = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
        call = dict(model=self.model, contents=contents(turns), config=config)
        return self.heard(self.client.models.generate_content_stream(**call) if stream else [self.client.models.generate_content(**call)])

    def heard(self, answers):
        heard, parts = Heard(), []
        for answer in answers:
            for candidate in answer.candidates or []:
                heard.stop = candidate.finish_reason.value if candidate.finish_reason else heard.stop
                for part in (candidate.content and candidate.content.parts) or []:
                    parts.append(part)
                    if part.function_call:
                        heard.calls.append(Called(part.function_call.id, part.function_call.name, part.function_call.args))
                    elif part.thought:
                        heard.thought += part.text or ""
                    else:
                        heard.piece(part.text)
            usage = answer.usage_metadata
            if usage and usage.candidates_token_count is not None:
                heard.tokens = (usage.prompt_token_count, usage.candidates_token_count + (usage.thoughts_token_count or 0))
        heard.said = types.Content(role="model", parts=parts)
        return heard

    def embed(self, texts):
        # Of a model with this in its name the package makes one vector of all that it is given.
        asked = [[text] for text in texts] if "gemini" in self.model else [texts]
        answers = [self.client.models.embed_content(model=self.model, contents=contents) for contents in asked]
        return [one.values for answer in answers for one in answer.embeddings]

    def count(self, turns):
        return self.client.models.count_tokens(model=self.model, contents=contents(turns)).total_tokens

    def refusal(self, error):
        if isinstance(error, errors.APIError):
            headers = getattr(error.response, "headers", {}) if error.response is not None else {}
            return Refused(classes(error), error.code, error.status, headers.get("retry-after"), str(error))
        assert isinstance(error, httpx2.HTTPError), error
        return Refused(classes(error), said=str(error))


def contents(turns):
    said, calls = [], []
    for turn in turns:
        if isinstance(turn, User):
            said.append(types.Content(role="user", parts=[*(types.Part.from_bytes(data=image, mime_type="image/png") for image in turn.images), types.Part(text=turn.text)]))
        elif isinstance(turn, Heard):
            calls = turn.calls
            said.append(turn.said)
        elif not isinstance(turn, System):
            responses = [types.FunctionResponse(id=call.id, name=call.name, response={"result": text}) for call, text in zip(calls, turn.texts, strict=True)]
            said.append(types.Content(role="user", parts=[types.Part(function_response=response) for response in responses]))
    return said
