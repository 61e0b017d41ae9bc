//! Tools, and whether they may be called.

use super::super::NAME;
use super::Reader;
use crate::canon::{Request, Tool, ToolChoice};
use crate::json::tree::{Node, Object, Path, Tree};
use portcullis_fault::Fault;

impl Reader {
    /// `tools`: those without a type, or `custom`, are the caller's; each other one runs at the vendor.
    pub(super) fn tools(&mut self, body: &mut Object<'_, '_>) -> Result<Vec<Tool>, Fault> {
        let nodes = body.list("tools")?.unwrap_or_default();
        let at = Path::Member(&Path::Root, "tools");
        let tools = nodes.into_iter().enumerate();
        tools.map(|(index, node)| self.tool(node, Path::Item(&at, index))).collect()
    }

    fn tool(&mut self, node: Node<'_>, at: Path<'_>) -> Result<Tool, Fault> {
        if let Some(kind) = node.member("type").and_then(Node::as_str).filter(|kind| *kind != "custom") {
            return Ok(Tool::Server { dialect: NAME, kind: kind.to_owned(), value: node.to_value() });
        }
        let mut tool = node.object(at)?;
        tool.string("type")?;
        let schema = tool.take("input_schema").ok_or_else(|| tool.missing("input_schema"))?;
        if !matches!(schema.tree, Tree::Object(_)) {
            return Err(tool.wrong("input_schema", "an object"));
        }
        let function = Tool::Function {
            name: tool.need_string("name")?,
            description: tool.string("description")?,
            parameters: Some(schema.to_value()),
            strict: tool.boolean("strict")?,
            cache: self.cache(&mut tool)?,
        };
        self.rest(tool);
        Ok(function)
    }

    /// `tool_choice`, which says whether calls may come together as well.
    pub(super) fn tool_choice(
        &mut self,
        body: &mut Object<'_, '_>,
        request: &mut Request,
    ) -> Result<(), Fault> {
        let Some(node) = body.take("tool_choice") else { return Ok(()) };
        let mut choice = node.object(Path::Member(&Path::Root, "tool_choice"))?;
        request.tool_choice = Some(match choice.need_string("type")?.as_str() {
            "auto" => ToolChoice::Auto,
            "any" => ToolChoice::Required,
            "none" => ToolChoice::None,
            "tool" => ToolChoice::Named(choice.need_string("name")?),
            _ => return Err(choice.wrong("type", "`auto`, `any`, `tool` or `none`")),
        });
        request.parallel_tools = choice.boolean("disable_parallel_tool_use")?.map(|disabled| !disabled);
        self.rest(choice);
        Ok(())
    }
}
