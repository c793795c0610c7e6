//! Canonical JSON, and the answers that come as JSON.

use outthink_core::{Answer, AnswerKind};
use serde_json::{Map, Number, Value};
use std::fmt::Write;

/// Deeper values are written as `null`; the parser of `serde_json` stops at 128 by itself.
const MAX_DEPTH: usize = 128;
/// Code fences that are looked at, from the last one on.
const MAX_FENCES: usize = 16;

/// The canonical JSON of a reply that is wholly a JSON object or array, in a code fence or not.
///
/// Keys are sorted, white space is dropped and numbers are normalised, so that equal values have
/// equal texts.
///
/// ```
/// let answer = outthink_verify::find_json_answer("```json\n{\"b\": 1.0, \"a\": [2]}\n```");
/// assert_eq!(answer.expect("it is an object").text, r#"{"a":[2],"b":1}"#);
/// ```
pub fn find_json_answer(text: &str) -> Option<Answer> {
    let value = whole_json(text)?;
    Some(Answer { text: canonical_json(&value), kind: AnswerKind::Json })
}

/// The canonical form of a message's `tool_calls` array: an array of name and arguments, in order.
///
/// The ids of the calls are left out; arguments are read as JSON where they are JSON. An empty
/// array, or a value that is no array of calls, has no answer.
pub fn find_tool_call_answer(tool_calls: &Value) -> Option<Answer> {
    let calls = tool_calls.as_array().filter(|calls| !calls.is_empty())?;
    let mut text = String::from("[");
    for (index, call) in calls.iter().enumerate() {
        let function = call.get("function").or_else(|| call.get("custom"))?;
        let name = function.get("name")?.as_str()?;
        let arguments = function.get("arguments").or_else(|| function.get("input")).unwrap_or(&Value::Null);
        let arguments = match arguments {
            Value::String(raw) if raw.trim().is_empty() => Value::Object(serde_json::Map::new()),
            Value::String(raw) => serde_json::from_str(raw).unwrap_or_else(|_| Value::String(raw.clone())),
            other => other.clone(),
        };
        if index > 0 {
            text.push(',');
        }
        text.push_str("{\"name\":");
        write_string(name, &mut text);
        text.push_str(",\"arguments\":");
        write_value(&arguments, 0, &mut text);
        text.push('}');
    }
    text.push(']');
    Some(Answer { text, kind: AnswerKind::ToolCall })
}

/// The JSON object that a text begins with.
fn leading_json(text: &str) -> Option<Value> {
    let text = text.trim_start();
    text.starts_with('{').then(|| first_value(text)).flatten().map(|found| found.0)
}

/// The value that a text begins with, and what follows it.
fn first_value(text: &str) -> Option<(Value, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    Some((value, text.get(values.byte_offset()..)?))
}

/// The JSON of the last code fence, closed or not. A fence within one of its strings does not end it.
fn fenced_json(text: &str) -> Option<Value> {
    // Bounded, since each fence may begin one.
    text.rmatch_indices("```").take(MAX_FENCES).find_map(|(at, fence)| {
        let inside = text.get(at + fence.len()..)?.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).trim_start();
        let (value, rest) = inside.starts_with(['{', '[']).then(|| first_value(inside)).flatten()?;
        let rest = rest.trim_start();
        (rest.is_empty() || rest.starts_with("```")).then_some(value)
    })
}

/// Keys of an answer, those first that outweigh the others.
const KEYS: &[&[&str]] = &[
    &["answer", "finalanswer", "answerletter", "answerchoice", "correctanswer", "finalresult"],
    &["result", "solution", "choice", "option", "letter", "selectedoption", "correctoption", "selected", "selection"],
];
/// Keys of the value within an answer.
const INNER: &[&str] = &["value", "answer", "finalanswer", "text", "result", "number", "choice", "letter", "option"];
/// Objects within each other that are looked into.
const MOST_INNER: usize = 4;

/// The answer field of a reply that is a JSON object, begins with one, is one a line or holds one in its last code
/// fence.
pub(crate) fn answer_field(text: &str) -> Option<String> {
    let value = whole_json(text)
        .or_else(|| fenced_json(text))
        .or_else(|| last_line_json(text))
        .or_else(|| leading_json(text))?;
    field(&value)
}

/// The answer that a value is with which a text begins: its answer field, or the value that it wraps.
pub(crate) fn answer_value(text: &str) -> Option<String> {
    let value = leading_json(text)?;
    field(&value).or_else(|| inner(&value, MOST_INNER))
}

/// The value behind a key of a list, whatever its case and its joints.
fn named<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    let plain =
        |key: &str| key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    object.iter().rfind(|(key, _)| names.contains(&plain(key).as_str())).map(|found| found.1)
}

fn field(value: &Value) -> Option<String> {
    let object = value.as_object()?;
    inner(KEYS.iter().find_map(|names| named(object, names))?, MOST_INNER)
}

/// A value as the text of an answer.
fn inner(value: &Value, depth: usize) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let text = |item: &Value| item.as_str().map_or_else(|| canonical_json(item), str::to_owned);
            Some(items.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        Value::Object(object) if depth > 0 => {
            // A value with its unit is both.
            let unit = named(object, &["unit", "units"]).and_then(Value::as_str).unwrap_or_default();
            match named(object, INNER) {
                Some(value) => inner(value, depth - 1).map(|text| format!("{text} {unit}").trim_end().to_owned()),
                None => Some(canonical_json(value)),
            }
        }
        other => Some(canonical_json(other)),
    }
}

/// The object of the last line of a text whose lines are objects.
fn last_line_json(text: &str) -> Option<Value> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let last = lines.next_back()?;
    let is_object = |line: &str| line.starts_with('{') && line.ends_with('}');
    (is_object(last) && lines.next_back().is_some_and(is_object)).then(|| serde_json::from_str(last).ok()).flatten()
}

/// The object or array that the whole text is, once its code fence is off.
fn whole_json(text: &str) -> Option<Value> {
    let text = strip_fence(text.trim());
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// The JSON that the whole text is, or else that of its last code fence.
pub(crate) fn last_json(text: &str) -> Option<Value> {
    let text = crate::find::reply(text).trim();
    serde_json::from_str(text).ok().or_else(|| fenced_json(text))
}

fn strip_fence(text: &str) -> &str {
    let Some(inner) = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) else {
        return text;
    };
    let inner = inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    inner.trim()
}

/// JSON with sorted keys, no white space and normalised numbers.
pub(crate) fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, 0, &mut out);
    out
}

fn write_value(value: &Value, depth: usize, out: &mut String) {
    if depth > MAX_DEPTH {
        out.push_str("null");
        return;
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, depth + 1, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write_value(item, depth + 1, out);
            }
            out.push('}');
        }
    }
}

/// Integers as they are; floats that are whole numbers as integers.
fn write_number(number: &Number, out: &mut String) {
    let float = number.as_f64().unwrap_or(f64::NAN);
    let written = if number.is_f64() && float.fract() == 0.0 && float.abs() < 9.0e15 {
        write!(out, "{}", float as i64)
    } else {
        write!(out, "{number}")
    };
    debug_assert!(written.is_ok(), "writing to a string does not fail");
}

fn write_string(text: &str, out: &mut String) {
    out.push_str(&Value::String(text.to_owned()).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn key_order_space_and_number_spelling_do_not_matter() {
        let a = find_json_answer("{\"x\": 1.0, \"y\": {\"b\": 2, \"a\": -0.0}}").unwrap();
        let b = find_json_answer("```\n{\"y\":{\"a\":0,\"b\":2},\"x\":1}\n```").unwrap();
        assert_eq!(a, b);
        assert_eq!(find_json_answer("42"), None);
        assert_eq!(find_json_answer("Here: {\"x\": 1}"), None);
        assert_eq!(find_json_answer("{\"x\": 1"), None);
    }

    #[test]
    fn tool_calls_ignore_ids() {
        let a = json!([{"id": "call_1", "type": "function",
            "function": {"name": "get", "arguments": "{\"city\": \"Rome\", \"days\": 2.0}"}}]);
        let b = json!([{"id": "call_9", "type": "function",
            "function": {"name": "get", "arguments": "{\"days\":2,\"city\":\"Rome\"}"}}]);
        let c = json!([{"id": "call_9", "function": {"name": "get", "arguments": "not json"}}]);
        assert_eq!(find_tool_call_answer(&a), find_tool_call_answer(&b));
        assert_ne!(find_tool_call_answer(&a), find_tool_call_answer(&c));
        assert_eq!(find_tool_call_answer(&json!([])), None);
        assert_eq!(find_tool_call_answer(&json!({"a": 1})), None);
    }

    #[test]
    fn the_answer_field_is_found() {
        assert_eq!(answer_field("{\"answer\": 42}").as_deref(), Some("42"));
        assert_eq!(answer_field("{\"Answer\": \"x\"}").as_deref(), Some("x"));
        assert_eq!(answer_field("{\"answer\": null}"), None);
        assert_eq!(answer_field("{\"other\": 1}"), None);
        assert_eq!(answer_field("So:\n```json\n{\"answer\": 42, \"n\": 3}\n```\nDone.").as_deref(), Some("42"));
        assert_eq!(answer_field("{\"result\": \"x\"} in 3 steps").as_deref(), Some("x"));
        assert_eq!(last_json("```\n{\"s\": \"```\"}\n```").map(|v| v["s"].clone()), Some(json!("```")));
        assert_eq!(last_json("\u{feff}<think>{}</think>```json\n[1]"), Some(json!([1])));
    }
}
