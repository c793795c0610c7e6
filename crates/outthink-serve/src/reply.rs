//! The pieces that replies are made of.

use crate::receipt::{Receipt, StandardUsage};
use outthink_core::{Delta, FinishReason, LOGPROBS, Outcome};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

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
    /// The names.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Both => &["reasoning_content", "reasoning"],
            Self::ReasoningContent => &["reasoning_content"],
            Self::Reasoning => &["reasoning"],
        }
    }

    /// Puts a thought into a message or a delta.
    pub(crate) fn insert(self, fields: &mut Map<String, Value>, text: &str) {
        for &name in self.names() {
            fields.insert(name.into(), text.into());
        }
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
    /// The whole reply, as JSON.
    pub(crate) fn completion(&self, outcome: &Outcome, logprobs: &Value) -> String {
        let message = Message::of(outcome, self.thought);
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
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<&'a Value>,
}

impl<'a> Message<'a> {
    fn of(outcome: &'a Outcome, thought: ThoughtFields) -> Self {
        let calls_alone = outcome.content.is_empty() && outcome.tool_calls.is_some();
        let told = |name| Some(&*outcome.reasoning).filter(|text| !text.is_empty() && thought.names().contains(&name));
        Self {
            role: "assistant",
            content: (!calls_alone).then_some(&outcome.content),
            refusal: None,
            reasoning_content: told("reasoning_content"),
            reasoning: told("reasoning"),
            tool_calls: outcome.tool_calls.as_ref(),
        }
    }
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

/// Writes a delta of the engine as it is passed on; whether it holds anything. Nearly all are a piece of
/// text and nothing else, so that no tree is built for it.
pub(crate) fn pass_on(out: &mut String, delta: &Delta, thought: ThoughtFields) -> bool {
    let before = out.len();
    let field = |out: &mut String, name: &str| {
        out.push(if out.len() == before { '{' } else { ',' });
        quote(out, name);
        out.push(':');
    };
    if !delta.reasoning.is_empty() {
        for name in thought.names() {
            field(out, name);
            quote(out, &delta.reasoning);
        }
    }
    if !delta.content.is_empty() {
        field(out, "content");
        quote(out, &delta.content);
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

/// Writes a text as JSON has it.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\') {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_quoted_as_json_has_it(text in "(\\PC|[\u{0}-\u{20}\"\\\\]){0,20}") {
            let mut out = String::new();
            quote(&mut out, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn a_delta_is_passed_on_with_all_that_is_in_it() {
        let extra = json!({"tool_calls": [1], "reasoning": "told already", LOGPROBS: [2]});
        let Value::Object(extra) = extra else { panic!("no object") };
        let delta = Delta { content: "a\"b".into(), reasoning: "hm".into(), extra, ..Delta::default() };
        for (thought, wanted) in [
            (
                ThoughtFields::Both,
                json!({"reasoning_content": "hm", "reasoning": "hm", "content": "a\"b", "tool_calls": [1]}),
            ),
            (ThoughtFields::Reasoning, json!({"reasoning": "hm", "content": "a\"b", "tool_calls": [1]})),
        ] {
            let mut out = String::new();
            assert!(pass_on(&mut out, &delta, thought));
            assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), wanted);
        }
        assert!(!pass_on(&mut String::new(), &Delta::default(), ThoughtFields::Both));
    }
}
