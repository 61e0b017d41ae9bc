//! Users (RFC 7643 §4.1). No password: users of the directory have none here.

use super::{Attribute, ENTERPRISE, Kind, ResourceType, Schema};

/// Users of the directory.
pub static USER: ResourceType = ResourceType {
    name: "User",
    endpoint: "/Users",
    what: "Users of the directory",
    schema: &Schema {
        id: "urn:ietf:params:scim:schemas:core:2.0:User",
        name: "User",
        what: "User account",
        attributes: &[
            Attribute::text("userName", "Log-in name").required().unique(),
            Attribute::complex("name", NAME, "The parts of the user's name"),
            Attribute::text("displayName", "Name of the user, for people to read"),
            Attribute::text("nickName", "Casual name"),
            Attribute::reference("profileUrl", &["external"], "Page about the user"),
            Attribute::text("title", "Title within the organisation"),
            Attribute::text("userType", "Relation to the organisation, as `Employee`"),
            Attribute::text("preferredLanguage", "Preferred languages, as `Accept-Language` has them"),
            Attribute::text("locale", "Language tag for numbers and dates"),
            Attribute::text("timezone", "Time zone, as `Europe/Berlin`"),
            Attribute::truth("active", "Whether the user may call; `false` suspends"),
            Attribute::complex("emails", EMAILS, "E-mail addresses; the primary one is the directory's")
                .list(),
            Attribute::complex("phoneNumbers", PHONES, "Telephone numbers").list(),
            Attribute::complex("ims", IMS, "Addresses for instant messages").list(),
            Attribute::complex("photos", PHOTOS, "Pictures of the user").list(),
            Attribute::complex("addresses", ADDRESSES, "Postal addresses").list(),
            Attribute::complex("groups", GROUPS, "Groups that the user is in").list().read_only(),
            Attribute::complex("entitlements", ENTITLEMENTS, "Things that the user has").list(),
            Attribute::complex("roles", ROLES, "Roles, as services and policies name them").list(),
            Attribute::complex("x509Certificates", CERTIFICATES, "Certificates of the user").list(),
        ],
    },
    extensions: &[&ENTERPRISE],
};

const NAME: &[Attribute] = &[
    Attribute::text("formatted", "The whole name"),
    Attribute::text("familyName", "Last name"),
    Attribute::text("givenName", "First name"),
    Attribute::text("middleName", "Middle names"),
    Attribute::text("honorificPrefix", "Title, as `Dr.`"),
    Attribute::text("honorificSuffix", "Suffix, as `III`"),
];

const DISPLAY: Attribute = Attribute::text("display", "For people to read");
const PRIMARY: Attribute = Attribute::truth("primary", "Whether it is the preferred one; at most one is");

const EMAILS: &[Attribute] = &[
    Attribute::text("value", "The address"),
    DISPLAY,
    Attribute::text("type", "What it is for").one_of(&["work", "home", "other"]),
    PRIMARY,
];
const PHONES: &[Attribute] = &[
    Attribute::text("value", "The number"),
    DISPLAY,
    Attribute::text("type", "What it is for").one_of(&["work", "home", "mobile", "fax", "pager", "other"]),
    PRIMARY,
];
const IMS: &[Attribute] = &[
    Attribute::text("value", "The address"),
    DISPLAY,
    Attribute::text("type", "Which service")
        .one_of(&["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"]),
    PRIMARY,
];
const PHOTOS: &[Attribute] = &[
    Attribute::reference("value", &["external"], "Where the picture is"),
    DISPLAY,
    Attribute::text("type", "Its size").one_of(&["photo", "thumbnail"]),
    PRIMARY,
];
const ADDRESSES: &[Attribute] = &[
    Attribute::text("formatted", "The whole address"),
    Attribute::text("streetAddress", "Street and number"),
    Attribute::text("locality", "City"),
    Attribute::text("region", "State or region"),
    Attribute::text("postalCode", "Postal code"),
    Attribute::text("country", "Country, as `DE`"),
    Attribute::text("type", "What it is for").one_of(&["work", "home", "other"]),
    PRIMARY,
];
const GROUPS: &[Attribute] = &[
    Attribute::text("value", "The group's id").exact().read_only(),
    Attribute::reference("$ref", &["Group"], "Where the group's resource is").read_only(),
    Attribute::text("display", "For people to read").read_only(),
    Attribute::text("type", "Whether by itself or through another group")
        .one_of(&["direct", "indirect"])
        .read_only(),
];
const ENTITLEMENTS: &[Attribute] = &[
    Attribute::text("value", "The entitlement"),
    DISPLAY,
    Attribute::text("type", "What it is for"),
    PRIMARY,
];
const ROLES: &[Attribute] =
    &[Attribute::text("value", "The role"), DISPLAY, Attribute::text("type", "What it is for"), PRIMARY];
const CERTIFICATES: &[Attribute] = &[
    Attribute::new("value", Kind::Binary, "The certificate, DER in base64").exact(),
    DISPLAY,
    Attribute::text("type", "What it is for"),
    PRIMARY,
];
