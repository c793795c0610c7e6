//! Tools, and which of them are to be called.

use crate::native::{Choice, Draft, Tool, choice, tools};
use serde_json::{Map, Value, json};

/// Sets `tools` and `toolConfig`.
pub(super) fn set(extra: &Map<String, Value>, draft: &mut Draft<'_>) {
    let (mut functions, mut others) = (Vec::new(), Vec::new());
    for tool in tools(extra) {
        match tool {
            Tool::Function { name, about, schema, strict, .. } => {
                if strict == Some(true) {
                    draft.note("the Gemini API has no strict functions: strict was not sent");
                }
                let mut function = json!({ "name": name, "parametersJsonSchema": schema });
                if let Some(about) = about {
                    function["description"] = about.into();
                }
                functions.push(function);
            }
            Tool::Other(tool) => others.extend(hosted(tool, draft)),
        }
    }
    let has_functions = !functions.is_empty();
    let mut list = others;
    if has_functions {
        list.insert(0, json!({ "functionDeclarations": functions }));
    }
    if list.is_empty() {
        return;
    }
    draft.set("tools", list);
    if extra.get("parallel_tool_calls") == Some(&Value::Bool(false)) {
        draft.note("the Gemini API cannot hold the model to one call: parallel_tool_calls was not sent");
    }
    if !has_functions {
        return;
    }
    let config = match choice(extra) {
        Choice::Unsaid => return,
        Choice::Auto => json!({ "mode": "AUTO" }),
        Choice::Never => json!({ "mode": "NONE" }),
        Choice::Any => json!({ "mode": "ANY" }),
        Choice::Named(name) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
    };
    draft.put("toolConfig", "functionCallingConfig", config);
}

/// A tool that the server carries out itself.
fn hosted(tool: &Value, draft: &mut Draft<'_>) -> Option<Value> {
    let Some(kind) = tool["type"].as_str() else {
        // As the API itself has it: `{"googleSearch": {}}`.
        return tool.as_object().filter(|fields| !fields.is_empty()).map(|_| tool.clone());
    };
    match kind {
        "web_search" | "web_search_preview" | "google_search" => Some(json!({ "googleSearch": {} })),
        "code_interpreter" | "code_execution" => Some(json!({ "codeExecution": {} })),
        "url_context" => Some(json!({ "urlContext": {} })),
        _ => {
            let name = tool["name"].as_str().unwrap_or(kind);
            draft.note(format!("the tool `{name}` of type {kind} was left out: the Gemini API has none of this type"));
            None
        }
    }
}
