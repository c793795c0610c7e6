//! The fields of a delta or a message: text, reasoning, tool calls, and what is passed on as it is.

use super::calls;
use outthink_core::UsageRead;
use serde_json::{Map, Value};

/// Names of reasoning. They mean the same: where a server gives several, the first that holds text is read.
const REASONING: [&str; 6] = ["reasoning_content", "reasoning", "thinking", "thought", "thoughts", "reasoning_text"];
/// Names that some servers have for the content.
const TEXT: [&str; 3] = ["text", "output_text", "generated_text"];
/// Fields that hold reasoning in parts with signatures. They are passed on whole, and read where no field with
/// one of the names above has the same text.
const DETAILS: [&str; 3] = ["reasoning_details", "thinking_blocks", "reasoning_blocks"];
/// Where parts of content go that are neither text nor reasoning and have no field of their own.
const PARTS: &str = "content_parts";

/// What a delta or a message says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    pub(super) content: String,
    pub(super) reasoning: String,
    /// Entries of tool calls as the server wrote them.
    pub(super) calls: Vec<Value>,
    /// What else there is.
    pub(super) extra: Map<String, Value>,
}

/// Reads the fields. `named` says whether reasoning came under a name of its own before, and is set where it does.
pub(super) fn read(mut fields: Map<String, Value>, named: &mut bool) -> Said {
    let mut said = Said::default();
    fields.shift_remove("role");
    // The two that nearly all have, without a walk over the rest.
    match fields.shift_remove("content") {
        Some(Value::String(text)) => said.content = text,
        Some(content) => part(content, &mut said, 0),
        None => {}
    }
    if said.content.is_empty()
        && let Some(name) = TEXT.into_iter().find(|name| fields.get(*name).is_some_and(Value::is_string))
        && let Some(Value::String(text)) = fields.shift_remove(name)
    {
        said.content = text;
    }
    if fields.is_empty() {
        return said;
    }
    let (tools, legacy) = (fields.shift_remove("tool_calls"), fields.shift_remove("function_call"));
    said.calls.extend(calls::entries(tools, legacy));
    let before = !said.reasoning.is_empty();
    for name in REASONING {
        let Some(value) = fields.get(name) else { continue };
        let text = text_of(value);
        let plain =
            value.is_string() || value.as_object().is_some_and(|o| o.values().all(Value::is_string) && o.len() == 1);
        if text.is_empty() {
            continue;
        }
        if plain {
            fields.shift_remove(name);
        }
        if said.reasoning.is_empty() {
            said.reasoning = text;
        }
    }
    *named |= !before && !said.reasoning.is_empty();
    if !*named && said.reasoning.is_empty() {
        said.reasoning = DETAILS
            .iter()
            .filter_map(|name| fields.get(*name))
            .map(text_of)
            .find(|t| !t.is_empty())
            .unwrap_or_default();
    }
    for (name, value) in fields {
        let is_counts = || value.is_object() && UsageRead::of(&value).is_some_and(|read| read.is_known());
        if !is_blank(&value) && !is_counts() {
            keep(&mut said.extra, &name, value);
        }
    }
    said
}

/// Whether a value says nothing.
pub(super) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Adds to a field; lists and texts are joined.
fn keep(extra: &mut Map<String, Value>, name: &str, value: Value) {
    match (extra.get_mut(name), value) {
        (Some(Value::Array(have)), Value::Array(more)) => have.extend(more),
        (Some(Value::String(have)), Value::String(more)) => have.push_str(&more),
        (Some(_), _) => {}
        (None, value) => {
            extra.insert(name.to_owned(), value);
        }
    }
}

/// Takes in content that is no plain text: a list of parts, lists within it, one part, a number.
fn part(value: Value, said: &mut Said, depth: usize) {
    let mut part_of = match value {
        Value::String(text) => return said.content.push_str(&text),
        Value::Number(number) => return said.content.push_str(&number.to_string()),
        Value::Array(parts) if depth < 8 => return parts.into_iter().for_each(|value| part(value, said, depth + 1)),
        Value::Null | Value::Bool(_) | Value::Array(_) => return,
        Value::Object(fields) => fields,
    };
    let kind = part_of.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_thought = part_of.get("thought") == Some(&Value::Bool(true));
    match kind.as_str() {
        "thinking" | "reasoning" | "thought" | "reasoning_text" | "summary_text" | "redacted_thinking" => {
            said.reasoning.push_str(&text_of(&Value::Object(part_of.clone())));
            // Signatures and what is encrypted must come back to the server as they are.
            let known = ["type", "thinking", "reasoning", "text", "content", "summary", "closed"];
            if part_of.iter().any(|(name, value)| !known.contains(&name.as_str()) && !is_blank(value)) {
                keep(&mut said.extra, DETAILS[1], Value::Array(vec![part_of.into()]));
            }
        }
        _ if is_thought => said.reasoning.push_str(&text_of(&Value::Object(part_of))),
        "refusal" => keep(&mut said.extra, "refusal", text_of(&part_of.remove("refusal").unwrap_or_default()).into()),
        "image_url" | "image" | "output_image" => keep(&mut said.extra, "images", Value::Array(vec![part_of.into()])),
        "tool_use" | "tool_call" | "function_call" => said.calls.push(part_of.into()),
        "" | "text" | "output_text" | "input_text" if part_of.contains_key("text") => {
            said.content.push_str(&text_of(&part_of.remove("text").unwrap_or_default()));
            if let Some(notes) = part_of.remove("annotations").filter(|notes| !is_blank(notes)) {
                keep(&mut said.extra, "annotations", notes);
            }
        }
        _ => keep(&mut said.extra, PARTS, Value::Array(vec![part_of.into()])),
    }
}

/// The text of a value: a string, the strings of a list, or what an object has under one of the usual names.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text_of).collect(),
        Value::Object(map) => {
            let names = ["text", "thinking", "content", "reasoning", "reasoning_content", "summary", "value"];
            let texts = names.iter().filter_map(|name| map.get(*name)).map(text_of);
            texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn said(fields: &Value) -> Said {
        read(fields.as_object().unwrap().clone(), &mut false)
    }

    fn kept(fields: &Value) -> Value {
        Value::Object(said(fields).extra)
    }

    #[test]
    fn content_in_any_form_is_text_and_reasoning() {
        let cite = json!([{"url": "x"}]);
        for (content, text, reasoning, extra) in [
            (json!("a"), "a", "", json!({})),
            (json!(null), "", "", json!({})),
            (json!(42), "42", "", json!({})),
            (json!([{"type": "text", "text": "a"}, "b", {"text": "c"}]), "abc", "", json!({})),
            (json!({"type": "text", "text": "a"}), "a", "", json!({})),
            (json!([{"type": "text", "text": {"value": "a", "annotations": []}}]), "a", "", json!({})),
            (
                json!([{"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]},
                {"type": "text", "text": "a"}]),
                "a",
                "hm",
                json!({}),
            ),
            (json!([{"text": "hm", "thought": true}, {"text": "a"}]), "a", "hm", json!({})),
            (
                json!([{"type": "thinking", "thinking": "hm", "signature": "s"}]),
                "",
                "hm",
                json!({"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]}),
            ),
            (
                json!([{"type": "redacted_thinking", "data": "xx"}]),
                "",
                "",
                json!({"thinking_blocks": [{"type": "redacted_thinking", "data": "xx"}]}),
            ),
            (json!([{"type": "output_text", "text": "a", "annotations": cite}]), "a", "", json!({"annotations": cite})),
            (json!([{"type": "refusal", "refusal": "no"}]), "", "", json!({"refusal": "no"})),
            (
                json!([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:"}}]),
                "a",
                "",
                json!({"images": [{"type": "image_url", "image_url": {"url": "data:"}}]}),
            ),
            (
                json!([{"type": "reference", "reference_ids": [1]}]),
                "",
                "",
                json!({"content_parts": [{"type": "reference", "reference_ids": [1]}]}),
            ),
        ] {
            let said = said(&json!({"role": "assistant", "content": content}));
            assert_eq!((said.content.as_str(), said.reasoning.as_str()), (text, reasoning), "{content}");
            assert_eq!(Value::Object(said.extra), extra, "{content}");
        }
    }

    #[test]
    fn reasoning_has_many_names_and_is_read_once() {
        for fields in [
            json!({"reasoning_content": "hm"}),
            json!({"reasoning": "hm"}),
            json!({"reasoning": "hm", "reasoning_content": "hm"}),
            json!({"reasoning": {"content": "hm"}}),
            json!({"reasoning": {"text": "hm"}}),
            json!({"thinking": "hm"}),
            json!({"content": [{"type": "thinking", "thinking": "hm"}], "reasoning_content": "hm"}),
        ] {
            let said = said(&fields);
            assert_eq!((said.reasoning.as_str(), said.extra.len()), ("hm", 0), "{fields}");
        }
        let details = json!([{"type": "reasoning.text", "text": "hm", "signature": "s"}, {"type": "reasoning.encrypted", "data": "xx"}]);
        let blocks = json!([{"type": "thinking", "thinking": "hm", "signature": "s"}]);
        for fields in [
            json!({"reasoning_details": details}),
            json!({"reasoning": "hm", "reasoning_details": details}),
            json!({"reasoning_content": "hm", "reasoning_details": details, "thinking_blocks": blocks}),
            json!({"thinking_blocks": blocks}),
        ] {
            assert_eq!(said(&fields).reasoning, "hm", "{fields}");
            assert_eq!(
                kept(&fields).as_object().unwrap().keys().filter(|k| DETAILS.contains(&k.as_str())).count(),
                fields.as_object().unwrap().keys().filter(|k| DETAILS.contains(&k.as_str())).count()
            );
        }
        // Blocks at the end of a stream repeat what came in pieces.
        let mut named = false;
        read(json!({"reasoning": "hm"}).as_object().unwrap().clone(), &mut named);
        let last = read(json!({"thinking_blocks": blocks}).as_object().unwrap().clone(), &mut named);
        assert_eq!((last.reasoning.as_str(), last.extra.len()), ("", 1));
    }

    #[test]
    fn other_fields_are_kept_and_empty_ones_are_not() {
        let fields = json!({"content": "", "refusal": null, "audio": {"id": "au", "data": "QUJD"}, "annotations": [],
            "tool_calls": [], "function_call": null, "name": "", "images": [{"x": u64::MAX}], "n": 0});
        assert_eq!(kept(&fields), json!({"audio": {"id": "au", "data": "QUJD"}, "images": [{"x": u64::MAX}], "n": 0}));
        let calls = said(&json!({"function_call": {"name": "f", "arguments": "{}"}})).calls;
        assert_eq!(calls[0]["function"]["name"], "f");
    }

    proptest! {
        #[test]
        fn no_fields_make_it_panic(content in "[\\[{\"a:,}\\]0]{0,24}", name in 0usize..6) {
            let value: Value = serde_json::from_str(&content).unwrap_or(Value::String(content));
            let name = ["content", "reasoning", "thinking_blocks", "tool_calls", "function_call", "x"][name];
            said(&serde_json::json!({name: value}));
        }
    }
}
