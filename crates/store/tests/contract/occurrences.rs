//! Codes: how often, where, and what became of those whom they met.

use crate::world::{NOW, World, fresh, record, seconds};
use portcullis_model::record::{Outcome, TokenFacts};
use portcullis_model::{Record, TenantId, UserId};
use portcullis_store::entity::occurrences::{Occurrences, succeeded};
use portcullis_store::entity::records::insert_batch;
use std::sync::Arc;

pub async fn a_code_is_counted_and_followed(world: &World) {
    let store = &world.store;
    let (tenant, user) = (TenantId::new(NOW, fresh()), UserId::new(NOW, fresh()));
    let refused = |at: u64| Record {
        outcome: Outcome::Refused,
        status: 401,
        code: Some("token_expired".into()),
        ..record(seconds(at))
    };
    let token = |claims: &str| {
        Some(Arc::new(TokenFacts {
            issuer: Some("corp".into()),
            claims: claims.to_owned(),
            ..TokenFacts::default()
        }))
    };
    let mut records: Vec<Record> = (0..5).map(|i| refused(i * 10)).collect();
    records[1].tenant = Some(tenant);
    records[1].user = Some(user);
    records[2].token = token(r#"{"sub":"s-1"}"#);
    records[3].token = token(r#"{"sub":"cut off"#);
    records[4].token = token(r#"{"sub":42}"#);
    records.push(Record { user: Some(user), ..record(seconds(60)) });
    records.push(Record {
        user: Some(user),
        service: Some("orders".into()),
        status: 500,
        ..record(seconds(61))
    });
    insert_batch(store, &records).await.unwrap();

    let all = Occurrences { code: "token_expired", tenant: None };
    let own = Occurrences { tenant: Some(tenant), ..all };
    let count = async |of: &Occurrences<'_>, from, until, most| {
        of.count(store, seconds(from), seconds(until), most).await.unwrap()
    };
    assert_eq!(count(&all, 0, 100, 100).await, 5);
    assert_eq!(count(&all, 0, 100, 3).await, 3);
    assert_eq!(count(&all, 10, 40, 100).await, 3);
    assert_eq!(count(&own, 0, 100, 100).await, 1);
    assert_eq!(count(&Occurrences { code: "token_revoked", tenant: None }, 0, 100, 100).await, 0);
    assert_eq!(all.end(store, false).await.unwrap(), Some(seconds(0)));
    assert_eq!(all.end(store, true).await.unwrap(), Some(seconds(40)));
    assert_eq!(own.end(store, true).await.unwrap(), Some(seconds(10)));

    let last = all.last(store, 4).await.unwrap();
    assert_eq!(last.iter().map(|one| one.id).collect::<Vec<_>>(), [4, 3, 2, 1].map(|i| records[i].id));
    let subjects: Vec<_> = last.iter().map(|one| one.subject.as_deref()).collect();
    assert_eq!(subjects, [None, None, Some("s-1"), None], "a number, a cut text, a text, no token");
    assert_eq!(last[2].issuer.as_deref(), Some("corp"));
    assert_eq!((last[3].user, last[3].tenant, last[3].at), (Some(user), Some(tenant), seconds(10)));

    let by = async |user, service, after, before| {
        succeeded(store, user, None, service, seconds(after), seconds(before)).await.unwrap()
    };
    assert!(by(Some(user), "ai", 10, 100).await);
    assert!(!by(Some(user), "ai", 10, 50).await, "too late");
    assert!(!by(Some(user), "ai", 70, 100).await, "before");
    assert!(!by(Some(user), "orders", 10, 100).await, "the service failed");
    assert!(!by(None, "ai", 10, 100).await, "nobody");
}
