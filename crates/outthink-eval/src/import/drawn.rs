//! One sample of a foreign file on its way to a record, and the numbers that such files may hold.

use crate::judgement::Judgement;
use crate::store::{Cell, LogprobSummary, SampleRecord};
use outthink_core::{Cost, FinishReason, Usage};
use serde_json::Value;

/// Characters of a token, where a log counts none.
const CHARS_A_TOKEN: usize = 4;
/// Tokens of one sample at most; more is a mistake.
const MOST_TOKENS: f64 = 1e9;

/// One sample, as far as its file says.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    pub(super) content: String,
    pub(super) reasoning: String,
    pub(super) answer: Option<String>,
    /// Whether it is right, and the share where it is right in part.
    pub(super) judged: (bool, Option<f64>),
    /// Who judged it; `None` where that is done here.
    pub(super) judge: Option<String>,
    /// Its tokens; counted from its text where the file has none.
    pub(super) usage: Option<Usage>,
    pub(super) score: Option<f64>,
    pub(super) finish: Option<FinishReason>,
    pub(super) seconds: f64,
    pub(super) cost: Cost,
}

impl Drawn {
    pub(super) fn record(self, cell: Cell) -> SampleRecord {
        let chars = self.content.chars().count() + self.reasoning.chars().count();
        let estimate = Usage { completion: chars.div_ceil(CHARS_A_TOKEN) as u64, estimated: true, ..Usage::default() };
        SampleRecord {
            cell,
            seed: 0,
            content: self.content,
            reasoning: self.reasoning,
            answer: self.answer.filter(|answer| !answer.trim().is_empty()),
            correct: self.judged.0,
            credit: self.judged.1,
            usage: self.usage.unwrap_or(estimate),
            logprobs: LogprobSummary::default(),
            score: self.score,
            finish: self.finish,
            seconds: self.seconds,
            cost: self.cost,
            judge: self.judge,
        }
    }
}

/// A judgement of a named field; `None` where nobody judged.
pub(super) fn judged(name: &str, value: &Value) -> Result<Option<(bool, Option<f64>)>, String> {
    Judgement::read(value).map(Judgement::parts).map_err(|e| format!("`{name}` holds {e}"))
}

/// A count of tokens; 0 where there is none.
pub(super) fn tokens(name: &str, value: &Value) -> Result<u64, String> {
    number(name, value, MOST_TOKENS).map(|n| n.unwrap_or(0.0).round() as u64)
}

/// Seconds; 0 where there are none.
pub(super) fn seconds(name: &str, value: &Value) -> Result<f64, String> {
    number(name, value, 1e9).map(Option::unwrap_or_default)
}

/// A number from 0 to `most`; `None` for null.
pub(super) fn number(name: &str, value: &Value, most: f64) -> Result<Option<f64>, String> {
    match (value, read(value)) {
        (Value::Null, _) => Ok(None),
        (_, Some(number)) if (0.0..=most).contains(&number) => Ok(Some(number)),
        _ => Err(format!("`{name}` is {value}: give a number from 0 to {most:e}")),
    }
}

/// Any finite number; `None` for null.
pub(super) fn finite_number(name: &str, value: &Value) -> Result<Option<f64>, String> {
    match (value, read(value)) {
        (Value::Null, _) => Ok(None),
        (_, Some(number)) if number.is_finite() => Ok(Some(number)),
        _ => Err(format!("`{name}` is {value}: give a number")),
    }
}

/// A number, or a text that is one, as CSV has `0.50`.
fn read(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The text of a message, plain or in parts.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

/// The text of the last message of a role, or the whole where it is a text.
pub(super) fn last_of(role: &str, messages: &Value) -> Option<String> {
    match messages {
        Value::String(text) => Some(text.clone()),
        Value::Array(messages) => messages.iter().rev().find(|m| m["role"] == role).map(|m| text_of(&m["content"])),
        _ => None,
    }
}

/// Why a sample ended, by the words that OpenAI's API has for it.
pub(super) fn finish(reason: &Value) -> Option<FinishReason> {
    Some(match reason.as_str()? {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Unknown,
    })
}
