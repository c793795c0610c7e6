//! A run told as a response, whole or in events.

use super::logprobs::{self, Tokens};
use super::reply::{self, Shape};
use super::sealed;
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
    /// The reasoning that was passed on so far, while its item is open.
    thought: Option<String>,
    /// The engine's details of that reasoning.
    details: Vec<Value>,
    /// The text that was passed on so far, while its item is open.
    text: Option<String>,
    tokens: Tokens,
    shown: Option<SampleId>,
}

impl Told {
    pub(super) fn new(shape: Shape, pass_through: bool, keep: Option<Keep>) -> Self {
        let tokens = Tokens::new(shape.echo.include.logprobs);
        Self {
            shape,
            pass_through,
            keep,
            keeping: None,
            number: 0,
            output: Vec::new(),
            thought: None,
            details: Vec::new(),
            text: None,
            tokens,
            shown: None,
        }
    }

    /// The name of the response.
    pub(super) fn id(&self) -> &str {
        &self.shape.id
    }

    /// The response before its end, or after an end without an outcome.
    pub(super) fn at(&self, status: &str) -> Value {
        self.shape.before_end(status)
    }

    /// The response that failed on the way.
    pub(super) fn failed_whole(&self, error: &ApiError) -> Value {
        self.shape.failed(error)
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

    /// Opens the item of the reasoning, if it is not open.
    fn begin_thought(&mut self, out: &mut String) {
        if self.thought.is_some() {
            return;
        }
        self.thought = Some(String::new());
        self.add(out, &self.shape.reasoning("", None));
        if self.shape.summary {
            let part = json!({ "type": "summary_text", "text": "" });
            let fields = self.of_thought(json!({ "part": part }));
            self.tell(out, "response.reasoning_summary_part.added", fields);
        }
    }

    /// Fields of an event about the summary of the reasoning.
    fn of_thought(&self, mut fields: Value) -> Value {
        fields["item_id"] = self.shape.item_id("rs").into();
        fields["output_index"] = self.output.len().into();
        fields["summary_index"] = 0.into();
        fields
    }

    fn think(&mut self, out: &mut String, text: &str) {
        if text.is_empty() || !self.shape.has_reasoning() || self.text.is_some() {
            return;
        }
        self.begin_thought(out);
        self.thought.get_or_insert_default().push_str(text);
        if self.shape.summary {
            let fields = self.of_thought(json!({ "delta": text }));
            self.tell(out, "response.reasoning_summary_text.delta", fields);
        }
    }

    /// Closes the item of the reasoning, if one is open. `sealed` is what a client may send back for it.
    fn end_thought(&mut self, out: &mut String, sealed: Option<String>) {
        let Some(text) = self.thought.take() else { return };
        if self.shape.summary {
            let fields = self.of_thought(json!({ "text": text }));
            self.tell(out, "response.reasoning_summary_text.done", fields);
            let fields = self.of_thought(json!({ "part": { "type": "summary_text", "text": text } }));
            self.tell(out, "response.reasoning_summary_part.done", fields);
        }
        let item = self.shape.reasoning(&text, sealed);
        self.done(out, item);
    }

    /// What stands for the reasoning that was passed on so far, where the client asked for it.
    fn sealed_so_far(&self) -> Option<String> {
        let asked = self.shape.echo.include.sealed_reasoning;
        self.thought.as_deref().filter(|_| asked).and_then(|text| sealed::seal(text, &self.details))
    }

    /// Fields of an event about a part of the message.
    fn of_part(&self, part: u64, mut fields: Value) -> Value {
        fields["item_id"] = self.shape.item_id("msg").into();
        fields["output_index"] = self.output.len().into();
        fields["content_index"] = part.into();
        fields
    }

    fn say(&mut self, out: &mut String, text: &str, tokens: &[Value]) {
        if text.is_empty() && (tokens.is_empty() || self.text.is_none()) {
            return;
        }
        if self.text.is_none() {
            self.text = Some(String::new());
            self.add(out, &self.shape.message_begun());
            let fields = self.of_part(0, json!({ "part": reply::part("", &[]) }));
            self.tell(out, "response.content_part.added", fields);
        }
        self.text.get_or_insert_default().push_str(text);
        let fields = self.of_part(0, json!({ "delta": text, "logprobs": logprobs::of_event(tokens) }));
        self.tell(out, "response.output_text.delta", fields);
    }

    /// Closes the message: its text, and what the engine sent with it.
    fn end_message(&mut self, out: &mut String, outcome: &Outcome) {
        let text = self.text.take();
        let item = self.shape.message(text.as_deref().unwrap_or_default(), outcome, &self.tokens.of(outcome));
        let parts = item["content"].as_array().cloned().unwrap_or_default();
        if text.is_none() {
            // A refusal may be all that there is.
            if parts.iter().all(|part| part["type"] != "refusal") {
                return;
            }
            self.add(out, &self.shape.message_begun());
        }
        for (index, part) in (0..).zip(parts) {
            if part["type"] == "refusal" {
                self.refuse(out, index, &part);
                continue;
            }
            for (number, annotation) in part["annotations"].as_array().into_iter().flatten().enumerate() {
                let fields = json!({ "annotation": annotation, "annotation_index": number });
                let fields = self.of_part(index, fields);
                self.tell(out, "response.output_text.annotation.added", fields);
            }
            let probabilities = logprobs::of_event(part["logprobs"].as_array().map(Vec::as_slice).unwrap_or_default());
            let fields = self.of_part(index, json!({ "text": part["text"], "logprobs": probabilities }));
            self.tell(out, "response.output_text.done", fields);
            let fields = self.of_part(index, json!({ "part": part }));
            self.tell(out, "response.content_part.done", fields);
        }
        self.done(out, item);
    }

    /// The events of a refusal, which comes in one piece.
    fn refuse(&mut self, out: &mut String, index: u64, part: &Value) {
        for (name, fields) in [
            ("response.content_part.added", json!({ "part": { "type": "refusal", "refusal": "" } })),
            ("response.refusal.delta", json!({ "delta": part["refusal"] })),
            ("response.refusal.done", json!({ "refusal": part["refusal"] })),
            ("response.content_part.done", json!({ "part": part })),
        ] {
            let fields = self.of_part(index, fields);
            self.tell(out, name, fields);
        }
    }

    fn call(&mut self, out: &mut String, item: Value) {
        let (field, kind) = match item["type"].as_str() {
            Some("custom_tool_call") => ("input", "response.custom_tool_call_input"),
            Some("function_call") => ("arguments", "response.function_call_arguments"),
            // The items of other tools come whole.
            _ => {
                let mut begun = item.clone();
                begun["status"] = "in_progress".into();
                self.add(out, &begun);
                self.done(out, item);
                return;
            }
        };
        let (index, id, text) = (self.output.len(), item["id"].clone(), item[field].clone());
        let mut begun = item.clone();
        if let Some(status) = begun.get_mut("status") {
            *status = "in_progress".into();
        }
        begun[field] = "".into();
        self.add(out, &begun);
        let fields = json!({ "item_id": id, "output_index": index, "delta": text });
        self.tell(out, &format!("{kind}.delta"), fields);
        let mut fields = json!({ "item_id": id, "output_index": index });
        fields[field] = text;
        // OpenAI's document requires it of functions, though the SDKs' types have dropped it.
        if field == "arguments" {
            fields["name"] = item["name"].clone();
        }
        self.tell(out, &format!("{kind}.done"), fields);
        self.done(out, item);
    }

    /// The output of a reply that is sent whole.
    fn items(&self, outcome: &Outcome) -> Vec<Value> {
        let mut items = Vec::new();
        let sealed = self.shape.sealed(outcome);
        if sealed.is_some() || (self.shape.summary && !outcome.reasoning.is_empty()) {
            items.push(self.shape.reasoning(&outcome.reasoning, sealed));
        }
        let message = self.shape.message(reply::said(outcome), outcome, &self.tokens.of(outcome));
        if message["content"].as_array().is_some_and(|parts| !parts.is_empty()) {
            items.push(message);
        }
        items.extend(self.shape.images(outcome));
        items.extend(self.shape.calls(outcome));
        items
    }

    fn remember(&mut self, response: &Value, outcome: &Outcome) {
        if let Some(keep) = self.keep.take() {
            self.keeping = keep.sent(&self.shape.id, response, reply::as_message(outcome));
        }
    }
}

impl Wire for Told {
    fn hear(&mut self, update: &Update) {
        if let Update::Delta { sample, delta, .. } = update {
            self.tokens.keep(*sample, delta);
        }
    }

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
        let Update::Delta { sample, leading, delta } = update else { return };
        let tokens = self.tokens.keep(sample, &delta);
        if !leading {
            return;
        }
        let other = self.shown.replace(sample).is_some_and(|before| before != sample);
        if self.pass_through {
            sealed::gather(&mut self.details, &delta.extra);
            // What only the engine can read may come without a text.
            if self.shape.echo.include.sealed_reasoning && !self.details.is_empty() && self.text.is_none() {
                self.begin_thought(out);
            }
            self.think(out, &delta.reasoning);
            if !delta.content.is_empty() {
                let sealed = self.sealed_so_far();
                self.end_thought(out, sealed);
            }
            self.say(out, &delta.content, &tokens);
            return;
        }
        let text = delta.reasoning + &delta.content;
        // Without a summary nothing of other samples is shown: the reasoning of the chosen one comes at the end.
        if !text.is_empty() && self.shape.summary {
            // Another sample took the lead: its text is set apart.
            self.think(out, &if other { format!("\n\n{text}") } else { text });
        }
    }

    fn end(&mut self, outcome: &Outcome, out: &mut String) {
        let was_passed_on = self.pass_through && self.text.is_some();
        if !was_passed_on {
            let sealed = self.shape.sealed(outcome);
            if sealed.is_some() {
                self.begin_thought(out);
            }
            self.end_thought(out, sealed);
            self.say(out, reply::said(outcome), &self.tokens.of(outcome));
        }
        self.end_message(out, outcome);
        if was_passed_on && !self.output.iter().any(|item| item["type"] == "reasoning") {
            // All that there is of the reasoning came after the text.
            if let Some(sealed) = self.shape.sealed(outcome) {
                self.begin_thought(out);
                self.end_thought(out, Some(sealed));
            }
        }
        for item in self.shape.images(outcome).into_iter().chain(self.shape.calls(outcome)) {
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
