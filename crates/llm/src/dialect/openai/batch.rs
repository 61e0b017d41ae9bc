//! A file of calls that a provider makes later (OpenAI's Batch API): one JSON object a line, each with a call's path and body.
//!
//! Every line is read like a call of its own before the file goes to the provider: what it asks for, of which model. The
//! file's bytes pass but for the models' names.

use super::OpenAi;
use crate::dialect::request::{Reach, Request, StreamOptions};
use crate::dialect::served::matched;
use crate::dialect::{Dialect as _, Operation, Served};
use crate::json::strict::Cursor;
use bytes::Bytes;
use http::Method;
use portcullis_fault::{Fault, codes};
use portcullis_model::Usage;
use portcullis_model::usage::UsageSource;
use serde::Deserialize;
use std::borrow::Cow;
use std::ops::Range;

/// A file of calls that was checked.
#[derive(Clone, Debug)]
pub struct Batch {
    lines: Vec<Line>,
}

/// One call of it.
#[derive(Clone, Debug)]
pub struct Line {
    /// From 1.
    pub number: usize,
    /// What is asked.
    pub served: &'static Served,
    /// The call's body.
    pub request: Request,
    /// What it reaches for at its provider.
    pub reach: Reach,
    /// Where that is in the file.
    span: Range<usize>,
}

/// Lines of one file: as many as the vendor takes.
const MAX_LINES: usize = 50_000;

/// What can be asked later.
const LATER: &[Operation] = &[
    Operation::Chat,
    Operation::Responses,
    Operation::Completions,
    Operation::Embeddings,
    Operation::Moderations,
    Operation::Images,
];

impl Batch {
    /// Reads a file, line by line.
    ///
    /// # Errors
    /// `ai_request_invalid` and `ai_request_ambiguous`, with the number of the line: it is no call, asks for what is not served or
    /// cannot be asked later, its body is refused as it would be as a call, or it names another model than the first line (of
    /// a file the vendor takes one model only).
    pub fn read(file: &Bytes) -> Result<Self, Fault> {
        let mut lines: Vec<Line> = Vec::new();
        let mut from = 0;
        for (at, line) in file.split(|byte| *byte == b'\n').enumerate() {
            let (number, start) = (at + 1, from);
            from += line.len() + 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            if lines.len() == MAX_LINES {
                return Err(invalid(number, &format!("a file of calls has at most {MAX_LINES} lines")));
            }
            let read =
                read(file, start..start + line.len(), number).map_err(|fault| at_line(number, &fault))?;
            if let Some(first) = lines.first()
                && first.request.model() != read.request.model()
            {
                return Err(invalid(
                    number,
                    "member `model` must be that of the first line; send a file for each model",
                ));
            }
            lines.push(read);
        }
        if lines.is_empty() {
            return Err(Fault::new(codes::AI_REQUEST_INVALID).detail("the file of calls has no lines"));
        }
        Ok(Self { lines })
    }

    /// The calls.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The model that all of them ask.
    pub fn model(&self) -> &str {
        self.lines.first().map(|line| line.request.model()).unwrap_or_default()
    }

    /// Bytes of text in all of them.
    pub fn text_bytes(&self) -> u64 {
        self.lines.iter().map(|line| line.request.text_bytes()).sum()
    }

    /// A body for a deployment, in which the file stands at `at`: its model's name instead of the caller's in every line.
    pub fn rewrite_within(&self, body: &Bytes, at: usize, deployment_model: &str) -> Bytes {
        if deployment_model == self.model() {
            return body.clone();
        }
        let mut written = Vec::with_capacity(body.len() + self.lines.len() * deployment_model.len());
        let mut from = 0;
        for line in &self.lines {
            written.extend_from_slice(&body[from..at + line.span.start]);
            written.extend_from_slice(&line.request.rewrite(deployment_model, StreamOptions::Keep));
            from = at + line.span.end;
        }
        written.extend_from_slice(&body[from..]);
        written.into()
    }
}

/// Reads one line.
fn read(file: &Bytes, range: Range<usize>, number: usize) -> Result<Line, Fault> {
    let line = &file[range.clone()];
    let syntax = |error: crate::json::strict::Error| refused(format!("it is not valid JSON: {}", error.what));
    let mut cursor = Cursor::new(line).map_err(syntax)?;
    if !cursor.take(b'{') {
        return Err(refused("it must be a JSON object"));
    }
    let (mut named, mut method, mut url, mut body) = (None, None, None, None);
    loop {
        let name = cursor.name().map_err(syntax)?;
        let value = cursor.value(1, &mut 0).map_err(syntax)?;
        let known = match &line[name.inside.clone()] {
            b"custom_id" => named.replace(value).is_none(),
            b"method" => method.replace(value).is_none(),
            b"url" => url.replace(value).is_none(),
            b"body" => body.replace(value).is_none(),
            _ => false,
        };
        if !known {
            return Err(Fault::new(codes::AI_REQUEST_AMBIGUOUS)
                .detail("it has `custom_id`, `method`, `url` and `body`, each once, and nothing else"));
        }
        if !cursor.more().map_err(syntax)? {
            break;
        }
    }
    cursor.end().map_err(syntax)?;
    let text = |value: Option<Range<usize>>, name: &str| {
        let value = value.ok_or_else(|| refused(format!("member `{name}` is missing")))?;
        serde_json::from_slice::<String>(&line[value])
            .map_err(|_| refused(format!("member `{name}` must be a string")))
    };
    text(named, "custom_id")?;
    if text(method, "method")? != "POST" {
        return Err(refused("member `method` must be `POST`"));
    }
    let url = text(url, "url")?;
    let served = url.strip_prefix("/v1").and_then(|path| matched(&OpenAi, &Method::POST, path).ok());
    let served = served.map(|matched| matched.served).filter(|served| LATER.contains(&served.operation));
    let served = served.ok_or_else(|| {
        let known: Vec<_> = OpenAi
            .serves()
            .iter()
            .filter(|row| LATER.contains(&row.operation) && row.method == Method::POST)
            .map(|row| format!("`/v1{}`", row.path))
            .collect();
        refused(format!("member `url` must be one of {}", known.join(", ")))
    })?;
    let members = served.members.ok_or_else(|| refused("member `url` names what takes no body"))?;
    let body = body.ok_or_else(|| refused("member `body` is missing"))?;
    let span = range.start + body.start..range.start + body.end;
    let request = Request::scan(&file.slice(span.clone()), members)?;
    if request.model().is_empty() {
        return Err(refused("member `model` is missing; it names the model to use"));
    }
    let reach = request.reach()?;
    Ok(Line { number, served, request, reach, span })
}

/// What a batch that is over used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Of all its calls together.
    pub usage: Usage,
    /// How many calls that were.
    pub calls: u64,
}

impl Bill {
    /// Out of what the provider says of a batch; `None`: it is not over, or nothing is said of what it used.
    pub fn read(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Told<'j> {
            #[serde(borrow)]
            status: Cow<'j, str>,
            usage: Option<Used>,
            request_counts: Option<Counts>,
        }
        #[derive(Deserialize)]
        struct Used {
            input_tokens: u64,
            output_tokens: u64,
            input_tokens_details: Option<Details>,
            output_tokens_details: Option<Details>,
        }
        #[derive(Default, Deserialize)]
        struct Details {
            #[serde(default)]
            cached_tokens: u64,
            #[serde(default)]
            reasoning_tokens: u64,
        }
        #[derive(Deserialize)]
        struct Counts {
            #[serde(default)]
            completed: u64,
        }
        let told: Told<'_> = serde_json::from_slice(json).ok()?;
        let over = matches!(&*told.status, "completed" | "failed" | "expired" | "cancelled");
        let used =
            told.usage.filter(|used| over && used.input_tokens.saturating_add(used.output_tokens) > 0)?;
        let usage = Usage {
            input_tokens: used.input_tokens,
            output_tokens: used.output_tokens,
            cached_input_tokens: used.input_tokens_details.unwrap_or_default().cached_tokens,
            reasoning_tokens: used.output_tokens_details.unwrap_or_default().reasoning_tokens,
            source: UsageSource::Reported,
            ..Usage::default()
        };
        Some(Self { usage, calls: told.request_counts.map_or(1, |counts| counts.completed.max(1)) })
    }
}

fn refused(detail: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(codes::AI_REQUEST_INVALID).detail(detail)
}

fn invalid(number: usize, detail: &str) -> Fault {
    at_line(number, &refused(detail.to_owned()))
}

/// A line's refusal, as the file's.
pub fn at_line(number: usize, fault: &Fault) -> Fault {
    Fault::new(fault.code()).detail(format!("line {number} of the file: {}", fault.public_detail()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(more: &str) -> String {
        format!(
            r#"{{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{{"model":"fast",{more}}}}}"#
        )
    }

    fn read(text: &str) -> Result<Batch, String> {
        Batch::read(&Bytes::copy_from_slice(text.as_bytes()))
            .map_err(|fault| format!("{}: {}", fault.code(), fault.public_detail()))
    }

    #[test]
    fn lines_are_calls_and_only_their_models_change() {
        let text = format!(
            "{}\r\n\n  {} \n",
            line(r#""messages":[{"role":"user","content":"\u2028 hi"}]"#),
            r#"{ "url" : "/v1/embeddings", "body": {"input":"x", "model" : "fast" } ,"method":"POST","custom_id":"b"}"#
        );
        let batch = read(&text).unwrap();
        assert_eq!((batch.model(), batch.lines().len()), ("fast", 2));
        assert_eq!((batch.lines()[1].number, batch.lines()[1].served.operation), (3, Operation::Embeddings));
        let body = Bytes::from(format!("before{text}behind"));
        let expected = format!("before{}behind", text.replace("\"fast\"", "\"gpt-5\""));
        assert_eq!(batch.rewrite_within(&body, 6, "gpt-5"), expected.as_bytes());
        assert_eq!(batch.rewrite_within(&body, 6, "fast").as_ptr(), body.as_ptr());
        assert!(batch.text_bytes() > 0);
    }

    #[test]
    fn a_batch_is_billed_when_it_is_over_and_says_what_it_used() {
        let told = |status: &str, usage: &str| {
            format!(
                r#"{{"id":"batch_1","status":"{status}","request_counts":{{"total":3,"completed":2,"failed":1}},"usage":{usage}}}"#
            )
        };
        let used = r#"{"input_tokens":100,"input_tokens_details":{"cached_tokens":40},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":109}"#;
        for status in ["completed", "expired", "cancelled", "failed"] {
            let bill = Bill::read(told(status, used).as_bytes()).unwrap();
            let usage = Usage {
                input_tokens: 100,
                cached_input_tokens: 40,
                output_tokens: 9,
                reasoning_tokens: 5,
                source: UsageSource::Reported,
                ..Usage::default()
            };
            assert_eq!(bill, Bill { usage, calls: 2 }, "{status}");
        }
        for (status, usage) in [
            ("in_progress", used),
            ("finalizing", used),
            ("cancelling", used),
            ("completed", "null"),
            ("completed", "{}"),
            ("completed", r#"{"input_tokens":0,"output_tokens":0}"#),
            ("completed", r#"{"input_tokens":-1,"output_tokens":1e9}"#),
        ] {
            assert_eq!(Bill::read(told(status, usage).as_bytes()), None, "{status} {usage}");
        }
        assert_eq!(Bill::read(b"[]"), None);
    }

    #[test]
    fn refusals_say_which_line() {
        let good = line(r#""messages":[]"#);
        for (bad, what) in [
            (String::new(), "no lines"),
            ("[]".to_owned(), "must be a JSON object"),
            ("{}".to_owned(), "not valid JSON"),
            (good.replace("\"body\"", "\"Body\""), "ambiguous: line 2 of the file: it has"),
            (good.replace("\"body\"", "\"bod\\u0079\""), "nothing else"),
            (good.replace("\"method\":\"POST\"", "\"body\":{}"), "nothing else"),
            (good.replace("POST", "GET"), "must be `POST`"),
            (good.replace("\"method\":\"POST\",", ""), "`method` is missing"),
            (good.replace("\"a\"", "7"), "`custom_id` must be a string"),
            (good.replace("/v1/chat", "/chat"), "`/v1/embeddings`"),
            (good.replace("/v1/chat/completions", "/v1/../v1/files"), "must be one of"),
            (good.replace("/v1/chat/completions", "/v1/models"), "must be one of"),
            (good.replace("/v1/chat/completions", "/v1/audio/transcriptions"), "must be one of"),
            (good.replace("\"model\":\"fast\",", ""), "`model` is missing"),
            (
                good.replace("\"model\":\"fast\",", "").replace("/v1/chat/completions", "/v1/moderations"),
                "`model` is missing",
            ),
            (line(r#""model":"other""#), "ambiguous: line 2 of the file: member `model` is there twice"),
            (line(r#""models":["other"]"#), "could choose other models"),
            (good.replace("fast", "other"), "that of the first line"),
            (good.replace("{\"model\":\"fast\",\"messages\":[]}", "7"), "must be a JSON object"),
            (format!("{good}{good}"), "nothing may follow"),
        ] {
            let text = if bad.is_empty() { bad } else { format!("{good}\n{bad}") };
            let refused = read(&text).expect_err(what);
            assert!(refused.contains(what), "{refused}: {what}");
            assert!(what == "no lines" || refused.contains("line 2"), "{refused}");
        }
        let many = format!("{good}\n").repeat(MAX_LINES);
        assert!(read(&many).is_ok());
        assert!(read(&format!("{many}{good}")).unwrap_err().contains("line 50001"));
    }
}
