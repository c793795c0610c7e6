//! The shape of the Messages API: <https://platform.claude.com/docs/en/build-with-claude/streaming>.

use super::Turn;
use crate::server::Step;
use serde_json::{Value, json};

pub(super) fn model(id: &str) -> Value {
    let yes = json!({ "supported": true });
    json!({
        "type": "model", "id": id, "display_name": id, "created_at": "2026-02-01T00:00:00Z",
        "max_input_tokens": 200_000, "max_tokens": 64_000,
        "capabilities": {
            "thinking": { "supported": true, "types": { "adaptive": yes, "enabled": yes } },
            "effort": { "supported": true, "low": yes, "medium": yes, "high": yes, "max": yes },
            "structured_outputs": yes,
        },
    })
}

pub(super) fn error(kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_testkit" })
}

fn reason(turn: &Turn) -> String {
    let word = match (&turn.stop, &turn.stop_text) {
        (Some(word), _) => word,
        (None, Some(_)) => "stop_sequence",
        (None, None) if turn.calls.is_empty() => "end_turn",
        (None, None) => "tool_use",
    };
    word.to_owned()
}

fn usage(turn: &Turn, generated: u64) -> Value {
    let counts = &turn.counts;
    json!({
        "input_tokens": counts.fresh,
        "cache_read_input_tokens": counts.cached,
        "cache_creation_input_tokens": counts.written,
        "output_tokens": generated,
    })
}

/// The blocks as they begin, and the pieces that follow each.
fn blocks(turn: &Turn) -> Vec<(Value, Vec<Value>)> {
    let mut blocks = Vec::new();
    if let Some((text, signature)) = &turn.thinking {
        let mut pieces: Vec<Value> =
            text.split_inclusive(' ').map(|word| json!({ "type": "thinking_delta", "thinking": word })).collect();
        pieces.push(json!({ "type": "signature_delta", "signature": signature }));
        blocks.push((json!({ "type": "thinking", "thinking": "", "signature": "" }), pieces));
    }
    if let Some(data) = &turn.sealed {
        blocks.push((json!({ "type": "redacted_thinking", "data": data }), Vec::new()));
    }
    if !turn.text.is_empty() {
        let pieces = turn.words().map(|word| json!({ "type": "text_delta", "text": word })).collect();
        blocks.push((json!({ "type": "text", "text": "" }), pieces));
    }
    for (id, name, arguments) in &turn.calls {
        let text = arguments.to_string();
        let half = (0..=text.len() / 2).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let parts = ["", &text[..half], &text[half..]];
        let pieces = parts.map(|part| json!({ "type": "input_json_delta", "partial_json": part })).to_vec();
        blocks.push((json!({ "type": "tool_use", "id": id, "name": name, "input": {} }), pieces));
    }
    blocks
}

pub(super) fn events(turn: &Turn) -> Vec<Step> {
    let event = |name: &str, mut data: Value| {
        data["type"] = name.into();
        Step::named(name, &data)
    };
    let begun = json!({
        "id": "msg_testkit", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage(turn, 1),
    });
    let mut steps = vec![event("message_start", json!({ "message": begun })), event("ping", json!({}))];
    for (index, (block, pieces)) in blocks(turn).into_iter().enumerate() {
        steps.push(event("content_block_start", json!({ "index": index, "content_block": block })));
        for piece in pieces {
            if !turn.pace.is_zero() {
                steps.push(Step::Pause(turn.pace));
            }
            steps.push(event("content_block_delta", json!({ "index": index, "delta": piece })));
        }
        steps.push(event("content_block_stop", json!({ "index": index })));
    }
    let mut usage = json!({ "output_tokens": turn.counts.generated });
    if turn.counts.reasoning > 0 {
        usage["output_tokens_details"] = json!({ "thinking_tokens": turn.counts.reasoning });
    }
    let delta = json!({ "stop_reason": reason(turn), "stop_sequence": turn.stop_text });
    steps.push(event("message_delta", json!({ "delta": delta, "usage": usage })));
    steps.push(event("message_stop", json!({})));
    steps
}

pub(super) fn message(turn: &Turn) -> Value {
    let mut content = Vec::new();
    if let Some((text, signature)) = &turn.thinking {
        content.push(json!({ "type": "thinking", "thinking": text, "signature": signature }));
    }
    content.extend(turn.sealed.iter().map(|data| json!({ "type": "redacted_thinking", "data": data })));
    if !turn.text.is_empty() {
        content.push(json!({ "type": "text", "text": turn.text }));
    }
    for (id, name, arguments) in &turn.calls {
        content.push(json!({ "type": "tool_use", "id": id, "name": name, "input": arguments }));
    }
    let mut usage = usage(turn, turn.counts.generated);
    if turn.counts.reasoning > 0 {
        usage["output_tokens_details"] = json!({ "thinking_tokens": turn.counts.reasoning });
    }
    json!({
        "id": "msg_testkit", "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": reason(turn), "stop_sequence": turn.stop_text, "usage": usage,
    })
}
