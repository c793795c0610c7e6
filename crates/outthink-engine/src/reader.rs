//! How the events of a protocol become those of chat completions, the one form that replies are assembled from.

use outthink_core::UsageRead;
use serde_json::Value;
use std::fmt::Debug;

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    /// A chunk of a chat completion of one choice.
    Chunk(Value),
    /// Counts of tokens so far, the prompt's cached and written tokens within `prompt`.
    Usage(UsageRead),
    /// Words for the receipt.
    Note(String),
    /// The server failed: an object with `error`.
    Failed(Value),
    /// Nothing more comes.
    Over,
}

/// Reads the events of one reply, or a whole reply as one event. It takes any JSON: what it does not know says nothing.
pub(crate) trait Reader: Debug + Send {
    /// Reads an event; `name` is empty where it has none.
    fn read(&mut self, name: &str, event: Value, out: &mut Vec<Heard>);
}

/// Makes a reader for one reply.
pub(crate) type NewReader = fn() -> Box<dyn Reader>;

/// A chunk with these fields of the delta.
#[expect(clippy::needless_pass_by_value, reason = "it is made for the call, and `json!` takes it by reference")]
pub(crate) fn delta(delta: Value) -> Heard {
    Heard::Chunk(serde_json::json!({ "choices": [{ "index": 0, "delta": delta }] }))
}

/// A chunk that says why the reply ended, and the stop text that it met:
/// `None` where the server does not say whether it met one, null where it met none.
pub(crate) fn end(word: &str, stop_text: Option<Value>) -> Heard {
    let mut choice = serde_json::json!({ "index": 0, "delta": {}, "finish_reason": word });
    if let Some(text) = stop_text {
        choice["matched_stop"] = text;
    }
    Heard::Chunk(serde_json::json!({ "choices": [choice] }))
}
