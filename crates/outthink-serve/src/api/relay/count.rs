//! How much of a reply has been generated, where its server says nothing: counted as the engines count chat.

use outthink_core::{TOKEN_BYTES, estimated_tokens};
use serde_json::Value;

/// What of a reply was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Tokens, about.
    pub(super) tokens: u64,
    /// Pieces of text, and their bytes.
    pieces: u64,
    bytes: u64,
}

impl Count {
    /// Counts all texts of a reply, or of an event of one.
    pub(super) fn reply(&mut self, reply: &Value) {
        match reply["choices"].as_array() {
            Some(choices) => choices.iter().for_each(|choice| self.texts(choice, None)),
            // The reply of a server with words of its own.
            None => ["text", "content", "response", "completion", "generated_text", "token", "output"]
                .iter()
                .for_each(|name| self.texts(&reply[*name], Some(name))),
        }
    }

    /// Counts a text.
    pub(super) fn text(&mut self, text: &str) {
        self.tokens += estimated_tokens(text);
        self.pieces += u64::from(!text.is_empty());
        self.bytes += text.len() as u64;
    }

    /// Whether it is more than `most` tokens beyond doubt: a piece may be a letter of a token, or several tokens.
    pub(super) const fn is_surely_over(&self, most: u64) -> bool {
        self.pieces > most && self.bytes / TOKEN_BYTES as u64 > most
    }

    fn texts(&mut self, value: &Value, name: Option<&str>) {
        match value {
            // Why it ended, and what each token was, are not generated once more.
            _ if matches!(
                name,
                Some("finish_reason" | "stop_reason" | "logprobs" | "role" | "id" | "type" | "object")
            ) => {}
            Value::String(text) => self.text(text),
            Value::Array(values) => values.iter().for_each(|value| self.texts(value, name)),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| self.texts(value, Some(name))),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_count_wherever_they_stand() {
        for (reply, tokens) in [
            (json!({"choices": [{"text": "word", "finish_reason": "stop", "logprobs": {"tokens": ["word"]}}]}), 1),
            (json!({"choices": [{"text": "a"}, {"text": "word ".repeat(80)}]}), 101),
            (json!({"choices": [{"delta": {"role": "assistant", "reasoning_content": "hm", "content": "a"}}]}), 2),
            (json!({"content": "word"}), 1),
            (json!({"choices": []}), 0),
        ] {
            let mut count = Count::default();
            count.reply(&reply);
            assert_eq!(count.tokens, tokens, "{reply}");
        }
    }

    #[test]
    fn neither_letters_nor_a_large_piece_are_surely_over_a_limit() {
        let of = |pieces: &[&str]| {
            let mut count = Count::default();
            for piece in pieces {
                count.text(piece);
            }
            count
        };
        assert!(!of(&["w"; 31]).is_surely_over(8));
        assert!(!of(&[" international business"]).is_surely_over(3));
        assert!(of(&["word "; 60]).is_surely_over(50));
    }
}
