//! Tools, and which of them are to be called.

use crate::native::{Choice, Draft, Tool, choice, tools};
use serde_json::{Map, Value, json};

/// The tool that stands for the name that OpenAI's APIs have for a search.
const SEARCH: &str = "web_search_20250305";
/// What the types of the API's own tools begin with.
const OWN: [&str; 9] = [
    "web_search_",
    "web_fetch_",
    "code_execution_",
    "tool_search_tool_",
    "bash_",
    "text_editor_",
    "computer_",
    "memory_",
    "mcp_toolset",
];

/// Sets `tools` and `tool_choice`; gives the choice.
pub(super) fn set<'a>(extra: &'a Map<String, Value>, draft: &mut Draft<'_>) -> Choice<'a> {
    let list: Vec<Value> = tools(extra).iter().filter_map(|tool| written(tool, draft)).collect();
    if list.is_empty() {
        return Choice::Unsaid;
    }
    draft.set("tools", list);
    let choice = choice(extra);
    let mut object = match choice {
        Choice::Unsaid => json!({}),
        Choice::Auto => json!({ "type": "auto" }),
        Choice::Never => json!({ "type": "none" }),
        Choice::Any => json!({ "type": "any" }),
        Choice::Named(name) => json!({ "type": "tool", "name": name }),
    };
    if extra.get("parallel_tool_calls") == Some(&Value::Bool(false)) && choice != Choice::Never {
        if choice == Choice::Unsaid {
            object["type"] = "auto".into();
        }
        object["disable_parallel_tool_use"] = true.into();
    }
    if object != json!({}) {
        draft.set("tool_choice", object);
    }
    choice
}

fn written(tool: &Tool<'_>, draft: &mut Draft<'_>) -> Option<Value> {
    match tool {
        Tool::Function { name, about, schema, strict, whole } => {
            let mut written = json!({ "name": name, "input_schema": schema });
            if let Some(about) = about {
                written["description"] = (*about).into();
            }
            // Its own default is not to be strict.
            if *strict == Some(true) {
                written["strict"] = true.into();
            }
            let marks = [whole.get("cache_control"), whole["function"].get("cache_control")];
            if let Some(mark) = marks.into_iter().flatten().find(|mark| mark.is_object()) {
                written["cache_control"] = mark.clone();
            }
            Some(written)
        }
        Tool::Other(tool) => {
            let kind = tool["type"].as_str().unwrap_or("custom");
            if kind == "web_search" || kind == "web_search_preview" {
                return Some(json!({ "type": SEARCH, "name": "web_search" }));
            }
            let is_own = OWN.iter().any(|begins| kind.starts_with(begins)) || tool["input_schema"].is_object();
            if !is_own {
                let name = tool["name"].as_str().unwrap_or(kind);
                draft.note(format!(
                    "the tool `{name}` of type {kind} was left out: the Messages API has none of this type"
                ));
            }
            is_own.then(|| (*tool).clone())
        }
    }
}
