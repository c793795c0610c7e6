//! A run told as a message, whole or in events.

use super::error;
use super::reply::{self, Shape};
use crate::api::tell::{Receipt, Wire, event};
use crate::error::ApiError;
use outthink_core::{Delta, Outcome, SampleId};
use outthink_strategy::Update;
use serde_json::{Map, Value, json};

/// The block that is open.
#[derive(Debug, Clone, PartialEq)]
enum Open {
    Thinking,
    Text,
    /// The call with this number.
    Call(u64),
}

/// A run as a message.
pub(super) struct Told {
    shape: Shape,
    pass_through: bool,
    open: Option<Open>,
    /// The number of the next block, or of the one that is open.
    index: u64,
    /// Whether text or a call was sent.
    spoke: bool,
    /// What the engine sent next to its texts, of which a signature may be a part.
    extra: Map<String, Value>,
    shown: Option<SampleId>,
}

impl Told {
    pub(super) fn new(shape: Shape, pass_through: bool) -> Self {
        Self { shape, pass_through, open: None, index: 0, spoke: false, extra: Map::new(), shown: None }
    }

    fn open(&mut self, out: &mut String, open: Open, block: &Value) {
        self.close(out);
        let fields = json!({ "type": "content_block_start", "index": self.index, "content_block": block });
        event(out, "content_block_start", &fields);
        self.open = Some(open);
    }

    fn delta(&self, out: &mut String, delta: &Value) {
        let fields = json!({ "type": "content_block_delta", "index": self.index, "delta": delta });
        event(out, "content_block_delta", &fields);
    }

    fn close(&mut self, out: &mut String) {
        match self.open.take() {
            None => return,
            Some(Open::Thinking) => {
                let signature = reply::signature(&self.extra);
                self.delta(out, &json!({ "type": "signature_delta", "signature": signature }));
            }
            Some(Open::Text | Open::Call(_)) => {}
        }
        event(out, "content_block_stop", &json!({ "type": "content_block_stop", "index": self.index }));
        self.index += 1;
    }

    fn think(&mut self, out: &mut String, text: &str) {
        // Reasoning between two texts has a block of its own.
        if text.is_empty() || !self.shape.shows_thinking {
            return;
        }
        if self.open != Some(Open::Thinking) {
            self.open(out, Open::Thinking, &reply::thinking("", ""));
        }
        self.delta(out, &json!({ "type": "thinking_delta", "thinking": text }));
    }

    fn say(&mut self, out: &mut String, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.open != Some(Open::Text) {
            self.open(out, Open::Text, &reply::text(""));
        }
        self.spoke = true;
        self.delta(out, &json!({ "type": "text_delta", "text": text }));
    }

    /// Pieces of calls: the first piece of a call has its name.
    fn calls(&mut self, out: &mut String, pieces: &[Value]) {
        for piece in pieces {
            let number = piece["index"].as_u64().unwrap_or(0);
            if self.open != Some(Open::Call(number)) {
                let block =
                    json!({ "type": "tool_use", "id": piece["id"], "name": piece["function"]["name"], "input": {} });
                self.open(out, Open::Call(number), &block);
                self.spoke = true;
            }
            if let Some(arguments) = piece["function"]["arguments"].as_str().filter(|text| !text.is_empty()) {
                self.delta(out, &json!({ "type": "input_json_delta", "partial_json": arguments }));
            }
        }
    }

    fn pass(&mut self, out: &mut String, delta: Delta) {
        let Delta { content, reasoning, extra, .. } = delta;
        for (key, value) in extra {
            match (key.as_str(), value) {
                ("tool_calls", Value::Array(pieces)) => {
                    self.think(out, &reasoning);
                    self.say(out, &content);
                    return self.calls(out, &pieces);
                }
                ("thinking_blocks" | "reasoning_details", value) => _ = self.extra.insert(key, value),
                ("refusal", Value::String(text)) => self.say(out, &text),
                _ => {}
            }
        }
        self.think(out, &reasoning);
        self.say(out, &content);
    }
}

impl Wire for Told {
    fn hear(&mut self, _: &Update) {}

    fn whole(&mut self, outcome: &Outcome) -> String {
        self.shape.finished(outcome).to_string()
    }

    fn begin(&mut self, out: &mut String) {
        event(out, "message_start", &json!({ "type": "message_start", "message": self.shape.begun() }));
        event(out, "ping", &json!({ "type": "ping" }));
    }

    fn update(&mut self, update: Update, out: &mut String) {
        let Update::Delta { sample, leading: true, delta } = update else { return };
        let other = self.shown.replace(sample).is_some_and(|before| before != sample);
        if self.pass_through {
            return self.pass(out, delta);
        }
        let text = delta.reasoning + &delta.content;
        if !text.is_empty() {
            // Another sample took the lead: its text is set apart.
            self.think(out, &if other { format!("\n\n{text}") } else { text });
        }
    }

    /// The chosen reply where it was not streamed as it came, the reason, the usage and the receipt.
    fn end(&mut self, outcome: &Outcome, out: &mut String) {
        if !(self.pass_through && self.spoke) {
            if self.pass_through {
                self.extra.clone_from(&outcome.extra);
            }
            self.say(out, reply::said(outcome));
            if let Some(Value::Array(calls)) = &outcome.tool_calls {
                let numbered: Vec<Value> = calls.iter().cloned().enumerate().map(with_number).collect();
                self.calls(out, &numbered);
            }
        }
        self.close(out);
        if self.shape.shows_thinking {
            for block in reply::redacted(&outcome.extra) {
                self.open(out, Open::Text, &block);
                self.close(out);
            }
        }
        let (reason, text) = self.shape.stop(outcome);
        let fields = json!({
            "type": "message_delta",
            "delta": { "stop_reason": reason, "stop_sequence": text },
            "usage": reply::usage(&outcome.usage),
            "outthink": Receipt::of(outcome, self.shape.effort),
        });
        event(out, "message_delta", &fields);
        event(out, "message_stop", &json!({ "type": "message_stop" }));
    }

    fn failed(&mut self, error: &ApiError, out: &mut String) {
        self.close(out);
        event(out, "error", &error::body(error, None));
    }
}

fn with_number((index, mut call): (usize, Value)) -> Value {
    if let Some(call) = call.as_object_mut() {
        call.insert("index".into(), index.into());
    }
    call
}
