//! A run told as a message, whole or in events.

use super::error;
use super::reply::{self, Piece, Shape};
use super::waiting::{Call, Item, Waiting};
use crate::api::tell::{Wire, event};
use crate::error::ApiError;
use outthink_core::{Delta, Outcome, SampleId, restore_integers};
use outthink_strategy::Update;
use serde_json::{Value, json};

/// The block that is open.
#[derive(Debug, Clone, PartialEq)]
enum Open {
    /// Reasoning, with its signature once that is known.
    Thinking(String),
    Text,
    Call(Box<Call>),
}

/// What was sent of the reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thought {
    Nothing,
    /// Blocks that all had signatures.
    Signed,
    /// Some that had none.
    Unsigned,
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
    thought: Thought,
    shown: Option<SampleId>,
    waiting: Waiting,
}

impl Told {
    pub(super) fn new(shape: Shape, pass_through: bool) -> Self {
        let (spoke, thought) = (false, Thought::Nothing);
        Self { shape, pass_through, open: None, index: 0, spoke, thought, shown: None, waiting: Waiting::default() }
    }

    fn begin_block(&mut self, out: &mut String, block: &Value) {
        self.close(out);
        let fields = json!({ "type": "content_block_start", "index": self.index, "content_block": block });
        event(out, "content_block_start", &fields);
    }

    fn end_block(&mut self, out: &mut String) {
        event(out, "content_block_stop", &json!({ "type": "content_block_stop", "index": self.index }));
        self.index += 1;
    }

    fn delta(&self, out: &mut String, delta: &Value) {
        let fields = json!({ "type": "content_block_delta", "index": self.index, "delta": delta });
        event(out, "content_block_delta", &fields);
    }

    fn close(&mut self, out: &mut String) {
        match self.open.take() {
            None => return,
            Some(Open::Thinking(signature)) => {
                let is_signed = !signature.is_empty() && self.thought != Thought::Unsigned;
                self.thought = if is_signed { Thought::Signed } else { Thought::Unsigned };
                self.delta(out, &json!({ "type": "signature_delta", "signature": signature }));
            }
            Some(Open::Text) => {}
            Some(Open::Call(call)) => {
                if let Some(rest) = call.rest() {
                    self.delta(out, &json!({ "type": "input_json_delta", "partial_json": rest }));
                }
                self.waiting.ended(&call);
            }
        }
        self.end_block(out);
    }

    fn begin_thought(&mut self, out: &mut String) {
        if !matches!(self.open, Some(Open::Thinking(_))) {
            self.begin_block(out, &reply::thinking("", ""));
            self.open = Some(Open::Thinking(String::new()));
        }
    }

    fn think(&mut self, out: &mut String, text: &str) {
        // Reasoning between two texts has a block of its own.
        if text.is_empty() || !self.shape.shows_thinking {
            return;
        }
        if self.is_calling() {
            return self.waiting.add(Item::Thought(text.to_owned()));
        }
        self.begin_thought(out);
        self.delta(out, &json!({ "type": "thinking_delta", "thinking": text }));
    }

    /// The signature with which a block of reasoning ends. One whose text is not shown has a block, too; one that comes
    /// after the block was closed has none.
    fn sign(&mut self, out: &mut String, text: &str, signature: &str) {
        if self.is_calling() {
            return self.waiting.add(Item::Signature(text.to_owned(), signature.to_owned()));
        }
        if !matches!(self.open, Some(Open::Thinking(_))) {
            if self.thought == Thought::Unsigned || !text.is_empty() {
                return;
            }
            self.begin_thought(out);
        }
        self.open = Some(Open::Thinking(signature.to_owned()));
        self.close(out);
    }

    fn say(&mut self, out: &mut String, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.is_calling() {
            return self.waiting.add(Item::Text(text.to_owned()));
        }
        if self.open != Some(Open::Text) {
            self.begin_block(out, &reply::text("", Vec::new()));
            self.open = Some(Open::Text);
        }
        self.spoke = true;
        self.delta(out, &json!({ "type": "text_delta", "text": text }));
    }

    fn cite(&self, out: &mut String, citation: &Value) {
        if self.open == Some(Open::Text) {
            self.delta(out, &json!({ "type": "citations_delta", "citation": citation }));
        }
    }

    /// Pieces of calls. One call is open at a time; those of others wait.
    fn calls(&mut self, out: &mut String, pieces: &[Value]) {
        for piece in pieces {
            let open = if let Some(Open::Call(call)) = &mut self.open { Some(&mut **call) } else { None };
            self.waiting.piece(open, piece);
            self.go_on(out);
        }
    }

    /// Whether a call is open that may go on, so that all else waits.
    fn is_calling(&self) -> bool {
        matches!(&self.open, Some(Open::Call(call)) if !call.is_whole())
    }

    /// Sends what has come of the open call, and what waited for its end.
    fn go_on(&mut self, out: &mut String) {
        loop {
            if let Some(Open::Call(call)) = &mut self.open
                && let Some(more) = call.more()
            {
                self.delta(out, &json!({ "type": "input_json_delta", "partial_json": more }));
            }
            if self.waiting.is_empty() || self.is_calling() {
                return;
            }
            self.take_next(out);
        }
    }

    fn take_next(&mut self, out: &mut String) {
        match self.waiting.next() {
            Some(Item::Thought(text)) => self.think(out, &text),
            Some(Item::Signature(text, signature)) => self.sign(out, &text, &signature),
            Some(Item::Text(text)) => self.say(out, &text),
            Some(Item::Block(block)) => self.block(out, &block),
            Some(Item::Call(call)) => {
                self.begin_block(out, &call.block());
                self.open = Some(Open::Call(Box::new(call)));
                self.spoke = true;
            }
            None => {}
        }
    }

    /// Sends all that waits: nothing more comes of any call.
    fn end_calls(&mut self, out: &mut String) {
        self.go_on(out);
        while !self.waiting.is_empty() {
            self.close(out);
            self.take_next(out);
            self.go_on(out);
        }
    }

    /// A block that is known whole.
    fn block(&mut self, out: &mut String, block: &Value) {
        if self.is_calling() {
            return self.waiting.add(Item::Block(block.clone()));
        }
        match block["type"].as_str() {
            Some("text") => {
                self.close(out);
                self.say(out, block["text"].as_str().unwrap_or_default());
                for citation in block["citations"].as_array().into_iter().flatten() {
                    self.cite(out, citation);
                }
            }
            Some("thinking") => {
                self.close(out);
                self.begin_thought(out);
                self.think(out, block["thinking"].as_str().unwrap_or_default());
                self.open = Some(Open::Thinking(block["signature"].as_str().unwrap_or_default().to_owned()));
            }
            _ if block["input"].is_object() => {
                let mut begun = block.clone();
                let input = begun["input"].take();
                begun["input"] = json!({});
                self.begin_block(out, &begun);
                let input = restore_integers(input.to_string());
                self.delta(out, &json!({ "type": "input_json_delta", "partial_json": input }));
                self.end_block(out);
            }
            _ => {
                self.begin_block(out, block);
                self.end_block(out);
            }
        }
        self.close(out);
    }

    fn pass(&mut self, out: &mut String, delta: &Delta) {
        // The engine says that blocks are complete: what follows is another one.
        if self.open == Some(Open::Text) && delta.extra.contains_key(reply::BLOCKS) {
            self.close(out);
        }
        self.think(out, &delta.reasoning);
        if self.shape.shows_thinking {
            for piece in reply::pieces(&delta.extra) {
                match piece {
                    Piece::Signed(_, None) => {}
                    // The text of a block comes before its signature, or with it.
                    Piece::Signed(text, Some(signature)) => self.sign(out, text, signature),
                    Piece::Sealed(block) => self.block(out, block),
                }
            }
        }
        let list = |name: &str| delta.extra.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for block in list(reply::SERVED).iter().filter(|block| block["type"].is_string()) {
            self.block(out, block);
        }
        self.say(out, &delta.content);
        if let Some(Value::String(refusal)) = delta.extra.get("refusal") {
            self.say(out, refusal);
        }
        for citation in list("annotations").iter().filter_map(reply::citation) {
            self.cite(out, &citation);
        }
        self.calls(out, list("tool_calls"));
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
            return self.pass(out, &delta);
        }
        let text = delta.reasoning + &delta.content;
        if !text.is_empty() {
            // Another sample took the lead: its text is set apart.
            self.think(out, &if other { format!("\n\n{text}") } else { text });
        }
    }

    /// The chosen reply where it was not streamed as it came, the reason, the usage and the receipt.
    fn end(&mut self, outcome: &Outcome, out: &mut String) {
        self.end_calls(out);
        if !(self.pass_through && self.spoke) {
            self.close(out);
            for block in self.shape.blocks(outcome) {
                // Reasoning was shown while it came. Of a vote, that which the engine signed has to come back to it.
                let is_told = self.thought != Thought::Nothing && (self.pass_through || block["signature"] == "");
                if !(reply::is_thought(&block) && is_told) {
                    self.block(out, &block);
                }
            }
        }
        self.close(out);
        let fields = json!({
            "type": "message_delta",
            "delta": self.shape.end(outcome),
            "usage": reply::usage_at_end(&outcome.usage),
            "outthink": self.shape.receipt(outcome),
        });
        event(out, "message_delta", &fields);
        event(out, "message_stop", &json!({ "type": "message_stop" }));
    }

    fn failed(&mut self, error: &ApiError, out: &mut String) {
        self.end_calls(out);
        self.close(out);
        event(out, "error", &error::body(error, None));
    }
}
