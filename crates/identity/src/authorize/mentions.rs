//! What a policy looks at, so that a call is described only as far as somebody asks: most of what a call could say
//! (addresses, times, directory entries) costs more to put into words than the decision itself.

use cedar_policy::Policy;
use serde_json::Value;
use std::collections::BTreeSet;

/// What some policies look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    /// Members of `context`.
    context: BTreeSet<String>,
    /// `context` as a whole.
    whole: bool,
    /// Attributes, tags or parents of some entity.
    pub entities: bool,
}

impl Mentions {
    /// What `policy` looks at. Read from its syntax tree, so that no spelling hides a member.
    pub fn of(policy: &Policy) -> Result<Self, String> {
        let tree = policy.to_json().map_err(|error| error.to_string())?;
        let mut mentions = Self::default();
        for part in ["principal", "resource"] {
            // `in` asks for parents; `==` and `is` are decided by the id alone.
            let scope = &tree[part];
            mentions.entities |= scope["op"] == "in" || scope.get("in").is_some();
        }
        mentions.read(&tree["conditions"]);
        Ok(mentions)
    }

    /// What either looks at.
    pub fn and(&mut self, other: &Self) {
        self.context.extend(other.context.iter().cloned());
        self.whole |= other.whole;
        self.entities |= other.entities;
    }

    /// Whether this member of `context` is looked at.
    pub fn has(&self, member: &str) -> bool {
        self.whole || self.context.contains(member)
    }

    fn read(&mut self, expression: &Value) {
        match expression {
            Value::Object(members) => {
                for (name, inner) in members {
                    match name.as_str() {
                        "." | "has" if inner["left"]["Var"] == "context" => match inner["attr"].as_str() {
                            Some(attribute) => self.mention(attribute),
                            None => self.everything(),
                        },
                        "Var" if inner == "context" => self.everything(),
                        // Which entity it is may be all that is asked; whether it is cannot be seen from here.
                        "Var" if inner == "principal" || inner == "resource" => self.entities = true,
                        "__entity" => self.entities = true,
                        _ => self.read(inner),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.read(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn mention(&mut self, member: &str) {
        // These two are entities, and only looked at for what belongs to them.
        self.entities |= matches!(member, "application" | "token");
        self.context.insert(member.to_owned());
    }

    fn everything(&mut self) {
        self.whole = true;
        self.entities = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(policy: &str) -> Mentions {
        Mentions::of(&policy.parse().unwrap()).unwrap()
    }

    fn context(mentions: &Mentions) -> Vec<&str> {
        mentions.context.iter().map(String::as_str).collect()
    }

    #[test]
    fn members_are_found_however_they_are_written() {
        for policy in [
            "forbid (principal, action, resource) when { context.path like \"/a/*\" };",
            "forbid (principal, action, resource) when { context[\"path\"] == \"/a\" };",
            "forbid (principal, action, resource) when { context[\"\\u{70}ath\"] == \"/a\" };",
            "forbid (principal, action, resource) unless { !(if true then context.path == \"/\" else false) };",
        ] {
            let mentions = of(policy);
            assert_eq!(
                (context(&mentions), mentions.whole, mentions.entities),
                (vec!["path"], false, false),
                "{policy}"
            );
        }
        let two = of(
            "permit (principal, action, resource) when { context has issuer && [context.source].contains(ip(\"::1\")) };",
        );
        assert_eq!((context(&two), two.entities), (vec!["issuer", "source"], false));
    }

    #[test]
    fn entities_are_needed_for_what_belongs_to_them() {
        for policy in [
            "forbid (principal in Tenant::\"a\", action, resource);",
            "forbid (principal is User in Tenant::\"a\", action, resource);",
            "forbid (principal, action, resource in Tenant::\"a\");",
            "forbid (principal, action, resource) when { principal.roles.contains(\"x\") };",
            "forbid (principal, action, resource) when { resource.name == \"x\" };",
            "forbid (principal, action, resource) when { context.token.hasTag(\"x\") };",
            "forbid (principal, action, resource) when { context.application.name == \"x\" };",
        ] {
            assert!(of(policy).entities, "{policy}");
        }
        assert!(!of("forbid (principal == User::\"a\", action, resource);").entities);
        assert!(!of("forbid (principal is Application, action, resource == Service::\"s\");").entities);
    }

    #[test]
    fn the_whole_context_is_everything() {
        let whole = of("forbid (principal, action, resource) when { context == context };");
        assert!(whole.has("source") && whole.entities);
    }
}
