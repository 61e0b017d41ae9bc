//! One id type per entity, so that a user's id cannot be passed where a tenant's is meant. All are UUIDv7 (RFC 9562 §5.7):
//! they sort by creation, which keeps index pages warm and listings stable.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(#[schemars(with = "String")] pub Uuid);

        impl $name {
            /// A new id that sorts after those made before `now`. `entropy` must come from the system's generator.
            pub fn new(now: crate::Timestamp, entropy: [u8; 10]) -> Self {
                let millis = u64::try_from(now.micros().div_euclid(1_000)).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
            }

            /// A new id from the clock and the generator that the process was built with.
            pub fn generate(clock: &dyn crate::Clock, rng: &dyn crate::Rng) -> Self {
                let mut entropy = [0; 10];
                rng.fill(&mut entropy);
                Self::new(clock.now(), entropy)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Uuid)))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

ids! {
    /// A tenant: an isolated organisation.
    TenantId,
    /// A user in the directory. This is the value of `X-User-Id` towards upstreams.
    UserId,
    /// A team of users.
    TeamId,
    /// An application (consumer).
    ApplicationId,
    /// An API key: the public half of `pck_<id>_<secret>`.
    ApiKeyId,
    /// One call, and so one record. Sent as `X-Request-Id`.
    RequestId,
    /// An entry of the audit log.
    AuditId,
    /// A credential of the control plane.
    OperatorId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn ids_sort_by_time_and_survive_text() {
        let early = UserId::new(Timestamp::from_micros(1_000_000), [0xff; 10]);
        let late = UserId::new(Timestamp::from_micros(2_000_000), [0; 10]);
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
        assert_eq!(early.to_string().parse::<UserId>().unwrap(), early);
    }
}
