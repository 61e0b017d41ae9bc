//! The way through a request, member by member.

use super::name::plain;
use super::{Id, Reach, Rules, Tool};
use crate::json::tree::{Node, Tree, invalid};
use portcullis_fault::Fault;
use portcullis_model::holding::Kind;
use std::borrow::Cow;

/// Ids and tools of one request; each is asked about.
const MOST: usize = 256;

/// Under way through a request.
pub(super) struct Walk {
    pub(super) rules: &'static Rules,
    pub(super) reach: Reach,
}

/// The members of an object.
pub(super) type Members<'a> = [(Cow<'a, str>, Node<'a>)];

/// The values of all members of this plain name.
pub(super) fn all<'n, 'a>(
    members: &'n Members<'a>,
    name: &'static str,
) -> impl Iterator<Item = &'n Node<'a>> {
    members.iter().filter(move |(known, _)| plain(known) == name).map(|(_, node)| node)
}

impl Walk {
    pub(super) fn new(rules: &'static Rules) -> Self {
        Self { rules, reach: Reach::default() }
    }

    /// The whole body.
    pub(super) fn body(&mut self, members: &Members<'_>) -> Result<(), Fault> {
        // What the model is to sound like; within a message, what it once said.
        self.reach.speech = all(members, "audio").any(|node| matches!(node.tree, Tree::Object(_)));
        if self.rules.items {
            for node in all(members, "input") {
                let Tree::Array(items) = &node.tree else { continue };
                items.iter().try_for_each(|item| self.item(item))?;
            }
        }
        self.members(members)
    }

    /// A field of a form.
    pub(super) fn field(&mut self, name: &str, text: &str) -> Result<(), Fault> {
        let node = Node { raw: text, tree: Tree::String(Cow::Borrowed(text)) };
        let name = plain(name);
        self.ids(&name, &node, &[])?;
        self.tools(&name, &node)
    }

    fn value(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        match &node.tree {
            Tree::Array(items) => items.iter().try_for_each(|item| self.value(item)),
            Tree::Object(members) => self.members(members),
            Tree::Null | Tree::Bool(_) | Tree::Number | Tree::String(_) => Ok(()),
        }
    }

    fn members(&mut self, members: &Members<'_>) -> Result<(), Fault> {
        for (name, node) in members {
            let name = plain(name);
            if self.rules.opaque.contains(&&*name) {
                continue;
            }
            self.ids(&name, node, members)?;
            self.tools(&name, node)?;
            self.value(node)?;
        }
        Ok(())
    }

    /// Notes something that lives at the provider.
    pub(super) fn id(&mut self, kind: Kind, text: &str) -> Result<(), Fault> {
        // Said and empty is as good as not said.
        if text.is_empty() || self.reach.ids.iter().any(|id| id.kind == kind && id.text == text) {
            return Ok(());
        }
        self.room()?;
        self.reach.ids.push(Id { kind, text: text.to_owned() });
        Ok(())
    }

    /// Notes a tool that runs at the provider.
    pub(super) fn tool(
        &mut self,
        kind: impl Into<Cow<'static, str>>,
        server: Option<String>,
    ) -> Result<(), Fault> {
        let tool = Tool { kind: kind.into(), server };
        if self.reach.tools.contains(&tool) {
            return Ok(());
        }
        self.room()?;
        self.reach.tools.push(tool);
        Ok(())
    }

    fn room(&self) -> Result<(), Fault> {
        if self.reach.ids.len() + self.reach.tools.len() < MOST {
            return Ok(());
        }
        Err(invalid(format!(
            "the request refers to more than {MOST} ids and tools of the provider; send fewer"
        )))
    }
}
