//! From the input items of the Responses API to the messages of a conversation.

use crate::api::read::describe;
use crate::error::ApiError;
use serde_json::{Map, Value, json};

/// The messages that `input` stands for.
pub(super) fn messages(input: Option<Value>) -> Result<Vec<Value>, ApiError> {
    match input {
        Some(Value::String(text)) => Ok(vec![json!({ "role": "user", "content": text })]),
        Some(Value::Array(items)) => {
            let mut messages = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                take(item, &format!("input[{index}]"), &mut messages)?;
            }
            Ok(messages)
        }
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(other) => {
            let words = format!("input is {}: give a string or an array of items", describe(&other));
            Err(ApiError::invalid("input", words))
        }
    }
}

fn take(item: Value, at: &str, messages: &mut Vec<Value>) -> Result<(), ApiError> {
    let Value::Object(mut item) = item else {
        return Err(ApiError::invalid(at, format!("{at} is {}: give an object", describe(&item))));
    };
    let kind = item.get("type").and_then(Value::as_str).unwrap_or("message").to_owned();
    match kind.as_str() {
        "message" => {
            let role = item.remove("role").unwrap_or_default();
            if role.as_str().is_none_or(str::is_empty) {
                let path = format!("{at}.role");
                let words = format!("{path} is not a word: give system, developer, user or assistant");
                return Err(ApiError::invalid(&path, words));
            }
            let content = content(item.remove("content"), at)?;
            messages.push(json!({ "role": role, "content": content }));
        }
        "function_call" => {
            let call = json!({
                "id": text(&item, "call_id", at)?,
                "type": "function",
                "function": { "name": text(&item, "name", at)?, "arguments": text(&item, "arguments", at)? },
            });
            // Calls that follow each other are one message of the chat API.
            let calls = messages.last_mut().and_then(|last| last.get_mut("tool_calls")).and_then(Value::as_array_mut);
            match calls {
                Some(calls) => calls.push(call),
                None => messages.push(json!({ "role": "assistant", "content": null, "tool_calls": [call] })),
            }
        }
        "function_call_output" => {
            let output = match item.remove("output") {
                Some(Value::String(text)) => Value::String(text),
                other => content(other, at)?,
            };
            let id = text(&item, "call_id", at)?;
            messages.push(json!({ "role": "tool", "tool_call_id": id, "content": output }));
        }
        // What a model thought before is not told to it again.
        "reasoning" => {}
        other => {
            let words = format!(
                "{at}.type is {}, which is not supported: use message, function_call, function_call_output or \
                 reasoning",
                other.chars().take(64).collect::<String>()
            );
            return Err(ApiError::invalid(&format!("{at}.type"), words));
        }
    }
    Ok(())
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

fn part(mut part: Value, at: &str) -> Result<Value, ApiError> {
    match part["type"].as_str() {
        Some("input_text" | "output_text" | "text") => Ok(json!({ "type": "text", "text": part["text"].take() })),
        Some("refusal") => Ok(json!({ "type": "text", "text": part["refusal"].take() })),
        Some("input_image") if part["image_url"].is_string() => {
            let mut image = json!({ "url": part["image_url"].take() });
            if part["detail"].is_string() {
                image["detail"] = part["detail"].take();
            }
            Ok(json!({ "type": "image_url", "image_url": image }))
        }
        Some("input_audio") => Ok(json!({ "type": "input_audio", "input_audio": part["input_audio"].take() })),
        _ => {
            let words =
                format!("{at} is not supported: use parts of type input_text, output_text or input_image with a url");
            Err(ApiError::invalid(at, words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_become_messages() {
        let input = json!([
            {"role": "user", "content": [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "data:,x", "detail": "low"}]},
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "add", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "3"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "three", "annotations": []}]},
        ]);
        let messages = messages(Some(input)).unwrap();
        assert_eq!(messages.len(), 4);
        assert_eq!(
            messages[0]["content"][1],
            json!({"type": "image_url", "image_url": {"url": "data:,x", "detail": "low"}})
        );
        assert_eq!(messages[1]["tool_calls"].as_array().unwrap().len(), 2);
        assert_eq!(messages[2], json!({"role": "tool", "tool_call_id": "c1", "content": "3"}));
        assert_eq!(messages[3]["content"], json!([{"type": "text", "text": "three"}]));
        let error = super::messages(Some(json!([{"type": "web_search_call"}]))).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("input[0].type"));
    }
}
