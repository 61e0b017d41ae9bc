//! The schemas of what is served (RFC 7643 §7): which attributes there are, of what type, in what case they are compared.
//! Everything that reads, compares or changes a resource asks here.

mod discovery;
mod enterprise;
mod group;
mod user;

pub use discovery::{resource_type, schema};
pub use enterprise::ENTERPRISE;
pub use group::GROUP;
pub use user::USER;

/// The type of an attribute (RFC 7643 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A date and time of XML Schema.
    DateTime,
    /// Base64.
    Binary,
    /// A URI.
    Reference,
    /// Sub-attributes.
    Complex,
}

impl Kind {
    /// As schemas say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::DateTime => "dateTime",
            Self::Binary => "binary",
            Self::Reference => "reference",
            Self::Complex => "complex",
        }
    }
}

/// Who may write an attribute, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// The client, at any time.
    ReadWrite,
    /// The server.
    ReadOnly,
    /// The client, once.
    Immutable,
}

/// When an attribute is in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// In every one.
    Always,
    /// Unless it is left out.
    Default,
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name; in comparisons, upper and lower case are alike.
    pub name: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it is a list.
    pub multi: bool,
    /// Whether a resource must have it.
    pub required: bool,
    /// Whether upper and lower case are different.
    pub exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// When it is in an answer.
    pub returned: Returned,
    /// Whether no two resources have the same.
    pub unique: bool,
    /// Values that one would expect.
    pub canonical: &'static [&'static str],
    /// What a reference leads to.
    pub refers: &'static [&'static str],
    /// Sub-attributes.
    pub sub: &'static [Self],
}

impl Attribute {
    const fn new(name: &'static str, kind: Kind, what: &'static str) -> Self {
        Self {
            name,
            what,
            kind,
            multi: false,
            required: false,
            exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            unique: false,
            canonical: &[],
            refers: &[],
            sub: &[],
        }
    }

    const fn text(name: &'static str, what: &'static str) -> Self {
        Self::new(name, Kind::String, what)
    }

    const fn truth(name: &'static str, what: &'static str) -> Self {
        Self::new(name, Kind::Boolean, what)
    }

    const fn reference(name: &'static str, refers: &'static [&'static str], what: &'static str) -> Self {
        let mut new = Self::new(name, Kind::Reference, what);
        new.refers = refers;
        new.exact = true;
        new
    }

    const fn complex(name: &'static str, sub: &'static [Self], what: &'static str) -> Self {
        let mut new = Self::new(name, Kind::Complex, what);
        new.sub = sub;
        new
    }

    const fn list(mut self) -> Self {
        self.multi = true;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    const fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        self
    }

    const fn immutable(mut self) -> Self {
        self.mutability = Mutability::Immutable;
        self
    }

    const fn always(mut self) -> Self {
        self.returned = Returned::Always;
        self
    }

    const fn one_of(mut self, canonical: &'static [&'static str]) -> Self {
        self.canonical = canonical;
        self
    }

    /// The sub-attribute of this name.
    pub fn sub(&self, name: &str) -> Option<&'static Self> {
        self.sub.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }
}

/// A set of attributes under a URN.
#[derive(Debug)]
pub struct Schema {
    /// Its URN.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// Its attributes.
    pub attributes: &'static [Attribute],
}

/// A kind of resource.
#[derive(Debug)]
pub struct ResourceType {
    /// Its name.
    pub name: &'static str,
    /// Its path below the base.
    pub endpoint: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// The schema of its own.
    pub schema: &'static Schema,
    /// Schemas that may come with it.
    pub extensions: &'static [&'static Schema],
}

/// Attributes that every resource has (RFC 7643 §3.1).
pub const COMMON: &[Attribute] = &[
    Attribute::text("id", "The resource's id, given by the server").exact().read_only().always().unique(),
    Attribute::text("externalId", "The resource's id at the client").exact(),
    Attribute::complex(
        "meta",
        &[
            Attribute::text("resourceType", "The kind of resource").exact().read_only(),
            Attribute::new("created", Kind::DateTime, "When it was made").read_only(),
            Attribute::new("lastModified", Kind::DateTime, "When it was last changed").read_only(),
            Attribute::reference("location", &["uri"], "Where it is").read_only(),
            Attribute::text("version", "Its version, as an entity tag").exact().read_only(),
        ],
        "What the server says of the resource",
    )
    .read_only(),
    Attribute::reference("schemas", &["uri"], "The schemas of its attributes").list().always(),
];

/// Where an attribute was found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The extension whose it is; none for the resource's own and common ones.
    pub extension: Option<&'static Schema>,
    /// The attribute; none when the extension as a whole was named.
    pub attribute: Option<&'static Attribute>,
    /// Its sub-attribute, when one was named.
    pub sub: Option<&'static Attribute>,
}

impl ResourceType {
    /// The attribute of this name among the resource's own and common ones.
    pub fn own(&self, name: &str) -> Option<&'static Attribute> {
        let mut all = self.schema.attributes.iter().chain(COMMON);
        all.find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// What a path names: `userName`, `name.givenName`, `urn:…:User:name.givenName`, or an extension's URN alone.
    pub fn find(&self, path: &str) -> Option<Found> {
        let whole = self.extensions.iter().find(|schema| schema.id.eq_ignore_ascii_case(path));
        if let Some(schema) = whole {
            return Some(Found { extension: Some(schema), attribute: None, sub: None });
        }
        let (urn, names) = match path.rsplit_once(':') {
            Some((urn, names)) => (Some(urn), names),
            None => (None, path),
        };
        let (name, sub) = match names.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (names, None),
        };
        let extension = match urn {
            Some(urn) if !urn.eq_ignore_ascii_case(self.schema.id) => {
                Some(*self.extensions.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))?)
            }
            _ => None,
        };
        let attribute = match extension {
            Some(schema) => {
                schema.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))?
            }
            None => self.own(name)?,
        };
        let sub = match sub {
            Some(name) => Some(attribute.sub(name)?),
            None => None,
        };
        Some(Found { extension, attribute: Some(attribute), sub })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_attributes_in_whatever_case() {
        let found = |path: &str| {
            let found = USER.find(path)?;
            let text = |attribute: Option<&Attribute>| attribute.map_or("", |attribute| attribute.name);
            Some((found.extension.is_some(), text(found.attribute), text(found.sub)))
        };
        assert_eq!(found("USERNAME"), Some((false, "userName", "")));
        assert_eq!(found("name.GivenName"), Some((false, "name", "givenName")));
        assert_eq!(
            found("urn:ietf:params:scim:schemas:core:2.0:User:emails.value"),
            Some((false, "emails", "value"))
        );
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        assert_eq!(found(enterprise), Some((true, "", "")));
        assert_eq!(found(&format!("{enterprise}:department")), Some((true, "department", "")));
        assert_eq!(found(&format!("{enterprise}:manager.value")), Some((true, "manager", "value")));
        for unknown in ["", "nothing", "name.nothing", "department", "urn:x:userName", "name.", ".x", ":"] {
            assert_eq!(found(unknown), None, "{unknown}");
        }
    }
}
