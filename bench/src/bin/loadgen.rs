//! HTTP/1.1 load generator for gateways (one thread, keep-alive, fixed connections).
//!
//! Closed loop by default; with `--rate` every connection follows a fixed schedule and latency is
//! counted from the moment a request was due, so a stalled gateway is not flattered (no
//! coordinated omission). With `--stream` the answer is read as server-sent events: time to first
//! event, and how long each event of `mockllm` was under way (it stamps them with `t=<ns>`).
//!
//! Prints one JSON object on standard output.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use portcullis_bench::{Dechunker, mono_ns};
use hdrhistogram::Histogram;
use memchr::memmem;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use serde_json::{Value, json};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Parser)]
#[command(about = "HTTP/1.1 load generator with fixed-rate and SSE modes")]
struct Args {
    /// http://host:port/path
    url: String,
    #[arg(short, long, default_value_t = 32)]
    connections: u32,
    /// Seconds measured.
    #[arg(short, long, default_value_t = 5.0)]
    duration: f64,
    /// Seconds run before measuring.
    #[arg(short, long, default_value_t = 1.0)]
    warmup: f64,
    /// Requests per second over all connections; 0: as fast as answers come.
    #[arg(short, long, default_value_t = 0.0)]
    rate: f64,
    #[arg(short = 'H', long = "header")]
    headers: Vec<String>,
    /// Request body; makes the request a POST.
    #[arg(short, long, conflicts_with = "chat_bytes")]
    body: Option<String>,
    /// Build a chat-completion body whose prompt has this many bytes.
    #[arg(long)]
    chat_bytes: Option<usize>,
    #[arg(long, default_value = "mock-model")]
    model: String,
    /// Ask for, and read, a streamed answer.
    #[arg(long)]
    stream: bool,
    /// Content events a streamed answer must have; fewer is an error.
    #[arg(long, default_value_t = 0)]
    expect_chunks: u64,
    /// File of bearer tokens, one a line, used in turn.
    #[arg(long)]
    tokens: Option<String>,
    /// Use only the first so many tokens (1: the same token every time).
    #[arg(long)]
    token_limit: Option<usize>,
    /// Begin with the token after so many: those before were used in another run.
    #[arg(long, default_value_t = 0)]
    token_from: usize,
    #[arg(long, default_value_t = 200)]
    expect_status: u16,
    /// Seconds a request may take.
    #[arg(long, default_value_t = 30.0)]
    timeout: f64,
    /// Spread the first request of the connections over this many milliseconds.
    #[arg(long, default_value_t = 0)]
    stagger_ms: u64,
    /// name=pid: report CPU time and resident memory of this process and its descendants.
    #[arg(long)]
    watch: Vec<String>,
}

struct Plan {
    addr: String,
    prefix: Vec<u8>,
    suffix: Vec<u8>,
    tokens: Vec<String>,
    args: Args,
}

struct Stats {
    latency: Histogram<u64>,
    service: Histogram<u64>,
    ttft: Histogram<u64>,
    transit: Histogram<u64>,
    ok: u64,
    bytes: u64,
    chunks: u64,
    no_done: u64,
    connects: u64,
    errors: BTreeMap<String, u64>,
}

impl Stats {
    fn new() -> Self {
        let h = || Histogram::new_with_bounds(1, 600_000_000_000, 3).expect("valid bounds");
        Self {
            latency: h(),
            service: h(),
            ttft: h(),
            transit: h(),
            ok: 0,
            bytes: 0,
            chunks: 0,
            no_done: 0,
            connects: 0,
            errors: BTreeMap::new(),
        }
    }
}

struct Shared {
    plan: Plan,
    stats: RefCell<Stats>,
    measuring: Cell<bool>,
    next_token: Cell<usize>,
    tokens_sent: Cell<usize>,
}

impl Shared {
    fn stat(&self, f: impl FnOnce(&mut Stats)) {
        if self.measuring.get() {
            f(&mut self.stats.borrow_mut());
        }
    }

    fn fill(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.plan.prefix);
        if !self.plan.tokens.is_empty() {
            let i = self.next_token.get();
            self.next_token.set((i + 1) % self.plan.tokens.len());
            self.tokens_sent.set(self.tokens_sent.get() + 1);
            out.extend_from_slice(b"authorization: Bearer ");
            out.extend_from_slice(self.plan.tokens[i].as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(&self.plan.suffix);
    }
}

fn plan(args: Args) -> Result<Plan, String> {
    let rest = args.url.strip_prefix("http://").ok_or("only http:// URLs")?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |i| rest.split_at(i));
    let addr = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let body = match (&args.body, args.chat_bytes) {
        (Some(b), _) => Some(b.clone()),
        (None, Some(n)) => {
            let prompt: String = "Say something useful about gateways. ".chars().cycle().take(n).collect();
            // The bound on the answer is for dialects that demand one.
            let mut v = json!({"model": args.model, "max_tokens": 1000, "messages": [{"role": "user", "content": prompt}]});
            if args.stream {
                v["stream"] = Value::Bool(true);
            }
            Some(v.to_string())
        }
        (None, None) => None,
    };
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut prefix = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    for h in &args.headers {
        prefix += &format!("{h}\r\n");
    }
    let mut suffix = String::new();
    if let Some(b) = &body {
        suffix += &format!("content-type: application/json\r\ncontent-length: {}\r\n", b.len());
    }
    suffix += "\r\n";
    suffix += body.as_deref().unwrap_or("");
    let mut tokens: Vec<String> = match &args.tokens {
        Some(f) => std::fs::read_to_string(f).map_err(|e| format!("{f}: {e}"))?.lines().map(str::to_owned).collect(),
        None => Vec::new(),
    };
    tokens.truncate(args.token_limit.unwrap_or(usize::MAX));
    Ok(Plan { addr, prefix: prefix.into(), suffix: suffix.into(), tokens, args })
}

fn main() {
    let plan = match plan(Args::parse()) {
        Ok(p) => p,
        Err(e) => {
            eprintln!("loadgen: {e}");
            std::process::exit(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let report = tokio::task::LocalSet::new().block_on(&runtime, run(plan));
    println!("{report}");
}

async fn run(plan: Plan) -> Value {
    let args = &plan.args;
    let (connections, warmup, duration) = (args.connections, args.warmup, args.duration);
    let watch: Vec<(String, u32)> = args
        .watch
        .iter()
        .filter_map(|w| w.split_once('=').and_then(|(n, p)| Some((n.to_owned(), p.parse().ok()?))))
        .chain([("loadgen".to_owned(), std::process::id())])
        .collect();
    let interval = if args.rate > 0.0 { f64::from(connections) / args.rate * 1e9 } else { 0.0 };
    let stagger = args.stagger_ms as f64 * 1e6;
    let next_token = Cell::new(args.token_from % plan.tokens.len().max(1));
    let shared = Rc::new(Shared {
        plan,
        stats: RefCell::new(Stats::new()),
        measuring: Cell::new(false),
        next_token,
        tokens_sent: Cell::new(0),
    });
    let start = mono_ns() + 20_000_000;
    for i in 0..connections {
        let part = f64::from(i) / f64::from(connections);
        let first = start + (part * if interval > 0.0 { interval } else { stagger }) as u64;
        tokio::task::spawn_local(worker(shared.clone(), first, interval));
    }
    tokio::time::sleep(Duration::from_secs_f64(warmup)).await;

    let stop = Arc::new(AtomicBool::new(false));
    let sampler = {
        let (stop, pids) = (stop.clone(), watch.iter().map(|w| w.1).collect::<Vec<_>>());
        std::thread::spawn(move || peak_rss(&pids, &stop))
    };
    let (before, machine_before) = (cpu_seconds(&watch), machine_cpu());
    let began = mono_ns();
    shared.measuring.set(true);
    tokio::time::sleep(Duration::from_secs_f64(duration)).await;
    shared.measuring.set(false);
    let elapsed = (mono_ns() - began) as f64 / 1e9;
    let (after, machine_after) = (cpu_seconds(&watch), machine_cpu());
    stop.store(true, Ordering::Relaxed);
    let rss = sampler.join().unwrap_or_default();

    let s = shared.stats.borrow();
    let processes: serde_json::Map<String, Value> = watch
        .iter()
        .enumerate()
        .map(|(i, (name, _))| {
            (name.clone(), json!({"cpu": (after[i] - before[i]) / elapsed, "rss_peak_mib": rss.get(i).copied().unwrap_or(0.0)}))
        })
        .collect();
    json!({
        "seconds": elapsed,
        "ok": s.ok,
        "tokens": shared.tokens_sent.get(),
        "rps": s.ok as f64 / elapsed,
        "errors": s.errors,
        "bytes_per_s": s.bytes as f64 / elapsed,
        "chunks_per_s": s.chunks as f64 / elapsed,
        "streams_without_done": s.no_done,
        "connects": s.connects,
        "latency_us": quantiles(&s.latency),
        "service_us": quantiles(&s.service),
        "ttft_us": quantiles(&s.ttft),
        "transit_us": quantiles(&s.transit),
        "process": processes,
        "machine_busy": busy(&machine_before, &machine_after),
    })
}

fn quantiles(h: &Histogram<u64>) -> Value {
    if h.is_empty() {
        return Value::Null;
    }
    let us = |q: f64| h.value_at_quantile(q) as f64 / 1e3;
    json!({"mean": h.mean() / 1e3, "p50": us(0.5), "p90": us(0.9), "p99": us(0.99), "p999": us(0.999), "max": h.max() as f64 / 1e3})
}

/// A timer with better than a millisecond of resolution (tokio's own wheel ticks in milliseconds).
struct Alarm(AsyncFd<std::os::fd::OwnedFd>);

impl Alarm {
    fn new() -> io::Result<Self> {
        let fd = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        // Deprecated because a type could close its descriptor early; an `OwnedFd` does not.
        #[allow(deprecated)]
        Ok(Self(AsyncFd::new(fd)?))
    }

    async fn at(&self, when_ns: u64) -> io::Result<()> {
        if mono_ns() >= when_ns {
            return Ok(());
        }
        let value = Timespec { tv_sec: (when_ns / 1_000_000_000) as i64, tv_nsec: (when_ns % 1_000_000_000) as i64 };
        let spec = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        rustix::time::timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::ABSTIME, &spec)?;
        let mut ready = self.0.readable().await?;
        ready.clear_ready();
        Ok(())
    }
}

async fn worker(shared: Rc<Shared>, first: u64, interval: f64) {
    let alarm = Alarm::new().expect("timerfd");
    let timeout = Duration::from_secs_f64(shared.plan.args.timeout);
    let mut connection: Option<Connection> = None;
    for k in 0_u64.. {
        let due = if interval > 0.0 { first + (k as f64 * interval) as u64 } else { first };
        alarm.at(due).await.expect("timerfd");
        let mut conn = match connection.take() {
            Some(c) => c,
            None => match Connection::open(&shared.plan.addr).await {
                Ok(c) => {
                    shared.stat(|s| s.connects += 1);
                    c
                }
                Err(e) => {
                    shared.stat(|s| *s.errors.entry(format!("connect: {}", e.kind())).or_default() += 1);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
        };
        let sent = mono_ns();
        let from = if interval > 0.0 { due } else { sent };
        match tokio::time::timeout(timeout, conn.exchange(&shared, sent)).await {
            Ok(Ok(keep)) => {
                let now = mono_ns();
                shared.stat(|s| {
                    s.ok += 1;
                    let _ = s.latency.record(now - from);
                    let _ = s.service.record(now - sent);
                });
                if keep {
                    connection = Some(conn);
                }
            }
            Ok(Err(e)) => {
                shared.stat(|s| *s.errors.entry(e).or_default() += 1);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(_) => shared.stat(|s| *s.errors.entry("timeout".into()).or_default() += 1),
        }
    }
}

struct Connection {
    stream: TcpStream,
    out: Vec<u8>,
    buf: Vec<u8>,
    payload: Vec<u8>,
    line: Vec<u8>,
}

enum Body {
    Length(usize),
    Chunked(Dechunker),
    UntilClose,
}

impl Connection {
    async fn open(addr: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, out: Vec::new(), buf: Vec::with_capacity(64 * 1024), payload: Vec::new(), line: Vec::new() })
    }

    async fn read(&mut self) -> Result<usize, String> {
        self.stream.read_buf(&mut self.buf).await.map_err(|e| format!("read: {}", e.kind()))
    }

    /// Sends one request and reads its whole answer; says whether the connection can be used again.
    async fn exchange(&mut self, shared: &Shared, sent: u64) -> Result<bool, String> {
        shared.fill(&mut self.out);
        self.stream.write_all(&self.out).await.map_err(|e| format!("write: {}", e.kind()))?;
        self.buf.clear();
        self.line.clear();
        let (head_len, status, mut body, keep) = loop {
            if self.read().await? == 0 {
                return Err("closed before an answer".into());
            }
            if let Some(head) = parse_head(&self.buf)? {
                break head;
            }
        };
        let mut at = head_len;
        let mut sse = Sse::default();
        let want_sse = shared.plan.args.stream && status == 200;
        loop {
            self.payload.clear();
            let available = &self.buf[at..];
            let done = match &mut body {
                Body::Length(left) => {
                    let n = available.len().min(*left);
                    if want_sse {
                        self.payload.extend_from_slice(&available[..n]);
                    }
                    *left -= n;
                    *left == 0
                }
                Body::Chunked(d) => {
                    d.feed(available, &mut self.payload)?;
                    d.done()
                }
                Body::UntilClose => {
                    self.payload.extend_from_slice(available);
                    false
                }
            };
            let got = available.len() as u64;
            shared.stat(|s| s.bytes += got);
            if want_sse {
                sse.feed(&self.payload, &mut self.line, shared, sent);
            }
            if done {
                break;
            }
            self.buf.clear();
            at = 0;
            if self.read().await? == 0 {
                if matches!(body, Body::UntilClose) {
                    break;
                }
                return Err("cut short".into());
            }
        }
        let args = &shared.plan.args;
        if status != args.expect_status {
            return Err(format!("status {status}"));
        }
        if want_sse && sse.content < args.expect_chunks {
            return Err(format!("stream of {} events", sse.content));
        }
        if want_sse && !sse.done {
            shared.stat(|s| s.no_done += 1);
        }
        Ok(keep)
    }
}

type Head = (usize, u16, Body, bool);

fn parse_head(buf: &[u8]) -> Result<Option<Head>, String> {
    let mut headers = [httparse::EMPTY_HEADER; 96];
    let mut resp = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(len) = resp.parse(buf).map_err(|e| format!("bad answer: {e}"))? else {
        return Ok(None);
    };
    let status = resp.code.unwrap_or(0);
    let mut keep = resp.version == Some(1);
    let mut body = Body::UntilClose;
    for h in resp.headers.iter() {
        if h.name.eq_ignore_ascii_case("content-length") {
            let n = std::str::from_utf8(h.value).ok().and_then(|v| v.parse().ok()).ok_or("bad content-length")?;
            body = Body::Length(n);
        } else if h.name.eq_ignore_ascii_case("transfer-encoding") && h.value.eq_ignore_ascii_case(b"chunked") {
            body = Body::Chunked(Dechunker::default());
        } else if h.name.eq_ignore_ascii_case("connection") {
            keep = !h.value.eq_ignore_ascii_case(b"close");
        }
    }
    if matches!(status, 204 | 304) {
        body = Body::Length(0);
    }
    keep &= !matches!(body, Body::UntilClose);
    Ok(Some((len, status, body, keep)))
}

#[derive(Default)]
struct Sse {
    content: u64,
    done: bool,
}

impl Sse {
    fn feed(&mut self, mut data: &[u8], line: &mut Vec<u8>, shared: &Shared, sent: u64) {
        let now = mono_ns();
        while let Some(end) = memchr::memchr(b'\n', data) {
            let (head, rest) = data.split_at(end);
            data = &rest[1..];
            if line.is_empty() {
                self.line(head, now, shared, sent);
            } else {
                line.extend_from_slice(head);
                self.line(line, now, shared, sent);
                line.clear();
            }
        }
        line.extend_from_slice(data);
    }

    fn line(&mut self, line: &[u8], now: u64, shared: &Shared, sent: u64) {
        let Some(data) = line.strip_prefix(b"data:") else { return };
        if data.trim_ascii() == b"[DONE]" {
            self.done = true;
            return;
        }
        let Some(written) = stamp(data) else { return };
        self.content += 1;
        let first = self.content == 1;
        shared.stat(|s| {
            s.chunks += 1;
            let _ = s.transit.record(now.saturating_sub(written).max(1));
            if first {
                let _ = s.ttft.record(now - sent);
            }
        });
    }
}

/// The sixteen digits after `t=`.
fn stamp(data: &[u8]) -> Option<u64> {
    let at = memmem::find(data, b" t=")? + 3;
    std::str::from_utf8(data.get(at..at + 16)?).ok()?.parse().ok()
}

/// The process and its descendants.
fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut i = 0;
    while i < all.len() {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", all[i])).into_iter().flatten().flatten();
        for task in tasks {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|p| p.parse::<u32>().ok()));
        }
        i += 1;
    }
    all
}

/// Time on a CPU, in hundredths of a second. User and system time each only count ticks, but the kernel scales the two so
/// that their sum is the scheduler's own, and it has the threads that have ended.
fn cpu_seconds(watch: &[(String, u32)]) -> Vec<f64> {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let one = |pid: u32| -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Behind the name, which may have anything in it: state is the third field, `utime` and `stime` are 14 and 15.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let times = fields.split_whitespace().skip(11).take(2);
        times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / ticks
    };
    watch.iter().map(|(_, pid)| tree(*pid).into_iter().map(one).sum()).collect()
}

fn peak_rss(pids: &[u32], stop: &AtomicBool) -> Vec<f64> {
    let page = rustix::param::page_size() as f64;
    let one = |pid: u32| -> f64 {
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        statm.split_whitespace().nth(1).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0) * page / 1048576.0
    };
    let mut peak = vec![0.0_f64; pids.len()];
    loop {
        for (p, pid) in peak.iter_mut().zip(pids) {
            *p = p.max(tree(*pid).into_iter().map(one).sum());
        }
        if stop.load(Ordering::Relaxed) {
            return peak;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Per CPU: (idle, steal, total) in ticks.
fn machine_cpu() -> Vec<(f64, f64, f64)> {
    std::fs::read_to_string("/proc/stat")
        .unwrap_or_default()
        .lines()
        .filter(|l| l.starts_with("cpu") && !l.starts_with("cpu "))
        .map(|l| {
            let v: Vec<f64> = l.split_whitespace().skip(1).take(8).filter_map(|x| x.parse().ok()).collect();
            (v[3] + v[4], v[7], v.iter().sum())
        })
        .collect()
}

fn busy(before: &[(f64, f64, f64)], after: &[(f64, f64, f64)]) -> Value {
    before
        .iter()
        .zip(after)
        .map(|(b, a)| {
            let total = (a.2 - b.2).max(1.0);
            json!({"busy": 1.0 - (a.0 - b.0) / total, "steal": (a.1 - b.1) / total})
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Body, parse_head, stamp};

    #[test]
    fn heads() {
        assert!(parse_head(b"HTTP/1.1 200 OK\r\ncontent-le").unwrap().is_none());
        let (len, status, body, keep) = parse_head(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc").unwrap().unwrap();
        assert_eq!((len, status, keep), (38, 200, true));
        assert!(matches!(body, Body::Length(3)));
        let (_, _, body, keep) = parse_head(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").unwrap().unwrap();
        assert!(matches!(body, Body::UntilClose) && !keep);
        assert!(parse_head(b"garbage\r\n\r\n").is_err());
    }

    #[test]
    fn stamps() {
        assert_eq!(stamp(br#"{"content":" word t=0000000000000042"}"#), Some(42));
        assert_eq!(stamp(b" t=12"), None);
    }
}
