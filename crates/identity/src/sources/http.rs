//! People behind a service that is asked about one person at a time and answers with JSON.
//!
//! The answer is held against what the configuration says of it: whatever is neither a person nor "nobody" is a failure,
//! with its reason.

use super::foreign::{Batch, Cursor, Failure, Foreign, Freshness, Person, Wanted, Watermark};
use super::kinds::{Parts, Wrong};
use super::reading;
use async_trait::async_trait;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use portcullis_model::source::{HttpMethod, HttpSource};
use portcullis_model::{Name, Source};
use portcullis_net::egress::{Answered, Client, ConnectError, Exchange, FetchError, Trust};
use portcullis_store::entity::LONGEST_IDENTIFIER;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use url::Url;

/// Requests under way at once.
const AT_ONCE: usize = 32;
/// Near misses that are asked for, one request each.
const FORMS: usize = 8;

/// A service that knows people.
struct Http {
    name: Name,
    client: Client,
    url: Url,
    method: HttpMethod,
    asked: Question,
    by_key: Option<Question>,
    headers: HeaderMap,
    people: String,
    fields: BTreeMap<String, String>,
    max_bytes: usize,
    timeout: Duration,
    turns: Semaphore,
}

/// Makes the source if it is of this kind.
pub(super) fn open(source: &Source, parts: &Parts<'_>) -> Option<Result<Arc<dyn Foreign>, Wrong>> {
    let http = source.http.as_ref()?;
    Some(Http::new(source, http, parts).map(|http| Arc::new(http) as Arc<dyn Foreign>))
}

impl Http {
    fn new(source: &Source, http: &HttpSource, parts: &Parts<'_>) -> Result<Self, Wrong> {
        let wrong = |at: &'static str| move |message: String| (format!("http.{at}"), message);
        Ok(Self {
            name: source.name.clone(),
            client: parts.egress.client(&http.http, Trust::Operator).map_err(wrong("http"))?,
            url: http.url.clone(),
            method: http.method,
            asked: Question::new(&http.path, &http.query, &http.body),
            by_key: http
                .by_key
                .as_ref()
                .map(|by_key| Question::new(&by_key.path, &by_key.query, &by_key.body)),
            headers: headers(http, parts)?,
            people: http.people.clone(),
            fields: http.fields.clone(),
            max_bytes: usize::try_from(http.max_body.0).unwrap_or(usize::MAX),
            timeout: source.timeout.0,
            turns: Semaphore::new(AT_ONCE),
        })
    }

    async fn ask(&self, question: &Question, wanted: &Wanted) -> Result<Vec<Person>, Failure> {
        if wanted.subject.len() > LONGEST_IDENTIFIER || wanted.subject.contains('\0') {
            return Ok(Vec::new());
        }
        let Some(url) = question.url(&self.url, wanted) else { return Ok(Vec::new()) };
        let mut headers = self.headers.clone();
        let (method, body) = match self.method {
            HttpMethod::Get => (Method::GET, String::new()),
            HttpMethod::Post => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                (Method::POST, question.body(wanted).to_string())
            }
        };
        let exchange = Exchange {
            method,
            headers,
            body: body.into(),
            max_bytes: self.max_bytes,
            timeout: self.timeout,
            plain_http: false,
        };
        let _turn = self.turns.acquire().await.map_err(|_| Failure::unreachable("the source is closed"))?;
        let answered = self.client.exchange(&url, &exchange).await.map_err(failed)?;
        self.read(&answered)
    }

    /// The people of an answer.
    fn read(&self, answered: &Answered) -> Result<Vec<Person>, Failure> {
        let page = answered
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().contains("text/html"));
        let host = self.url.host_str().unwrap_or_default();
        match answered.status {
            200 | 201 if page => {
                return Err(Failure::broken(format!(
                    "`{host}` answered with a web page where JSON should be"
                )));
            }
            200 | 201 => {}
            204 => return Ok(Vec::new()),
            // A proxy on the way says so too, with a page; that is no word of the service about anybody.
            404 if page => {
                return Err(Failure::broken(format!(
                    "`{host}` answered with status 404 and a web page: there is no such service at this URL"
                )));
            }
            404 => return Ok(Vec::new()),
            status @ (401 | 403 | 407) => {
                return Err(Failure::refused(format!(
                    "`{host}` does not accept our credential (status {status}); see `credential`"
                )));
            }
            status @ (429 | 500..) => {
                return Err(Failure::unreachable(format!("`{host}` answered with status {status}")));
            }
            status @ 300..=399 => {
                return Err(Failure::broken(format!(
                    "`{host}` redirects (status {status}), which is not followed; give the final URL"
                )));
            }
            status => return Err(Failure::broken(format!("`{host}` answered with status {status}"))),
        }
        let whole = reading::strict(&answered.body)
            .map_err(|error| Failure::broken(format!("the answer of `{host}` is not valid JSON: {error}")))?;
        let found = whole.pointer(&self.people).ok_or_else(|| {
            Failure::broken(format!(
                "there is nothing at `{}` in the answer of `{host}`, where people should be",
                self.people
            ))
        })?;
        let people = match found {
            Value::Null => &[],
            Value::Object(table) if table.is_empty() => &[],
            Value::Object(_) => std::slice::from_ref(found),
            Value::Array(list) => list.as_slice(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(Failure::broken(format!(
                    "what is at `{}` in the answer of `{host}` is neither an object nor a list",
                    self.people
                )));
            }
        };
        // Two are as ambiguous as all of them.
        people.iter().take(2).map(|person| self.person(person, host)).collect()
    }

    fn person(&self, person: &Value, host: &str) -> Result<Person, Failure> {
        if !person.is_object() {
            return Err(Failure::broken(format!(
                "the answer of `{host}` has something in its list that is no object"
            )));
        }
        let field = |name: &str| self.fields.get(name).and_then(|pointer| person.pointer(pointer));
        let attributes = self.fields.iter().filter_map(|(name, pointer)| {
            Some((name.strip_prefix("attributes.")?.to_owned(), person.pointer(pointer)?))
        });
        reading::person(field, |name| self.fields.contains_key(name), attributes)
    }
}

/// The headers of every request, our credential among them.
fn headers(http: &HttpSource, parts: &Parts<'_>) -> Result<HeaderMap, Wrong> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    for (name, value) in &http.headers {
        let wrong = |_| ("http.headers".to_owned(), format!("`{name}` is no header that can be sent"));
        let header = name.parse::<HeaderName>().map_err(|_| wrong(()))?;
        headers.insert(header, value.parse::<HeaderValue>().map_err(|_| wrong(()))?);
    }
    let Some(reference) = &http.credential else { return Ok(headers) };
    let at = || "http.credential".to_owned();
    let secret = parts.secrets.read(reference).map_err(|message| (at(), message))?;
    let secret = secret.expose().trim_ascii();
    let (name, value) = match &http.credential_header {
        None => (AUTHORIZATION, [b"Bearer ", secret].concat()),
        Some(name) => {
            let name = name.parse::<HeaderName>();
            let wrong =
                |_| ("http.credential_header".to_owned(), "it is not the name of a header".to_owned());
            (name.map_err(wrong)?, secret.to_vec())
        }
    };
    let value = HeaderValue::from_bytes(&value);
    let mut value =
        value.map_err(|_| (at(), format!("what is at `{reference}` cannot be sent in a header")))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}

fn failed(error: FetchError) -> Failure {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    match error {
        FetchError::TimedOut { .. } | FetchError::Connect(ConnectError::TimedOut { .. }) => {
            Failure::slow(text)
        }
        FetchError::TooLarge { .. } => Failure::broken(text),
        _ => Failure::unreachable(text),
    }
}

/// Where a person is asked about.
struct Question {
    path: Vec<Template>,
    query: Vec<(String, Template)>,
    body: Vec<(String, Template)>,
}

impl Question {
    fn new(path: &[String], query: &BTreeMap<String, String>, body: &BTreeMap<String, String>) -> Self {
        let templates = |texts: &BTreeMap<String, String>| {
            texts.iter().map(|(name, text)| (name.clone(), Template::new(text))).collect()
        };
        Self {
            path: path.iter().map(|text| Template::new(text)).collect(),
            query: templates(query),
            body: templates(body),
        }
    }

    /// Where to ask; nothing when the subject cannot be part of a path.
    fn url(&self, base: &Url, wanted: &Wanted) -> Option<Url> {
        let mut url = base.clone();
        if !self.path.is_empty() {
            let mut segments = Vec::with_capacity(self.path.len());
            for template in &self.path {
                let segment = template.fill(wanted);
                // These stand for places in the path, however they are written, and would ask about somebody else.
                if matches!(segment.as_str(), "" | "." | "..") {
                    return None;
                }
                segments.push(segment);
            }
            url.path_segments_mut().ok()?.pop_if_empty().extend(segments);
        }
        if !self.query.is_empty() {
            let filled = self.query.iter().map(|(name, template)| (name, template.fill(wanted)));
            url.query_pairs_mut().extend_pairs(filled);
        }
        Some(url)
    }

    fn body(&self, wanted: &Wanted) -> Value {
        let filled = self.body.iter().map(|(name, template)| (name.clone(), template.fill(wanted).into()));
        Value::Object(filled.collect())
    }
}

/// A text with places in it. Filled in once: what is put in is not read again.
struct Template(Vec<Piece>);

enum Piece {
    Text(String),
    Subject,
    Issuer,
    Tenant,
}

impl Template {
    fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else { break };
            let piece = match name {
                // What is asked for by the key has that in its place.
                "subject" | "key" => Piece::Subject,
                "issuer" => Piece::Issuer,
                "tenant" => Piece::Tenant,
                // The configuration is refused with any other.
                other => Piece::Text(format!("{{{other}}}")),
            };
            pieces.extend([Piece::Text(before.to_owned()), piece]);
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Self(pieces)
    }

    fn fill(&self, wanted: &Wanted) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Subject => wanted.subject.clone(),
            Piece::Issuer => wanted.issuer.to_string(),
            Piece::Tenant => wanted.tenant.to_string(),
        };
        self.0.iter().map(piece).collect()
    }
}

#[async_trait]
impl Foreign for Http {
    fn name(&self) -> &Name {
        &self.name
    }

    async fn find(&self, wanted: &Wanted, _: Freshness) -> Result<Vec<Person>, Failure> {
        self.ask(&self.asked, wanted).await
    }

    async fn by_key(&self, wanted: &Wanted, key: &str) -> Result<Option<Person>, Failure> {
        let Some(by_key) = &self.by_key else {
            return Err(Failure::unsupported(
                "there is no `by_key`, by which somebody who was renamed is told from somebody who is gone",
            ));
        };
        let of = Wanted { subject: key.to_owned(), ..wanted.clone() };
        Ok(self.ask(by_key, &of).await?.into_iter().find(|person| person.key == key))
    }

    async fn near(&self, wanted: &Wanted, forms: &[String]) -> Result<Vec<Person>, Failure> {
        let mut people: Vec<Person> = Vec::new();
        for form in forms.iter().take(FORMS) {
            let other = Wanted { subject: form.clone(), ..wanted.clone() };
            for person in self.ask(&self.asked, &other).await? {
                if people.iter().all(|known| known.key != person.key) {
                    people.push(person);
                }
            }
        }
        Ok(people)
    }

    async fn page(&self, _: Option<&Watermark>, _: Option<Cursor>) -> Result<Batch, Failure> {
        Err(Failure::unsupported(
            "an HTTP source is asked about one person at a time, and cannot be synchronised",
        ))
    }

    async fn probe(&self) -> Result<Vec<String>, Failure> {
        let host = self.url.host_str().unwrap_or_default();
        let wanted = Wanted {
            subject: "\u{2400}nobody".to_owned(),
            issuer: self.name.clone(),
            tenant: self.name.clone(),
        };
        match self.ask(&self.asked, &wanted).await?.len() {
            0 => Ok(vec![format!("`{host}` answers, and says that a subject that nobody has is nobody's")]),
            _ => Err(Failure::broken(format!(
                "`{host}` finds somebody for a subject that nobody has; it must compare exactly"
            ))),
        }
    }
}
