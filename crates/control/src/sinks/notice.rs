//! An event as it is told: who, what and when, by ids. No secret, no token, and nothing that the receiver could not ask
//! the admin API for; receivers that need more do that.

use portcullis_model::event::{Change, Event};
use portcullis_model::{Name, TenantId, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

/// An event as it is told.
#[derive(Clone, Debug, Serialize)]
pub struct Notice {
    /// The same for the same event, however often it is told, and another in every installation.
    pub id: String,
    /// Position in the log of this installation: grows, with gaps.
    pub position: i64,
    /// What happened, as `user.suspended`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When (RFC 3339).
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// The tenant's id, when it concerns one.
    pub tenant: Option<TenantId>,
    /// The tenant's name.
    pub tenant_name: Option<Name>,
    /// Who caused it: `operator:<name>`, `socket:uid=<n>`, `file`, `issuer:<name>`.
    pub actor: String,
    /// To whom or what it happened: ids by their kind.
    pub subject: Value,
    /// What else belongs to it; absent when nothing does.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

fn rfc3339<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

impl Notice {
    /// Of an event of this installation.
    pub fn new(event: &Event, installation: &str, tenant_name: Option<Name>) -> Self {
        let (subject, details) = parts(&event.change);
        Self {
            id: format!("evt_{installation}_{}", event.position),
            position: event.position,
            kind: event.change.kind(),
            at: event.at,
            tenant: event.tenant,
            tenant_name,
            actor: event.actor.clone(),
            subject,
            details,
        }
    }

    /// Of nothing that happened: so that somebody sees whether it arrives.
    pub fn test(nonce: [u8; 8], at: Timestamp, actor: &str) -> Self {
        Self {
            id: format!("evt_test_{:016x}", u64::from_be_bytes(nonce)),
            position: 0,
            kind: "test".to_owned(),
            at,
            tenant: None,
            tenant_name: None,
            actor: actor.to_owned(),
            subject: json!({}),
            details: Value::Null,
        }
    }

    /// As JSON text.
    pub fn body(&self) -> String {
        // Texts and numbers: serialising them into memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Whom it happened to, and what else belongs to it.
fn parts(change: &Change) -> (Value, Value) {
    let identity =
        |user, issuer: &Name, subject: &String| json!({ "user": user, "issuer": issuer, "sub": subject });
    match change {
        Change::User { user, .. } => (json!({ "user": user }), Value::Null),
        Change::RoleChanged { user, before, after } => {
            (json!({ "user": user }), json!({ "before": before, "after": after }))
        }
        Change::TeamChanged { user, team, .. } => (json!({ "user": user, "team": team }), Value::Null),
        Change::Team { team, .. } => (json!({ "team": team }), Value::Null),
        Change::IdentityLinked { user, issuer, subject }
        | Change::IdentityUnlinked { user, issuer, subject } => {
            (identity(user, issuer, subject), Value::Null)
        }
        Change::Application { application } => (json!({ "application": application }), Value::Null),
        Change::ApiKey { api_key } => (json!({ "api_key": api_key }), Value::Null),
        Change::Tenant { tenant } => (json!({ "tenant": tenant }), Value::Null),
        Change::Revocation => (json!({}), Value::Null),
        Change::KeyDistrusted { issuer, kid } => (json!({ "issuer": issuer, "kid": kid }), Value::Null),
        Change::Secret { name } => (json!({ "secret": name }), Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_model::UserId;

    #[test]
    fn an_event_is_told_by_ids() {
        let at = Timestamp::from_seconds(1_763_798_950);
        let (tenant, user) = (TenantId::new(at, [7; 10]), UserId::new(at, [8; 10]));
        let change = Change::RoleChanged { user, before: vec![], after: vec!["admin".to_owned()] };
        let event =
            Event { position: 42, at, tenant: Some(tenant), actor: "operator:ada".to_owned(), change };
        let notice = Notice::new(&event, "abc", Some(Name::new("acme").unwrap()));
        let expected = json!({
            "id": "evt_abc_42", "position": 42, "type": "user.roles_changed", "at": "2025-11-22T08:09:10.000000Z",
            "tenant": tenant, "tenant_name": "acme", "actor": "operator:ada",
            "subject": { "user": user }, "details": { "before": [], "after": ["admin"] },
        });
        assert_eq!(serde_json::from_str::<Value>(&notice.body()).unwrap(), expected);
    }
}
