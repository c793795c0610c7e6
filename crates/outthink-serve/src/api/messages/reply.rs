//! The message object and its content blocks.

use crate::api::tell::Receipt;
use outthink_core::{FinishReason, Outcome, Usage};
use serde_json::{Map, Value, json};

/// Fields of an engine's message that have a place in a message here.
const PLACED: [&str; 10] = [
    "role",
    "content",
    "refusal",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "thinking_blocks",
    "tool_calls",
    "annotations",
    outthink_core::LOGPROBS,
];

/// What all objects of one message have in common.
pub(super) struct Shape {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) effort: &'static str,
    /// Whether the client asked to see the reasoning.
    pub(super) shows_thinking: bool,
    /// The texts at which the client wants the reply to end.
    pub(super) stop_texts: Vec<String>,
}

impl Shape {
    /// A message before its first words.
    pub(super) fn begun(&self) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage(&Usage::default()),
        })
    }

    /// The whole message.
    pub(super) fn finished(&self, outcome: &Outcome) -> Value {
        let (reason, text) = self.stop(outcome);
        let mut message = self.begun();
        message["content"] = self.blocks(outcome).into();
        message["stop_reason"] = reason.into();
        message["stop_sequence"] = text.map_or(Value::Null, Value::from);
        message["usage"] = usage(&outcome.usage);
        message["outthink"] = json!(Receipt::of(outcome, self.effort));
        // What has no place here is passed on all the same.
        let others: Map<String, Value> = outcome
            .extra
            .iter()
            .filter(|(key, value)| !PLACED.contains(&key.as_str()) && !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !others.is_empty() {
            message["extra"] = others.into();
        }
        message
    }

    fn blocks(&self, outcome: &Outcome) -> Vec<Value> {
        let mut blocks = Vec::new();
        if self.shows_thinking && !outcome.reasoning.is_empty() {
            blocks.push(thinking(&outcome.reasoning, &signature(&outcome.extra)));
        }
        if self.shows_thinking {
            blocks.extend(redacted(&outcome.extra));
        }
        let said = said(outcome);
        if !said.is_empty() {
            let mut block = text(said);
            if let Some(annotations) = outcome.extra.get("annotations").filter(|a| a.is_array()) {
                block["annotations"] = annotations.clone();
            }
            blocks.push(block);
        }
        blocks.extend(calls(outcome));
        blocks
    }

    /// Why the reply ended, and the stop text that it met.
    pub(super) fn stop<'a>(&'a self, outcome: &'a Outcome) -> (&'a str, Option<&'a str>) {
        if outcome.extra.get("refusal").is_some_and(|refusal| !refusal.is_null()) {
            return ("refusal", None);
        }
        let met = outcome.stop_text.as_deref().filter(|met| self.stop_texts.iter().any(|text| text == met));
        match outcome.finish {
            Some(FinishReason::ToolCalls) => ("tool_use", None),
            Some(FinishReason::Stop) if outcome.tool_calls.is_some() => ("tool_use", None),
            Some(FinishReason::Stop) if met.is_some() => ("stop_sequence", met),
            Some(FinishReason::Stop) => ("end_turn", None),
            Some(FinishReason::ContentFilter) => ("refusal", None),
            Some(FinishReason::Length | FinishReason::Interrupted) | None => ("max_tokens", None),
            Some(FinishReason::Unknown) => (outcome.finish_word.as_deref().unwrap_or("unknown"), None),
        }
    }
}

/// The text of a reply: its content, or why the model refuses.
pub(super) fn said(outcome: &Outcome) -> &str {
    let refusal = outcome.extra.get("refusal").and_then(Value::as_str);
    refusal.filter(|_| outcome.content.is_empty()).unwrap_or(&outcome.content)
}

pub(super) fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

pub(super) fn thinking(text: &str, signature: &str) -> Value {
    json!({ "type": "thinking", "thinking": text, "signature": signature })
}

/// What the engine signed its reasoning with.
pub(super) fn signature(extra: &Map<String, Value>) -> String {
    let lists = ["thinking_blocks", "reasoning_details"].iter().filter_map(|name| extra.get(*name)?.as_array());
    let mut signed = lists.flatten().filter_map(|block| block["signature"].as_str());
    signed.next_back().unwrap_or_default().to_owned()
}

/// Reasoning that only the engine can read.
pub(super) fn redacted(extra: &Map<String, Value>) -> Vec<Value> {
    let blocks = extra.get("thinking_blocks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    blocks.iter().filter(|block| block["type"] == "redacted_thinking").cloned().collect()
}

/// The calls of a reply as blocks.
pub(super) fn calls(outcome: &Outcome) -> Vec<Value> {
    let calls = outcome.tool_calls.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let block = |call: &Value| {
        let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
        json!({
            "type": "tool_use",
            "id": call["id"],
            "name": call["function"]["name"],
            "input": input(arguments),
        })
    };
    calls.iter().map(block).collect()
}

/// The arguments of a call as an object. What is not an object is kept under a name of its own, so that whoever carries
/// the call out sees what the model wrote.
fn input(arguments: &str) -> Value {
    match outthink_core::parse_json(arguments.as_bytes()) {
        Ok(object @ Value::Object(_)) => object,
        _ if arguments.trim().is_empty() => json!({}),
        Ok(other) => json!({ "value": other }),
        Err(_) => json!({ "malformed_arguments": arguments }),
    }
}

/// Tokens as this API counts them: those that a cache gave or took are not in `input_tokens`.
pub(super) fn usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.prompt.saturating_sub(usage.cached + usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
    })
}
