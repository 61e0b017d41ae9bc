// The package `@anthropic-ai/sdk`: Messages.
import Anthropic from "@anthropic-ai/sdk";
import { BASE_URL, PNG, TOOL, city, person, usual } from "./asking.mjs";

const heardOf = (answer, pieces) => ({
  text: answer.content.filter((b) => b.type === "text").map((b) => b.text).join(""),
  calls: answer.content.filter((b) => b.type === "tool_use").map((b) => ({ id: b.id, name: b.name, arguments: b.input })),
  stop: answer.stop_reason,
  tokens: [answer.usage.input_tokens + (answer.usage.cache_read_input_tokens ?? 0), answer.usage.output_tokens],
  pieces,
});

export default function anthropic(model) {
  const client = (apiKey, timeout) => new Anthropic({ baseURL: BASE_URL + "/anthropic", apiKey, maxRetries: 0, timeout });
  const ask = async (messages, options = {}) => {
    const { key, timeout, name, stream, ...more } = { ...usual(model), ...options };
    const body = { model: name, messages, max_tokens: 4000, ...more };
    if (!stream) return heardOf(await client(key, timeout).messages.create(body), 0);
    let pieces = 0;
    const events = client(key, timeout).messages.stream(body).on("text", () => (pieces += 1));
    return heardOf(await events.finalMessage(), pieces);
  };
  return {
    ask,
    tools: { tools: [{ ...TOOL, input_schema: city }] },
    schema: { output_config: { format: { type: "json_schema", schema: person } } },
    user: (text) => ({ role: "user", content: text }),
    seen: { role: "user", content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: PNG } }, { type: "text", text: "what is this?" }] },
    turn: (heard) => ({ role: "assistant", content: heard.calls.map((c) => ({ type: "tool_use", id: c.id, name: c.name, input: c.arguments })) }),
    results: (heard, texts) => [{ role: "user", content: heard.calls.map((c, at) => ({ type: "tool_result", tool_use_id: c.id, content: texts[at] })) }],
  };
}
