//! Groups (RFC 7643 §4.2).

use super::{Attribute, ResourceType, Schema};

/// Groups: teams of the directory.
pub static GROUP: ResourceType = ResourceType {
    name: "Group",
    endpoint: "/Groups",
    what: "Teams of the directory",
    schema: &Schema {
        id: "urn:ietf:params:scim:schemas:core:2.0:Group",
        name: "Group",
        what: "Group",
        attributes: &[
            Attribute::text("displayName", "Name of the group, for people to read").required(),
            Attribute::complex(
                "members",
                &[
                    Attribute::text("value", "The member's id").exact().immutable(),
                    Attribute::reference("$ref", &["User"], "Where the member's resource is").immutable(),
                    Attribute::text("type", "What the member is").one_of(&["User"]).immutable(),
                ],
                "Users in the group, as far as SCIM clients put them there",
            )
            .list(),
        ],
    },
    extensions: &[],
};
