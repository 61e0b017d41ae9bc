//! 100,000 users of one tenant, for what is measured among them: the benches of `crates/store` and of `crates/identity`
//! include this file.

use portcullis_model::{Identity, Name, TenantId, Timestamp, User, UserId, UserStatus};
use portcullis_store::Store;
use portcullis_store::entity::{identities, users};

pub const USERS: u64 = 100_000;

/// Scattered, as ids of different years are.
pub fn id(n: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes
}

pub fn at(n: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(n).unwrap() * 1_000_000)
}

/// Writes them: `E-00000042`, `user42`, and `auth0|00000042` of the issuer.
pub async fn fill(store: &Store, tenant: TenantId, issuer: &str) {
    let issuer = Name::new(issuer).unwrap();
    let mut tx = store.begin().await.unwrap();
    for n in 0..USERS {
        let user = User {
            id: UserId::new(at(n), id(n)),
            tenant,
            status: UserStatus::Active,
            external_id: Some(format!("E-{n:08}")),
            username: Some(format!("user{n}")),
            email: Some(format!("user{n}@example.com")),
            email_verified: true,
            display_name: Some(format!("User {n}")),
            roles: vec!["member".to_owned()],
            attributes: [("badge".to_owned(), n.to_string())].into(),
            merged_into: None,
            status_changed_at: at(n),
            status_changed_by: "bench".to_owned(),
            status_reason: None,
            created_at: at(n),
            updated_at: at(n),
        };
        users::insert(&mut tx, &user).await.unwrap();
        let identity = Identity {
            issuer: issuer.clone(),
            subject: format!("auth0|{n:08}"),
            user: user.id,
            linked_at: at(n),
        };
        identities::insert(&mut tx, tenant, &identity).await.unwrap();
        if n % 10_000 == 9_999 {
            tx.commit().await.unwrap();
            tx = store.begin().await.unwrap();
        }
    }
    tx.commit().await.unwrap();
}
