// The package `ollama`: its own chat and embeddings.
import { Ollama } from "ollama";
import { BASE_URL, PNG, TOOL, city, person, usual } from "./asking.mjs";

export default function ollama(model) {
  // It has no time-out of its own.
  const hasty = (timeout) => (url, init) => fetch(url, { ...init, signal: AbortSignal.timeout(timeout) });
  const client = (key, timeout) => new Ollama({ host: BASE_URL + "/ollama", headers: { Authorization: `Bearer ${key}` }, fetch: hasty(timeout) });
  const ask = async (messages, options = {}) => {
    const { key, timeout, name, stream, ...more } = { ...usual(model), ...options };
    const answer = await client(key, timeout).chat({ model: name, messages, stream, options: { num_predict: 4000 }, ...more });
    const heard = { text: "", calls: [], stop: "", tokens: [], pieces: 0 };
    for await (const { message, done_reason, prompt_eval_count, eval_count } of stream ? answer : [answer]) {
      heard.pieces += message.content ? 1 : 0;
      heard.text += message.content ?? "";
      for (const call of message.tool_calls ?? []) heard.calls.push({ id: null, name: call.function.name, arguments: call.function.arguments });
      heard.stop = done_reason ?? heard.stop;
      heard.tokens = [prompt_eval_count, eval_count];
    }
    return heard;
  };
  return {
    ask,
    embed: async (texts) => (await client(usual().key, 20000).embed({ model, input: texts })).embeddings,
    tools: { tools: [{ type: "function", function: { ...TOOL, parameters: city } }] },
    schema: { format: person },
    user: (text) => ({ role: "user", content: text }),
    seen: { role: "user", content: "what is this?", images: [PNG] },
    turn: (heard) => ({ role: "assistant", content: heard.text, tool_calls: heard.calls.map((c) => ({ function: { name: c.name, arguments: c.arguments } })) }),
    results: (heard, texts) => heard.calls.map((c, at) => ({ role: "tool", tool_name: c.name, content: texts[at] })),
  };
}
