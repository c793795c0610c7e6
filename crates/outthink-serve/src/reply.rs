//! The pieces that replies are made of.

use crate::receipt;
use outthink_core::{Delta, FinishReason, LOGPROBS, Outcome};
use serde_json::{Map, Value, json};

/// Under which names a thought is told: clients have either habit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ThoughtFields {
    /// `reasoning_content` and `reasoning`.
    #[default]
    Both,
    /// `reasoning_content`, as DeepSeek and SGLang have it.
    ReasoningContent,
    /// `reasoning`, as vLLM and `OpenRouter` have it.
    Reasoning,
}

impl ThoughtFields {
    /// Puts a thought into a message or a delta.
    pub(crate) fn insert(self, fields: &mut Map<String, Value>, text: String) {
        if self == Self::Both {
            fields.insert("reasoning_content".into(), text.clone().into());
        }
        let name = if self == Self::ReasoningContent { "reasoning_content" } else { "reasoning" };
        fields.insert(name.into(), text.into());
    }
}

/// What all chunks of one reply have in common.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) effort: &'static str,
    pub(crate) thought: ThoughtFields,
}

impl Envelope {
    /// The whole reply.
    pub(crate) fn completion(&self, outcome: &Outcome, logprobs: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": message(outcome, self.thought),
                "logprobs": logprobs,
                "finish_reason": finish_reason(outcome),
            }],
            "usage": receipt::usage(outcome),
            "outthink": receipt::receipt(outcome, self.effort),
        })
    }

    /// A chunk that still lacks its choices.
    pub(crate) fn bare(&self) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
        })
    }
}

fn message(outcome: &Outcome, thought: ThoughtFields) -> Value {
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
        thought.insert(&mut message, outcome.reasoning.clone());
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
pub(crate) fn passed_on(delta: Delta, thought: ThoughtFields) -> Option<Value> {
    let mut fields = Map::new();
    if !delta.reasoning.is_empty() {
        thought.insert(&mut fields, delta.reasoning);
    }
    if !delta.content.is_empty() {
        fields.insert("content".into(), delta.content.into());
    }
    for (key, value) in delta.extra {
        if key != LOGPROBS {
            fields.entry(key).or_insert(value);
        }
    }
    (!fields.is_empty()).then_some(Value::Object(fields))
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
