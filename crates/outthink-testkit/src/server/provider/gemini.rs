//! The shape of the Gemini API: <https://ai.google.dev/api/generate-content>.

use super::Turn;
use crate::server::Step;
use serde_json::{Value, json};

pub(super) fn model(id: &str) -> Value {
    json!({
        "name": format!("models/{id}"), "displayName": id, "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"], "thinking": true,
    })
}

pub(super) fn error(status: u16, kind: &str, message: &str) -> Value {
    json!({ "error": { "code": status, "message": message, "status": kind } })
}

/// The parts of the reply, one by one. What is cached is within the prompt, and nothing is charged for writing.
fn parts(turn: &Turn) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut signature = None;
    if let Some((text, signed)) = &turn.thinking {
        parts.extend(text.split_inclusive(' ').map(|word| json!({ "text": word, "thought": true })));
        signature = Some(signed.clone());
    }
    parts.extend(turn.words().map(|word| json!({ "text": word })));
    for (id, name, arguments) in &turn.calls {
        let mut part = json!({ "functionCall": { "id": id, "name": name, "args": arguments } });
        if let Some(signature) = signature.take() {
            part["thoughtSignature"] = signature.into();
        }
        parts.push(part);
    }
    if let (Some(signature), Some(last)) = (signature, parts.last_mut()) {
        last["thoughtSignature"] = signature.into();
    }
    parts
}

fn usage(turn: &Turn) -> Value {
    let counts = &turn.counts;
    let mut usage = json!({
        "promptTokenCount": counts.prompt(),
        "candidatesTokenCount": counts.generated - counts.reasoning,
        "totalTokenCount": counts.prompt() + counts.generated,
    });
    if counts.cached > 0 {
        usage["cachedContentTokenCount"] = counts.cached.into();
    }
    if counts.reasoning > 0 {
        usage["thoughtsTokenCount"] = counts.reasoning.into();
    }
    usage
}

fn bodies(turn: &Turn) -> Vec<Value> {
    let parts = parts(turn);
    let last = parts.len().saturating_sub(1);
    let body = |(at, part): (usize, Value)| {
        let mut candidate = json!({ "content": { "role": "model", "parts": [part] }, "index": 0 });
        // Counts grow while the reply does.
        let mut counted = json!({ "promptTokenCount": turn.counts.prompt(), "totalTokenCount": turn.counts.prompt() });
        if at == last {
            candidate["finishReason"] = turn.stop.as_deref().unwrap_or("STOP").into();
            counted = usage(turn);
        }
        json!({ "candidates": [candidate], "usageMetadata": counted, "modelVersion": "m", "responseId": "r" })
    };
    parts.into_iter().enumerate().map(body).collect()
}

pub(super) fn chunks(turn: &Turn) -> Vec<Step> {
    let mut steps = Vec::new();
    for body in bodies(turn) {
        if !turn.pace.is_zero() {
            steps.push(Step::Pause(turn.pace));
        }
        // Lines end as Google ends them.
        steps.push(Step::raw(format!("data: {body}\r\n\r\n")));
    }
    steps
}

/// The same as one list, as the API has it without `alt=sse`.
pub(super) fn list(turn: &Turn) -> Value {
    bodies(turn).into()
}
