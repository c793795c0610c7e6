//! A body while it is written: its fields, what it cannot say, and what of it can be left out.

use crate::openai::channel::{Spare, Written};
use serde_json::{Map, Value};

/// What a server refused before.
type Refuses<'a> = &'a (dyn Fn(&str, Option<&Value>) -> bool + Sync);

/// Fields of a request in the shape of chat that every protocol writes in another place, or does without.
const OF_CHAT: [&str; 15] = [
    "model",
    "messages",
    "n",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
    "reasoning",
];

/// Whether a protocol reads a field of a request in the shape of chat by itself: one of all protocols, or of its `own`.
pub(crate) fn is_taken(name: &str, own: &[&str]) -> bool {
    OF_CHAT.contains(&name) || own.contains(&name)
}

/// Collects a body.
pub(crate) struct Draft<'a> {
    written: Written,
    refuses: Refuses<'a>,
}

impl<'a> Draft<'a> {
    /// Nothing yet.
    pub(crate) fn new(refuses: Refuses<'a>) -> Self {
        Self { written: Written::default(), refuses }
    }

    /// Sets a field; null is not written.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        if !value.is_null() {
            self.written.body.insert(name.to_owned(), value);
        }
    }

    /// Sets a field of an object within the body; null is not written.
    pub(crate) fn put(&mut self, outer: &str, inner: &str, value: impl Into<Value>) {
        let value = value.into();
        if value.is_null() {
            return;
        }
        if let Some(Value::Object(fields)) = self.written.body.get_mut(outer) {
            fields.insert(inner.to_owned(), value);
        } else {
            let fields = Value::Object(Map::from_iter([(inner.to_owned(), value)]));
            self.written.body.insert(outer.to_owned(), fields);
        }
    }

    /// Says something in the receipt, once.
    pub(crate) fn note(&mut self, words: impl Into<String>) {
        let words = words.into();
        if !self.written.notes.contains(&words) {
            self.written.notes.push(words);
        }
    }

    /// Sets a field that is left out where the server refuses it, with `note` in the receipt. `path` is a field, or one
    /// within an object: `generationConfig.topK`.
    pub(crate) fn hint(&mut self, path: &str, value: impl Into<Value>, note: &str) {
        let value = value.into();
        if (self.refuses)(path, Some(&value)) {
            self.note(note);
            return;
        }
        let mut spare = Spare::new(path, Some(note));
        if let Some((outer, inner)) = path.split_once('.') {
            outer.clone_into(&mut spare.field);
            spare.keys = vec![inner.to_owned()];
            self.put(outer, inner, value);
        } else {
            spare.value = Some(value.to_string());
            self.set(path, value);
        }
        self.written.spare.push(spare);
    }

    /// What was collected.
    pub(crate) fn finish(self) -> Written {
        self.written
    }
}
