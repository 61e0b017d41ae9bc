//! What callers and providers of each dialect send, in the fewest words: written after the vendors' published APIs.

use portcullis_llm::stream::eventstream;
use serde_json::{Value, json};

/// A format of conversations, from both ends.
pub struct Wire {
    pub name: &'static str,
    /// The dialect that has it, and what calls in it are recorded as.
    pub dialect: &'static str,
    pub operation: &'static str,
    /// What else a deployment says, so that its provider is asked in it.
    pub deployment: &'static str,
    /// `preset` of a provider that speaks it, and the path of its base URL.
    pub preset: &'static str,
    pub base: &'static str,
    /// Where the caller's and the gateway's credential go, and what is before it.
    pub key: (&'static str, &'static str),
    /// What a caller asks: path and body.
    pub ask: fn(model: &str, text: &str, stream: bool) -> (String, Value),
    /// The text of a whole answer, and of a piece of a stream.
    pub said: fn(&Value) -> String,
    /// A whole answer: 11 tokens in, 7 out.
    pub whole: fn(text: &str) -> Value,
    /// `Content-Type` of streams.
    pub kind: &'static str,
    /// A streamed answer, one item an event; all but the ending when it is not `whole`.
    pub events: fn(words: &[&str], whole: bool) -> Vec<Vec<u8>>,
    /// An error in the middle of a stream.
    pub broken: fn() -> Vec<u8>,
    /// An error: what its body is.
    pub error: fn(status: u16, message: &str) -> Value,
}

/// What a caller heard of a stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    pub text: String,
    /// It was said that it is complete.
    pub complete: bool,
    /// An error was said.
    pub failed: bool,
}

pub static WIRES: &[Wire] = &[
    Wire {
        name: "openai",
        dialect: "openai",
        operation: "chat",
        deployment: ", api = \"chat_completions\"",
        preset: "openai",
        base: "/v1",
        key: ("authorization", "Bearer "),
        ask: |model, text, stream| {
            let messages = json!([{ "role": "user", "content": text }]);
            (
                "/openai/v1/chat/completions".to_owned(),
                json!({ "model": model, "messages": messages, "stream": stream }),
            )
        },
        said: |value| {
            let choice = &value["choices"][0];
            let text = choice["message"]["content"].as_str().or(choice["delta"]["content"].as_str());
            text.unwrap_or_default().to_owned()
        },
        whole: |text| {
            let choice = json!({ "index": 0, "message": { "role": "assistant", "content": text, "refusal": null }, "finish_reason": "stop", "logprobs": null });
            json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-x-1", "choices": [choice],
                "usage": { "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18 } })
        },
        kind: "text/event-stream; charset=utf-8",
        events: |words, whole| {
            let chunk = |choices: Value, usage: Value| {
                sse(
                    None,
                    &json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-x-1", "choices": choices, "usage": usage }),
                )
            };
            let choice = |delta: Value, reason: Value| json!([{ "index": 0, "delta": delta, "finish_reason": reason, "logprobs": null }]);
            let mut events =
                vec![chunk(choice(json!({ "role": "assistant", "content": "" }), Value::Null), Value::Null)];
            events.extend(
                words.iter().map(|word| chunk(choice(json!({ "content": word }), Value::Null), Value::Null)),
            );
            if whole {
                events.push(chunk(choice(json!({}), json!("stop")), Value::Null));
                events.push(chunk(
                    json!([]),
                    json!({ "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18 }),
                ));
                events.push(b"data: [DONE]\n\n".to_vec());
            }
            events
        },
        broken: || {
            sse(
                None,
                &json!({ "error": { "message": "it broke", "type": "server_error", "param": null, "code": null } }),
            )
        },
        error: |_, message| json!({ "error": { "message": message, "type": "some_error", "param": null, "code": null } }),
    },
    Wire {
        name: "responses",
        dialect: "openai",
        operation: "responses",
        deployment: ", api = \"responses\"",
        preset: "openai",
        base: "/v1",
        key: ("authorization", "Bearer "),
        ask: |model, text, stream| {
            ("/v1/responses".to_owned(), json!({ "model": model, "input": text, "stream": stream }))
        },
        said: |value| {
            let text = match value["type"].as_str() {
                Some("response.output_text.delta") => value["delta"].as_str(),
                _ => value["output"][0]["content"][0]["text"].as_str(),
            };
            text.unwrap_or_default().to_owned()
        },
        whole: |text| response("completed", text),
        kind: "text/event-stream; charset=utf-8",
        events: |words, whole| {
            let mut events = Vec::new();
            let mut event = |kind: &str, mut more: Value| {
                more["type"] = json!(kind);
                more["sequence_number"] = json!(events.len());
                events.push(sse(Some(kind), &more));
            };
            let at = |more: Value| {
                let mut event =
                    json!({ "item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": [] });
                event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                event
            };
            let (text, part) = (
                words.concat(),
                |text: &str| json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] }),
            );
            event("response.created", json!({ "response": response("in_progress", "") }));
            event(
                "response.output_item.added",
                json!({ "output_index": 0, "item": message("in_progress", json!([])) }),
            );
            event("response.content_part.added", at(json!({ "part": part("") })));
            words.iter().for_each(|word| event("response.output_text.delta", at(json!({ "delta": word }))));
            if whole {
                event("response.output_text.done", at(json!({ "text": text })));
                event("response.content_part.done", at(json!({ "part": part(&text) })));
                event(
                    "response.output_item.done",
                    json!({ "output_index": 0, "item": message("completed", json!([part(&text)])) }),
                );
                event("response.completed", json!({ "response": response("completed", &text) }));
            }
            events
        },
        broken: || {
            let response = json!({ "id": "resp_1", "object": "response", "status": "failed", "error": { "code": "server_error", "message": "it broke" }, "output": [] });
            sse(
                Some("response.failed"),
                &json!({ "type": "response.failed", "sequence_number": 9, "response": response }),
            )
        },
        error: |_, message| json!({ "error": { "message": message, "type": "some_error", "param": null, "code": null } }),
    },
    Wire {
        name: "anthropic",
        dialect: "anthropic",
        operation: "chat",
        deployment: "",
        preset: "anthropic",
        base: "/v1",
        key: ("x-api-key", ""),
        ask: |model, text, stream| {
            let messages = json!([{ "role": "user", "content": text }]);
            (
                "/anthropic/v1/messages".to_owned(),
                json!({ "model": model, "max_tokens": 64, "messages": messages, "stream": stream }),
            )
        },
        said: |value| {
            let text = value["content"][0]["text"].as_str().or(value["delta"]["text"].as_str());
            text.unwrap_or_default().to_owned()
        },
        whole: |text| {
            json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x-1", "content": [{ "type": "text", "text": text }],
                "stop_reason": "end_turn", "stop_sequence": null, "usage": { "input_tokens": 11, "output_tokens": 7 } })
        },
        kind: "text/event-stream; charset=utf-8",
        events: |words, whole| {
            let event = |value: Value| sse(value["type"].as_str(), &value);
            let message = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x-1", "content": [], "stop_reason": null,
                "stop_sequence": null, "usage": { "input_tokens": 11, "output_tokens": 1 } });
            let mut events = vec![
                event(json!({ "type": "message_start", "message": message })),
                event(
                    json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
                ),
                event(json!({ "type": "ping" })),
            ];
            events.extend(words.iter().map(|word| {
                event(json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": word } }))
            }));
            if whole {
                events.push(event(json!({ "type": "content_block_stop", "index": 0 })));
                events.push(event(json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": { "output_tokens": 7 } })));
                events.push(event(json!({ "type": "message_stop" })));
            }
            events
        },
        broken: || {
            let error =
                json!({ "type": "error", "error": { "type": "overloaded_error", "message": "it broke" } });
            sse(Some("error"), &error)
        },
        error: |_, message| json!({ "type": "error", "error": { "type": "some_error", "message": message } }),
    },
    Wire {
        name: "gemini",
        dialect: "gemini",
        operation: "chat",
        deployment: "",
        preset: "gemini",
        base: "/v1beta",
        key: ("x-goog-api-key", ""),
        ask: |model, text, stream| {
            let (method, query) =
                if stream { ("streamGenerateContent", "?alt=sse") } else { ("generateContent", "") };
            let contents = json!([{ "role": "user", "parts": [{ "text": text }] }]);
            (format!("/gemini/v1beta/models/{model}:{method}{query}"), json!({ "contents": contents }))
        },
        said: gemini_text,
        whole: |text| gemini(text, true),
        kind: "text/event-stream",
        events: |words, whole| {
            let mut events: Vec<_> = words.iter().map(|word| sse(None, &gemini(word, false))).collect();
            if whole {
                events.push(sse(None, &gemini("", true)));
            }
            events
        },
        broken: || sse(None, &google_error(503, "it broke")),
        error: google_error,
    },
    Wire {
        name: "bedrock",
        dialect: "bedrock",
        operation: "chat",
        deployment: "",
        preset: "bedrock",
        base: "",
        key: ("authorization", "Bearer "),
        ask: |model, text, stream| {
            let method = if stream { "converse-stream" } else { "converse" };
            let messages = json!([{ "role": "user", "content": [{ "text": text }] }]);
            (format!("/bedrock/model/{model}/{method}"), json!({ "messages": messages }))
        },
        said: |value| {
            let text =
                value["output"]["message"]["content"][0]["text"].as_str().or(value["delta"]["text"].as_str());
            text.unwrap_or_default().to_owned()
        },
        whole: |text| {
            json!({ "output": { "message": { "role": "assistant", "content": [{ "text": text }] } }, "stopReason": "end_turn",
                "usage": { "inputTokens": 11, "outputTokens": 7, "totalTokens": 18 }, "metrics": { "latencyMs": 5 } })
        },
        kind: "application/vnd.amazon.eventstream",
        events: |words, whole| {
            let mut events = vec![frame("event", "messageStart", &json!({ "role": "assistant" }))];
            events.extend(words.iter().map(|word| {
                frame(
                    "event",
                    "contentBlockDelta",
                    &json!({ "contentBlockIndex": 0, "delta": { "text": word } }),
                )
            }));
            if whole {
                events.push(frame("event", "contentBlockStop", &json!({ "contentBlockIndex": 0 })));
                events.push(frame("event", "messageStop", &json!({ "stopReason": "end_turn" })));
                let usage = json!({ "inputTokens": 11, "outputTokens": 7, "totalTokens": 18 });
                events.push(frame(
                    "event",
                    "metadata",
                    &json!({ "usage": usage, "metrics": { "latencyMs": 5 } }),
                ));
            }
            events
        },
        broken: || frame("exception", "modelStreamErrorException", &json!({ "message": "it broke" })),
        error: |_, message| json!({ "message": message }),
    },
    Wire {
        name: "cohere",
        dialect: "cohere",
        operation: "chat",
        deployment: "",
        preset: "cohere",
        base: "",
        key: ("authorization", "Bearer "),
        ask: |model, text, stream| {
            let messages = json!([{ "role": "user", "content": text }]);
            ("/cohere/v2/chat".to_owned(), json!({ "model": model, "messages": messages, "stream": stream }))
        },
        said: |value| {
            let message = &value["message"];
            let text = message["content"][0]["text"].as_str();
            let text = text.or(value["delta"]["message"]["content"]["text"].as_str());
            text.unwrap_or_default().to_owned()
        },
        whole: |text| {
            json!({ "id": "c-1", "finish_reason": "COMPLETE", "message": { "role": "assistant", "content": [{ "type": "text", "text": text }] },
                "usage": cohere_usage() })
        },
        kind: "text/event-stream",
        events: |words, whole| {
            let event = |value: Value| sse(value["type"].as_str(), &value);
            let message = json!({ "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": [] });
            let of = |kind: &str, content: Value| json!({ "type": kind, "index": 0, "delta": { "message": { "content": content } } });
            let mut events = vec![
                event(json!({ "type": "message-start", "id": "c-1", "delta": { "message": message } })),
                event(of("content-start", json!({ "type": "text", "text": "" }))),
            ];
            events.extend(words.iter().map(|word| event(of("content-delta", json!({ "text": word })))));
            if whole {
                events.push(event(json!({ "type": "content-end", "index": 0 })));
                let delta = json!({ "finish_reason": "COMPLETE", "usage": cohere_usage() });
                events.push(event(json!({ "type": "message-end", "delta": delta })));
                events.push(b"data: [DONE]\n\n".to_vec());
            }
            events
        },
        broken: || {
            let delta = json!({ "finish_reason": "ERROR", "error": "it broke" });
            sse(Some("message-end"), &json!({ "type": "message-end", "delta": delta }))
        },
        error: |_, message| json!({ "message": message }),
    },
    Wire {
        name: "ollama",
        dialect: "ollama",
        operation: "chat",
        deployment: "",
        preset: "ollama",
        base: "",
        key: ("authorization", "Bearer "),
        ask: |model, text, stream| {
            let messages = json!([{ "role": "user", "content": text }]);
            ("/ollama/api/chat".to_owned(), json!({ "model": model, "messages": messages, "stream": stream }))
        },
        said: |value| value["message"]["content"].as_str().unwrap_or_default().to_owned(),
        whole: |text| ollama(text, true),
        kind: "application/x-ndjson",
        events: |words, whole| {
            let line = |value: Value| format!("{value}\n").into_bytes();
            let mut events: Vec<_> = words.iter().map(|word| line(ollama(word, false))).collect();
            if whole {
                events.push(line(ollama("", true)));
            }
            events
        },
        broken: || b"{\"error\":\"it broke\"}\n".to_vec(),
        error: |_, message| json!({ "error": message }),
    },
];

fn message(status: &str, content: Value) -> Value {
    json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": content })
}

/// A response, with its one message where it is complete.
fn response(status: &str, text: &str) -> Value {
    let whole = status == "completed";
    let content = json!([{ "type": "output_text", "text": text, "annotations": [], "logprobs": [] }]);
    let output = if whole { json!([message(status, content)]) } else { json!([]) };
    let usage = json!({ "input_tokens": 11, "input_tokens_details": { "cached_tokens": 0 }, "output_tokens": 7,
        "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 18 });
    json!({ "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": status, "error": null, "model": "gpt-x-1",
        "store": false, "output": output, "usage": if whole { usage } else { Value::Null } })
}

fn gemini(text: &str, last: bool) -> Value {
    let mut candidate = json!({ "content": { "role": "model", "parts": [{ "text": text }] }, "index": 0 });
    if last {
        candidate["finishReason"] = json!("STOP");
    }
    json!({ "candidates": [candidate], "modelVersion": "gemini-x-1", "responseId": "r-1",
        "usageMetadata": { "promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18 } })
}

fn gemini_text(value: &Value) -> String {
    let parts = value["candidates"][0]["content"]["parts"].as_array();
    parts.into_iter().flatten().filter_map(|part| part["text"].as_str()).collect()
}

fn cohere_usage() -> Value {
    let counts = json!({ "input_tokens": 11, "output_tokens": 7 });
    json!({ "billed_units": counts, "tokens": { "input_tokens": 80, "output_tokens": 7 } })
}

fn ollama(text: &str, last: bool) -> Value {
    let mut line = json!({ "model": "llama-x", "created_at": "2026-11-22T10:00:00.000001Z",
        "message": { "role": "assistant", "content": text }, "done": last });
    if last {
        line["done_reason"] = json!("stop");
        line["prompt_eval_count"] = json!(11);
        line["eval_count"] = json!(7);
    }
    line
}

fn google_error(status: u16, message: &str) -> Value {
    json!({ "error": { "code": status, "message": message, "status": "SOME_ERROR" } })
}

fn frame(kind: &str, name: &str, payload: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let headers = [
        (":message-type", eventstream::Value::Text(kind)),
        (if kind == "event" { ":event-type" } else { ":exception-type" }, eventstream::Value::Text(name)),
        (":content-type", eventstream::Value::Text("application/json")),
    ];
    eventstream::write(&headers, payload.to_string().as_bytes(), &mut out);
    out
}

fn sse(event: Option<&str>, data: &Value) -> Vec<u8> {
    let event = event.map(|event| format!("event: {event}\n")).unwrap_or_default();
    format!("{event}data: {data}\n\n").into_bytes()
}

impl Wire {
    /// What a caller heard of a stream.
    pub fn hear(&self, body: &[u8]) -> Heard {
        let mut heard = Heard { text: String::new(), complete: false, failed: false };
        for document in documents(self.kind, body) {
            assert!(!heard.complete && !heard.failed, "after its end: {document}");
            heard.text += &(self.said)(&document);
            heard.complete = match self.name {
                "openai" | "cohere" => document == "[DONE]",
                "responses" => document["type"] == "response.completed",
                "anthropic" => document["type"] == "message_stop",
                "gemini" => document["candidates"][0]["finishReason"].is_string(),
                "ollama" => document["done"] == true,
                _ => document[":event-type"] == "metadata",
            };
            heard.failed = document.get("error").is_some()
                || document["type"] == "error"
                || document["type"] == "response.failed"
                || document["delta"]["finish_reason"] == "ERROR"
                || document[":message-type"] == "exception";
        }
        heard
    }
}

/// The documents of a stream.
fn documents(kind: &str, body: &[u8]) -> Vec<Value> {
    if kind.ends_with("eventstream") {
        return frames(body);
    }
    let text = std::str::from_utf8(body).unwrap();
    if kind.ends_with("ndjson") {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        return whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    }
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let text = text.replace("\r\n", "\n");
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    let data =
        whole.split("\n\n").filter_map(|event| event.lines().find_map(|line| line.strip_prefix("data: ")));
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| Value::from(data))).collect()
}

/// The payloads of whole frames, with what their headers say.
fn frames(body: &[u8]) -> Vec<Value> {
    let mut reader = eventstream::Reader::new();
    let (mut rest, mut documents) = (body, Vec::new());
    while let Some(message) = reader.next(&mut rest).unwrap() {
        let mut document: Value = serde_json::from_slice(message.payload).unwrap_or_else(|_| json!({}));
        for name in [":message-type", ":event-type", ":exception-type"] {
            if let Some(value) = message.text(name) {
                document[name] = json!(value);
            }
        }
        documents.push(document);
    }
    documents
}
