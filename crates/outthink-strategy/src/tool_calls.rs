//! Puts streamed pieces of tool calls together.

use serde_json::{Map, Value};

/// Merges a delta's `tool_calls` into what was received so far: entries meet by `index`, the
/// strings of `function.arguments` are joined, other fields are set once.
pub(crate) fn merge(so_far: &mut Option<Value>, delta: &Value) {
    let Some(pieces) = delta.as_array() else { return };
    let calls = so_far.get_or_insert_with(|| Value::Array(Vec::new()));
    let Some(calls) = calls.as_array_mut() else { return };
    for (position, piece) in pieces.iter().enumerate() {
        let index = piece["index"].as_u64().map_or(position, |i| i as usize);
        // A far index from a broken upstream must not make us allocate.
        if index > calls.len() {
            continue;
        }
        if index == calls.len() {
            calls.push(Value::Object(Map::new()));
        }
        if let (Some(call), Some(piece)) = (calls[index].as_object_mut(), piece.as_object()) {
            merge_call(call, piece);
        }
    }
}

fn merge_call(call: &mut Map<String, Value>, piece: &Map<String, Value>) {
    for (key, value) in piece {
        match (key.as_str(), value) {
            ("index", _) | (_, Value::Null) => {}
            ("function", Value::Object(function)) => {
                let target = call.entry("function").or_insert_with(|| Value::Object(Map::new()));
                if let Some(target) = target.as_object_mut() {
                    merge_function(target, function);
                }
            }
            _ => {
                call.entry(key).or_insert_with(|| value.clone());
            }
        }
    }
}

fn merge_function(target: &mut Map<String, Value>, function: &Map<String, Value>) {
    for (key, value) in function {
        match (target.get_mut(key), value) {
            (Some(Value::String(have)), Value::String(more)) if key == "arguments" => have.push_str(more),
            (_, Value::Null) | (Some(_), _) => {}
            (None, _) => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pieces_become_whole_calls() {
        let mut calls = None;
        merge(
            &mut calls,
            &json!([{"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": ""}}]),
        );
        merge(&mut calls, &json!([{"index": 0, "function": {"arguments": "{\"a\":"}}]));
        merge(&mut calls, &json!([{"index": 0, "function": {"arguments": "1}"}}]));
        assert_eq!(
            calls.unwrap(),
            json!([{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}}])
        );
    }

    #[test]
    fn a_far_index_is_passed_over() {
        let mut calls = None;
        merge(&mut calls, &json!([{"index": 4_000_000_000u64, "id": "x"}]));
        assert_eq!(calls.unwrap(), json!([]));
    }
}
