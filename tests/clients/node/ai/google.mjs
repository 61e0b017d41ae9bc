// The package `@google/genai`: generateContent.
import { GoogleGenAI } from "@google/genai";
import { BASE_URL, PNG, TOOL, city, person, usual } from "./asking.mjs";

export default function google(model) {
  const client = (apiKey, timeout) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: BASE_URL + "/gemini", timeout } });
  const ask = async (contents, options = {}) => {
    const { key, timeout, name, stream, ...more } = { ...usual(model), ...options };
    const call = { model: name, contents, config: { maxOutputTokens: 4000, ...more } };
    const { models } = client(key, timeout);
    const heard = { text: "", calls: [], stop: "", tokens: [], pieces: 0 };
    for await (const answer of stream ? await models.generateContentStream(call) : [await models.generateContent(call)]) {
      const { candidates, usageMetadata: usage } = answer;
      heard.stop = candidates?.[0]?.finishReason ?? heard.stop;
      for (const part of candidates?.[0]?.content?.parts ?? []) {
        if (part.functionCall) heard.calls.push({ id: part.functionCall.id, name: part.functionCall.name, arguments: part.functionCall.args });
        heard.pieces += part.text ? 1 : 0;
        heard.text += part.text ?? "";
      }
      if (usage?.candidatesTokenCount !== undefined) heard.tokens = [usage.promptTokenCount, usage.candidatesTokenCount + (usage.thoughtsTokenCount ?? 0)];
    }
    return heard;
  };
  return {
    ask,
    embed: async (texts) => (await client(usual().key, 20000).models.embedContent({ model, contents: texts })).embeddings.map((e) => e.values),
    tools: { tools: [{ functionDeclarations: [{ ...TOOL, parametersJsonSchema: city }] }] },
    schema: { responseMimeType: "application/json", responseJsonSchema: person },
    user: (text) => ({ role: "user", parts: [{ text }] }),
    seen: { role: "user", parts: [{ inlineData: { mimeType: "image/png", data: PNG } }, { text: "what is this?" }] },
    turn: (heard) => ({ role: "model", parts: heard.calls.map((c) => ({ functionCall: { id: c.id, name: c.name, args: c.arguments } })) }),
    results: (heard, texts) => [{ role: "user", parts: heard.calls.map((c, at) => ({ functionResponse: { id: c.id, name: c.name, response: { result: texts[at] } } })) }],
  };
}
