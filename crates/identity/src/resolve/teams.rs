//! Teams on the path of a call: those that the directory says a user is in, and those that a token's groups name.

use portcullis_model::TenantId;
use uuid::Uuid;

/// What the tree of a tenant's teams depends on: any change of any of them.
pub(crate) fn tree_tag(tenant: TenantId) -> Uuid {
    // Another id than the tenant's own, which changes for other reasons. "teams" in ASCII.
    Uuid::from_u128(tenant.0.as_u128() ^ 0x74_6561_6d73)
}
