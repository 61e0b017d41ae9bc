//! A very fast OpenAI-compatible mock upstream (HTTP/1.1, one thread).
//!
//! Endpoints: `POST /v1/chat/completions` (plain and `"stream":true`), `POST /v1/embeddings`,
//! `GET /v1/models`, `GET /plain`, `GET /healthz`. A path is matched by its suffix, so a gateway
//! that adds a prefix still works.
//!
//! Every knob is a flag, and can be overridden per request by a query parameter of the same name
//! (`?gap-ms=5`) or a header with the prefix `x-mock-` (`x-mock-gap-ms: 5`).

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use portcullis_bench::{Dechunker, mono_ns};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Parser, Clone)]
#[command(about = "OpenAI-compatible mock upstream for gateway benchmarks")]
struct Args {
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: String,
    #[command(flatten)]
    knobs: Knobs,
}

#[derive(clap::Args, Clone, Copy)]
struct Knobs {
    /// Delay before the first byte of every answer.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Content chunks in a streamed answer.
    #[arg(long, default_value_t = 50)]
    chunks: u32,
    /// Delay between chunks of a streamed answer.
    #[arg(long, default_value_t = 0)]
    gap_ms: u64,
    /// Bytes of a chunk of a streamed answer, at the least.
    #[arg(long, default_value_t = 0)]
    chunk_bytes: usize,
    /// Inject a failure into every k-th request (0: never).
    #[arg(long, default_value_t = 0)]
    fail_every: u64,
    /// What the failure is.
    #[arg(long, value_enum, default_value_t = Fail::E500)]
    fail_kind: Fail,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Fail {
    /// 500 with an OpenAI-shaped error body
    #[value(name = "500")]
    E500,
    /// 429 with `retry-after: 1`
    #[value(name = "429")]
    E429,
    /// never answer
    Timeout,
    /// stop in the middle of the body and close the connection
    Cut,
}

impl Knobs {
    fn set(&mut self, name: &str, value: &str) {
        let n = || value.parse::<u64>().ok();
        match name {
            "latency-ms" => self.latency_ms = n().unwrap_or(self.latency_ms),
            "chunks" => self.chunks = n().and_then(|v| v.try_into().ok()).unwrap_or(self.chunks),
            "chunk-bytes" => self.chunk_bytes = n().and_then(|v| v.try_into().ok()).unwrap_or(self.chunk_bytes),
            "gap-ms" => self.gap_ms = n().unwrap_or(self.gap_ms),
            "fail-every" => self.fail_every = n().unwrap_or(self.fail_every),
            "fail-kind" => self.fail_kind = Fail::from_str(value, true).unwrap_or(self.fail_kind),
            _ => {}
        }
    }
}

struct Canned {
    chat: Vec<u8>,
    embeddings: Vec<u8>,
    models: Vec<u8>,
    plain: Vec<u8>,
    e500: Vec<u8>,
    e429: Vec<u8>,
    not_found: Vec<u8>,
}

const CHAT: &str = r#"{"id":"chatcmpl-mock0123456789abcdefghijkl","object":"chat.completion","created":1700000000,"model":"mock-model","choices":[{"index":0,"message":{"role":"assistant","content":"A gateway sits between callers and upstream services. It checks who is calling, decides what they may do, and forwards the request. This fixed answer is about as long as a short paragraph written by a model.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":60,"completion_tokens":42,"total_tokens":102},"service_tier":"default","system_fingerprint":"fp_mock"}"#;

const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";

fn answer(status: &str, ctype: &str, extra: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {ctype}\r\n{extra}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn canned() -> Canned {
    let json = "application/json";
    let vector: Vec<String> = (0..256).map(|i| format!("{:.6}", f64::from(i) / 1000.0 - 0.1)).collect();
    let embeddings = format!(
        r#"{{"object":"list","data":[{{"object":"embedding","index":0,"embedding":[{}]}}],"model":"mock-embedding","usage":{{"prompt_tokens":8,"total_tokens":8}}}}"#,
        vector.join(",")
    );
    let error = |kind: &str| format!(r#"{{"error":{{"message":"injected by mockllm","type":"{kind}","param":null,"code":null}}}}"#);
    Canned {
        chat: answer("200 OK", json, "", CHAT),
        embeddings: answer("200 OK", json, "", &embeddings),
        models: answer(
            "200 OK",
            json,
            "",
            r#"{"object":"list","data":[{"id":"mock-model","object":"model","created":1700000000,"owned_by":"mock"}]}"#,
        ),
        plain: answer("200 OK", "text/plain", "", "ok\n"),
        e500: answer("500 Internal Server Error", json, "", &error("server_error")),
        e429: answer("429 Too Many Requests", json, "retry-after: 1\r\n", &error("rate_limit_exceeded")),
        not_found: answer("404 Not Found", json, "", &error("not_found")),
    }
}

struct Shared {
    knobs: Knobs,
    canned: Canned,
    requests: Cell<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(&args.listen).await?;
    eprintln!("mockllm listening on {}", listener.local_addr()?);
    let shared = Rc::new(Shared { knobs: args.knobs, canned: canned(), requests: Cell::new(0) });
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let shared = shared.clone();
                tokio::task::spawn_local(async move {
                    // A peer that goes away is ordinary; nothing to report.
                    let _ = Connection { stream, buf: Vec::with_capacity(32 * 1024), body: Vec::new() }.serve(&shared).await;
                });
            }
        })
        .await
}

#[derive(Clone, Copy)]
enum Route {
    Chat,
    Embeddings,
    Models,
    Plain,
    NotFound,
}

struct Connection {
    stream: TcpStream,
    buf: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    async fn serve(mut self, shared: &Shared) -> io::Result<()> {
        loop {
            let Some((route, mut knobs, close)) = self.read_request(shared).await? else { return Ok(()) };
            let n = shared.requests.get() + 1;
            shared.requests.set(n);
            let fail = (knobs.fail_every != 0 && n % knobs.fail_every == 0).then_some(knobs.fail_kind);
            if knobs.latency_ms != 0 {
                tokio::time::sleep(Duration::from_millis(knobs.latency_ms)).await;
            }
            let stream = matches!(route, Route::Chat) && flag(&self.body, b"\"stream\"");
            let c = &shared.canned;
            match (fail, stream) {
                (Some(Fail::E500), _) => self.stream.write_all(&c.e500).await?,
                (Some(Fail::E429), _) => self.stream.write_all(&c.e429).await?,
                (Some(Fail::Timeout), _) => {
                    // Hold the request until the caller gives up.
                    while self.stream.read_buf(&mut self.body).await? != 0 {}
                    return Ok(());
                }
                (cut, true) => {
                    if cut.is_some() {
                        knobs.chunks /= 2;
                    }
                    self.stream_answer(knobs, cut.is_some()).await?;
                    if cut.is_some() {
                        return Ok(());
                    }
                }
                (cut, false) => {
                    let answer = match route {
                        Route::Chat => &c.chat,
                        Route::Embeddings => &c.embeddings,
                        Route::Models => &c.models,
                        Route::Plain => &c.plain,
                        Route::NotFound => &c.not_found,
                    };
                    if cut.is_some() {
                        let half = answer.len() - answer.len() / 4;
                        return self.stream.write_all(&answer[..half]).await;
                    }
                    self.stream.write_all(answer).await?;
                }
            }
            if close {
                return Ok(());
            }
        }
    }

    /// One SSE event per HTTP chunk and per write. Each event carries the monotonic time at which
    /// it was written (`t=<ns>`), so the reader can tell how long it was under way.
    async fn stream_answer(&mut self, knobs: Knobs, cut: bool) -> io::Result<()> {
        let usage = flag(&self.body, b"\"include_usage\"");
        let mut out = STREAM_HEAD.to_vec();
        // An event around a word is about this long.
        let more = "x".repeat(knobs.chunk_bytes.saturating_sub(252));
        for i in 0..knobs.chunks {
            if i > 0 && knobs.gap_ms != 0 {
                tokio::time::sleep(Duration::from_millis(knobs.gap_ms)).await;
            }
            let role = if i == 0 { r#""role":"assistant","# } else { "" };
            event(
                &mut out,
                &format!(
                    r#"{{"id":"chatcmpl-mock0123456789abcdefghijkl","object":"chat.completion.chunk","created":1700000000,"model":"mock-model","system_fingerprint":"fp_mock","choices":[{{"index":0,"delta":{{{role}"content":" word t={:016}{more}"}},"logprobs":null,"finish_reason":null}}]}}"#,
                    mono_ns()
                ),
            );
            self.stream.write_all(&out).await?;
            out.clear();
        }
        if cut {
            return Ok(());
        }
        event(
            &mut out,
            r#"{"id":"chatcmpl-mock0123456789abcdefghijkl","object":"chat.completion.chunk","created":1700000000,"model":"mock-model","system_fingerprint":"fp_mock","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#,
        );
        if usage {
            event(
                &mut out,
                r#"{"id":"chatcmpl-mock0123456789abcdefghijkl","object":"chat.completion.chunk","created":1700000000,"model":"mock-model","system_fingerprint":"fp_mock","choices":[],"usage":{"prompt_tokens":60,"completion_tokens":50,"total_tokens":110}}"#,
            );
        }
        event(&mut out, "[DONE]");
        out.extend_from_slice(b"0\r\n\r\n");
        self.stream.write_all(&out).await
    }

    async fn read_request(&mut self, shared: &Shared) -> io::Result<Option<(Route, Knobs, bool)>> {
        let mut knobs = shared.knobs;
        let (head_len, route, length, chunked, close, expect) = loop {
            let mut headers = [httparse::EMPTY_HEADER; 96];
            let mut req = httparse::Request::new(&mut headers);
            match req.parse(&self.buf) {
                Ok(httparse::Status::Complete(head_len)) => {
                    let target = req.path.unwrap_or("/");
                    let (path, query) = target.split_once('?').unwrap_or((target, ""));
                    let route = match path {
                        p if p.ends_with("/chat/completions") => Route::Chat,
                        p if p.ends_with("/embeddings") => Route::Embeddings,
                        p if p.ends_with("/models") => Route::Models,
                        p if p.ends_with("/plain") || p.ends_with("/healthz") => Route::Plain,
                        _ => Route::NotFound,
                    };
                    for (k, v) in query.split('&').filter_map(|p| p.split_once('=')) {
                        knobs.set(k, v);
                    }
                    let (mut length, mut chunked, mut expect) = (0, false, false);
                    let mut close = req.version == Some(0);
                    for h in req.headers.iter() {
                        let value = std::str::from_utf8(h.value).unwrap_or("");
                        if h.name.eq_ignore_ascii_case("content-length") {
                            length = value.parse().map_err(|_| io::Error::other("content-length"))?;
                        } else if h.name.eq_ignore_ascii_case("transfer-encoding") {
                            chunked = value.eq_ignore_ascii_case("chunked");
                        } else if h.name.eq_ignore_ascii_case("connection") {
                            close = value.eq_ignore_ascii_case("close");
                        } else if h.name.eq_ignore_ascii_case("expect") {
                            expect = true;
                        } else if h.name.len() > 7 && h.name[..7].eq_ignore_ascii_case("x-mock-") {
                            knobs.set(&h.name[7..].to_ascii_lowercase(), value);
                        }
                    }
                    break (head_len, route, length, chunked, close, expect);
                }
                Ok(httparse::Status::Partial) => {
                    if self.stream.read_buf(&mut self.buf).await? == 0 {
                        return Ok(None);
                    }
                }
                Err(e) => {
                    self.stream.write_all(&answer("400 Bad Request", "text/plain", "connection: close\r\n", &format!("{e}\n"))).await?;
                    return Ok(None);
                }
            }
        };
        self.buf.drain(..head_len);
        if expect {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        self.body.clear();
        if chunked {
            let mut dechunker = Dechunker::default();
            loop {
                let used = dechunker.feed(&self.buf, &mut self.body).map_err(io::Error::other)?;
                self.buf.drain(..used);
                if dechunker.done() {
                    break;
                }
                if self.stream.read_buf(&mut self.buf).await? == 0 {
                    return Ok(None);
                }
            }
        } else {
            while self.buf.len() < length {
                if self.stream.read_buf(&mut self.buf).await? == 0 {
                    return Ok(None);
                }
            }
            self.body.extend(self.buf.drain(..length));
        }
        Ok(Some((route, knobs, close)))
    }
}

fn event(out: &mut Vec<u8>, data: &str) {
    out.extend_from_slice(format!("{:x}\r\ndata: {data}\n\n\r\n", data.len() + 8).as_bytes());
}

/// Whether the JSON text has `"key": true`. A scan, not a parse: the body is trusted test input.
fn flag(body: &[u8], key: &[u8]) -> bool {
    memmem::find_iter(body, key).any(|at| {
        let rest = &body[at + key.len()..];
        let mut rest = rest.iter().skip_while(|b| b.is_ascii_whitespace());
        rest.next() == Some(&b':') && rest.skip_while(|b| b.is_ascii_whitespace()).take(4).eq(b"true")
    })
}

#[cfg(test)]
mod tests {
    use super::{CHAT, event, flag};

    #[test]
    fn flags() {
        assert!(flag(br#"{"a":1,"stream":true}"#, b"\"stream\""));
        assert!(flag(br#"{"stream" : true}"#, b"\"stream\""));
        assert!(!flag(br#"{"stream":false,"x":true}"#, b"\"stream\""));
        assert!(!flag(br#"{"stream_options":{"include_usage":true}}"#, b"\"stream\""));
        assert!(flag(br#"{"stream_options":{"include_usage":true}}"#, b"\"include_usage\""));
        assert!(!flag(br#"{"stream""#, b"\"stream\""));
    }

    #[test]
    fn event_framing() {
        let mut out = Vec::new();
        event(&mut out, "[DONE]");
        assert_eq!(out, b"e\r\ndata: [DONE]\n\n\r\n");
        assert!((550..700).contains(&CHAT.len()), "{}", CHAT.len());
    }
}
