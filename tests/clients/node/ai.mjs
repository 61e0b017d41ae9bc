// Drives the official Node packages `openai` and `@anthropic-ai/sdk` against BASE_URL with API_KEY, at each of MODELS, and prints
// what they saw as JSON: package → model → scenario.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const { BASE_URL, API_KEY, PNG } = process.env;
const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const person = { type: "object", properties: { name: { type: "string" }, age: { type: "integer" } }, required: ["name", "age"], additionalProperties: false };
const hello = "count the ships in the harbour";
const weather = "the weather in Paris and Oslo";

async function caught(call) {
  try {
    return { heard: await call() };
  } catch (error) {
    const kinds = [];
    for (let kind = error.constructor; kind?.name; kind = Object.getPrototypeOf(kind)) kinds.push(kind.name);
    return { kinds, status: error.status ?? null, retryAfter: error.headers?.get?.("retry-after") ?? null, message: String(error.message) };
  }
}

const libraries = {
  openai(model) {
    const client = (apiKey, timeout) => new OpenAI({ baseURL: BASE_URL + "/openai/v1", apiKey, maxRetries: 0, timeout });
    const tools = [{ type: "function", function: { name: "get_weather", description: "d", parameters: city } }];
    const turn = (heard) => ({ role: "assistant", content: heard.text || null, tool_calls: heard.calls.map((c) => ({ id: c.id, type: "function", function: { name: c.name, arguments: JSON.stringify(c.arguments) } })) });
    const results = (heard, texts) => heard.calls.map((c, at) => ({ role: "tool", tool_call_id: c.id, content: texts[at] }));
    const ask = async (messages, { key = API_KEY, timeout = 20000, name = model, ...more } = {}) => {
      const body = { model: name, messages, max_completion_tokens: 4000, ...more };
      if (!more.stream) {
        const answer = await client(key, timeout).chat.completions.create(body);
        const { message, finish_reason } = answer.choices[0];
        const calls = (message.tool_calls ?? []).map((c) => ({ id: c.id, name: c.function.name, arguments: JSON.parse(c.function.arguments) }));
        return { text: message.content ?? "", calls, stop: finish_reason, tokens: [answer.usage.prompt_tokens, answer.usage.completion_tokens], pieces: 0 };
      }
      const heard = { text: "", calls: [], stop: "", tokens: [], pieces: 0 };
      for await (const chunk of await client(key, timeout).chat.completions.create({ ...body, stream_options: { include_usage: true } })) {
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
      ask, turn, results, tools,
      user: (text) => ({ role: "user", content: text }),
      seen: { role: "user", content: [{ type: "text", text: "what is this?" }, { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } }] },
      schema: { response_format: { type: "json_schema", json_schema: { name: "person", schema: person, strict: true } } },
    };
  },
  anthropic(model) {
    const client = (apiKey, timeout) => new Anthropic({ baseURL: BASE_URL + "/anthropic", apiKey, maxRetries: 0, timeout });
    const heardOf = (answer, pieces) => ({
      text: answer.content.filter((b) => b.type === "text").map((b) => b.text).join(""),
      calls: answer.content.filter((b) => b.type === "tool_use").map((b) => ({ id: b.id, name: b.name, arguments: b.input })),
      stop: answer.stop_reason,
      tokens: [answer.usage.input_tokens + (answer.usage.cache_read_input_tokens ?? 0), answer.usage.output_tokens],
      pieces,
    });
    const ask = async (messages, { key = API_KEY, timeout = 20000, name = model, stream, ...more } = {}) => {
      const body = { model: name, messages, max_tokens: 4000, ...more };
      if (!stream) return heardOf(await client(key, timeout).messages.create(body), 0);
      let pieces = 0;
      const events = client(key, timeout).messages.stream(body).on("text", () => (pieces += 1));
      return heardOf(await events.finalMessage(), pieces);
    };
    return {
      ask,
      tools: [{ name: "get_weather", description: "d", input_schema: city }],
      turn: (heard) => ({ role: "assistant", content: heard.calls.map((c) => ({ type: "tool_use", id: c.id, name: c.name, input: c.arguments })) }),
      results: (heard, texts) => [{ role: "user", content: heard.calls.map((c, at) => ({ type: "tool_result", tool_use_id: c.id, content: texts[at] })) }],
      user: (text) => ({ role: "user", content: text }),
      seen: { role: "user", content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: PNG } }, { type: "text", text: "what is this?" }] },
      schema: { output_config: { format: { type: "json_schema", schema: person } } },
    };
  },
};

const seen = {};
for (const [name, library] of Object.entries(libraries)) {
  seen[name] = {};
  for (const model of process.env.MODELS.split(",")) {
    const l = library(model);
    const at = (seen[name][model] = {});
    for (const stream of [false, true]) {
      const when = stream ? "stream" : "whole";
      at[`chat ${when}`] = await caught(() => l.ask([l.user(hello)], { stream }));
      const called = await caught(() => l.ask([l.user(weather)], { stream, tools: l.tools }));
      at[`calls ${when}`] = called;
      if (called.heard) at[`results ${when}`] = await caught(() => l.ask([l.user(weather), l.turn(called.heard), ...l.results(called.heard, ["18 °C", "-3 °C"])], { stream, tools: l.tools }));
      at[`schema ${when}`] = await caught(() => l.ask([l.user("who is there?")], { stream, ...l.schema }));
      at[`image ${when}`] = await caught(() => l.ask([l.seen], { stream }));
      for (const mark of ["429", "500", "529", "too-long", "denied"]) at[`${mark} ${when}`] = await caught(() => l.ask([l.user(`[[${mark}]]`)], { stream }));
    }
    for (const mark of ["broken", "cut"]) at[mark] = await caught(() => l.ask([l.user(`[[${mark}]] one two three four five`)], { stream: true }));
    at.late = await caught(() => l.ask([l.user("[[hang]]")], { timeout: 1000 }));
    at.stranger = await caught(() => l.ask([l.user(hello)], { key: "not-a-token" }));
    at.unknown = await caught(() => l.ask([l.user(hello)], { name: "no-such-model" }));
  }
}
console.log(JSON.stringify(seen));
