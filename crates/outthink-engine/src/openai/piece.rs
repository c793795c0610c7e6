//! Events that are a piece of text and nothing else: nearly all are, and these are read without building
//! a tree. What has anything more in it is no piece.
//!
//! The pieces of one reply differ in their texts alone, so that the next one is first held against the
//! last: what is the same before and after a text needs no second reading.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// A piece of text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The choice that it belongs to.
    pub(super) index: usize,
    pub(super) content: Cow<'a, str>,
    pub(super) reasoning: Cow<'a, str>,
}

/// Reads the pieces of one reply.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    last: Option<Last>,
    before: String,
    after: String,
}

/// What the last piece was, between `before` and `after`.
#[derive(Debug, Clone, Copy)]
struct Last {
    index: usize,
    is_thought: bool,
}

impl Pieces {
    /// The piece that the data of an event is, if it is one.
    pub(super) fn read<'a>(&mut self, data: &'a str) -> Option<Piece<'a>> {
        if let Some(piece) = self.like_the_last(data) {
            return Some(piece);
        }
        let Event { choices: [choice], .. } = serde_json::from_str(data).ok()?;
        let Delta { content, reasoning_content, reasoning, .. } = choice.delta;
        let text = |text: Option<Text<'a>>| text.map(|t| t.0).filter(|t| !t.is_empty());
        let (content, reasoning) = (text(content), text(reasoning_content).or(text(reasoning)));
        let index = choice.index as usize;
        self.last = None;
        if content.is_none() && reasoning.is_none() {
            return None;
        }
        if let (Some(Cow::Borrowed(only)), None) | (None, Some(Cow::Borrowed(only))) = (&content, &reasoning) {
            // What is borrowed lies within the data.
            let at = only.as_ptr().addr() - data.as_ptr().addr();
            self.before.clear();
            self.before.push_str(&data[..at]);
            self.after.clear();
            self.after.push_str(&data[at + only.len()..]);
            self.last = Some(Last { index, is_thought: content.is_none() });
        }
        Some(Piece { index, content: content.unwrap_or_default(), reasoning: reasoning.unwrap_or_default() })
    }

    /// The piece, if it is the last one with another text: one without quotes, escapes and control
    /// characters between the same quotes makes the same JSON.
    fn like_the_last<'a>(&self, data: &'a str) -> Option<Piece<'a>> {
        let Last { index, is_thought } = self.last?;
        let text = data.strip_prefix(self.before.as_str())?.strip_suffix(self.after.as_str())?;
        // An event without text may have something else in place of it.
        if text.is_empty() || text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
            return None;
        }
        let (text, none) = (Cow::Borrowed(text), Cow::Borrowed(""));
        let (content, reasoning) = if is_thought { (none, text) } else { (text, none) };
        Some(Piece { index, content, reasoning })
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    choices: [Choice<'a>; 1],
    #[serde(default, rename = "usage")]
    _no_usage: (),
    #[serde(default, rename = "error")]
    _no_error: (),
    #[serde(default, rename = "x_groq")]
    _no_x_groq: (),
    #[serde(default, rename = "usageMetadata")]
    _no_metadata: (),
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    delta: Delta<'a>,
    #[serde(default, rename = "logprobs")]
    _no_logprobs: (),
    #[serde(default, rename = "finish_reason")]
    _no_reason: (),
    #[serde(default, rename = "usage")]
    _no_usage: (),
    #[serde(default, rename = "error")]
    _no_error: (),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delta<'a> {
    #[serde(default, borrow)]
    content: Option<Text<'a>>,
    #[serde(default, borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(default, borrow)]
    reasoning: Option<Text<'a>>,
    #[serde(default, rename = "role")]
    _role: Option<IgnoredAny>,
    #[serde(default, rename = "refusal")]
    _no_refusal: (),
    #[serde(default, rename = "tool_calls")]
    _no_calls: (),
}

/// A text that is copied only where it holds escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_more_than_a_text_is_no_piece() {
        let mut pieces = Pieces::default();
        let plain = r#"{"choices":[{"index":1,"delta":{"content":"hi"},"logprobs":null}],"usage":null}"#;
        let piece = pieces.read(plain).unwrap();
        assert_eq!((piece.index, &*piece.content, &*piece.reasoning), (1, "hi", ""));
        for more in [
            r#"{"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{"content":"hi","tool_calls":[]}}]}"#,
            r#"{"choices":[{"delta":{"content":"hi","odd":1}}]}"#,
            r#"{"choices":[{"delta":{"content":"hi"}}],"usage":{"prompt_tokens":1}}"#,
            r#"{"choices":[{"delta":{"content":"hi"}}],"x_groq":{"usage":{"prompt_tokens":1}}}"#,
            r#"{"choices":[{"delta":{"content":"hi"},"usage":{"prompt_tokens":1}}]}"#,
            r#"{"choices":[{"delta":{"content":"hi"},"finish_reason":""}]}"#,
            r#"{"choices":[{"delta":{},"text":"hi"}]}"#,
            r#"{"choices":[{"delta":{"content":""}}]}"#,
            r#"{"choices":[]}"#,
            "{",
        ] {
            assert_eq!(pieces.read(more), None, "{more}");
        }
    }

    proptest! {
        /// A reader that knows the last piece reads the same as one that does not.
        #[test]
        fn the_last_piece_changes_nothing(
            texts in prop::collection::vec("(\\PC|[\"\\\\\n]|\",\"x\":\"|\\},\\{){0,8}", 1..12),
            names in prop::collection::vec(0usize..5, 12), index in 0u32..3,
        ) {
            let mut knowing = Pieces::default();
            for (text, name) in texts.iter().zip(names) {
                let quoted = serde_json::to_string(text).unwrap();
                let delta = match name {
                    0 => format!(r#""reasoning":{quoted}"#),
                    1 => format!(r#""reasoning_content":{quoted},"reasoning":{quoted}"#),
                    // Not quoted as it must be.
                    2 => format!(r#""content":"{text}""#),
                    _ => format!(r#""role":"assistant","content":{quoted}"#),
                };
                let event = format!(r#"{{"id":"x","choices":[{{"index":{index},"delta":{{{delta}}}}}]}}"#);
                prop_assert_eq!(knowing.read(&event), Pieces::default().read(&event), "{}", event);
            }
        }
    }
}
