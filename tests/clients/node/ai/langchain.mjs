// LangChain, over the package `@langchain/openai`.
import { AIMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { BASE_URL, PNG, TOOL, city, person, usual } from "./asking.mjs";

export default function langchain(model) {
  const configuration = { baseURL: BASE_URL + "/openai/v1" };
  const ask = async (messages, options = {}) => {
    const { key, timeout, name, stream, tools, schema } = { ...usual(model), ...options };
    let chat = new ChatOpenAI({ model: name, apiKey: key, timeout, maxRetries: 0, streamUsage: true, configuration });
    if (tools) chat = chat.bindTools(tools);
    if (schema) chat = chat.withConfig({ response_format: schema });
    let whole, pieces = 0;
    if (stream) {
      for await (const chunk of await chat.stream(messages)) {
        pieces += chunk.text ? 1 : 0;
        whole = whole === undefined ? chunk : whole.concat(chunk);
      }
    } else {
      whole = await chat.invoke(messages);
    }
    const calls = whole.tool_calls.map((c) => ({ id: c.id, name: c.name, arguments: c.args }));
    const { usage_metadata: usage } = whole;
    return { text: whole.text, calls, stop: whole.response_metadata.finish_reason, tokens: [usage.input_tokens, usage.output_tokens], pieces };
  };
  return {
    ask,
    embed: (texts) => new OpenAIEmbeddings({ model, apiKey: usual().key, maxRetries: 0, configuration }).embedDocuments(texts),
    tools: { tools: [{ type: "function", function: { ...TOOL, parameters: city } }] },
    schema: { schema: { type: "json_schema", json_schema: { name: "person", schema: person, strict: true } } },
    user: (text) => new HumanMessage(text),
    seen: new HumanMessage({ content: [{ type: "text", text: "what is this?" }, { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } }] }),
    turn: (heard) => new AIMessage({ content: heard.text, tool_calls: heard.calls.map((c) => ({ id: c.id, name: c.name, args: c.arguments, type: "tool_call" })) }),
    results: (heard, texts) => heard.calls.map((c, at) => new ToolMessage({ content: texts[at], tool_call_id: c.id })),
  };
}
