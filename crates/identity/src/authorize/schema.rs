//! The words that policies are written in.

use cedar_policy::{EntityTypeName, EntityUid, Schema};
use std::str::FromStr;
use std::sync::LazyLock;

/// The Cedar schema that every policy is validated against, strictly.
///
/// A service's id is its name, a tenant's its name, a model's its name; a user's and an application's are their ids. A
/// team's is its tenant's name and its own: `principal in Team::"acme/platform"` holds for whoever is in that team or in one
/// below it, by the directory or by the groups of the token.
/// `context.roles` are the directory's and the token's together, `principal.roles` the directory's alone. `context.token`
/// is there for calls with a token: its claims are tags, each a set of strings (a single value is a set of one, numbers and
/// booleans are text): `context.token.hasTag("department") && context.token.getTag("department").contains("sales")`.
/// `use_tool` is about tools that run at the model's provider: `context.tool` is their kind (`web_search`, `mcp`, …), and
/// `context.server` an MCP server's host.
pub const SCHEMA: &str = r#"
entity Tenant { name: String };

entity Team in [Tenant, Team] {
    name: String,
    tenant: Tenant,
};

entity User in [Tenant, Team] {
    tenant: Tenant,
    username?: String,
    external_id?: String,
    email?: String,
    email_verified: Bool,
    roles: Set<String>,
} tags String;

entity Application in [Tenant, Team] {
    tenant: Tenant,
    name: String,
    roles: Set<String>,
};

entity Service in [Tenant] {
    name: String,
    tenant?: Tenant,
};

entity Model { name: String };

entity Token tags Set<String>;

type Call = {
    method: String,
    path: String,
    service: String,
    source: ipaddr,
    time: datetime,
    roles: Set<String>,
    scopes: Set<String>,
    issuer?: String,
    api_key?: String,
    application?: Application,
    token?: Token,
};

type Tool = {
    tool: String,
    server?: String,
    method: String,
    path: String,
    service: String,
    source: ipaddr,
    time: datetime,
    roles: Set<String>,
    scopes: Set<String>,
    issuer?: String,
    api_key?: String,
    application?: Application,
    token?: Token,
};

action "call" appliesTo { principal: [User, Application], resource: [Service], context: Call };
action "use_model" appliesTo { principal: [User, Application], resource: [Model], context: Call };
action "use_tool" appliesTo { principal: [User, Application], resource: [Model], context: Tool };
"#;

/// What the schema names, parsed once.
pub(super) struct Words {
    pub schema: Schema,
    pub tenant: EntityTypeName,
    pub team: EntityTypeName,
    pub user: EntityTypeName,
    pub application: EntityTypeName,
    pub service: EntityTypeName,
    pub model: EntityTypeName,
    pub call: EntityUid,
    pub use_model: EntityUid,
    pub use_tool: EntityUid,
    pub token: EntityUid,
}

impl Words {
    /// The words, or why the text above is wrong. It is not: a test reads it.
    pub fn known() -> Result<&'static Self, &'static str> {
        static WORDS: LazyLock<Result<Words, String>> = LazyLock::new(Words::parse);
        WORDS.as_ref().map_err(String::as_str)
    }

    fn parse() -> Result<Self, String> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(|error| error.to_string())?;
        let name = |text| EntityTypeName::from_str(text).map_err(|error| error.to_string());
        let uid = |text| EntityUid::from_str(text).map_err(|error| error.to_string());
        Ok(Self {
            schema,
            tenant: name("Tenant")?,
            team: name("Team")?,
            user: name("User")?,
            application: name("Application")?,
            service: name("Service")?,
            model: name("Model")?,
            call: uid("Action::\"call\"")?,
            use_model: uid("Action::\"use_model\"")?,
            use_tool: uid("Action::\"use_tool\"")?,
            token: uid("Token::\"token\"")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_one() {
        Words::known().unwrap();
    }
}
