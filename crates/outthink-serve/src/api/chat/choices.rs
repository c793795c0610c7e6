//! Several final answers to one request, each chosen from samples of its own.

use super::message::{self, finish_reason};
use super::wire::Chat;
use crate::api::tell::{Choices, Receipt, StandardUsage, Wire, data};
use crate::error::ApiError;
use outthink_core::{Cost, Outcome};
use outthink_strategy::Update;
use serde_json::{Value, json};

/// One chat for each choice; the first one's envelope is that of the reply.
pub(super) struct Several(Vec<Chat>);

impl Several {
    /// Of chats that are numbered in this order. There must be one at least.
    pub(super) fn new(chats: Vec<Chat>) -> Self {
        Self(chats)
    }

    fn first(&self) -> &Chat {
        &self.0[0]
    }

    /// What all choices together came to, next to the receipt of each.
    fn bill(outcomes: &[&Outcome]) -> Value {
        let cost = outcomes.iter().fold(Cost::default(), |cost, outcome| cost + outcome.cost);
        json!({
            "choices": outcomes.len(),
            "samples_drawn": outcomes.iter().map(|outcome| outcome.samples_drawn).sum::<u32>(),
            "cost_usd": cost.usd(),
            "cost_nano_usd": cost.nano(),
            "trace_id": outcomes.first().map(|outcome| &outcome.trace_id),
        })
    }
}

impl Choices for Several {
    fn hear(&mut self, index: usize, update: &Update) {
        self.0[index].hear(update);
    }

    fn whole(&mut self, outcomes: &[&Outcome]) -> String {
        let first = self.first();
        let choice = |(chat, outcome): (&Chat, &&Outcome)| {
            json!({
                "index": chat.index,
                "message": message::Message { outcome, thought: chat.envelope.thought },
                "logprobs": chat.chosen_logprobs(outcome),
                "finish_reason": finish_reason(outcome),
                "outthink": Receipt::of(outcome, chat.envelope.effort),
            })
        };
        let mut reply = first.envelope.bare();
        reply["object"] = "chat.completion".into();
        reply["choices"] = self.0.iter().zip(outcomes).map(choice).collect();
        reply["usage"] = json!(StandardUsage::all(outcomes));
        reply["outthink"] = Self::bill(outcomes);
        reply.to_string()
    }

    fn begin(&mut self, out: &mut String) {
        for chat in &mut self.0 {
            chat.begin(out);
        }
    }

    fn update(&mut self, index: usize, update: Update, out: &mut String) {
        self.0[index].update(update, out);
    }

    fn end_one(&mut self, index: usize, outcome: &Outcome, outcomes: Option<&[&Outcome]>, out: &mut String) {
        let chat = &mut self.0[index];
        chat.rest(outcome, out);
        let mut last = chat.last(outcome);
        last["choices"][0]["outthink"] = json!(Receipt::of(outcome, chat.envelope.effort));
        if let Some(outcomes) = outcomes.filter(|_| !chat.include_usage) {
            last["outthink"] = Self::bill(outcomes);
        }
        data(out, &last);
    }

    fn end(&mut self, outcomes: &[&Outcome], out: &mut String) {
        if self.first().include_usage {
            let mut last = self.first().envelope.bare();
            last["choices"] = json!([]);
            last["usage"] = json!(StandardUsage::all(outcomes));
            last["outthink"] = Self::bill(outcomes);
            data(out, &last);
        }
        out.push_str("data: [DONE]\n\n");
    }

    fn failed(&mut self, error: &ApiError, out: &mut String) {
        data(out, &error.body());
        out.push_str("data: [DONE]\n\n");
    }
}
