//! Tools that run at a provider: which a request switches on, by its `tools` or by members that do it by themselves.

use super::kinds::{CODE_INTERPRETER, FILE_SEARCH, IMAGE_GENERATION, MAPS, MCP, WEB_FETCH, WEB_SEARCH};
use super::name::plain;
use super::walk::{Members, Walk, all};
use crate::json::tree::{Node, Tree};
use portcullis_fault::Fault;

/// What a tool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// The caller runs it.
    Callers,
    /// The provider runs it: of this kind.
    Runs(&'static str),
    /// A shell: its environment says who runs it.
    Shell,
}

use What::{Callers, Runs, Shell};

/// Types of tools, as [`plain`] has them, without the date at their end.
const TYPES: &[(&str, What)] = &[
    // Functions, and what a vendor's model is trained on and leaves to the caller.
    ("applypatch", Callers),
    ("bash", Callers),
    ("computer", Callers),
    ("computeruse", Callers),
    ("computerusepreview", Callers),
    ("custom", Callers),
    ("function", Callers),
    ("localshell", Callers),
    ("memory", Callers),
    ("texteditor", Callers),
    // Groups of tools, each of which is looked at, and the search among the caller's own.
    ("mcptoolset", Callers),
    ("namespace", Callers),
    ("toolsearch", Callers),
    ("toolsearchtoolbm25", Callers),
    ("toolsearchtoolregex", Callers),
    ("shell", Shell),
    ("browsersearch", Runs(WEB_SEARCH)),
    ("builtinfunction", Runs(WEB_SEARCH)),
    ("livesearch", Runs(WEB_SEARCH)),
    ("websearch", Runs(WEB_SEARCH)),
    ("websearchpremium", Runs(WEB_SEARCH)),
    ("websearchpreview", Runs(WEB_SEARCH)),
    ("xsearch", Runs(WEB_SEARCH)),
    ("webfetch", Runs(WEB_FETCH)),
    ("codeexecution", Runs(CODE_INTERPRETER)),
    ("codeinterpreter", Runs(CODE_INTERPRETER)),
    ("collectionssearch", Runs(FILE_SEARCH)),
    ("documentlibrary", Runs(FILE_SEARCH)),
    ("filesearch", Runs(FILE_SEARCH)),
    ("retrieval", Runs(FILE_SEARCH)),
    ("imagegeneration", Runs(IMAGE_GENERATION)),
    ("mcp", Runs(MCP)),
];

/// Members of a tool that say what it is.
const MEMBERS: &[(&str, What)] = &[
    ("cachepoint", Callers),
    ("computeruse", Callers),
    ("function", Callers),
    ("functiondeclarations", Callers),
    ("toolspec", Callers),
    ("enterprisewebsearch", Runs(WEB_SEARCH)),
    ("googlesearch", Runs(WEB_SEARCH)),
    ("googlesearchretrieval", Runs(WEB_SEARCH)),
    ("urlcontext", Runs(WEB_FETCH)),
    ("codeexecution", Runs(CODE_INTERPRETER)),
    ("filesearch", Runs(FILE_SEARCH)),
    ("retrieval", Runs(FILE_SEARCH)),
    ("googlemaps", Runs(MAPS)),
];

/// Bedrock's own tools, by name.
const SYSTEM: &[(&str, &str)] = &[("novacodeinterpreter", CODE_INTERPRETER), ("novagrounding", WEB_SEARCH)];

/// Members of a request that switch a tool on by being there, unless they are `false` or `null`.
const SWITCHES: &[(&str, &str)] = &[
    // Azure's own data.
    ("datasources", FILE_SEARCH),
    // Qwen's.
    ("enablecodeinterpreter", CODE_INTERPRETER),
    ("enablesearch", WEB_SEARCH),
    // xAI's.
    ("searchparameters", WEB_SEARCH),
    // OpenAI's.
    ("websearchoptions", WEB_SEARCH),
];

impl Walk {
    /// Notes what a member switches on.
    pub(super) fn tools(&mut self, name: &str, node: &Node<'_>) -> Result<(), Fault> {
        if matches!(node.tree, Tree::Null | Tree::Bool(false)) {
            return Ok(());
        }
        if let Some((_, kind)) = SWITCHES.iter().find(|(known, _)| *known == name) {
            return self.tool(*kind, None);
        }
        match name {
            "tools" => each(node, &mut |entry| self.entry(entry)),
            "mcpservers" => self.servers(node),
            // Cohere's and OpenRouter's, by id.
            "connectors" | "plugins" => each(node, &mut |entry| self.plugin(entry)),
            _ => Ok(()),
        }
    }

    /// One of `tools`.
    fn entry(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        let Tree::Object(members) = &node.tree else { return self.other(node) };
        let mut known = false;
        let untyped = all(members, "type").next().is_none();
        for kind in all(members, "type") {
            known = true;
            match kind.as_str() {
                Some(kind) => self.typed(kind, members)?,
                None => self.other(kind)?,
            }
        }
        for (name, node) in members {
            let plain = plain(name);
            if node.tree == Tree::Null {
                continue;
            }
            if plain == "systemtool" {
                known = true;
                self.system(node)?;
            } else if let Some((_, what)) = MEMBERS.iter().find(|(member, _)| *member == plain) {
                known = true;
                if let Runs(kind) = what {
                    self.tool(*kind, None)?;
                }
            } else if plain == "mcpservers" {
                // The walk comes by them.
                known = true;
            } else if self.rules.named && untyped && matches!(node.tree, Tree::Object(_)) {
                // Where members say what a tool is, one that is not known is some other tool; but for those of functions
                // in a model's own form.
                if !matches!(&*plain, "inputschema" | "cachecontrol" | "parameters") {
                    self.tool(shown(name), None)?;
                }
                known = true;
            }
        }
        // Anthropic's and Cohere's functions have a name and need no type.
        if known || members.is_empty() || all(members, "name").next().is_some() {
            return Ok(());
        }
        self.other(node)
    }

    fn typed(&mut self, kind: &str, members: &Members<'_>) -> Result<(), Fault> {
        let name = plain(kind);
        let name = undated(&name);
        match TYPES.iter().find(|(known, _)| *known == name) {
            Some((_, Callers)) => Ok(()),
            Some((_, Runs(MCP))) => self.server(members),
            Some((_, Runs(kind))) => self.tool(*kind, None),
            Some((_, Shell)) if is_local(members) => Ok(()),
            Some((_, Shell)) => self.tool(CODE_INTERPRETER, None),
            None => self.tool(shown(kind), None),
        }
    }

    /// One of Bedrock's own.
    fn system(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        let Tree::Object(members) = &node.tree else { return self.other(node) };
        for name in all(members, "name") {
            let Some(name) = name.as_str() else { continue };
            match SYSTEM.iter().find(|(known, _)| *known == plain(name)) {
                Some((_, kind)) => self.tool(*kind, None)?,
                None => self.tool(shown(name), None)?,
            }
        }
        Ok(())
    }

    /// MCP servers: a list of them, or one for each name.
    fn servers(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        match &node.tree {
            Tree::Array(items) => items.iter().try_for_each(|item| self.servers(item)),
            Tree::Object(members) if !members.is_empty() => {
                let own = |name: &str| {
                    matches!(&*plain(name), "url" | "serverurl" | "name" | "streamablehttptransport")
                };
                if members.iter().any(|(name, _)| own(name)) {
                    return self.server(members);
                }
                members.iter().try_for_each(|(_, server)| self.servers(server))
            }
            Tree::Object(_) | Tree::Null => Ok(()),
            Tree::String(text) => self.tool(MCP, Some(text.clone().into_owned())),
            Tree::Bool(_) | Tree::Number => self.tool(MCP, None),
        }
    }

    /// One MCP server. Each address that it may be at counts.
    fn server(&mut self, members: &Members<'_>) -> Result<(), Fault> {
        let mut there = false;
        for (name, node) in members {
            match (&*plain(name), &node.tree) {
                ("url" | "serverurl" | "connectorid", Tree::String(text)) => {
                    there = true;
                    self.tool(MCP, Some(text.clone().into_owned()))?;
                }
                ("streamablehttptransport", Tree::Object(inner)) => {
                    there = true;
                    self.server(inner)?;
                }
                _ => {}
            }
        }
        // Wherever it is, nobody said that it may be called.
        if there { Ok(()) } else { self.tool(MCP, None) }
    }

    /// One of `plugins` or `connectors`.
    fn plugin(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        let Tree::Object(members) = &node.tree else { return self.other(node) };
        let mut named = false;
        for id in all(members, "id") {
            named = true;
            match id.as_str().map(plain).as_deref() {
                Some("web" | "websearch") => self.tool(WEB_SEARCH, None)?,
                Some(_) => self.tool(shown(id.as_str().unwrap_or_default()), None)?,
                None => self.other(id)?,
            }
        }
        if named { Ok(()) } else { self.other(node) }
    }

    /// A tool of which nothing is known but that it is there.
    fn other(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        self.tool(shown(node.as_str().unwrap_or("unknown")), None)
    }
}

/// Each item of a list; a value that is none is its only one.
fn each(node: &Node<'_>, take: &mut dyn FnMut(&Node<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
    match &node.tree {
        Tree::Array(items) => items.iter().try_for_each(take),
        Tree::Null => Ok(()),
        _ => take(node),
    }
}

/// A type without the date of its version: `websearch20250305`.
fn undated(name: &str) -> &str {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if name.len() - bare.len() == 8 { bare } else { name }
}

/// Whether a shell runs at the caller's.
fn is_local(members: &Members<'_>) -> bool {
    let mut kinds = all(members, "environment").map(|node| match &node.tree {
        Tree::Object(inner) => {
            let mut kinds = all(inner, "type").peekable();
            kinds.peek().is_some() && kinds.all(|kind| kind.as_str() == Some("local"))
        }
        Tree::Null => true,
        _ => false,
    });
    // Without an environment it is the caller's.
    kinds.all(|local| local)
}

/// The vendor's own word, as policies and records have it: short, and nothing that could be taken for two.
fn shown(word: &str) -> String {
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '$') { c } else { '?' };
    word.chars().take(64).map(plain).collect()
}
