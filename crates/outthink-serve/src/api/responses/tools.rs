//! The tools of a request as functions, and the functions that are called as the tools that they stand for.
//!
//! Engines know functions. A `custom` tool is a function with one text, a tool within a `namespace` a function whose name
//! begins with that of the namespace. Tools that OpenAI's own servers carry out have nobody to do so here: they are
//! left out, and named.

use crate::api::read::describe;
use crate::error::ApiError;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The argument that holds the text of a custom tool.
const TEXT: &str = "input";
/// Letters of a function's name at most.
const LONGEST_NAME: usize = 64;

/// What a function stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stands {
    /// A tool that takes a text.
    Custom,
    /// A tool of this name within a namespace.
    Within(String, String),
}

/// The functions that stand for something else, by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Catalogue(BTreeMap<String, Stands>);

/// The name of the function for a tool within a namespace.
pub(super) fn flat(namespace: &str, name: &str) -> String {
    let joined = format!("{namespace}__{name}");
    if joined.len() <= LONGEST_NAME { joined } else { name.to_owned() }
}

/// The arguments of the function for the text of a custom tool.
pub(super) fn arguments(text: &str) -> String {
    json!({ TEXT: text }).to_string()
}

impl Catalogue {
    /// Puts a request's tools into the words of chat; what was left out is named in `notes`.
    pub(super) fn read(
        given: &Value,
        engine: &mut Map<String, Value>,
        notes: &mut Vec<String>,
    ) -> Result<Self, ApiError> {
        let Value::Array(list) = given else {
            return Err(ApiError::invalid("tools", format!("tools is {}: give an array", describe(given))));
        };
        let (mut catalogue, mut functions) = (Self::default(), Vec::with_capacity(list.len()));
        for (index, tool) in list.iter().enumerate() {
            catalogue.take(tool, None, &format!("tools[{index}]"), &mut functions, notes)?;
        }
        // Some servers refuse a list of none.
        if !functions.is_empty() {
            engine.insert("tools".into(), functions.into());
        }
        Ok(catalogue)
    }

    fn take(
        &mut self,
        tool: &Value,
        namespace: Option<&str>,
        at: &str,
        functions: &mut Vec<Value>,
        notes: &mut Vec<String>,
    ) -> Result<(), ApiError> {
        let Some(fields) = tool.as_object() else {
            return Err(ApiError::invalid(at, format!("{at} is {}: give an object", describe(tool))));
        };
        let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind.is_empty() {
            let path = format!("{at}.type");
            return Err(ApiError::invalid(&path, format!("{path} is missing: give function, custom or another type")));
        }
        if !matches!(kind, "function" | "custom" | "namespace") {
            let words =
                format!("tools of type {} are carried out by OpenAI's own servers: they were left out", short(kind));
            if !notes.contains(&words) {
                notes.push(words);
            }
            return Ok(());
        }
        let Some(name) = fields.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
            let path = format!("{at}.name");
            return Err(ApiError::invalid(&path, format!("{path} is missing: give the tool's name")));
        };
        if kind == "namespace" {
            let inner = fields.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            for (index, tool) in inner.iter().enumerate() {
                self.take(tool, Some(name), &format!("{at}.tools[{index}]"), functions, notes)?;
            }
            return Ok(());
        }
        let function_name = namespace.map_or_else(|| name.to_owned(), |namespace| flat(namespace, name));
        if let Some(namespace) = namespace {
            self.0.insert(function_name.clone(), Stands::Within(namespace.to_owned(), name.to_owned()));
        }
        let mut function = fields.clone();
        function.shift_remove("type");
        if kind == "custom" {
            self.0.insert(function_name.clone(), Stands::Custom);
            function = custom(fields, notes);
        }
        function.insert("name".into(), function_name.into());
        functions.push(json!({ "type": "function", "function": function }));
        Ok(())
    }

    /// Puts the choice of a tool into the words of chat.
    pub(super) fn choice(choice: &Value, engine: &mut Map<String, Value>, notes: &mut Vec<String>) {
        // Without tools there is nothing to choose, and servers refuse a choice.
        if !engine.contains_key("tools") {
            return;
        }
        let kind = choice["type"].as_str();
        let nested = match (kind, choice["name"].as_str()) {
            (Some("function" | "custom") | None, Some(name)) => {
                let name = choice["namespace"].as_str().map_or_else(|| name.to_owned(), |space| flat(space, name));
                json!({ "type": "function", "function": { "name": name } })
            }
            (Some("allowed_tools"), _) => {
                notes.push("tool_choice.tools was not sent: the model may call any of the tools".to_owned());
                if choice["mode"] == "required" { json!("required") } else { json!("auto") }
            }
            (Some(kind), _) => {
                notes.push(format!("tool_choice of type {} was not sent: no such tool is here", short(kind)));
                return;
            }
            (None, None) => choice.clone(),
        };
        engine.insert("tool_choice".into(), nested);
    }

    /// The output item for a call of a function.
    pub(super) fn item(&self, id: &str, call: &Value) -> Value {
        let name = call["function"]["name"].as_str().unwrap_or_default();
        let arguments = &call["function"]["arguments"];
        match self.0.get(name) {
            Some(Stands::Custom) => json!({
                "id": id,
                "type": "custom_tool_call",
                "call_id": call["id"],
                "name": name,
                "input": text_of(arguments.as_str().unwrap_or_default()),
                "status": "completed",
            }),
            stands => {
                let mut item = json!({
                    "id": id,
                    "type": "function_call",
                    "call_id": call["id"],
                    "name": name,
                    "arguments": arguments,
                    "status": "completed",
                });
                if let Some(Stands::Within(namespace, name)) = stands {
                    item["name"] = name.as_str().into();
                    item["namespace"] = namespace.as_str().into();
                }
                item
            }
        }
    }
}

/// The text that a model wrote for a custom tool; all that it wrote where it kept to no form.
fn text_of(arguments: &str) -> String {
    match serde_json::from_str::<Value>(arguments) {
        Ok(Value::Object(mut object)) => match object.shift_remove(TEXT) {
            Some(Value::String(text)) => text,
            _ => arguments.to_owned(),
        },
        Ok(Value::String(text)) => text,
        _ => arguments.to_owned(),
    }
}

/// The function for a custom tool. What its text has to look like is said to the model; nothing holds it to that.
fn custom(fields: &Map<String, Value>, notes: &mut Vec<String>) -> Map<String, Value> {
    let mut line = fields.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let format = fields.get("format").cloned().unwrap_or_default();
    if format["type"] == "grammar" {
        let (syntax, definition) = (format["syntax"].as_str().unwrap_or("lark"), &format["definition"]);
        let definition = definition.as_str().unwrap_or_default();
        let _ = write!(line, "\n\nThe text must match this {syntax} grammar:\n{definition}");
        let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
        notes.push(format!("the grammar of the tool `{}` is told to the model and not enforced", short(name)));
    }
    let mut function = Map::new();
    function.insert("description".into(), line.trim().into());
    let text = json!({ "type": "string", "description": "The text for the tool, as it is." });
    let parameters = json!({
        "type": "object",
        "properties": { TEXT: text },
        "required": [TEXT],
        "additionalProperties": false,
    });
    function.insert("parameters".into(), parameters);
    function
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (Catalogue, Map<String, Value>, Vec<String>);

    fn read(given: &Value) -> Result<Read, ApiError> {
        let (mut engine, mut notes) = (Map::new(), Vec::new());
        let catalogue = Catalogue::read(given, &mut engine, &mut notes)?;
        Ok((catalogue, engine, notes))
    }

    fn call(name: &str, arguments: &str) -> Value {
        json!({"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}})
    }

    #[test]
    fn every_kind_of_tool_is_a_function_and_comes_back_as_it_was() {
        let grammar = json!({"type": "grammar", "syntax": "lark", "definition": "start: \"x\""});
        let (catalogue, engine, notes) = read(&json!([
            {"type": "function", "name": "add", "strict": false, "parameters": {"type": "object"}},
            {"type": "custom", "name": "patch", "description": "Patches.", "format": grammar},
            {"type": "namespace", "name": "agents", "tools": [{"type": "function", "name": "close", "parameters": {}}]},
            {"type": "web_search", "external_web_access": true},
        ]))
        .unwrap();
        let names: Vec<&Value> = engine["tools"].as_array().unwrap().iter().map(|t| &t["function"]["name"]).collect();
        assert_eq!(names, ["add", "patch", "agents__close"]);
        assert!(engine["tools"][1]["function"]["description"].as_str().unwrap().contains("start: \"x\""));
        assert!(notes.len() == 2 && notes[1].contains("type web_search"), "{notes:?}");
        let item = |name: &str, arguments: &str| catalogue.item("i", &call(name, arguments));
        let add = item("add", "{}");
        assert_eq!(
            (&add["type"], &add["name"], &add["arguments"]),
            (&json!("function_call"), &json!("add"), &json!("{}"))
        );
        for (written, text) in
            [(arguments("*** x").as_str(), "*** x"), ("*** x", "*** x"), ("\"y\"", "y"), ("{\"a\":1}", "{\"a\":1}")]
        {
            let patch = item("patch", written);
            assert_eq!((&patch["type"], &patch["input"]), (&json!("custom_tool_call"), &json!(text)));
        }
        let close = item("agents__close", "{}");
        assert_eq!((&close["namespace"], &close["name"]), (&json!("agents"), &json!("close")));
        assert_eq!(flat(&"n".repeat(60), "close"), "close");
    }

    #[test]
    fn a_choice_is_put_into_the_words_of_chat() {
        let (_, mut engine, mut notes) = read(&json!([{"type": "function", "name": "add"}])).unwrap();
        for (given, wanted) in [
            (json!("required"), json!("required")),
            (json!({"type": "function", "name": "add"}), json!({"type": "function", "function": {"name": "add"}})),
            (json!({"type": "allowed_tools", "mode": "auto", "tools": []}), json!("auto")),
            (json!({"type": "web_search"}), json!("auto")),
        ] {
            Catalogue::choice(&given, &mut engine, &mut notes);
            assert_eq!(engine["tool_choice"], wanted, "{given}");
        }
        assert_eq!(notes.len(), 2);
        let (_, mut engine, mut notes) = read(&json!([])).unwrap();
        Catalogue::choice(&json!("auto"), &mut engine, &mut notes);
        assert!(engine.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (given, param) in [
            (json!({}), "tools"),
            (json!([1]), "tools[0]"),
            (json!([{"name": "a"}]), "tools[0].type"),
            (json!([{"type": "function"}]), "tools[0].name"),
            (json!([{"type": "namespace", "name": "n", "tools": [{"type": "custom"}]}]), "tools[0].tools[0].name"),
        ] {
            assert_eq!(read(&given).unwrap_err().param.as_deref(), Some(param), "{given}");
        }
    }
}
