//! The enterprise extension of users (RFC 7643 §4.3).

use super::{Attribute, Schema};

/// The enterprise extension.
pub static ENTERPRISE: Schema = Schema {
    id: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    name: "EnterpriseUser",
    what: "Enterprise User",
    attributes: &[
        Attribute::text("employeeNumber", "Number or code within the organisation"),
        Attribute::text("costCenter", "Cost centre"),
        Attribute::text("organization", "Organisation"),
        Attribute::text("division", "Division"),
        Attribute::text("department", "Department"),
        Attribute::complex(
            "manager",
            &[
                Attribute::text("value", "The manager's id"),
                Attribute::reference("$ref", &["User"], "Where the manager's resource is"),
                Attribute::text("displayName", "The manager's name, for people to read").read_only(),
            ],
            "Whom the user reports to",
        ),
    ],
};
