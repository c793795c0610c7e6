//! Tools that the API describes and the client carries out: `shell`, `local_shell`, `apply_patch`. Models of OpenAI are
//! trained on them; for an engine they are functions with the parameters that the items have.

use serde_json::{Map, Value, json};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Native {
    Shell,
    LocalShell,
    ApplyPatch,
}

impl Native {
    /// The tool that this kind names; `None` if it is none of them.
    pub(super) fn named(kind: &str) -> Option<Self> {
        match kind {
            "shell" => Some(Self::Shell),
            "local_shell" => Some(Self::LocalShell),
            "apply_patch" => Some(Self::ApplyPatch),
            _ => None,
        }
    }

    /// The tool of a request; `None` if it is another one, or if a container of OpenAI's is to carry it out.
    pub(super) fn of(tool: &Map<String, Value>) -> Option<Self> {
        let environment = tool.get("environment").and_then(|environment| environment["type"].as_str());
        Self::named(tool.get("type")?.as_str()?).filter(|_| environment.is_none_or(|kind| kind == "local"))
    }

    /// The name of the function, which is the tool's.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::LocalShell => "local_shell",
            Self::ApplyPatch => "apply_patch",
        }
    }

    /// The function that an engine is offered.
    pub(super) fn function(self) -> Map<String, Value> {
        let text = json!({ "type": "string" });
        let texts = json!({ "type": "array", "items": text });
        let count = json!({ "type": "integer", "minimum": 1 });
        let (description, properties, required) = match self {
            Self::Shell => (
                "Runs shell commands on the user's machine and returns what each of them printed.",
                json!({ "commands": texts, "timeout_ms": count, "max_output_length": count }),
                json!(["commands"]),
            ),
            Self::LocalShell => (
                "Runs a program with its arguments on the user's machine and returns what it printed.",
                json!({ "command": texts, "working_directory": text, "timeout_ms": count }),
                json!(["command"]),
            ),
            Self::ApplyPatch => (
                "Creates, updates or deletes a file. The diff is in the V4A format: lines that begin with a space, + or \
                 -, in sections that begin with @@; that of a new file has + lines only. There is none for a deletion.",
                json!({
                    "type": { "enum": ["create_file", "update_file", "delete_file"] },
                    "path": text,
                    "diff": text,
                }),
                json!(["type", "path"]),
            ),
        };
        let parameters = json!({ "type": "object", "properties": properties, "required": required });
        [("name", self.name().into()), ("description", description.into()), ("parameters", parameters)]
            .map(|(key, value): (&str, Value)| (key.to_owned(), value))
            .into_iter()
            .collect()
    }

    /// The output item for a call with these arguments; `None` where they are not what the item holds.
    pub(super) fn item(self, id: &str, call_id: &Value, arguments: &str) -> Option<Value> {
        let Ok(Value::Object(given)) = serde_json::from_str(arguments) else { return None };
        let count = |key: &str| given.get(key).filter(|value| value.is_u64()).cloned().unwrap_or_default();
        let (kind, field, value) = match self {
            Self::Shell => {
                let action = json!({
                    "commands": texts(given.get("commands").or_else(|| given.get("command"))?)?,
                    "timeout_ms": count("timeout_ms"),
                    "max_output_length": count("max_output_length"),
                });
                ("shell_call", "action", action)
            }
            Self::LocalShell => {
                let folder = given.get("working_directory").filter(|value| value.is_string());
                let action = json!({
                    "type": "exec",
                    "command": texts(given.get("command")?)?,
                    "env": given.get("env").filter(|env| env.is_object()).cloned().unwrap_or_else(|| json!({})),
                    "timeout_ms": count("timeout_ms"),
                    "working_directory": folder,
                });
                ("local_shell_call", "action", action)
            }
            Self::ApplyPatch => {
                let mut operation = given;
                let has_diff = operation.get("diff").is_some_and(Value::is_string);
                let is_whole = match operation.get("type")?.as_str()? {
                    "create_file" | "update_file" => has_diff,
                    "delete_file" => {
                        operation.shift_remove("diff");
                        true
                    }
                    _ => false,
                };
                if !is_whole || !operation.get("path").is_some_and(Value::is_string) {
                    return None;
                }
                ("apply_patch_call", "operation", operation.into())
            }
        };
        let mut item = json!({ "id": id, "type": kind, "call_id": call_id, "status": "completed" });
        item[field] = value;
        if self == Self::Shell {
            item["environment"] = Value::Null;
        }
        Some(item)
    }
}

/// One text or several.
fn texts(value: &Value) -> Option<Value> {
    match value {
        Value::String(one) => Some(json!([one])),
        Value::Array(many) if many.iter().all(Value::is_string) => Some(value.clone()),
        _ => None,
    }
}

/// The arguments of the call that an input item stands for, with the tool.
pub(super) fn called(kind: &str, item: &Map<String, Value>) -> Option<(Native, String)> {
    let (tool, field) = match kind {
        "shell_call" => (Native::Shell, "action"),
        "local_shell_call" => (Native::LocalShell, "action"),
        "apply_patch_call" => (Native::ApplyPatch, "operation"),
        _ => return None,
    };
    let mut arguments = item.get(field).cloned().unwrap_or_default();
    if let Some(fields) = arguments.as_object_mut() {
        fields.retain(|key, value| !(value.is_null() || (tool == Native::LocalShell && key == "type")));
    }
    Some((tool, arguments.to_string()))
}

/// What a model reads of the result of such a call; `None` for other items.
pub(super) fn result(kind: &str, item: &Map<String, Value>) -> Option<String> {
    match kind {
        "shell_call_output" => {
            let outputs = item.get("output").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            Some(outputs.iter().map(of_shell).collect::<Vec<_>>().join("\n"))
        }
        "apply_patch_call_output" => {
            let status = item.get("status").and_then(Value::as_str).unwrap_or("completed");
            let output = item.get("output").and_then(Value::as_str).unwrap_or_default();
            Some(format!("{status}\n{output}").trim_end().to_owned())
        }
        _ => None,
    }
}

fn of_shell(output: &Value) -> String {
    let mut lines = Vec::new();
    match (output["outcome"]["type"].as_str(), &output["outcome"]["exit_code"]) {
        (Some("timeout"), _) => lines.push("the command ran out of time".to_owned()),
        (_, Value::Number(code)) => lines.push(format!("exit code {code}")),
        _ => {}
    }
    for name in ["stdout", "stderr"] {
        let text = output[name].as_str().unwrap_or_default();
        if !text.is_empty() {
            lines.push(format!("{name}:\n{}", text.trim_end()));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_go_there_and_back() {
        for (name, arguments, field, value) in [
            (
                "shell",
                json!({"commands": ["ls"], "timeout_ms": 5}),
                "action",
                json!({"commands": ["ls"], "timeout_ms": 5, "max_output_length": null}),
            ),
            (
                "local_shell",
                json!({"command": ["ls"]}),
                "action",
                json!({"type": "exec", "command": ["ls"], "env": {}, "timeout_ms": null, "working_directory": null}),
            ),
            (
                "apply_patch",
                json!({"type": "create_file", "path": "a", "diff": "+x"}),
                "operation",
                json!({"type": "create_file", "path": "a", "diff": "+x"}),
            ),
        ] {
            let tool = Native::named(name).unwrap();
            let item = tool.item("i", &json!("c1"), &arguments.to_string()).unwrap();
            assert_eq!((&item[field], &item["call_id"]), (&value, &json!("c1")));
            let (again, sent) = called(item["type"].as_str().unwrap(), item.as_object().unwrap()).unwrap();
            assert_eq!(again, tool);
            assert_eq!(tool.item("i", &json!("c1"), &sent).unwrap(), item, "{name}");
            assert_eq!(tool.function()["name"], name);
        }
    }

    #[test]
    fn arguments_that_do_not_fit_are_no_item() {
        for (tool, arguments) in [
            (Native::Shell, "{\"commands\":[1]}"),
            (Native::Shell, "ls"),
            (Native::LocalShell, "{}"),
            (Native::ApplyPatch, "{\"type\":\"create_file\",\"path\":\"a\"}"),
            (Native::ApplyPatch, "{\"type\":\"move_file\",\"path\":\"a\"}"),
            (Native::ApplyPatch, "{\"type\":\"delete_file\"}"),
        ] {
            assert_eq!(tool.item("i", &json!("c"), arguments), None, "{arguments}");
        }
        let one = Native::Shell.item("i", &json!("c"), "{\"command\":\"ls\"}").unwrap();
        assert_eq!(one["action"]["commands"], json!(["ls"]));
    }

    #[test]
    fn results_are_text_for_the_model() {
        let item = json!({"output": [
            {"stdout": "a\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
            {"stdout": "", "stderr": "b", "outcome": {"type": "timeout"}},
        ]});
        let text = result("shell_call_output", item.as_object().unwrap()).unwrap();
        assert_eq!(text, "exit code 0\nstdout:\na\nthe command ran out of time\nstderr:\nb");
        let item = json!({"status": "failed", "output": "no such file"});
        assert_eq!(result("apply_patch_call_output", item.as_object().unwrap()).unwrap(), "failed\nno such file");
    }

    #[test]
    fn a_container_of_openais_is_not_the_client() {
        let of = |tool: Value| Native::of(tool.as_object().unwrap());
        assert_eq!(of(json!({"type": "shell", "environment": {"type": "local"}})), Some(Native::Shell));
        assert_eq!(of(json!({"type": "shell", "environment": {"type": "container_auto"}})), None);
        assert_eq!(of(json!({"type": "function", "name": "shell"})), None);
    }
}
