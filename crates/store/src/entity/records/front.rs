//! The columns of a record from the front of its JSON.
//!
//! What is searched stands before what is not: a record is written in the order of its fields, and `method`, which every
//! record has, comes after the last of them. Reading ends there. What follows is most of the text: the facts of the token,
//! usage, timing, and bodies where they are captured.

use super::Columns;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The columns of a record. What comes after its front is not looked at.
pub(super) fn columns(json: &str) -> Result<Columns<'_>, serde_json::Error> {
    let mut columns = None;
    let read = Front(&mut columns).deserialize(&mut serde_json::Deserializer::from_str(json));
    // Whoever leaves an object before its end is told so; what was read is as good as it can be.
    columns.map_or_else(|| Err(read.err().unwrap_or_else(|| Error::custom("no record"))), Ok)
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Id,
    At,
    Outcome,
    Status,
    Code,
    Tenant,
    User,
    Application,
    Service,
    Model,
    Provider,
    Batch,
    /// The first behind all these.
    Method,
    #[serde(other)]
    Other,
}

/// A text, without a copy where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Front<'r, 'a>(&'r mut Option<Columns<'a>>);

impl<'a> DeserializeSeed<'a> for Front<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Front<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        let (mut id, mut at, mut outcome, mut status) = (None, None, None, None);
        let (mut tenant, mut user, mut application) = (None, None, None);
        let (mut service, mut model, mut code) = (None, None, None);
        let (mut provider, mut batch) = (None, None);
        let text = |map: &mut M| Ok(map.next_value::<Option<Text<'a>>>()?.map(|text| text.0));
        while let Some(field) = map.next_key()? {
            match field {
                Field::Id => id = Some(map.next_value()?),
                Field::At => at = Some(map.next_value()?),
                Field::Outcome => outcome = Some(map.next_value()?),
                Field::Status => status = Some(map.next_value()?),
                Field::Code => code = text(&mut map)?,
                Field::Tenant => tenant = map.next_value()?,
                Field::User => user = map.next_value()?,
                Field::Application => application = map.next_value()?,
                Field::Service => service = text(&mut map)?,
                Field::Model => model = text(&mut map)?,
                Field::Provider => provider = text(&mut map)?,
                Field::Batch => batch = text(&mut map)?,
                Field::Method => break,
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let missing = M::Error::missing_field;
        *self.0 = Some(Columns {
            id: id.ok_or_else(|| missing("id"))?,
            at: at.ok_or_else(|| missing("at"))?,
            outcome: outcome.ok_or_else(|| missing("outcome"))?,
            status: status.ok_or_else(|| missing("status"))?,
            tenant,
            user,
            application,
            service,
            model,
            code,
            provider,
            batch,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::record::{Outcome, TokenFacts};
    use portcullis_model::{ApplicationId, Record, RequestId, TenantId, Timestamp, UserId};

    /// Every column is before `method`: were a field moved behind it, it would be stored as absent.
    #[test]
    fn the_front_has_all_that_is_searched() {
        let at = Timestamp::from_micros(1_763_798_950_123_456);
        let mut record: Record = serde_json::from_value(serde_json::json!({
            "id": RequestId::new(at, [7; 10]),
            "at": at,
            "outcome": "refused",
            "status": 403,
            "code": "policy_denied",
            "detail": "not on \"Sundays\", {no}",
            "would_refuse": "user_unknown",
            "tenant": TenantId::new(at, [1; 10]),
            "user": UserId::new(at, [2; 10]),
            "application": ApplicationId::new(at, [3; 10]),
            "service": "orders \u{1f512}",
            "operation": "chat",
            "dialect": "openai",
            "model": "a\tb\\\"",
            "provider": "p",
            "deployment": "d",
            "batch": "batch_\"1\"",
            "method": "POST",
            "path": "/x",
            "source": "192.0.2.7",
            "tried": [],
            "bytes_in": 1, "bytes_out": 2, "attempts": 1,
            "timing": { "identified": 1, "dispatched": 2, "first_byte": 3, "total": 4 },
        }))
        .unwrap();
        record.token = Some(TokenFacts { claims: r#"{"model":"x"}"#.into(), ..TokenFacts::default() }.into());
        let text = serde_json::to_string(&record).unwrap();
        let front = columns(&text).unwrap();
        assert_eq!((front.id, front.at, front.outcome), (record.id, at, Outcome::Refused));
        assert_eq!((front.status, front.tenant, front.user), (403, record.tenant, record.user));
        assert_eq!(front.application, record.application);
        assert_eq!(
            (front.service.as_deref(), front.model.as_deref()),
            (Some("orders \u{1f512}"), Some("a\tb\\\""))
        );
        assert_eq!(front.code.as_deref(), Some("policy_denied"));
        assert_eq!((front.provider.as_deref(), front.batch.as_deref()), (Some("p"), Some("batch_\"1\"")));

        (record.tenant, record.user, record.application) = (None, None, None);
        (record.service, record.model, record.code) = (None, None, None);
        (record.provider, record.batch) = (None, None);
        let text = serde_json::to_string(&record).unwrap();
        let front = columns(&text).unwrap();
        assert!(front.tenant.is_none() && front.user.is_none() && front.application.is_none());
        assert!(front.service.is_none() && front.model.is_none() && front.code.is_none());
        assert!(front.provider.is_none() && front.batch.is_none());
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let id = RequestId::new(Timestamp::from_micros(0), [7; 10]).to_string();
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"method":"GET"}"#,
            r#"{"id":"#,
            &format!(r#"{{"id":"{id}","at":1,"outcome":"postponed","status":200,"method":"GET"}}"#),
            &format!(r#"{{"id":"{id}","at":1,"outcome":"completed","method":"GET"}}"#),
            &format!(
                r#"{{"id":"{id}","at":1,"outcome":"completed","status":200,"tenant":"x","method":"GET"}}"#
            ),
        ] {
            assert!(columns(text).is_err(), "{text}");
        }
    }
}
