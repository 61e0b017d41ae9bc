//! One file per table: how its records are written, found and listed.
//!
//! Each has, where it makes sense, `insert`, `update`, `find`, `find_by_…`, `lock` (find, and keep others from changing it
//! until the transaction ends) and `list`. No rules about what may become of a record: those are `identity`'s.

pub mod api_keys;
pub mod applications;
pub mod audit;
pub mod bills;
pub mod dead_letters;
pub mod events;
pub mod holdings;
pub mod identifiers;
pub mod identities;
pub mod memberships;
pub mod merges;
pub mod meta;
pub mod occurrences;
pub mod operators;
#[cfg(test)]
mod plans;
pub mod provisioned;
pub mod records;
pub mod revocations;
mod search_forms;
pub mod secrets;
pub mod sinks;
pub mod syncs;
pub mod teams;
pub mod tenants;
pub mod used_tokens;
pub mod users;

use crate::Error;

/// The longest text that is looked up, in bytes. PostgreSQL refuses index rows above a third of a page.
pub const LONGEST_IDENTIFIER: usize = 1_024;

/// Whether a text can be stored as an identifier. What cannot be stored is nobody's: no database needs to be asked.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.len() <= LONGEST_IDENTIFIER && !text.contains('\0')
}

/// Refuses an identifier that cannot be stored.
pub(crate) fn identifier(what: &'static str, text: &str) -> Result<(), Error> {
    if is_identifier(text) {
        return Ok(());
    }
    Err(Error::Invalid {
        what,
        reason: format!("an identifier has at most {LONGEST_IDENTIFIER} bytes and no NUL character"),
    })
}
