//! What is asked, kept without loss.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A conversation to be answered, in the shape of the chat completions API.
///
/// Messages keep their roles, parts and unknown fields; nothing is flattened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// The messages, each an object with at least `role`.
    pub messages: Vec<Value>,
    /// Request fields for the engine that outthink does not interpret: `tools`, `tool_choice`,
    /// `response_format`, and whatever else the caller sent.
    #[serde(default)]
    pub extra: Map<String, Value>,
}

impl Prompt {
    /// One question from the user.
    pub fn user(text: &str) -> Self {
        Self { messages: vec![serde_json::json!({"role": "user", "content": text})], extra: Map::new() }
    }

    /// Puts a system message before the others.
    #[must_use]
    pub fn with_system(mut self, text: &str) -> Self {
        self.messages.insert(0, serde_json::json!({"role": "system", "content": text}));
        self
    }

    /// Puts a system message in the place of the first one that there is, or before the others.
    #[must_use]
    pub fn with_system_instead(mut self, text: &str) -> Self {
        if self.messages.first().is_some_and(|m| m["role"] == "system" || m["role"] == "developer") {
            self.messages.remove(0);
        }
        self.with_system(text)
    }

    /// The text of the last user message; the text parts of one in parts are joined by line breaks.
    pub fn last_user_text(&self) -> Option<String> {
        let message = self.messages.iter().rev().find(|m| m["role"] == "user")?;
        Some(text_of(&message["content"]))
    }

    /// Whether the caller offers tools.
    pub fn has_tools(&self) -> bool {
        self.extra.get("tools").and_then(Value::as_array).is_some_and(|t| !t.is_empty())
    }
}

/// The text of a message's `content`: a string, or parts of which the textual ones are joined.
pub(crate) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|p| p["text"].as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_are_read_and_kept() {
        let content =
            json!([{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": "data:,x"}}]);
        let prompt = Prompt { messages: vec![json!({"role": "user", "content": content})], extra: Map::new() };
        assert_eq!(prompt.last_user_text().as_deref(), Some("what is this?"));
        assert_eq!(prompt.messages[0]["content"], content);
    }
}
