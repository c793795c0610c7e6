//! The tools of a request as functions, and the functions that are called as the tools that they stand for.
//!
//! Engines know functions. A `custom` tool is a function with one text, a tool within a `namespace` a function whose name
//! begins with that of the namespace. Tools that a provider's own servers carry out go to an engine that has them as
//! they came; where it has none, they are left out and named in the receipt.

use super::native::Native;
use crate::api::read::describe;
use crate::error::ApiError;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
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
    /// A tool that the API describes.
    Native(Native),
}

/// The functions that stand for something else, by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Catalogue {
    stands: BTreeMap<String, Stands>,
    /// The names of the functions that stand for themselves.
    plain: BTreeSet<String>,
    /// The kinds of tools that the engine's server carries out itself.
    hosted: Vec<String>,
}

/// Whether a kind of tool is one of `hosted`, where `*` at the end stands for any text.
fn is_hosted(hosted: &[String], kind: &str) -> bool {
    hosted.iter().any(|known| known.strip_suffix('*').map_or(known == kind, |begin| kind.starts_with(begin)))
}

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
    /// Puts a request's tools into the words of chat; what was left out is named in `notes`. `hosted` are the kinds of
    /// tools that the engine's server carries out itself.
    pub(super) fn read(
        given: &Value,
        hosted: &[String],
        engine: &mut Map<String, Value>,
        notes: &mut Vec<String>,
    ) -> Result<Self, ApiError> {
        let Value::Array(list) = given else {
            return Err(ApiError::invalid("tools", format!("tools is {}: give an array", describe(given))));
        };
        let (mut catalogue, mut functions) = (Self::default(), Vec::with_capacity(list.len()));
        catalogue.hosted = hosted.to_vec();
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
        if is_hosted(&self.hosted, kind) {
            functions.push(tool.clone());
            return Ok(());
        }
        if let Some(native) = Native::of(fields) {
            self.stands.insert(native.name().to_owned(), Stands::Native(native));
            functions.push(json!({ "type": "function", "function": native.function() }));
            return Ok(());
        }
        if !matches!(kind, "function" | "custom" | "namespace") {
            let kind = short(kind);
            let words = format!("tools of type {kind} run on a provider's own servers, not on this engine's: left out");
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
            self.stands.insert(function_name.clone(), Stands::Within(namespace.to_owned(), name.to_owned()));
        } else {
            self.plain.insert(function_name.clone());
        }
        let mut function = fields.clone();
        function.shift_remove("type");
        if kind == "custom" {
            self.stands.insert(function_name.clone(), Stands::Custom);
            function = custom(fields, notes);
        }
        function.insert("name".into(), function_name.into());
        functions.push(json!({ "type": "function", "function": function }));
        Ok(())
    }

    /// Puts the choice of a tool into the words of chat.
    pub(super) fn choice(&self, choice: &Value, engine: &mut Map<String, Value>, notes: &mut Vec<String>) {
        // Without tools there is nothing to choose, and servers refuse a choice.
        let Some(Value::Array(tools)) = engine.get_mut("tools") else { return };
        let nested = match choice["type"].as_str() {
            Some("allowed_tools") => {
                // Engines have no word for it: they are offered those tools alone.
                let allowed = choice["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
                tools.retain(|tool| allowed.iter().any(|entry| names(entry, tool)));
                if tools.is_empty() {
                    engine.shift_remove("tools");
                    notes.push("tool_choice.tools names no tool of the request: none was offered".to_owned());
                    return;
                }
                if choice["mode"] == "required" { json!("required") } else { json!("auto") }
            }
            Some("function" | "custom") | None if choice["name"].is_string() => {
                json!({ "type": "function", "function": { "name": function_name(choice) } })
            }
            Some(kind) if is_hosted(&self.hosted, kind) => choice.clone(),
            Some(kind) if matches!(self.stands.get(kind), Some(Stands::Native(_))) => {
                json!({ "type": "function", "function": { "name": kind } })
            }
            Some(kind) => {
                notes.push(format!("tool_choice of type {} was not sent: no such tool is here", short(kind)));
                return;
            }
            None => choice.clone(),
        };
        engine.insert("tool_choice".into(), nested);
    }

    /// The tool within a namespace that a model meant which left the namespace out, or wrote it in its own way.
    fn within(&self, called: &str) -> Option<&Stands> {
        if self.plain.contains(called) {
            return None;
        }
        let means = |stands: &&Stands| match stands {
            Stands::Within(namespace, name) => {
                let rest = called.strip_prefix(namespace.as_str()).map(|rest| rest.trim_start_matches(['.', '/', ':']));
                called == name || rest == Some(name)
            }
            Stands::Custom | Stands::Native(_) => false,
        };
        let mut found = self.stands.values().filter(means);
        found.next().filter(|_| found.next().is_none())
    }

    /// The output item for a call of a function.
    pub(super) fn item(&self, id: &str, call: &Value) -> Value {
        let name = call["function"]["name"].as_str().unwrap_or_default();
        let arguments = &call["function"]["arguments"];
        let stands = self.stands.get(name).or_else(|| self.within(name));
        if let Some(Stands::Native(native)) = stands
            && let Some(item) = native.item(id, &call["id"], arguments.as_str().unwrap_or_default())
        {
            return item;
        }
        match stands {
            Some(Stands::Custom) => json!({
                "id": id,
                "type": "custom_tool_call",
                "call_id": call["id"],
                "name": name,
                "input": text_of(arguments.as_str().unwrap_or_default()),
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

/// The name of the function that a choice means.
fn function_name(choice: &Value) -> String {
    let name = choice["name"].as_str().unwrap_or_default();
    choice["namespace"].as_str().map_or_else(|| name.to_owned(), |namespace| flat(namespace, name))
}

/// Whether an entry of `allowed_tools` means a tool of the engine's list: a namespace means all that is within it.
fn names(entry: &Value, tool: &Value) -> bool {
    let Some(function) = tool["function"]["name"].as_str() else { return entry["type"] == tool["type"] };
    match (entry["type"].as_str(), entry["name"].as_str()) {
        (Some("namespace"), Some(namespace)) => function.starts_with(&format!("{namespace}__")),
        (_, Some(_)) => function == function_name(entry),
        (Some(kind), None) if Native::named(kind).is_some() => function == kind,
        _ => false,
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
        notes.push(format!("the grammar of the tool `{}` is described to the model and not enforced", short(name)));
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
        let hosted = ["browser_search".to_owned(), "openrouter:*".to_owned()];
        let catalogue = Catalogue::read(given, &hosted, &mut engine, &mut notes)?;
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
            {"type": "shell"},
            {"type": "web_search", "external_web_access": true},
        ]))
        .unwrap();
        let names: Vec<&Value> = engine["tools"].as_array().unwrap().iter().map(|t| &t["function"]["name"]).collect();
        assert_eq!(names, ["add", "patch", "agents__close", "shell"]);
        let shell = catalogue.item("i", &call("shell", "{\"commands\":[\"ls\"]}"));
        assert_eq!((&shell["type"], &shell["action"]["commands"]), (&json!("shell_call"), &json!(["ls"])));
        assert_eq!(catalogue.item("i", &call("shell", "ls"))["type"], "function_call", "nothing is lost");
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
        // A model may leave the namespace out, or write it in its own way; a function of that name goes first.
        for called in ["close", "agents.close", "agentsclose"] {
            assert_eq!(item(called, "{}")["namespace"], "agents", "{called}");
        }
        assert_eq!((&item("gone", "{}")["namespace"], &item("add", "{}")["namespace"]), (&Value::Null, &Value::Null));
        assert_eq!(flat(&"n".repeat(60), "close"), "close");
    }

    #[test]
    fn a_choice_is_put_into_the_words_of_chat() {
        let (catalogue, mut engine, mut notes) = read(&json!([{"type": "function", "name": "add"}])).unwrap();
        for (given, sent) in [
            (json!("required"), json!("required")),
            (json!({"type": "function", "name": "add"}), json!({"type": "function", "function": {"name": "add"}})),
            (json!({"type": "web_search"}), json!({"type": "function", "function": {"name": "add"}})),
            (json!({"type": "openrouter:datetime"}), json!({"type": "openrouter:datetime"})),
        ] {
            catalogue.choice(&given, &mut engine, &mut notes);
            assert_eq!(engine["tool_choice"], sent, "{given}");
        }
        assert_eq!(notes.len(), 1);
        let (catalogue, mut engine, mut notes) = read(&json!([])).unwrap();
        catalogue.choice(&json!("auto"), &mut engine, &mut notes);
        assert!(engine.is_empty());
    }

    #[test]
    fn allowed_tools_are_those_that_are_offered() {
        let tools = json!([
            {"type": "function", "name": "add"},
            {"type": "custom", "name": "patch"},
            {"type": "namespace", "name": "agents", "tools": [
                {"type": "function", "name": "open"}, {"type": "function", "name": "close"},
            ]},
            {"type": "browser_search"},
        ]);
        for (allowed, offered) in [
            (json!([{"type": "custom", "name": "patch"}]), vec!["patch"]),
            (json!([{"type": "namespace", "name": "agents"}]), vec!["agents__open", "agents__close"]),
            (json!([{"type": "function", "namespace": "agents", "name": "open"}]), vec!["agents__open"]),
            (json!([{"type": "browser_search"}, {"type": "function", "name": "add"}]), vec!["add", "browser_search"]),
            (json!([{"type": "function", "name": "gone"}]), vec![]),
        ] {
            let (catalogue, mut engine, mut notes) = read(&tools).unwrap();
            let choice = json!({"type": "allowed_tools", "mode": "required", "tools": allowed});
            catalogue.choice(&choice, &mut engine, &mut notes);
            let list = engine.get("tools").and_then(Value::as_array).cloned().unwrap_or_default();
            let name = |tool: &Value| tool["function"]["name"].as_str().or(tool["type"].as_str()).map(str::to_owned);
            assert_eq!(list.iter().filter_map(name).collect::<Vec<_>>(), offered, "{allowed}");
            assert_eq!(
                (engine.contains_key("tool_choice"), notes.len()),
                (!list.is_empty(), usize::from(list.is_empty()))
            );
        }
    }

    #[test]
    fn tools_of_the_engines_server_go_there_as_they_came() {
        let tool = json!({"type": "openrouter:web_search", "parameters": {"max_results": 3}});
        let (_, engine, notes) = read(&json!([tool, {"type": "web_search"}])).unwrap();
        assert_eq!(engine["tools"], json!([tool]));
        assert!(notes.len() == 1 && notes[0].contains("type web_search"), "{notes:?}");
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
