// The package `openai`: chat completions.
import OpenAI from "openai";
import { BASE_URL, PNG, TOOL, city, person, usual } from "./asking.mjs";

export default function openai(model) {
  const client = (apiKey, timeout) => new OpenAI({ baseURL: BASE_URL + "/openai/v1", apiKey, maxRetries: 0, timeout });
  const ask = async (messages, options = {}) => {
    const { key, timeout, name, stream, ...more } = { ...usual(model), ...options };
    const body = { model: name, messages, max_completion_tokens: 4000, ...more };
    if (!stream) {
      const answer = await client(key, timeout).chat.completions.create(body);
      const { message, finish_reason } = answer.choices[0];
      const calls = (message.tool_calls ?? []).map((c) => ({ id: c.id, name: c.function.name, arguments: JSON.parse(c.function.arguments) }));
      return { text: message.content ?? "", calls, stop: finish_reason, tokens: [answer.usage.prompt_tokens, answer.usage.completion_tokens], pieces: 0 };
    }
    const heard = { text: "", calls: [], stop: "", tokens: [], pieces: 0 };
    for await (const chunk of await client(key, timeout).chat.completions.create({ ...body, stream, stream_options: { include_usage: true } })) {
      if (chunk.usage) heard.tokens = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens];
      for (const { delta, finish_reason } of chunk.choices) {
        heard.pieces += delta.content ? 1 : 0;
        heard.text += delta.content ?? "";
        heard.stop = finish_reason ?? heard.stop;
        for (const c of delta.tool_calls ?? []) {
          heard.calls[c.index] ??= { id: c.id, name: c.function.name, arguments: "" };
          heard.calls[c.index].arguments += c.function.arguments ?? "";
        }
      }
    }
    heard.calls = heard.calls.map((c) => ({ ...c, arguments: JSON.parse(c.arguments) }));
    return heard;
  };
  return {
    ask,
    embed: async (texts) => (await client(usual().key, 20000).embeddings.create({ model, input: texts })).data.map((d) => d.embedding),
    tools: { tools: [{ type: "function", function: { ...TOOL, parameters: city } }] },
    schema: { response_format: { type: "json_schema", json_schema: { name: "person", schema: person, strict: true } } },
    user: (text) => ({ role: "user", content: text }),
    seen: { role: "user", content: [{ type: "text", text: "what is this?" }, { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } }] },
    turn: (heard) => ({ role: "assistant", content: heard.text || null, tool_calls: heard.calls.map((c) => ({ id: c.id, type: "function", function: { name: c.name, arguments: JSON.stringify(c.arguments) } })) }),
    results: (heard, texts) => heard.calls.map((c, at) => ({ role: "tool", tool_call_id: c.id, content: texts[at] })),
  };
}
