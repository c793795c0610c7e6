//! The shape of Bedrock's Converse API, and AWS's encoding of its events:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>.

use super::Turn;
use crate::server::{Reply, Step};
use serde_json::{Value, json};

/// CRC-32 as in zip files, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// A message of an event stream.
pub(super) fn message_of(name: &str, data: &Value) -> Step {
    let (kind, field) =
        if name.ends_with("Exception") { ("exception", ":exception-type") } else { ("event", ":event-type") };
    let mut headers = Vec::new();
    for (name, value) in [(":message-type", kind), (field, name), (":content-type", "application/json")] {
        headers.push(name.len() as u8);
        headers.extend(name.bytes());
        headers.push(7);
        headers.extend((value.len() as u16).to_be_bytes());
        headers.extend(value.bytes());
    }
    let payload = data.to_string();
    let mut all = ((16 + headers.len() + payload.len()) as u32).to_be_bytes().to_vec();
    all.extend((headers.len() as u32).to_be_bytes());
    all.extend(crc(&all).to_be_bytes());
    all.extend(headers);
    all.extend(payload.bytes());
    all.extend(crc(&all).to_be_bytes());
    Step::raw(all)
}

pub(super) fn stream(steps: Vec<Step>) -> Reply {
    Reply::bytes("application/vnd.amazon.eventstream", steps)
}

fn usage(turn: &Turn) -> Value {
    let counts = &turn.counts;
    json!({
        "inputTokens": counts.fresh,
        "cacheReadInputTokens": counts.cached,
        "cacheWriteInputTokens": counts.written,
        "outputTokens": counts.generated,
        "totalTokens": counts.prompt() + counts.generated,
    })
}

fn reason(turn: &Turn) -> &str {
    match (&turn.stop, turn.calls.is_empty()) {
        (Some(word), _) => word,
        (None, true) => "end_turn",
        (None, false) => "tool_use",
    }
}

pub(super) fn events(turn: &Turn) -> Vec<Step> {
    let mut steps = vec![message_of("messageStart", &json!({ "role": "assistant", "p": "abcd" }))];
    let mut index = 0;
    let mut block = |start: Option<Value>, pieces: Vec<Value>| {
        if let Some(start) = start {
            steps.push(message_of("contentBlockStart", &json!({ "contentBlockIndex": index, "start": start })));
        }
        for piece in pieces {
            if !turn.pace.is_zero() {
                steps.push(Step::Pause(turn.pace));
            }
            let delta = json!({ "contentBlockIndex": index, "delta": piece, "p": "abcdefgh" });
            steps.push(message_of("contentBlockDelta", &delta));
        }
        steps.push(message_of("contentBlockStop", &json!({ "contentBlockIndex": index })));
        index += 1;
    };
    if let Some((text, signature)) = &turn.thinking {
        let words = text.split_inclusive(' ').map(|word| json!({ "reasoningContent": { "text": word } }));
        block(None, words.chain([json!({ "reasoningContent": { "signature": signature } })]).collect());
    }
    if let Some(data) = &turn.sealed {
        block(None, vec![json!({ "reasoningContent": { "redactedContent": data } })]);
    }
    if !turn.text.is_empty() {
        block(None, turn.words().map(|word| json!({ "text": word })).collect());
    }
    for (id, name, arguments) in &turn.calls {
        let text = arguments.to_string();
        let half = (0..=text.len() / 2).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let pieces = [&text[..half], &text[half..]].map(|part| json!({ "toolUse": { "input": part } }));
        block(Some(json!({ "toolUse": { "toolUseId": id, "name": name } })), pieces.to_vec());
    }
    steps.push(message_of("messageStop", &json!({ "stopReason": reason(turn) })));
    steps.push(message_of("metadata", &json!({ "usage": usage(turn), "metrics": { "latencyMs": 7 } })));
    steps
}

pub(super) fn message(turn: &Turn) -> Value {
    let mut content = Vec::new();
    if let Some((text, signature)) = &turn.thinking {
        content.push(json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": signature } } }));
    }
    content.extend(turn.sealed.iter().map(|data| json!({ "reasoningContent": { "redactedContent": data } })));
    if !turn.text.is_empty() {
        content.push(json!({ "text": turn.text }));
    }
    for (id, name, arguments) in &turn.calls {
        content.push(json!({ "toolUse": { "toolUseId": id, "name": name, "input": arguments } }));
    }
    json!({
        "output": { "message": { "role": "assistant", "content": content } },
        "stopReason": reason(turn), "usage": usage(turn), "metrics": { "latencyMs": 7 },
    })
}
