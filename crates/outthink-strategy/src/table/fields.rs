//! What the pieces of a streamed message come to in one that was not streamed.

use crate::tool_calls;
use outthink_core::{LOGPROBS, Sample};
use serde_json::{Map, Value};

/// Takes in the fields of a piece beside its text. Log-probabilities are kept elsewhere.
pub(super) fn merge_delta(sample: &mut Sample, extra: &Map<String, Value>) {
    for (key, value) in extra {
        match key.as_str() {
            "tool_calls" => tool_calls::merge(&mut sample.tool_calls, value),
            LOGPROBS => {}
            _ => match sample.extra.get_mut(key) {
                Some(so_far) => merge(key, so_far, value),
                None => {
                    sample.extra.insert(key.clone(), value.clone());
                }
            },
        }
    }
}

/// Texts are joined, but for those that name something; objects meet by key and the entries of lists by
/// `index`; of anything else the last one holds.
fn merge(key: &str, so_far: &mut Value, more: &Value) {
    match (so_far, more) {
        (_, Value::Null) => {}
        (Value::String(text), Value::String(more)) => {
            if is_name(key) {
                text.clone_from(more);
            } else {
                text.push_str(more);
            }
        }
        (Value::Object(have), Value::Object(more)) => {
            for (key, value) in more {
                match have.get_mut(key) {
                    Some(so_far) => merge(key, so_far, value),
                    None => {
                        have.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(have), Value::Array(more)) => {
            for entry in more {
                let index = entry.get("index").filter(|i| i.is_number());
                let twin = index.and_then(|i| have.iter_mut().find(|h| h.get("index") == Some(i)));
                match twin {
                    Some(so_far) => merge(key, so_far, entry),
                    None => have.push(entry.clone()),
                }
            }
        }
        (so_far, more) => *so_far = more.clone(),
    }
}

/// Whether a field names something, so that its texts are not pieces of one.
fn is_name(key: &str) -> bool {
    matches!(key, "id" | "type" | "role" | "name" | "format" | "status" | "object" | "model")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(pieces: &[Value]) -> Value {
        let mut sample = Sample::default();
        for piece in pieces {
            merge_delta(&mut sample, piece.as_object().unwrap());
        }
        Value::Object(sample.extra)
    }

    #[test]
    fn pieces_of_sound_and_refusals_are_joined() {
        let pieces = [
            json!({"audio": {"id": "a", "transcript": "The answer "}, "refusal": "I "}),
            json!({"audio": {"id": "a", "data": "QUJD"}}),
            json!({"audio": {"id": "a", "transcript": "is 42", "expires_at": 9}, "refusal": "cannot"}),
        ];
        let whole = json!({
            "audio": {"id": "a", "transcript": "The answer is 42", "data": "QUJD", "expires_at": 9},
            "refusal": "I cannot",
        });
        assert_eq!(merged(&pieces), whole);
    }

    #[test]
    fn entries_of_lists_meet_by_index_and_others_follow_each_other() {
        let pieces = [
            json!({"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "so "}], "annotations": [1]}),
            json!({"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "it is"}], "annotations": [2]}),
            json!({"reasoning_details": [{"index": 1, "type": "reasoning.encrypted", "data": "x"}], "odd": null}),
        ];
        let whole = json!({
            "reasoning_details": [
                {"index": 0, "type": "reasoning.text", "text": "so it is"},
                {"index": 1, "type": "reasoning.encrypted", "data": "x"},
            ],
            "annotations": [1, 2],
            "odd": null,
        });
        assert_eq!(merged(&pieces), whole);
    }
}
