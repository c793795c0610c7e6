//! Tool calls as Hermes and Qwen models write them: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.

use outthink_core::derive_seed;
use serde_json::{Value, json};

/// What opens a call.
pub(crate) const OPEN: &str = "<tool_call>";
/// What closes it.
pub(crate) const CLOSE: &str = "</tool_call>";

/// Reads the calls of one sample.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    seed: u64,
    count: usize,
}

impl Calls {
    /// The ids of calls follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    /// Calls read so far.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// One call in the API's form, or `None` where the text is none.
    pub(crate) fn read(&mut self, body: &str) -> Option<Value> {
        let call: Value = serde_json::from_str(body.trim()).ok()?;
        let name = call["name"].as_str().filter(|n| !n.is_empty())?;
        let arguments = match call.get("arguments").or_else(|| call.get("parameters")) {
            None | Some(Value::Null) => "{}".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        let index = self.count;
        self.count += 1;
        let id = format!("call_{:016x}", derive_seed(self.seed, self.count as u64));
        Some(json!({
            "index": index,
            "id": id,
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }))
    }
}
