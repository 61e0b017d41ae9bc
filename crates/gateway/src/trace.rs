//! A call's place in its trace (W3C Trace Context), and the span that is exported when the call is over.

use http::{HeaderMap, HeaderName};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor};
use portcullis_model::record::Outcome;
use portcullis_model::{Record, Timestamp};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where spans go, and which share of the calls that nobody decided about.
#[derive(Clone, Debug)]
pub struct Spans {
    /// What exports them; it batches and bounds.
    pub processor: Arc<dyn SpanProcessor>,
    /// 0 to 1.
    pub ratio: f64,
}

/// A call's place in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    id: [u8; 16],
    span: [u8; 8],
    parent: Option<[u8; 8]>,
    sampled: bool,
}

impl Trace {
    /// Continues the caller's trace, or starts one from `entropy`. A `traceparent` that is not one is as none.
    pub(crate) fn of(headers: &HeaderMap, entropy: ([u8; 16], [u8; 8]), spans: Option<&Spans>) -> Self {
        let (new, span) = entropy;
        let mut values = headers.get_all(&TRACEPARENT).iter();
        let parent = match (values.next(), values.next()) {
            (Some(value), None) => parse(value.as_bytes()),
            _ => None,
        };
        match parent {
            Some((id, parent, flags)) => Self { id, span, parent: Some(parent), sampled: flags & 1 == 1 },
            None => Self {
                id: new,
                span,
                parent: None,
                sampled: spans.is_some_and(|spans| chosen(new, spans.ratio)),
            },
        }
    }

    /// Whether the trace starts here.
    pub(crate) fn is_new(&self) -> bool {
        self.parent.is_none()
    }

    /// `traceparent` for whom we call.
    pub(crate) fn traceparent(&self) -> [u8; 55] {
        let mut text = [0; 55];
        text[..3].copy_from_slice(b"00-");
        hex(&self.id, &mut text[3..35]);
        text[35] = b'-';
        hex(&self.span, &mut text[36..52]);
        text[52..].copy_from_slice(if self.sampled { b"-01" } else { b"-00" });
        text
    }

    /// The trace's id, for the record.
    pub(crate) fn id(&self) -> String {
        let mut text = [0; 32];
        hex(&self.id, &mut text);
        text.iter().map(|c| char::from(*c)).collect()
    }

    /// Exports the call's span, when the trace is sampled.
    pub(crate) fn export(&self, spans: &Spans, record: &Record) {
        if self.sampled {
            spans.processor.on_end(self.span(record));
        }
    }

    fn span(&self, record: &Record) -> SpanData {
        let start = time(record.at);
        let mut attributes = vec![
            KeyValue::new("http.request.method", record.method.to_string()),
            KeyValue::new("url.path", record.path.clone()),
            KeyValue::new("http.response.status_code", i64::from(record.status)),
            KeyValue::new("client.address", record.source.clone()),
            KeyValue::new("portcullis.request_id", record.id.to_string()),
            KeyValue::new("portcullis.outcome", record.outcome.as_str()),
            KeyValue::new("portcullis.identified_us", i64::from(record.timing.identified)),
            KeyValue::new("portcullis.dispatched_us", i64::from(record.timing.dispatched)),
            KeyValue::new("portcullis.first_byte_us", i64::from(record.timing.first_byte)),
        ];
        let mut add = |key: &'static str, value: Option<String>| {
            attributes.extend(value.map(|value| KeyValue::new(key, value)))
        };
        add("portcullis.code", record.code.as_deref().map(str::to_owned));
        add("portcullis.service", record.service.as_deref().map(str::to_owned));
        add("portcullis.tenant", record.tenant.map(|id| id.to_string()));
        add("enduser.id", record.user.map(|id| id.to_string()));
        add("gen_ai.request.model", record.model.as_deref().map(str::to_owned));
        add("gen_ai.provider.name", record.provider.as_deref().map(str::to_owned));
        if let Some(usage) = &record.usage {
            let tokens = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            attributes.push(KeyValue::new("gen_ai.usage.input_tokens", tokens(usage.input_tokens)));
            attributes.push(KeyValue::new("gen_ai.usage.output_tokens", tokens(usage.output_tokens)));
        }
        let name = match &record.service {
            Some(service) => format!("{} {service}", record.method),
            None => record.method.to_string(),
        };
        let failed = record.status >= 500 || matches!(record.outcome, Outcome::UpstreamCut | Outcome::Cut);
        SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes(self.id),
                SpanId::from_bytes(self.span),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: self.parent.map_or(SpanId::INVALID, SpanId::from_bytes),
            parent_span_is_remote: self.parent.is_some(),
            span_kind: SpanKind::Server,
            name: name.into(),
            start_time: start,
            end_time: start + Duration::from_micros(record.timing.total),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if failed {
                Status::error(record.code.as_deref().unwrap_or("").to_owned())
            } else {
                Status::Unset
            },
            instrumentation_scope: InstrumentationScope::builder("portcullis")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}

fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + at.since(Timestamp::from_micros(0))
}

/// By the trace's id, so that every node on the way that uses the same share decides alike.
fn chosen(id: [u8; 16], ratio: f64) -> bool {
    let low = u64::from_be_bytes([id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15]]);
    #[expect(clippy::cast_precision_loss, reason = "a share of a random number")]
    let point = (low >> 11) as f64 / (1_u64 << 53) as f64;
    point < ratio
}

/// version "-" trace-id "-" parent-id "-" flags. Later versions may add to it (W3C Trace Context §4.3).
fn parse(text: &[u8]) -> Option<([u8; 16], [u8; 8], u8)> {
    let fits = text.len() == 55 || (text.len() > 55 && text[55] == b'-' && &text[..2] != b"00");
    if !fits || &text[..2] == b"ff" || text[2] != b'-' || text[35] != b'-' || text[52] != b'-' {
        return None;
    }
    let mut version = [0; 1];
    let (mut id, mut parent, mut flags) = ([0; 16], [0; 8], [0; 1]);
    unhex(&text[..2], &mut version)?;
    unhex(&text[3..35], &mut id)?;
    unhex(&text[36..52], &mut parent)?;
    unhex(&text[53..55], &mut flags)?;
    (id != [0; 16] && parent != [0; 8]).then_some((id, parent, flags[0]))
}

fn hex(bytes: &[u8], text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

fn unhex(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    // Lower case only (§3.2.2).
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    for (pair, byte) in text.chunks_exact(2).zip(bytes) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(value: &str) -> Trace {
        let mut headers = HeaderMap::new();
        headers.insert(&TRACEPARENT, value.parse().unwrap());
        Trace::of(&headers, ([7; 16], [8; 8]), None)
    }

    #[test]
    fn a_trace_is_continued_with_a_span_of_our_own() {
        let trace = trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(&trace.traceparent(), b"00-4bf92f3577b34da6a3ce929d0e0e4736-0808080808080808-01");
        assert_eq!(trace.id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(!trace.is_new());
    }

    #[test]
    fn what_is_none_starts_a_new_one() {
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            let trace = trace(wrong);
            assert!(trace.is_new(), "{wrong}");
            assert_eq!(&trace.traceparent(), b"00-07070707070707070707070707070707-0808080808080808-00");
        }
        assert!(!trace("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more").is_new());
    }

    #[test]
    fn the_share_is_a_share() {
        assert!(
            !chosen([0xff; 16], 0.99)
                && chosen([0; 16], 0.01)
                && !chosen([0; 16], 0.0)
                && chosen([0xff; 16], 1.0)
        );
    }
}
