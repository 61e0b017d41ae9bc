//! `tools` and `toolConfig`.

use super::super::wire::{NAME, each, inner, object, refuse, word};
use super::{Natives, schema};
use crate::canon::{Request, Tool, ToolChoice};
use crate::json::tree::{Object, Path};
use portcullis_fault::Fault;
use serde_json::{Map, Value};

/// Reads both.
pub(super) fn read(
    body: &mut Object<'_, '_>,
    request: &mut Request,
    natives: &mut Natives,
) -> Result<(), Fault> {
    let at = body.at;
    let list = Path::Member(&at, "tools");
    for (index, node) in each(body, "tools").into_iter().enumerate() {
        let at = Path::Item(&list, index);
        let mut tool = object(node, at)?;
        let functions = Path::Member(&at, "functionDeclarations");
        for (index, node) in each(&mut tool, "functionDeclarations").into_iter().enumerate() {
            let function = object(node, Path::Item(&functions, index))?;
            request.tools.push(declared(function, natives)?);
        }
        // Whatever else there is runs at the provider: each by its name, as policies have it.
        for (name, node) in tool.rest() {
            let kind = name.into_owned();
            let value = Value::Object(Map::from_iter([(kind.clone(), node.to_value())]));
            request.tools.push(Tool::Server { dialect: NAME, kind, value });
        }
    }
    if let Some(mut config) = inner(body, "toolConfig", &at)? {
        let at = config.at;
        if let Some(calling) = inner(&mut config, "functionCallingConfig", &at)? {
            request.tool_choice = choice(calling, natives)?;
        }
        natives.keep_rest("toolConfig.", config);
    }
    Ok(())
}

fn declared(mut function: Object<'_, '_>, natives: &mut Natives) -> Result<Tool, Fault> {
    let name = function.need_string("name")?;
    let description = function.string("description")?;
    let parameters = schema(&mut function, "parameters", &["parametersJsonSchema"])?;
    natives.keep_rest(&format!("functionDeclarations.{name}."), function);
    Ok(Tool::Function { name, description, parameters, strict: None, cache: None })
}

fn choice(mut calling: Object<'_, '_>, natives: &mut Natives) -> Result<Option<ToolChoice>, Fault> {
    let at = calling.at;
    let mode = word(&mut calling, "mode")?;
    let names = calling.strings("allowedFunctionNames")?.unwrap_or_default();
    natives.keep_rest("toolConfig.functionCallingConfig.", calling);
    Ok(match (mode.as_deref(), names.len()) {
        (Some("ANY"), 0) => Some(ToolChoice::Required),
        (Some("ANY"), 1) => names.into_iter().next().map(ToolChoice::Named),
        (Some("ANY"), _) => Some(ToolChoice::Among(names, true)),
        (Some("VALIDATED"), 1..) => Some(ToolChoice::Among(names, false)),
        (_, 1..) => {
            return Err(refuse(
                &Path::Member(&at, "allowedFunctionNames"),
                "means something with `mode` `ANY` or `VALIDATED` only",
            ));
        }
        (Some("NONE"), 0) => Some(ToolChoice::None),
        (Some("AUTO"), 0) => Some(ToolChoice::Auto),
        (Some("VALIDATED"), 0) => {
            natives.0.push(crate::canon::Native {
                dialect: NAME,
                name: "toolConfig.functionCallingConfig.mode".to_owned(),
                value: "VALIDATED".into(),
            });
            Some(ToolChoice::Auto)
        }
        (None | Some("MODE_UNSPECIFIED"), 0) => None,
        (Some(_), 0) => {
            return Err(refuse(&Path::Member(&at, "mode"), "must be `AUTO`, `ANY`, `NONE` or `VALIDATED`"));
        }
    })
}
