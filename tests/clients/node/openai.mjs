// Drives the official Node package against BASE_URL with API_KEY and prints what it saw as JSON, one member per scenario.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY, maxRetries: 0 });
const model = process.env.MODEL;
const messages = [{ role: "user", content: "count the ships in the harbour" }];
const seen = {};

const chat = await client.chat.completions.create({ model, messages });
seen.chat = { text: chat.choices[0].message.content, usage: chat.usage };

const stream = await client.chat.completions.create({ model, messages, stream: true });
seen.stream = { text: "", chunks: 0, usage: null };
for await (const chunk of stream) {
  seen.stream.chunks += 1;
  seen.stream.text += chunk.choices[0]?.delta?.content ?? "";
  seen.stream.usage ??= chunk.usage ?? null;
}

const counted = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
seen.counted = { usage: null };
for await (const chunk of counted) seen.counted.usage = chunk.usage ?? seen.counted.usage;

const tools = [{ type: "function", function: { name: "lookup", description: "d", parameters: { type: "object", properties: { q: { type: "string" } } } } }];
const called = await client.chat.completions.create({ model, messages, tools, tool_choice: { type: "function", function: { name: "lookup" } } });
seen.tool = called.choices[0].message.tool_calls[0].function;

const calling = await client.chat.completions.create({ model, messages, tools, tool_choice: { type: "function", function: { name: "lookup" } }, stream: true });
seen.toolStream = { name: "", arguments: "" };
for await (const chunk of calling) {
  for (const call of chunk.choices[0]?.delta?.tool_calls ?? []) {
    seen.toolStream.name += call.function?.name ?? "";
    seen.toolStream.arguments += call.function?.arguments ?? "";
  }
}

const embedded = await client.embeddings.create({ model, input: ["a", "b"] });
seen.embeddings = embedded.data.map((d) => d.embedding.length);

seen.models = [];
for await (const m of client.models.list()) seen.models.push(m.id);

async function caught(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return { class: error.constructor.name, status: error.status, code: error.code, type: error.type, requestId: error.requestID };
  }
}
seen.unknownModel = await caught(() => client.chat.completions.create({ model: "no-such-model", messages }));
seen.badKey = await caught(() => new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "not-a-token", maxRetries: 0 }).models.list());
seen.badBody = await caught(() => client.chat.completions.create({ model: 7, messages }));
console.log(JSON.stringify(seen));
