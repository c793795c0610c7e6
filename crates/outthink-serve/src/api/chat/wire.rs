//! A run as a chat completion, whole or in chunks.

use super::message::{self, Envelope, LastChoice};
use crate::api::tell::{Receipt, StandardUsage, Wire, data, write_json};
use crate::error::ApiError;
use outthink_core::{Outcome, SampleId};
use outthink_strategy::Update;
use serde_json::{Value, json};

/// A run as a chat completion.
pub(super) struct Chat {
    /// The number of the choice that it is.
    pub(super) index: usize,
    pub(super) envelope: Envelope,
    pub(super) include_usage: bool,
    /// Whether there is one sample whose deltas are the reply; else all text before the end is thought.
    pub(super) pass_through: bool,
    /// The sample whose text was sent last.
    shown: Option<SampleId>,
    /// What all chunks begin with, once a stream has begun.
    head: String,
    /// Log-probabilities by sample, where the client asked for them.
    logprobs: Option<Vec<(SampleId, Vec<Value>)>>,
}

impl Chat {
    pub(super) fn new(envelope: Envelope, include_usage: bool, pass_through: bool, logprobs: bool) -> Self {
        let logprobs = logprobs.then(Vec::new);
        Self { index: 0, envelope, include_usage, pass_through, shown: None, head: String::new(), logprobs }
    }

    /// The same before its first word, as another choice.
    pub(super) fn numbered(&self, index: usize) -> Self {
        let logprobs = self.logprobs.is_some();
        Self { index, ..Self::new(self.envelope.clone(), self.include_usage, self.pass_through, logprobs) }
    }

    /// Keeps the log-probabilities of a piece, and gives them as the API has them.
    fn keep_logprobs(&mut self, update: &Update) -> Option<Value> {
        let (kept, Update::Delta { sample, delta, .. }) = (self.logprobs.as_mut()?, update) else { return None };
        let Some(Value::Array(tokens)) = delta.extra.get(outthink_core::LOGPROBS) else { return None };
        let told = json!({ "content": tokens, "refusal": null });
        match kept.iter_mut().find(|(id, _)| id == sample) {
            Some((_, all)) => all.extend_from_slice(tokens),
            None => kept.push((*sample, tokens.clone())),
        }
        Some(told)
    }

    /// The log-probabilities of the chosen reply.
    pub(super) fn chosen_logprobs(&self, outcome: &Outcome) -> Value {
        let Some(kept) = &self.logprobs else { return Value::Null };
        match kept.iter().find(|(id, _)| Some(*id) == outcome.chosen) {
            Some((_, tokens)) => json!({ "content": tokens, "refusal": null }),
            None => Value::Null,
        }
    }

    /// A chunk with one delta.
    fn chunk(&self, out: &mut String, delta: &Value, logprobs: &Value, finish: Option<&str>) {
        out.push_str(&self.head);
        write_json(out, delta);
        Self::close_chunk(out, logprobs, finish);
    }

    /// The chosen reply where it was not streamed as it came.
    pub(super) fn rest(&mut self, outcome: &Outcome, out: &mut String) {
        if self.pass_through && self.shown.is_some() {
            return;
        }
        let mut logprobs = self.chosen_logprobs(outcome);
        for delta in message::chosen(outcome) {
            self.chunk(out, &delta, &logprobs.take(), None);
        }
    }

    /// The chunk that says why the reply ended, as a tree.
    pub(super) fn last(&self, outcome: &Outcome) -> Value {
        json!(self.envelope.chunk([LastChoice::of(outcome, self.index)]))
    }

    /// All that comes after it.
    fn close_chunk(out: &mut String, logprobs: &Value, finish: Option<&str>) {
        out.push_str(",\"logprobs\":");
        write_json(out, logprobs);
        out.push_str(",\"finish_reason\":");
        write_json(out, &finish);
        out.push_str("}]}\n\n");
    }
}

impl Wire for Chat {
    fn hear(&mut self, update: &Update) {
        self.keep_logprobs(update);
    }

    fn whole(&mut self, outcome: &Outcome) -> String {
        self.envelope.completion(outcome, &self.chosen_logprobs(outcome))
    }

    fn begin(&mut self, out: &mut String) {
        self.head.clear();
        self.head.push_str("data: ");
        write_json(&mut self.head, &self.envelope.chunk(()));
        // Up to the delta, which is another in each chunk.
        self.head.truncate(self.head.len() - "null}".len());
        self.head.push_str("[{\"index\":");
        write_json(&mut self.head, &self.index);
        self.head.push_str(",\"delta\":");
        self.chunk(out, &json!({ "role": "assistant", "content": "" }), &Value::Null, None);
    }

    fn update(&mut self, update: Update, out: &mut String) {
        let logprobs = self.keep_logprobs(&update).unwrap_or(Value::Null);
        let Update::Delta { sample, leading: true, delta } = update else { return };
        if self.pass_through {
            self.shown = Some(sample);
            let before = out.len();
            out.push_str(&self.head);
            if message::pass_on(out, &delta, self.envelope.thought) {
                Self::close_chunk(out, &logprobs, None);
            } else {
                out.truncate(before);
                // A token of half a letter has a probability and no text yet.
                if !logprobs.is_null() {
                    self.chunk(out, &json!({}), &logprobs, None);
                }
            }
            return;
        }
        let text = delta.reasoning + &delta.content;
        if text.is_empty() {
            return;
        }
        // Another sample took the lead: its text is set apart.
        let apart = self.shown.replace(sample).is_some_and(|before| before != sample);
        let text = if apart { format!("\n\n{text}") } else { text };
        let mut delta = serde_json::Map::new();
        message::insert_reasoning(self.envelope.thought, &mut delta, &text);
        self.chunk(out, &Value::Object(delta), &Value::Null, None);
    }

    /// The chosen reply where it was not streamed as it came, the reason, the usage and the receipt.
    fn end(&mut self, outcome: &Outcome, out: &mut String) {
        self.rest(outcome, out);
        let mut last = self.envelope.chunk(vec![LastChoice::of(outcome, self.index)]);
        if self.include_usage {
            data(out, &last);
            last.choices.clear();
            last.usage = Some(StandardUsage::of(outcome));
        }
        last.outthink = Some(Receipt::of(outcome, self.envelope.effort));
        data(out, &last);
        out.push_str("data: [DONE]\n\n");
    }

    fn failed(&mut self, error: &ApiError, out: &mut String) {
        data(out, &error.body());
        out.push_str("data: [DONE]\n\n");
    }
}
