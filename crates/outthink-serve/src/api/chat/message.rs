//! The pieces that replies are made of.

use crate::api::tell::{Receipt, StandardUsage, write_json};
use crate::config::ReasoningField;
use outthink_core::{Delta, FinishReason, LOGPROBS, Outcome};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Puts reasoning into a message or a delta, under the names that clients know.
pub(super) fn insert_reasoning(names: ReasoningField, fields: &mut Map<String, Value>, text: &str) {
    for &name in names.names() {
        fields.insert(name.into(), text.into());
    }
}

/// What all chunks of one reply have in common.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
    pub(super) effort: &'static str,
    pub(super) thought: ReasoningField,
}

impl Envelope {
    /// The whole reply, as JSON.
    pub(super) fn completion(&self, outcome: &Outcome, logprobs: &Value) -> String {
        let message = Message { outcome, thought: self.thought };
        let choice = Choice { index: 0, message, logprobs, finish_reason: finish_reason(outcome) };
        let completion = Completion {
            id: &self.id,
            object: "chat.completion",
            created: self.created,
            model: &self.model,
            choices: [choice],
            usage: StandardUsage::of(outcome),
            outthink: Receipt::of(outcome, self.effort),
        };
        // Texts and numbers: nothing that JSON cannot hold.
        serde_json::to_string(&completion).unwrap_or_default()
    }

    /// A chunk that still lacks its choices, as a tree.
    pub(super) fn bare(&self) -> Value {
        let mut bare = json!(self.chunk(()));
        bare.as_object_mut().map(|fields| fields.shift_remove("choices"));
        bare
    }

    /// A chunk with these choices and nothing else.
    pub(super) fn chunk<C: Serialize>(&self, choices: C) -> Chunk<'_, C> {
        Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage: None,
            outthink: None,
        }
    }
}

/// A chunk of a stream.
#[derive(Serialize)]
pub(super) struct Chunk<'a, C> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    pub(super) choices: C,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<StandardUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outthink: Option<Receipt<'a>>,
}

/// A choice that only says why it ended.
#[derive(Serialize)]
pub(super) struct LastChoice<'a> {
    index: usize,
    delta: NoDelta,
    logprobs: Option<()>,
    finish_reason: &'a str,
}

/// A delta with nothing in it.
#[derive(Serialize)]
struct NoDelta {}

impl<'a> LastChoice<'a> {
    pub(super) fn of(outcome: &'a Outcome, index: usize) -> Self {
        Self { index, delta: NoDelta {}, logprobs: None, finish_reason: finish_reason(outcome) }
    }
}

/// A whole reply. It is written without a tree of values in between.
#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    usage: StandardUsage,
    outthink: Receipt<'a>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: &'a Value,
    finish_reason: &'a str,
}

/// The message of a whole reply: what was read of it, and whatever else the engine sent.
pub(super) struct Message<'a> {
    pub(super) outcome: &'a Outcome,
    pub(super) thought: ReasoningField,
}

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let outcome = self.outcome;
        let mut message = serializer.serialize_map(None)?;
        message.serialize_entry("role", "assistant")?;
        let without_text = outcome.tool_calls.is_some() || !outcome.extra.is_empty();
        let content = Some(&*outcome.content).filter(|text| !(text.is_empty() && without_text));
        if let Some(parts) = outcome.extra.get("content").filter(|_| outcome.content.is_empty()) {
            message.serialize_entry("content", parts)?;
        } else {
            message.serialize_entry("content", &content)?;
        }
        message.serialize_entry("refusal", outcome.extra.get("refusal").unwrap_or(&Value::Null))?;
        let told: &[&str] = if outcome.reasoning.is_empty() { &[] } else { self.thought.names() };
        for name in told {
            message.serialize_entry(name, &outcome.reasoning)?;
        }
        if let Some(calls) = &outcome.tool_calls {
            message.serialize_entry("tool_calls", calls)?;
        }
        for (key, value) in extra_fields(outcome, told) {
            message.serialize_entry(key, value)?;
        }
        message.end()
    }
}

/// The fields of a message that are not read here, but for those in `told`.
fn extra_fields<'a>(outcome: &'a Outcome, told: &'a [&'a str]) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let known = ["role", "content", "refusal", "tool_calls", LOGPROBS];
    outcome.extra.iter().filter(move |(key, _)| !known.contains(&key.as_str()) && !told.contains(&key.as_str()))
}

/// Why the reply ended. One that was cut off, by a budget or because the engine gave up, ended for its length: clients with
/// types know no other word for it, and the receipt has the engine's own. A reason that is not known is passed on.
pub(super) fn finish_reason(outcome: &Outcome) -> &str {
    match outcome.finish {
        Some(FinishReason::Stop) => "stop",
        Some(FinishReason::ToolCalls) => "tool_calls",
        Some(FinishReason::ContentFilter) => "content_filter",
        Some(FinishReason::Length | FinishReason::Interrupted) | None => "length",
        Some(FinishReason::Unknown) => outcome.finish_word.as_deref().unwrap_or("unknown"),
    }
}

/// Writes a delta of the engine as it is passed on; whether it holds anything. Nearly all are a piece of
/// text and nothing else, so that no tree is built for it.
pub(super) fn pass_on(out: &mut String, delta: &Delta, thought: ReasoningField) -> bool {
    let before = out.len();
    let field = |out: &mut String, name: &str| {
        out.push(if out.len() == before { '{' } else { ',' });
        write_json(out, name);
        out.push(':');
    };
    if !delta.reasoning.is_empty() {
        for name in thought.names() {
            field(out, name);
            write_json(out, &delta.reasoning);
        }
    }
    if !delta.content.is_empty() {
        field(out, "content");
        write_json(out, &delta.content);
    }
    let told = |key: &str| {
        key == LOGPROBS
            || (key == "content" && !delta.content.is_empty())
            || (thought.names().contains(&key) && !delta.reasoning.is_empty())
    };
    for (key, value) in delta.extra.iter().filter(|(key, _)| !told(key)) {
        field(out, key);
        let _ = write!(out, "{value}");
    }
    let any = out.len() > before;
    if any {
        out.push('}');
    }
    any
}

/// The deltas with which a chosen reply is told at once.
pub(super) fn chosen(outcome: &Outcome) -> Vec<Value> {
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
    let told: &[&str] = &["reasoning_content", "reasoning"];
    let mut rest: Map<String, Value> = extra_fields(outcome, told).map(|(k, v)| (k.clone(), v.clone())).collect();
    if let Some(refusal) = outcome.extra.get("refusal").filter(|refusal| !refusal.is_null()) {
        rest.insert("refusal".into(), refusal.clone());
    }
    if !rest.is_empty() {
        deltas.push(Value::Object(rest));
    }
    deltas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_is_passed_on_with_all_that_is_in_it() {
        let extra = json!({"tool_calls": [1], "reasoning": "told already", LOGPROBS: [2]});
        let Value::Object(extra) = extra else { panic!("no object") };
        let delta = Delta { content: "a\"b".into(), reasoning: "hm".into(), extra, ..Delta::default() };
        for (thought, wanted) in [
            (
                ReasoningField::Both,
                json!({"reasoning_content": "hm", "reasoning": "hm", "content": "a\"b", "tool_calls": [1]}),
            ),
            (ReasoningField::Reasoning, json!({"reasoning": "hm", "content": "a\"b", "tool_calls": [1]})),
        ] {
            let mut out = String::new();
            assert!(pass_on(&mut out, &delta, thought));
            assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), wanted);
        }
        assert!(!pass_on(&mut String::new(), &Delta::default(), ReasoningField::Both));
    }
}
