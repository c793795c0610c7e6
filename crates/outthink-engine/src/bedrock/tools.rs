//! Tools, and which of them are to be called.

use super::messages::{cache_point, has_calls};
use crate::native::{Choice, Draft, Tool, choice, tools};
use outthink_core::Prompt;
use serde_json::{Value, json};

/// Sets `toolConfig`; gives the choice.
pub(super) fn set<'a>(prompt: &'a Prompt, draft: &mut Draft<'_>) -> Choice<'a> {
    let extra = &prompt.extra;
    let mut list = Vec::new();
    for tool in tools(extra) {
        match tool {
            Tool::Function { name, about, schema, strict, whole } => {
                let mut spec = json!({ "name": name, "inputSchema": { "json": schema } });
                if let Some(about) = about {
                    spec["description"] = about.into();
                }
                if strict == Some(true) {
                    spec["strict"] = true.into();
                }
                list.push(json!({ "toolSpec": spec }));
                list.extend(cache_point(whole));
            }
            // As the API itself has it.
            Tool::Other(tool) if tool["toolSpec"].is_object() || tool["systemTool"].is_object() => {
                list.push(tool.clone());
            }
            Tool::Other(tool) => {
                let kind = tool["type"].as_str().unwrap_or("no type");
                let name = tool["name"].as_str().unwrap_or(kind);
                draft.note(format!("the tool `{name}` of type {kind} was left out: Converse has none of this type"));
            }
        }
    }
    if list.is_empty() {
        return Choice::Unsaid;
    }
    let choice = choice(extra);
    if choice == Choice::Never {
        // There is no such choice: without tools none can be called.
        if !has_calls(&prompt.messages) {
            return choice;
        }
        draft.note("Converse has no tool_choice none, and the conversation holds calls of tools: they were sent");
    }
    draft.put("toolConfig", "tools", Value::Array(list));
    if extra.get("parallel_tool_calls") == Some(&Value::Bool(false)) {
        draft.note("Converse cannot hold the model to one call: parallel_tool_calls was not sent");
    }
    match choice {
        Choice::Unsaid | Choice::Never => {}
        Choice::Auto => draft.put("toolConfig", "toolChoice", json!({ "auto": {} })),
        Choice::Any => draft.put("toolConfig", "toolChoice", json!({ "any": {} })),
        Choice::Named(name) => draft.put("toolConfig", "toolChoice", json!({ "tool": { "name": name } })),
    }
    choice
}
