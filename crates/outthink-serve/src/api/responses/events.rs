//! A run told as a response, whole or in events.

use super::reply::{self, Shape};
use super::store::Keep;
use crate::api::tell::{Wire, event};
use crate::error::ApiError;
use crate::observe::store::Keeping;
use outthink_core::{Outcome, SampleId};
use outthink_strategy::Update;
use serde_json::{Value, json};

/// A run as a response.
pub(super) struct Told {
    shape: Shape,
    pass_through: bool,
    /// How the response is to be remembered, if it is.
    keep: Option<Keep>,
    /// What has to be done before the client learns of the end.
    keeping: Option<Keeping>,
    number: u64,
    /// Output items that are complete.
    output: Vec<Value>,
    /// The thought that was told so far, while its item is open.
    thought: Option<String>,
    /// The text that was told so far, while its item is open.
    text: Option<String>,
    shown: Option<SampleId>,
}

impl Told {
    pub(super) fn new(shape: Shape, pass_through: bool, keep: Option<Keep>) -> Self {
        Self {
            shape,
            pass_through,
            keep,
            keeping: None,
            number: 0,
            output: Vec::new(),
            thought: None,
            text: None,
            shown: None,
        }
    }

    /// Writes an event with its number.
    fn tell(&mut self, out: &mut String, name: &str, mut fields: Value) {
        fields["type"] = name.into();
        fields["sequence_number"] = self.number.into();
        self.number += 1;
        event(out, name, &fields);
    }

    fn add(&mut self, out: &mut String, item: &Value) {
        let index = self.output.len();
        self.tell(out, "response.output_item.added", json!({ "output_index": index, "item": item }));
    }

    fn done(&mut self, out: &mut String, item: Value) {
        let index = self.output.len();
        self.tell(out, "response.output_item.done", json!({ "output_index": index, "item": item }));
        self.output.push(item);
    }

    fn think(&mut self, out: &mut String, text: &str) {
        if text.is_empty() || !self.shape.summary || self.text.is_some() {
            return;
        }
        let (index, id) = (self.output.len(), self.shape.item_id("rs"));
        if self.thought.is_none() {
            self.add(out, &self.shape.reasoning(""));
            let part = json!({ "type": "summary_text", "text": "" });
            let fields = json!({ "item_id": id, "output_index": index, "summary_index": 0, "part": part });
            self.tell(out, "response.reasoning_summary_part.added", fields);
        }
        self.thought.get_or_insert_default().push_str(text);
        let fields = json!({ "item_id": id, "output_index": index, "summary_index": 0, "delta": text });
        self.tell(out, "response.reasoning_summary_text.delta", fields);
    }

    fn end_thought(&mut self, out: &mut String) {
        let Some(text) = self.thought.take() else { return };
        let (index, id) = (self.output.len(), self.shape.item_id("rs"));
        let fields = json!({ "item_id": id, "output_index": index, "summary_index": 0, "text": text });
        self.tell(out, "response.reasoning_summary_text.done", fields);
        let part = json!({ "type": "summary_text", "text": text });
        let fields = json!({ "item_id": id, "output_index": index, "summary_index": 0, "part": part });
        self.tell(out, "response.reasoning_summary_part.done", fields);
        let item = self.shape.reasoning(&text);
        self.done(out, item);
    }

    fn say(&mut self, out: &mut String, text: &str) {
        if text.is_empty() {
            return;
        }
        self.end_thought(out);
        let (index, id) = (self.output.len(), self.shape.item_id("msg"));
        if self.text.is_none() {
            self.add(out, &self.shape.message(None));
            let fields = json!({ "item_id": id, "output_index": index, "content_index": 0, "part": reply::part("") });
            self.tell(out, "response.content_part.added", fields);
        }
        self.text.get_or_insert_default().push_str(text);
        let fields = json!({ "item_id": id, "output_index": index, "content_index": 0, "delta": text, "logprobs": [] });
        self.tell(out, "response.output_text.delta", fields);
    }

    fn end_text(&mut self, out: &mut String) {
        let Some(text) = self.text.take() else { return };
        let (index, id) = (self.output.len(), self.shape.item_id("msg"));
        let fields = json!({ "item_id": id, "output_index": index, "content_index": 0, "text": text, "logprobs": [] });
        self.tell(out, "response.output_text.done", fields);
        let fields = json!({ "item_id": id, "output_index": index, "content_index": 0, "part": reply::part(&text) });
        self.tell(out, "response.content_part.done", fields);
        let item = self.shape.message(Some(&text));
        self.done(out, item);
    }

    fn call(&mut self, out: &mut String, item: Value) {
        let (field, kind) = match item["type"].as_str() {
            Some("custom_tool_call") => ("input", "response.custom_tool_call_input"),
            _ => ("arguments", "response.function_call_arguments"),
        };
        let (index, id, text) = (self.output.len(), item["id"].clone(), item[field].clone());
        let mut begun = item.clone();
        begun["status"] = "in_progress".into();
        begun[field] = "".into();
        self.add(out, &begun);
        let fields = json!({ "item_id": id, "output_index": index, "delta": text });
        self.tell(out, &format!("{kind}.delta"), fields);
        let mut fields = json!({ "item_id": id, "output_index": index, "name": item["name"] });
        fields[field] = text;
        self.tell(out, &format!("{kind}.done"), fields);
        self.done(out, item);
    }

    /// The output of a reply that is told whole.
    fn items(&self, outcome: &Outcome) -> Vec<Value> {
        let mut items = Vec::new();
        if self.shape.summary && !outcome.reasoning.is_empty() {
            items.push(self.shape.reasoning(&outcome.reasoning));
        }
        if !outcome.content.is_empty() || outcome.extra.contains_key("refusal") {
            items.push(self.shape.message_of(outcome));
        }
        items.extend(self.shape.calls(outcome));
        items
    }

    fn remember(&mut self, response: &Value, outcome: &Outcome) {
        if let Some(keep) = self.keep.take() {
            self.keeping = keep.told(&self.shape.id, response, reply::as_message(outcome));
        }
    }
}

impl Wire for Told {
    fn hear(&mut self, _: &Update) {}

    fn whole(&mut self, outcome: &Outcome) -> String {
        let response = self.shape.finished(outcome, &self.items(outcome));
        self.remember(&response, outcome);
        response.to_string()
    }

    fn begin(&mut self, out: &mut String) {
        for name in ["response.created", "response.in_progress"] {
            let fields = json!({ "response": self.shape.in_progress() });
            self.tell(out, name, fields);
        }
    }

    fn update(&mut self, update: Update, out: &mut String) {
        let Update::Delta { sample, leading: true, delta } = update else { return };
        let other = self.shown.replace(sample).is_some_and(|before| before != sample);
        if self.pass_through {
            self.think(out, &delta.reasoning);
            self.say(out, &delta.content);
            return;
        }
        let text = delta.reasoning + &delta.content;
        if !text.is_empty() {
            // Another sample took the lead: its text is set apart.
            self.think(out, &if other { format!("\n\n{text}") } else { text });
        }
    }

    fn end(&mut self, outcome: &Outcome, out: &mut String) {
        if !(self.pass_through && self.text.is_some()) {
            self.say(out, &outcome.content);
        }
        self.end_thought(out);
        if self.text.is_none() && outcome.extra.contains_key("refusal") {
            let item = self.shape.message_of(outcome);
            self.add(out, &item);
            self.done(out, item);
        }
        self.end_text(out);
        for item in self.shape.calls(outcome) {
            self.call(out, item);
        }
        let response = self.shape.finished(outcome, &std::mem::take(&mut self.output));
        self.remember(&response, outcome);
        let name = if response["status"] == "completed" { "response.completed" } else { "response.incomplete" };
        self.tell(out, name, json!({ "response": response }));
    }

    fn keeping(&mut self) -> Option<Keeping> {
        self.keeping.take()
    }

    fn failed(&mut self, error: &ApiError, out: &mut String) {
        let response = self.shape.failed(error);
        self.tell(out, "response.failed", json!({ "response": response }));
    }
}
