//! What an event is called where it is told to others: `user.suspended`. Receivers decide by it, so a name is never given
//! to something else.

use super::Change;

/// Every type that is told, by name. `what` of a change that is not listed is told all the same, under its family.
pub const TYPES: &[&str] = &[
    "user.created",
    "user.changed",
    "user.suspended",
    "user.restored",
    "user.deleted",
    "user.approved",
    "user.merged",
    "user.roles_changed",
    "identity.linked",
    "identity.unlinked",
    "team.created",
    "team.changed",
    "team.renamed",
    "team.moved",
    "team.deleted",
    "team.member_joined",
    "team.member_left",
    "application.changed",
    "api_key.changed",
    "tenant.changed",
    "tokens.revoked",
    "issuer_key.distrusted",
    "secret.changed",
];

impl Change {
    /// What it is called where it is told to others.
    pub fn kind(&self) -> String {
        match self {
            Self::User { what, .. } => format!("user.{what}"),
            Self::RoleChanged { .. } => "user.roles_changed".to_owned(),
            Self::TeamChanged { what, .. } => format!("team.member_{what}"),
            Self::Team { what, .. } => format!("team.{what}"),
            Self::IdentityLinked { .. } => "identity.linked".to_owned(),
            Self::IdentityUnlinked { .. } => "identity.unlinked".to_owned(),
            Self::Application { .. } => "application.changed".to_owned(),
            Self::ApiKey { .. } => "api_key.changed".to_owned(),
            Self::Tenant { .. } => "tenant.changed".to_owned(),
            Self::Revocation => "tokens.revoked".to_owned(),
            Self::KeyDistrusted { .. } => "issuer_key.distrusted".to_owned(),
            Self::Secret { .. } => "secret.changed".to_owned(),
        }
    }
}

/// Whether events of type `kind` are meant by `pattern`: the type itself, `<family>.*`, or `*`.
pub fn matches(pattern: &str, kind: &str) -> bool {
    pattern == "*"
        || pattern == kind
        || pattern.strip_suffix('*').is_some_and(|family| family.ends_with('.') && kind.starts_with(family))
}

/// Whether a pattern can ever mean anything.
pub fn is_known(pattern: &str) -> bool {
    TYPES.iter().any(|kind| matches(pattern, kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Name, TenantId, Timestamp, UserId};

    #[test]
    fn a_pattern_is_a_type_a_family_or_everything() {
        assert!(matches("user.*", "user.suspended") && matches("*", "x.y"));
        assert!(matches("user.suspended", "user.suspended"));
        assert!(!matches("user.*", "user") && !matches("user.sus*", "user.suspended"));
        assert!(!matches("use*", "user.suspended") && !matches("", "user.suspended"));
        assert!(is_known("team.*") && !is_known("person.*") && !is_known("user"));
    }

    #[test]
    fn what_is_told_is_listed() {
        let user = UserId::new(Timestamp::default(), [1; 10]);
        let tenant = TenantId::new(Timestamp::default(), [2; 10]);
        let issuer = Name::new("corp").unwrap();
        let mut all = vec![
            Change::RoleChanged { user, before: vec![], after: vec![] },
            Change::IdentityLinked { user, issuer: issuer.clone(), subject: "s".to_owned() },
            Change::IdentityUnlinked { user, issuer: issuer.clone(), subject: "s".to_owned() },
            Change::Tenant { tenant },
            Change::Revocation,
            Change::KeyDistrusted { issuer, kid: "k".to_owned() },
            Change::Secret { name: "s".to_owned() },
        ];
        for what in ["created", "changed", "suspended", "restored", "deleted", "approved", "merged"] {
            all.push(Change::User { user, what: what.to_owned() });
        }
        for change in all {
            assert!(TYPES.contains(&change.kind().as_str()), "{}", change.kind());
        }
    }
}
