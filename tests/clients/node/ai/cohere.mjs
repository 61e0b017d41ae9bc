// The package `cohere-ai`: chat and embeddings, version 2.
import { CohereClientV2 } from "cohere-ai";
import { BASE_URL, PNG, TOOL, city, person, usual } from "./asking.mjs";

// A stream that ends with an error, which the package hands on as any other ending.
class Broken extends Error {}

export default function cohere(model) {
  const client = (token, timeout) => new CohereClientV2({ token, baseUrl: BASE_URL + "/cohere", timeoutInSeconds: timeout / 1000, maxRetries: 0 });
  const tokens = (usage) => [usage.billedUnits.inputTokens, usage.billedUnits.outputTokens];
  const ask = async (messages, options = {}) => {
    const { key, timeout, name, stream, ...more } = { ...usual(model), ...options };
    const body = { model: name, messages, maxTokens: 4000, ...more };
    if (!stream) {
      const { message, finishReason, usage } = await client(key, timeout).chat(body);
      const calls = (message.toolCalls ?? []).map((c) => ({ id: c.id, name: c.function.name, arguments: JSON.parse(c.function.arguments) }));
      return { text: (message.content ?? []).map((part) => part.text ?? "").join(""), calls, stop: finishReason, tokens: tokens(usage), pieces: 0 };
    }
    const heard = { text: "", calls: [], stop: "", tokens: [], pieces: 0 };
    for await (const event of await client(key, timeout).chatStream(body)) {
      const { delta, index, type } = event;
      if (type === "content-delta") {
        heard.pieces += 1;
        heard.text += delta.message.content.text ?? "";
      } else if (type === "tool-call-start") {
        const call = delta.message.toolCalls;
        heard.calls[index] = { id: call.id, name: call.function.name, arguments: call.function.arguments ?? "" };
      } else if (type === "tool-call-delta") {
        heard.calls[index].arguments += delta.message.toolCalls.function.arguments;
      } else if (type === "message-end") {
        if (delta.finishReason === "ERROR") throw new Broken(delta.error);
        heard.stop = delta.finishReason;
        heard.tokens = tokens(delta.usage);
      }
    }
    if (!heard.stop) throw new Error("no ending");
    heard.calls = heard.calls.map((c) => ({ ...c, arguments: JSON.parse(c.arguments) }));
    return heard;
  };
  return {
    ask,
    embed: async (texts) => (await client(usual().key, 20000).embed({ model, texts, inputType: "search_document", embeddingTypes: ["float"] })).embeddings.float,
    tools: { tools: [{ type: "function", function: { ...TOOL, parameters: city } }] },
    schema: { responseFormat: { type: "json_object", jsonSchema: person } },
    user: (text) => ({ role: "user", content: text }),
    seen: { role: "user", content: [{ type: "text", text: "what is this?" }, { type: "image_url", imageUrl: { url: `data:image/png;base64,${PNG}` } }] },
    turn: (heard) => ({ role: "assistant", toolCalls: heard.calls.map((c) => ({ id: c.id, type: "function", function: { name: c.name, arguments: JSON.stringify(c.arguments) } })) }),
    results: (heard, texts) => heard.calls.map((c, at) => ({ role: "tool", toolCallId: c.id, content: texts[at] })),
  };
}
