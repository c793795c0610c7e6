//! The reply in one piece, and the pieces of a streamed one.

use crate::receipt;
use outthink_core::{Delta, FinishReason, Outcome};
use serde_json::{Map, Value, json};

/// What all chunks of one reply have in common.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) effort: &'static str,
}

impl Envelope {
    /// The whole reply.
    pub(crate) fn completion(&self, outcome: &Outcome) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": message(outcome),
                "logprobs": null,
                "finish_reason": finish_reason(outcome),
            }],
            "usage": receipt::usage(outcome),
            "outthink": receipt::receipt(outcome, self.effort),
        })
    }

    /// A chunk with a delta and, at the end, the reason.
    pub(crate) fn chunk(&self, delta: &Value, finish: Option<&'static str>) -> Value {
        let mut chunk = self.bare();
        chunk["choices"] = json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
        chunk
    }

    /// The chunk without choices that carries the usage.
    pub(crate) fn usage_chunk(&self, outcome: &Outcome) -> Value {
        let mut chunk = self.bare();
        chunk["usage"] = receipt::usage(outcome);
        chunk
    }

    fn bare(&self) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [],
        })
    }
}

fn message(outcome: &Outcome) -> Value {
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    let content = if outcome.content.is_empty() && outcome.tool_calls.is_some() {
        Value::Null
    } else {
        outcome.content.as_str().into()
    };
    message.insert("content".into(), content);
    message.insert("refusal".into(), Value::Null);
    if !outcome.reasoning.is_empty() {
        message.insert("reasoning_content".into(), outcome.reasoning.as_str().into());
    }
    if let Some(calls) = &outcome.tool_calls {
        message.insert("tool_calls".into(), calls.clone());
    }
    Value::Object(message)
}

/// Why the reply ended. One that was cut off by a budget ended for its length.
pub(crate) fn finish_reason(outcome: &Outcome) -> &'static str {
    match outcome.finish {
        Some(FinishReason::Stop) => "stop",
        Some(FinishReason::ToolCalls) => "tool_calls",
        Some(FinishReason::ContentFilter) => "content_filter",
        Some(FinishReason::Length) | None => "length",
    }
}

/// A delta of the engine as it is passed on; `None` if it holds nothing.
pub(crate) fn passed_on(delta: Delta) -> Option<Value> {
    let mut fields = Map::new();
    if !delta.reasoning.is_empty() {
        fields.insert("reasoning_content".into(), delta.reasoning.into());
    }
    if !delta.content.is_empty() {
        fields.insert("content".into(), delta.content.into());
    }
    for (key, value) in delta.extra {
        fields.entry(key).or_insert(value);
    }
    (!fields.is_empty()).then_some(Value::Object(fields))
}

/// A delta of the sample that is shown while others run: all its text is thought.
pub(crate) fn as_thought(delta: Delta) -> Option<Value> {
    let text = delta.reasoning + &delta.content;
    (!text.is_empty()).then(|| json!({ "reasoning_content": text }))
}

/// The deltas with which a chosen reply is told at once.
pub(crate) fn chosen(outcome: &Outcome) -> Vec<Value> {
    let mut deltas = Vec::new();
    if !outcome.content.is_empty() {
        deltas.push(json!({ "content": outcome.content }));
    }
    if let Some(Value::Array(calls)) = &outcome.tool_calls {
        let numbered = calls.iter().cloned().enumerate().map(|(index, mut call)| {
            if let Some(call) = call.as_object_mut() {
                call.insert("index".into(), index.into());
            }
            call
        });
        deltas.push(json!({ "tool_calls": numbered.collect::<Value>() }));
    }
    deltas
}
