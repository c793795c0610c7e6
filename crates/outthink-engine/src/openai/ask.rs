//! What is sent to a server, and what of it can be left out or said otherwise where the server refuses it.

use super::assemble::Assembler;
use super::habit::Manner;
use super::learned::{Complaint, Refused};
use super::request::OURS;
use super::think::Before;
use crate::reader::NewReader;
use hyper::body::Bytes;
use outthink_core::{Source, parse_json, restore_integers};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The two names of the limit on generated tokens.
pub(super) const LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// A request for `n` samples.
pub(super) struct Order {
    pub(super) ask: Ask,
    pub(super) source: Arc<Source>,
    pub(super) seed: u64,
    /// Samples.
    pub(super) n: usize,
    /// Whether another engine draws the sample where this one fails.
    pub(super) has_other: bool,
    /// Characters of the prompt.
    pub(super) prompt_chars: u64,
    /// Generated tokens of a sample at most.
    pub(super) max_tokens: Option<u64>,
    /// Where the reply begins.
    pub(super) before: Before,
    /// The kind of request whose replies begin alike.
    pub(super) manner: Manner,
    /// Whether it goes on from a rendered prompt, by `/completions`.
    pub(super) is_completion: bool,
    /// What reads a reply of another protocol.
    pub(super) reader: Option<NewReader>,
}

impl Order {
    /// What reads its reply.
    pub(super) fn assembler(&self) -> Assembler {
        let assembler = Assembler::new(self.n, self.prompt_chars, self.before);
        match self.reader {
            Some(reader) => assembler.reading(reader()),
            None => assembler,
        }
    }
}

/// A body and what can be changed in it.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// JSON.
    pub(super) body: Bytes,
    /// What of the request it does not say, in words for the receipt.
    pub(super) notes: Vec<String>,
    /// Whether a stream is asked for, and not a whole reply.
    pub(super) is_stream: bool,
    spare: Vec<Spare>,
    /// What was changed because the server does not know it.
    refused: Vec<Refused>,
}

/// Something in a body that is not worth a refusal.
#[derive(Debug, Clone)]
pub(crate) struct Spare {
    pub(crate) field: String,
    /// What it is remembered by where the server refuses it.
    pub(crate) name: String,
    /// The keys within the field that are ours; none where all of it is.
    pub(crate) keys: Vec<String>,
    /// The value, where another one may be taken.
    pub(crate) value: Option<String>,
    /// Whether the server may know the field and not the value even if it calls it unknown.
    pub(crate) is_word: bool,
    pub(crate) change: Change,
    /// What is said where it is left out; nothing where nobody asked for it.
    pub(crate) note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    LeaveOut,
    /// The other name of the limit.
    Rename,
    /// A whole reply in place of a stream.
    Whole,
}

/// The field that asks for a stream.
pub(super) const STREAM: &str = "stream";
/// The fields that go with a stream alone.
const OF_STREAM: [&str; 1] = ["stream_options"];

impl Spare {
    pub(crate) fn new(field: &str, note: Option<&str>) -> Self {
        Self {
            field: field.into(),
            name: field.into(),
            keys: Vec::new(),
            value: None,
            is_word: false,
            change: Change::LeaveOut,
            note: note.map(str::to_owned),
        }
    }

    fn is_named(&self, complaint: &Complaint) -> bool {
        if self.change == Change::Rename && !complaint.is_unknown_field() {
            return false;
        }
        let with_it = match self.field.as_str() {
            STREAM => complaint.names("streaming") || complaint.names("streamed"),
            "logprobs" => complaint.names("top_logprobs"),
            "thinking" => complaint.names("budget_tokens"),
            "stream_options" => complaint.names("include_usage"),
            // Gemini names the setting in words.
            "generationConfig" if self.keys == ["thinkingConfig"] => complaint.names("thinking"),
            _ => false,
        };
        with_it || complaint.names(&self.field) || self.keys.iter().any(|key| complaint.names(key))
    }

    fn apply(&self, body: &mut Map<String, Value>) {
        match self.change {
            Change::Rename => {
                if let Some(limit) = body.shift_remove(&self.field) {
                    body.insert(other_limit(&self.field).into(), limit);
                }
            }
            Change::Whole => {
                body.insert(STREAM.into(), false.into());
                body.retain(|name, _| !OF_STREAM.contains(&name.as_str()));
            }
            Change::LeaveOut => {
                if let Some(Value::Object(inner)) = body.get_mut(&self.field)
                    && !self.keys.is_empty()
                {
                    inner.retain(|key, _| !self.keys.contains(key));
                    if !inner.is_empty() {
                        return;
                    }
                }
                body.shift_remove(&self.field);
                if self.field == "logprobs" {
                    body.shift_remove("top_logprobs");
                }
            }
        }
    }
}

impl Ask {
    pub(super) fn new(body: Bytes, notes: Vec<String>, spare: Vec<Spare>) -> Self {
        Self { body, notes, is_stream: true, spare, refused: Vec::new() }
    }

    /// The same, whether it asks for a stream or not.
    pub(super) fn streaming(self, is_stream: bool) -> Self {
        Self { is_stream, ..self }
    }

    /// Changes the body as the server wants it; whether it complains about something that can be changed.
    pub(super) fn amend(&mut self, complaint: &Complaint) -> bool {
        let Some(at) = self.spare.iter().position(|spare| spare.is_named(complaint)) else { return false };
        let Ok(Value::Object(mut body)) = parse_json(&self.body) else { return false };
        let spare = self.spare.remove(at);
        spare.apply(&mut body);
        self.body = restore_integers(Value::Object(body.clone()).to_string()).into();
        self.notes.extend(spare.note);
        if spare.change == Change::Whole {
            self.is_stream = false;
            self.refused.extend(without_stream(&body, complaint));
            return true;
        }
        // A value that is wrong once says nothing of the field.
        let unknown = complaint.is_unknown_field() && !spare.is_word;
        if unknown || spare.value.is_some() {
            let value = spare.value.filter(|_| !unknown);
            self.refused.push(Refused { field: spare.name, value });
        }
        true
    }

    /// What to remember now that the server has taken the request.
    pub(super) fn learned(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }
}

/// What a server that refused a stream does not stream: replies to the fields of the client that it names, with the
/// values that they have, or else any.
fn without_stream(body: &Map<String, Value>, complaint: &Complaint) -> Vec<Refused> {
    let named = body.iter().filter(|(name, _)| !OURS.contains(&name.as_str()) && complaint.names(name));
    let named: Vec<Refused> = named.map(|(name, value)| not_streamed_with(name, value)).collect();
    if named.is_empty() { vec![Refused { field: STREAM.into(), value: None }] } else { named }
}

/// A stream along with a field of this value.
pub(super) fn not_streamed_with(name: &str, value: &Value) -> Refused {
    Refused { field: format!("{STREAM} with {name}"), value: Some(value.to_string()) }
}

/// The other name of the limit.
pub(super) fn other_limit(name: &str) -> &'static str {
    if name == LIMITS[0] { LIMITS[1] } else { LIMITS[0] }
}
