// Drives the two realtime clients of the official Node package against BASE_URL with API_KEY and MODEL: over `ws`, with the key in a header,
// and over the platform's own WebSocket, with the key in a subprotocol as browsers have to. Prints what they heard as JSON.
import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const { BASE_URL, API_KEY, MODEL } = process.env;
const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY });
const text = { type: "session.update", session: { type: "realtime", output_modalities: ["text"] } };
const said = (words) => ({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text: words }] } });
const server = { type: "mcp", server_label: "x", server_url: "https://mcp.example.com", require_approval: "never" };

async function session(Connection, ...events) {
  const connection = new Connection({ model: MODEL }, client);
  const heard = { kinds: [], text: "" };
  connection.on("error", (error) => (heard.error = String(error.message)));
  connection.on("event", (event) => {
    heard.kinds.push(event.type);
    if (event.type === "session.created") for (const one of events) connection.send(one);
    if (event.type === "response.output_text.delta") heard.text += event.delta;
    if (event.type === "response.done") connection.close();
  });
  heard.closed = await new Promise((resolve) => connection.socket.addEventListener("close", ({ code, reason }) => resolve([code, reason])));
  return heard;
}

const seen = {
  ws: await session(OpenAIRealtimeWS, text, said("one two"), { type: "response.create" }),
  native: await session(OpenAIRealtimeWebSocket, text, said("one two"), { type: "response.create" }),
  refused: await session(OpenAIRealtimeWS, { type: "session.update", session: { type: "realtime", tools: [server] } }),
};
console.log(JSON.stringify(seen));
