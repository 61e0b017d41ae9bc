"""LangChain, over the packages langchain-openai and langchain-anthropic."""

import base64

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from .anthropic_python import AnthropicPython
from .asking import TOOL, TOOL_NAME, TOOL_SAYS, Called, Heard, System, User
from .openai_python import OpenAiPython

TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "description": TOOL_SAYS, "parameters": TOOL}}]


class LangChain:
    def ask(self, turns, stream=False, tools=False, force=False, schema=None, think=False):
        model = self.thinking(self.chat) if think else self.chat
        if tools:
            model = model.bind_tools(TOOLS, **({"tool_choice": "any"} if force else {}))
        if schema:
            model = model.with_structured_output(schema | {"title": "person", "description": "a person"}, method="json_schema", include_raw=True)
            return self.heard(model.invoke(messages(turns))["raw"])
        if not stream:
            return self.heard(model.invoke(messages(turns)))
        pieces, whole = Heard(), None
        for chunk in model.stream(messages(turns)):
            pieces.piece(chunk.text if isinstance(chunk.text, str) else chunk.text())
            whole = chunk if whole is None else whole + chunk
        heard = self.heard(whole)
        heard.at = pieces.at
        heard.problems += [] if heard.text == pieces.text else ["pieces and whole differ"]
        return heard

    def heard(self, message):
        text = message.text if isinstance(message.text, str) else message.text()
        heard = Heard(text, stop=message.response_metadata.get(self.stop_member, ""), said=message)
        heard.calls = [Called(call["id"], call["name"], call["args"]) for call in message.tool_calls]
        heard.thought = "".join(block.get("reasoning", "") for block in message.content_blocks if block["type"] == "reasoning")
        usage = message.usage_metadata
        heard.tokens = (usage["input_tokens"], usage["output_tokens"]) if usage else ()
        return heard


class LangChainOpenAi(LangChain):
    name, dialect, stop_member, thoughts = "langchain-openai", "openai", "finish_reason", False
    stops, raised, mid_stream, timed_out = OpenAiPython.stops, OpenAiPython.raised, OpenAiPython.mid_stream, OpenAiPython.timed_out
    refusal = OpenAiPython.refusal

    def __init__(self, url, key, model, timeout=60):
        call = dict(model=model, base_url=url + "/openai/v1", api_key=key, max_retries=0, timeout=timeout)
        self.chat = ChatOpenAI(stream_usage=True, **call)
        # Else it sends numbers of OpenAI's own tokens, which no other vendor knows, from a table that it fetches.
        self.vectors = OpenAIEmbeddings(check_embedding_ctx_length=False, **call)

    def embed(self, texts):
        return self.vectors.embed_documents(texts)

    @staticmethod
    def thinking(chat):
        return chat.bind(reasoning_effort="low")


class LangChainAnthropic(LangChain):
    name, dialect, stop_member, thoughts = "langchain-anthropic", "anthropic", "stop_reason", True
    stops, mid_stream, timed_out = AnthropicPython.stops, AnthropicPython.mid_stream, AnthropicPython.timed_out
    raised = AnthropicPython.raised | {503: "APIStatusError", 529: "APIStatusError"}
    refusal = AnthropicPython.refusal

    def __init__(self, url, key, model, timeout=60):
        self.chat = ChatAnthropic(model=model, base_url=url + "/anthropic", api_key=key, max_retries=0, timeout=timeout, max_tokens=4000)

    @staticmethod
    def thinking(chat):
        return chat.model_copy(update={"thinking": {"type": "enabled", "budget_tokens": 1024}})


def messages(turns):
    said, calls = [], []
    for turn in turns:
        if isinstance(turn, System):
            said.append(SystemMessage(turn.text))
        elif isinstance(turn, User):
            images = [{"type": "image", "base64": base64.b64encode(image).decode(), "mime_type": "image/png"} for image in turn.images]
            said.append(HumanMessage(content=[*images, {"type": "text", "text": turn.text}] if images else turn.text))
        elif isinstance(turn, Heard):
            calls = turn.calls
            said.append(turn.said)
        else:
            said += [ToolMessage(content=text, tool_call_id=call.id) for call, text in zip(calls, turn.texts, strict=True)]
    return said
