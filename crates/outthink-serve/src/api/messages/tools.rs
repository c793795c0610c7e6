//! From the tools of the Messages API to functions.

use crate::api::read::describe;
use crate::error::ApiError;
use serde_json::{Map, Value, json};

/// A tool that the client itself carries out, whose form is agreed on and not sent: its type without the date, what it
/// does, and its parameters.
type Agreed = (&'static str, &'static str, fn() -> Value);

const AGREED: [Agreed; 3] = [
    ("bash", "Runs a command in a shell that is kept between calls.", bash),
    ("text_editor", "Views, creates and edits files.", editor),
    ("memory", "Views and changes the files of a memory folder.", memory),
];

fn bash() -> Value {
    json!({
        "type": "object",
        "properties": {
            "command": { "type": "string", "description": "The command to run." },
            "restart": { "type": "boolean", "description": "Restarts the shell instead." },
        },
    })
}

fn editor() -> Value {
    json!({
        "type": "object",
        "properties": {
            "command": { "type": "string", "enum": ["view", "create", "str_replace", "insert"] },
            "path": { "type": "string", "description": "The file or folder." },
            "file_text": { "type": "string", "description": "For create: the whole file." },
            "old_str": { "type": "string", "description": "For str_replace: the text to replace, which stands once." },
            "new_str": { "type": "string", "description": "For str_replace: what takes its place." },
            "insert_line": { "type": "integer", "description": "For insert: the line after which to insert; 0 is the beginning." },
            "insert_text": { "type": "string", "description": "For insert: the text." },
            "view_range": {
                "type": "array",
                "items": { "type": "integer" },
                "description": "For view: the first and the last line; -1 is the end.",
            },
        },
        "required": ["command", "path"],
    })
}

fn memory() -> Value {
    json!({
        "type": "object",
        "properties": {
            "command": { "type": "string", "enum": ["view", "create", "str_replace", "insert", "delete", "rename"] },
            "path": { "type": "string" },
            "file_text": { "type": "string" },
            "old_str": { "type": "string" },
            "new_str": { "type": "string" },
            "insert_line": { "type": "integer" },
            "insert_text": { "type": "string" },
            "old_path": { "type": "string" },
            "new_path": { "type": "string" },
        },
        "required": ["command"],
    })
}

/// Who is asked: the fields of its request, what is said of it, and whether it speaks this API.
pub(super) struct Asked<'a> {
    pub(super) engine: &'a mut Map<String, Value>,
    pub(super) notes: &'a mut Vec<String>,
    pub(super) native: bool,
}

/// Fields of a tool that a function of chat has, too.
const OF_FUNCTION: [&str; 6] = ["type", "name", "description", "input_schema", "strict", "cache_control"];

/// Puts the tools into the words of chat; those that only Anthropic's own servers carry out are named in the notes. An
/// engine that speaks this API gets tools that chat does not have as they are.
pub(super) fn tools(given: Value, Asked { engine, notes, native }: Asked<'_>) -> Result<(), ApiError> {
    let Value::Array(list) = given else {
        return Err(ApiError::invalid("tools", format!("tools is {}: give an array", describe(&given))));
    };
    let mut functions = Vec::with_capacity(list.len());
    for (index, tool) in list.into_iter().enumerate() {
        let at = format!("tools[{index}]");
        let Value::Object(tool) = tool else {
            return Err(ApiError::invalid(&at, format!("{at} is {}: give an object", describe(&tool))));
        };
        let name = tool.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let kind = tool.get("type").and_then(Value::as_str).unwrap_or("custom");
        if native && (kind != "custom" || tool.keys().any(|field| !OF_FUNCTION.contains(&field.as_str()))) {
            functions.push(Value::Object(tool));
            continue;
        }
        if kind != "custom" {
            let agreed = AGREED.iter().find(|(begins, ..)| kind.strip_prefix(begins).is_some_and(is_dated));
            match (agreed, name) {
                (Some((_, line, parameters)), Some(name)) => functions.push(function(name, line, &parameters(), None)),
                _ => notes.push(format!(
                    "the tool `{}` of type {} is carried out by Anthropic's own servers: it was left out",
                    short(name.unwrap_or(kind)),
                    short(kind)
                )),
            }
            continue;
        }
        let Some(name) = name else {
            let path = format!("{at}.name");
            return Err(ApiError::invalid(&path, format!("{path} is missing: give the tool's name")));
        };
        let schema = match tool.get("input_schema") {
            Some(schema) if schema.is_object() => schema,
            _ => {
                let path = format!("{at}.input_schema");
                return Err(ApiError::invalid(&path, format!("{path} is missing: give a JSON schema")));
            }
        };
        let line = tool.get("description").and_then(Value::as_str).unwrap_or_default();
        let mut function = function(name, line, schema, tool.get("strict"));
        if let Some(mark) = tool.get("cache_control").filter(|mark| native && mark.is_object()) {
            function["cache_control"] = mark.clone();
        }
        functions.push(function);
    }
    // Some servers refuse a list of none.
    if !functions.is_empty() {
        engine.insert("tools".into(), functions.into());
    }
    Ok(())
}

/// Whether what follows a type's name is a date, as in `bash_20250124`.
fn is_dated(rest: &str) -> bool {
    rest.strip_prefix('_').is_some_and(|date| !date.is_empty() && date.bytes().all(|b| b.is_ascii_digit()))
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

fn function(name: &str, line: &str, parameters: &Value, strict: Option<&Value>) -> Value {
    let mut function = json!({ "name": name, "parameters": parameters });
    if !line.is_empty() {
        function["description"] = line.into();
    }
    if let Some(strict) = strict.filter(|strict| !strict.is_null()) {
        function["strict"] = strict.clone();
    }
    json!({ "type": "function", "function": function })
}

/// Puts the choice of a tool into the words of chat.
pub(super) fn choice(given: &Value, engine: &mut Map<String, Value>) -> Result<(), ApiError> {
    let invalid = |path: &str, words: &str| Err(ApiError::invalid(path, format!("{path} {words}")));
    let choice = match given["type"].as_str() {
        Some("auto") => json!("auto"),
        Some("any") => json!("required"),
        Some("none") => json!("none"),
        Some("tool") => match given["name"].as_str() {
            Some(name) => json!({ "type": "function", "function": { "name": name } }),
            None => return invalid("tool_choice.name", "is missing: name the tool"),
        },
        _ => return invalid("tool_choice.type", "is not known: use auto, any, tool or none"),
    };
    // Without tools there is nothing to choose, and servers refuse a choice.
    if engine.contains_key("tools") {
        engine.insert("tool_choice".into(), choice);
        match &given["disable_parallel_tool_use"] {
            Value::Null => {}
            Value::Bool(disabled) => _ = engine.insert("parallel_tool_calls".into(), (!disabled).into()),
            _ => return invalid("tool_choice.disable_parallel_tool_use", "is not true or false"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_of_the_client_are_functions_and_tools_of_a_server_are_named() {
        let (mut engine, mut notes) = (Map::new(), Vec::new());
        let given = json!([
            {"name": "add", "description": "adds", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
            {"type": "custom", "name": "sub", "input_schema": {}, "strict": true},
            {"type": "bash_20250124", "name": "bash"},
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
        ]);
        let (mut native, mut none) = (Map::new(), Vec::new());
        tools(given.clone(), Asked { engine: &mut native, notes: &mut none, native: true }).unwrap();
        assert!(none.is_empty(), "{none:?}");
        assert_eq!(native["tools"][0]["cache_control"], json!({"type": "ephemeral"}));
        assert_eq!(native["tools"][1]["function"]["name"], "sub");
        assert_eq!(native["tools"].as_array().unwrap()[2..], given.as_array().unwrap()[2..]);
        tools(given, Asked { engine: &mut engine, notes: &mut notes, native: false }).unwrap();
        let names: Vec<&Value> = engine["tools"].as_array().unwrap().iter().map(|t| &t["function"]["name"]).collect();
        assert_eq!(names, ["add", "sub", "bash", "str_replace_based_edit_tool"]);
        assert_eq!(
            engine["tools"][0],
            json!({"type": "function", "function": {"name": "add", "parameters": {"type": "object"}, "description": "adds"}})
        );
        assert_eq!(engine["tools"][1]["function"]["strict"], true);
        assert!(notes.len() == 1 && notes[0].contains("`web_search` of type web_search_20250305"), "{notes:?}");
        for (given, wanted) in [
            (json!({"type": "auto"}), json!("auto")),
            (json!({"type": "any", "disable_parallel_tool_use": true}), json!("required")),
            (json!({"type": "tool", "name": "add"}), json!({"type": "function", "function": {"name": "add"}})),
        ] {
            choice(&given, &mut engine).unwrap();
            assert_eq!(engine["tool_choice"], wanted);
        }
        assert_eq!(engine["parallel_tool_calls"], false);
        let mut bare = Map::new();
        choice(&json!({"type": "any"}), &mut bare).unwrap();
        assert!(bare.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let (mut engine, mut notes) = (Map::new(), Vec::new());
        for (given, param) in [
            (json!({}), "tools"),
            (json!([7]), "tools[0]"),
            (json!([{"input_schema": {}}]), "tools[0].name"),
            (json!([{"name": "a"}]), "tools[0].input_schema"),
        ] {
            let asked = Asked { engine: &mut engine, notes: &mut notes, native: false };
            let error = tools(given.clone(), asked).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param), "{given}");
        }
        for (given, param) in [
            (json!({"type": "tool"}), "tool_choice.name"),
            (json!("auto"), "tool_choice.type"),
            (json!({"type": "some"}), "tool_choice.type"),
        ] {
            assert_eq!(choice(&given, &mut engine).unwrap_err().param.as_deref(), Some(param), "{given}");
        }
    }
}
