//! A webhook: one signed `POST` for each event. 2xx is done, 410 is never again, anything else is tried again.

use super::signature::{Signer, key};
use super::{Delivery, Notice, Patience, Sink};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method};
use portcullis_model::event::matches;
use portcullis_model::secret_ref::SecretSource;
use portcullis_model::webhook::Webhook as Configured;
use portcullis_model::{Clock, Problem, SecretRef};
use portcullis_net::egress::{Client, Egress, Exchange, FetchError, Trust};
use std::sync::Arc;
use std::time::Duration;

/// Nobody reads the answer's body; a receiver that sends more than this is told so.
const ANSWER: usize = 1 << 20;

/// A receiver cannot ask to be left alone for longer than this.
const LONGEST_WISH: Duration = Duration::from_secs(3_600);

/// A webhook.
pub struct Webhook {
    configured: Configured,
    client: Client,
    signer: Signer,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// Reads its secrets and certificates.
    pub fn open(
        configured: &Configured,
        secrets: &dyn SecretSource,
        egress: &Egress,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Problem> {
        let problem =
            |at: &str, message: String| Problem::new(format!("webhooks.{}.{at}", configured.name), message);
        let read = |at: &str, reference: &SecretRef| {
            let secret = secrets.read(reference).map_err(|message| problem(at, message))?;
            key(secret.expose()).map_err(|message| problem(at, format!("`{reference}`: {message}")))
        };
        let mut keys = vec![read("secret", &configured.secret)?];
        if let Some(old) = &configured.old_secret {
            keys.push(read("old_secret", old)?);
        }
        let client = egress.client(&configured.http, Trust::Operator);
        Ok(Self {
            client: client.map_err(|message| problem("http", message))?,
            configured: configured.clone(),
            signer: Signer::new(keys),
            clock: clock.clone(),
        })
    }

    fn headers(&self, notice: &Notice, body: &[u8]) -> Option<HeaderMap> {
        let at = self.clock.now();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert("webhook-id", HeaderValue::from_str(&notice.id).ok()?);
        headers.insert("webhook-timestamp", HeaderValue::from(at.seconds()));
        headers.insert(
            "webhook-signature",
            HeaderValue::from_str(&self.signer.sign(&notice.id, at, body)).ok()?,
        );
        Some(headers)
    }
}

#[async_trait]
impl Sink for Webhook {
    fn name(&self) -> &str {
        self.configured.name.as_str()
    }

    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn target(&self) -> String {
        self.configured.url.to_string()
    }

    fn wants(&self, notice: &Notice) -> bool {
        let tenant = self.configured.tenant.as_ref();
        let events = &self.configured.events;
        tenant.is_none_or(|tenant| notice.tenant_name.as_ref() == Some(tenant))
            && (events.is_empty() || events.iter().any(|pattern| matches(pattern, &notice.kind)))
    }

    fn patience(&self) -> Patience {
        Patience { timeout: self.configured.timeout.0, give_up_after: self.configured.give_up_after.0 }
    }

    async fn deliver(&self, notice: &Notice) -> Delivery {
        let body = notice.body();
        let Some(headers) = self.headers(notice, body.as_bytes()) else {
            let why = "its id cannot be sent in a header".to_owned();
            return Delivery::Failed { reason: "protocol", why, after: None };
        };
        let exchange = Exchange {
            method: Method::POST,
            headers,
            body: Bytes::from(body),
            max_bytes: ANSWER,
            timeout: self.configured.timeout.0,
            plain_http: false,
        };
        match self.client.exchange(&self.configured.url, &exchange).await {
            Ok(answered) => understood(answered.status, &answered.headers),
            Err(error) => Delivery::Failed { reason: error.reason(), why: with_causes(&error), after: None },
        }
    }
}

fn understood(status: u16, headers: &HeaderMap) -> Delivery {
    let wish = || headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs);
    let why = match status {
        200..=299 => return Delivery::Done,
        410 => {
            return Delivery::Gone { why: "it answered with status 410: it wants no more events".to_owned() };
        }
        300..=399 => format!("it redirects (status {status}), which is not followed; give the final URL"),
        _ => format!("it answered with status {status}"),
    };
    Delivery::Failed { reason: "status", why, after: wish().map(|wish: Duration| wish.min(LONGEST_WISH)) }
}

fn with_causes(error: &FetchError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_means_something() {
        let with = |after: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
            headers
        };
        let after = |delivery| match delivery {
            Delivery::Failed { after, .. } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(understood(204, &HeaderMap::new()), Delivery::Done);
        assert!(matches!(understood(410, &HeaderMap::new()), Delivery::Gone { .. }));
        assert_eq!(after(understood(503, &with("120"))), Some(Duration::from_secs(120)));
        assert_eq!(after(understood(429, &with("999999999"))), Some(LONGEST_WISH));
        assert_eq!(after(understood(500, &with("soon"))), None);
        for status in [301, 400, 404, 500] {
            assert_eq!(after(understood(status, &HeaderMap::new())), None, "{status}");
        }
    }
}
