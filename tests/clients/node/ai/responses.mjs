// The package `openai`: Responses, at the provider that has them and at those that do not.
import OpenAI from "openai";
import { BASE_URL, PNG, TOOL, city, person, usual } from "./asking.mjs";

const heardOf = (answer, pieces) => ({
  text: answer.output_text,
  calls: answer.output.filter((item) => item.type === "function_call").map((item) => ({ id: item.call_id, name: item.name, arguments: JSON.parse(item.arguments), item })),
  stop: answer.status,
  tokens: [answer.usage.input_tokens, answer.usage.output_tokens],
  pieces,
});

export default function responses(model) {
  const client = (apiKey, timeout) => new OpenAI({ baseURL: BASE_URL + "/openai/v1", apiKey, maxRetries: 0, timeout });
  const ask = async (input, options = {}) => {
    const { key, timeout, name, stream, ...more } = { ...usual(model), ...options };
    const body = { model: name, input, max_output_tokens: 4000, store: false, ...more };
    if (!stream) return heardOf(await client(key, timeout).responses.create(body), 0);
    let pieces = 0;
    const events = client(key, timeout).responses.stream(body).on("response.output_text.delta", () => (pieces += 1));
    return heardOf(await events.finalResponse(), pieces);
  };
  return {
    ask,
    tools: { tools: [{ type: "function", ...TOOL, parameters: city, strict: true }] },
    schema: { text: { format: { type: "json_schema", name: "person", schema: person, strict: true } } },
    user: (text) => ({ role: "user", content: text }),
    seen: { role: "user", content: [{ type: "input_text", text: "what is this?" }, { type: "input_image", detail: "auto", image_url: `data:image/png;base64,${PNG}` }] },
    // Without what the package's reader of streams adds for its callers.
    turn: (heard) => heard.calls.map(({ item: { parsed_arguments, ...said } }) => said),
    results: (heard, texts) => heard.calls.map((c, at) => ({ type: "function_call_output", call_id: c.id, output: texts[at] })),
  };
}
