//! From the input items of the Responses API to the messages of a conversation.

use super::{native, sealed, tools};
use crate::api::read::describe;
use crate::error::ApiError;
use crate::run::is_medium;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The messages that the items of the field `field` stand for; what of them has no place among messages is named in
/// `notes`.
pub(super) fn messages(input: Option<Value>, field: &str, notes: &mut Vec<String>) -> Result<Vec<Value>, ApiError> {
    match input {
        Some(Value::String(text)) => Ok(vec![json!({ "role": "user", "content": text })]),
        Some(Value::Array(items)) => {
            let mut reader = Reader { messages: Vec::with_capacity(items.len()), thought: Map::new(), notes };
            for (index, item) in items.into_iter().enumerate() {
                reader.take(item, &format!("{field}[{index}]"))?;
            }
            Ok(reader.messages)
        }
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(other) => {
            let words = format!("{field} is {}: give a string or an array of items", describe(&other));
            Err(ApiError::invalid(field, words))
        }
    }
}

/// Puts the results of calls right behind the message that called, where chat has them: items come in the order in which
/// things happened, so that a message of the user or a picture may stand between.
pub(super) fn settle(messages: Vec<Value>) -> Vec<Value> {
    let mut groups: Vec<Vec<Value>> = Vec::with_capacity(messages.len());
    // Names of calls may come again in a later turn: the latest one holds.
    let mut callers: HashMap<String, usize> = HashMap::new();
    for message in messages {
        if message["role"] == "tool" {
            let caller = message["tool_call_id"].as_str().and_then(|id| callers.get(id)).copied();
            if let Some(group) = caller.or_else(|| groups.len().checked_sub(1)).and_then(|at| groups.get_mut(at)) {
                group.push(message);
                continue;
            }
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            callers.extend(call["id"].as_str().map(|id| (id.to_owned(), groups.len())));
        }
        groups.push(vec![message]);
    }
    groups.into_iter().flatten().collect()
}

/// Who may say something. A result of a call is an item of its own; chat's way to write it is understood, too.
const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];

struct Reader<'a> {
    messages: Vec<Value>,
    /// Reasoning that belongs to the model's next message.
    thought: Map<String, Value>,
    notes: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn note(&mut self, words: String) {
        if !self.notes.contains(&words) {
            self.notes.push(words);
        }
    }

    fn take(&mut self, item: Value, at: &str) -> Result<(), ApiError> {
        let Value::Object(mut item) = item else {
            return Err(ApiError::invalid(at, format!("{at} is {}: give an object", describe(&item))));
        };
        let kind = item.get("type").and_then(Value::as_str).unwrap_or("message").to_owned();
        match kind.as_str() {
            "message" => {
                let role = item.remove("role").unwrap_or_default();
                if role.as_str().is_none_or(|role| !ROLES.contains(&role)) {
                    let path = format!("{at}.role");
                    let words = format!("{path} is not known: give system, developer, user or assistant");
                    return Err(ApiError::invalid(&path, words));
                }
                let content = content(item.remove("content"), at)?;
                if role == "assistant" {
                    self.of_model()["content"] = content;
                } else {
                    self.messages.push(json!({ "role": role, "content": content }));
                }
            }
            "function_call" | "custom_tool_call" => {
                let mut name = text(&item, "name", at)?;
                if let Some(namespace) = item.get("namespace").and_then(Value::as_str) {
                    name = tools::flat(namespace, &name);
                }
                let arguments = match kind.as_str() {
                    "function_call" => text(&item, "arguments", at)?,
                    _ => tools::arguments(&text(&item, "input", at)?),
                };
                self.call(&text(&item, "call_id", at)?, &name, &arguments);
            }
            "shell_call" | "local_shell_call" | "apply_patch_call" => {
                let id = item.get("call_id").or_else(|| item.get("id")).and_then(Value::as_str).unwrap_or_default();
                if let Some((tool, arguments)) = native::called(&kind, &item) {
                    self.call(id, tool.name(), &arguments);
                }
            }
            "shell_call_output" | "apply_patch_call_output" => {
                let said = native::result(&kind, &item).unwrap_or_default();
                self.output(&text(&item, "call_id", at)?, Some(said.into()), at)?;
            }
            "function_call_output" | "custom_tool_call_output" | "local_shell_call_output" => {
                let id = match item.get("call_id").or_else(|| item.get("id")) {
                    Some(Value::String(id)) => id.clone(),
                    _ => text(&item, "call_id", at)?,
                };
                self.output(&id, item.remove("output"), at)?;
            }
            "reasoning" => self.reasoning(&item),
            "item_reference" => {
                let id = text(&item, "id", at)?;
                let words = format!(
                    "{at} refers to `{}`, which is not remembered: responses are kept for an hour; send the item itself",
                    short(&id)
                );
                return Err(ApiError::invalid(at, words).with_code("item_not_found"));
            }
            other => {
                let words = format!(
                    "input items of type {} have no place in a conversation here: they were left out",
                    short(other)
                );
                self.note(words);
            }
        }
        Ok(())
    }

    /// The message of the model that what comes belongs to: a text and the calls after it are one.
    fn of_model(&mut self) -> &mut Value {
        let begun = self.messages.last().is_some_and(|last| {
            last["role"] == "assistant" && last["content"].is_null() && !last["tool_calls"].is_array()
        });
        if !begun {
            let mut message = json!({ "role": "assistant", "content": null });
            if let Some(fields) = message.as_object_mut() {
                fields.append(&mut self.thought);
            }
            self.messages.push(message);
        }
        let last = self.messages.len() - 1;
        &mut self.messages[last]
    }

    fn call(&mut self, id: &str, name: &str, arguments: &str) {
        let call = json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } });
        // Reasoning between two calls begins another message.
        let goes_on = self.thought.is_empty() && self.messages.last().is_some_and(|last| last["role"] == "assistant");
        if !goes_on {
            self.of_model();
        }
        let Some(message) = self.messages.last_mut().and_then(Value::as_object_mut) else { return };
        match message.get_mut("tool_calls").and_then(Value::as_array_mut) {
            Some(calls) => calls.push(call),
            None => _ = message.insert("tool_calls".into(), json!([call])),
        }
    }

    /// The result of a call. Chat has pictures and files in turns of the user only.
    fn output(&mut self, id: &str, output: Option<Value>, at: &str) -> Result<(), ApiError> {
        let output = match output {
            Some(Value::String(text)) => Value::String(text),
            Some(object @ Value::Object(_)) => Value::String(object.to_string()),
            other => content(other, at)?,
        };
        let Value::Array(parts) = output else {
            self.messages.push(json!({ "role": "tool", "tool_call_id": id, "content": output }));
            return Ok(());
        };
        let (texts, mut others): (Vec<Value>, Vec<Value>) = parts.into_iter().partition(|p| p["type"] == "text");
        let mut said = texts.iter().filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join("\n");
        if !others.is_empty() {
            said.push_str("\n(what it returned next to this text follows in the next message)");
            others.insert(0, json!({ "type": "text", "text": format!("Returned by the tool call {id}:") }));
        }
        self.messages.push(json!({ "role": "tool", "tool_call_id": id, "content": said.trim_start() }));
        if !others.is_empty() {
            self.messages.push(json!({ "role": "user", "content": others }));
        }
        Ok(())
    }

    /// What the model thought goes with its next message; what only the engine can read goes back to it.
    fn reasoning(&mut self, item: &Map<String, Value>) {
        let texts = |name: &str, kind: &str| -> String {
            let list = item.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let texts = list.iter().filter(|part| part["type"] == kind).filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        };
        let carried = item.get("encrypted_content").filter(|data| data.is_string());
        if let Some(mut fields) = carried.and_then(Value::as_str).and_then(sealed::open) {
            self.thought.append(&mut fields);
            return;
        }
        let mut said = texts("content", "reasoning_text");
        if said.is_empty() {
            said = texts("summary", "summary_text");
        }
        if !said.is_empty() {
            self.thought.insert(sealed::TEXT.into(), said.into());
        }
        if let Some(data) = carried {
            let detail = json!({ "type": "reasoning.encrypted", "data": data, "id": item.get("id") });
            self.thought.insert(sealed::DETAILS.into(), json!([detail]));
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

fn text(item: &Map<String, Value>, key: &str, at: &str) -> Result<String, ApiError> {
    item.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
        let path = format!("{at}.{key}");
        ApiError::invalid(&path, format!("{path} is missing: give a string"))
    })
}

fn content(content: Option<Value>, at: &str) -> Result<Value, ApiError> {
    let parts = match content {
        Some(Value::Array(parts)) => parts,
        Some(Value::String(text)) => return Ok(text.into()),
        other => {
            let path = format!("{at}.content");
            let given = other.as_ref().map_or("missing".to_owned(), describe);
            return Err(ApiError::invalid(&path, format!("{path} is {given}: give a string or an array of parts")));
        }
    };
    parts.into_iter().enumerate().map(|(index, part)| self::part(part, &format!("{at}.content[{index}]"))).collect()
}

/// A part as chat has it. A medium that is not known stays as it is: the engine may know it.
fn part(mut part: Value, at: &str) -> Result<Value, ApiError> {
    match part["type"].as_str() {
        Some("input_text" | "output_text" | "text" | "summary_text" | "reasoning_text") => {
            Ok(json!({ "type": "text", "text": part["text"].take() }))
        }
        Some("refusal") => Ok(json!({ "type": "text", "text": part["refusal"].take() })),
        Some("input_image") if part["image_url"].is_string() => {
            let mut image = json!({ "url": part["image_url"].take() });
            if part["detail"].is_string() {
                image["detail"] = part["detail"].take();
            }
            Ok(json!({ "type": "image_url", "image_url": image }))
        }
        Some("input_image") => {
            let path = format!("{at}.image_url");
            Err(ApiError::invalid(&path, format!("{path} is missing: give the address of the image, or its data")))
        }
        Some("input_audio") => Ok(json!({ "type": "input_audio", "input_audio": part["input_audio"].take() })),
        Some("input_file") => {
            let mut file = Map::new();
            for name in ["file_id", "file_data", "filename", "file_url"] {
                let value = part[name].take();
                if !value.is_null() {
                    file.insert(name.into(), value);
                }
            }
            Ok(json!({ "type": "file", "file": file }))
        }
        Some(kind) if is_medium(kind) => Ok(part),
        Some(kind) => {
            let path = format!("{at}.type");
            let words = format!(
                "{path} is `{}`, which is not known: use input_text, output_text, input_image, input_audio or input_file",
                short(kind)
            );
            Err(ApiError::invalid(&path, words))
        }
        None => {
            let words =
                format!("{at} has no type: give parts of type input_text, output_text, input_image or input_file");
            Err(ApiError::invalid(at, words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: Value) -> Result<(Vec<Value>, Vec<String>), ApiError> {
        let mut notes = Vec::new();
        messages(Some(input), "input", &mut notes).map(|messages| (messages, notes))
    }

    #[test]
    fn items_become_messages() {
        let input = json!([
            {"role": "user", "content": [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "data:,x", "detail": "low"}, {"type": "input_file", "filename": "a.pdf", "file_data": "data:,y"}]},
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "xyz"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I add."}]},
            {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "*** x"},
            {"type": "function_call", "call_id": "c3", "namespace": "agents", "name": "close", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "3"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "done"}, {"type": "input_image", "image_url": "data:,z"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "three", "annotations": []}]},
        ]);
        let (messages, notes) = read(input).unwrap();
        assert!(notes.is_empty());
        let of_user = &messages[0]["content"];
        assert_eq!(of_user[1], json!({"type": "image_url", "image_url": {"url": "data:,x", "detail": "low"}}));
        assert_eq!(of_user[2], json!({"type": "file", "file": {"file_data": "data:,y", "filename": "a.pdf"}}));
        // Reasoning, text and calls of one turn are one message.
        let of_model = &messages[1];
        assert_eq!(
            (&of_model["content"], &of_model["reasoning_content"]),
            (&json!([{"type": "text", "text": "I add."}]), &json!("hm"))
        );
        assert_eq!(of_model["reasoning_details"][0]["data"], "xyz");
        let names: Vec<&Value> =
            of_model["tool_calls"].as_array().unwrap().iter().map(|c| &c["function"]["name"]).collect();
        assert_eq!(names, ["add", "patch", "agents__close"]);
        assert_eq!(of_model["tool_calls"][1]["function"]["arguments"], "{\"input\":\"*** x\"}");
        assert_eq!(messages[2], json!({"role": "tool", "tool_call_id": "c1", "content": "3"}));
        assert!(messages[3]["content"].as_str().unwrap().starts_with("done"), "{}", messages[3]);
        assert_eq!(messages[4]["content"][1]["image_url"]["url"], "data:,z");
        assert_eq!(messages[5]["content"], json!([{"type": "text", "text": "three"}]));
        assert_eq!(messages.len(), 6);
    }

    #[test]
    fn results_follow_the_message_that_called() {
        let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "look", "arguments": "{}"});
        let picture = json!([{"type": "input_image", "image_url": "data:,z"}]);
        let output =
            |id: &str, output: &Value| json!({"type": "function_call_output", "call_id": id, "output": output});
        let (messages, _) = read(json!([
            call("c1"),
            call("c2"),
            {"role": "user", "content": "Hurry."},
            output("c1", &picture),
            output("c2", &json!("b")),
            call("c1"),
            output("c1", &json!("again")),
            output("gone", &json!("x")),
        ]))
        .unwrap();
        let settled = settle(messages.clone());
        let roles: Vec<&str> = settled.iter().filter_map(|message| message["role"].as_str()).collect();
        assert_eq!(roles, ["assistant", "tool", "tool", "user", "user", "assistant", "tool", "tool"]);
        let ids: Vec<&str> = settled.iter().filter_map(|message| message["tool_call_id"].as_str()).collect();
        assert_eq!(ids, ["c1", "c2", "c1", "gone"]);
        assert_eq!(settled[6]["content"], "again");
        assert_eq!(settle(settled.clone()), settled);
    }

    #[test]
    fn sealed_reasoning_is_opened() {
        let sealed = sealed::seal("so it is", &[json!({"data": "x"})]).unwrap();
        let reasoning = json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "short"}], "encrypted_content": sealed});
        let (messages, _) = read(json!([reasoning, {"role": "assistant", "content": "a"}])).unwrap();
        assert_eq!(
            (&messages[0]["reasoning_content"], &messages[0]["reasoning_details"]),
            (&json!("so it is"), &json!([{"data": "x"}]))
        );
    }

    #[test]
    fn two_messages_of_the_model_stay_two_and_what_has_no_place_is_named() {
        let (messages, notes) = read(json!([
            {"role": "assistant", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"type": "web_search_call", "id": "ws"},
            {"type": "compaction", "encrypted_content": "x"},
            {"role": "user", "content": [{"type": "video_url", "plot": 1}]},
        ]))
        .unwrap();
        assert_eq!(messages.len(), 3);
        assert_eq!(messages[2]["content"], json!([{"type": "video_url", "plot": 1}]));
        assert!(notes.len() == 2 && notes[0].contains("web_search_call"), "{notes:?}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (item, param) in [
            (json!(7), "input[0]"),
            (json!({"role": "", "content": "x"}), "input[0].role"),
            (json!({"role": "user"}), "input[0].content"),
            (json!({"role": "user", "content": [{"text": "x"}]}), "input[0].content[0]"),
            (json!({"role": "user", "content": [{"type": "input_image"}]}), "input[0].content[0].image_url"),
            (json!({"type": "function_call", "call_id": "c"}), "input[0].name"),
            (json!({"type": "custom_tool_call", "call_id": "c", "name": "n"}), "input[0].input"),
            (json!({"type": "item_reference", "id": "msg_1"}), "input[0]"),
        ] {
            let error = read(json!([item])).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param), "{item}");
        }
    }
}
