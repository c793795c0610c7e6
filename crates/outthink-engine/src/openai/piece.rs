//! Events that are a piece of text and nothing else, and the few others that every stream has: a role, an end
//! with its reason, counts of tokens. They are read without building a tree. What has anything more in it is
//! none of them.
//!
//! The pieces of one reply differ in their texts alone, so that the next one is first held against the
//! last: what is the same before and after a text needs no second reading.

use super::finish;
use crate::sse;
use memchr::memmem::Finder;
use outthink_core::UsageRead;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::LazyLock;

/// An event that says one thing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plain<'a> {
    /// A piece of text.
    Piece(Piece<'a>),
    /// A choice has begun, and says nothing yet.
    Begin(usize),
    /// A choice has ended.
    End {
        /// The choice.
        index: usize,
        /// The server's word for the reason.
        word: Cow<'a, str>,
        /// Whether a stop text ended it, where the server says so.
        met_stop: Option<bool>,
    },
    /// What all choices used.
    Counts(UsageRead),
}

/// A piece of text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The choice that it belongs to.
    pub(super) index: usize,
    pub(super) content: Cow<'a, str>,
    pub(super) reasoning: Cow<'a, str>,
}

/// What stands behind the data of an event in streams of nearly all servers.
const END: &str = "\n\n";

impl<'a> Piece<'a> {
    /// Of one kind of text.
    pub(super) fn of(index: usize, is_thought: bool, text: &'a str) -> Self {
        let (text, none) = (Cow::Borrowed(text), Cow::Borrowed(""));
        let (content, reasoning) = if is_thought { (none, text) } else { (text, none) };
        Self { index, content, reasoning }
    }
}

/// Reads the pieces of one reply.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    last: Option<Last>,
    /// What the last piece began with, from [`sse::DATA`] on.
    before: String,
    /// What it ended with, up to [`END`]. It begins with the quote behind the text.
    after: String,
}

/// What the last piece was, between `before` and `after`.
#[derive(Debug, Clone, Copy)]
struct Last {
    index: usize,
    is_thought: bool,
}

impl Pieces {
    /// The one thing that the data of an event say, if it is one.
    pub(super) fn read<'a>(&mut self, data: &'a str) -> Option<Plain<'a>> {
        if let Some(piece) = self.like_the_last(data) {
            return Some(Plain::Piece(piece));
        }
        // `[DONE]` and whatever else stands in place of an event.
        if !data.starts_with('{') {
            return None;
        }
        match value_of(&USAGE, data) {
            Some(b'{') => return counts(data),
            _ if value_of(&FINISH, data) == Some(b'"') => return end(data),
            _ if value_of(&ROLE, data).is_some() => {
                if let Some(begin) = begin(data) {
                    return Some(begin);
                }
            }
            _ => {}
        }
        let Event { choices: [choice], .. } = serde_json::from_str(data).ok()?;
        let Delta { content, reasoning_content, reasoning, .. } = choice.delta;
        let text = |text: Option<Text<'a>>| text.map(|t| t.0).filter(|t| !t.is_empty());
        let (content, reasoning) = (text(content), text(reasoning_content).or(text(reasoning)));
        let index = choice.index as usize;
        if content.is_none() && reasoning.is_none() {
            return begin(data);
        }
        self.last = None;
        if let (Some(Cow::Borrowed(only)), None) | (None, Some(Cow::Borrowed(only))) = (&content, &reasoning) {
            // What is borrowed lies within the data.
            let at = only.as_ptr().addr() - data.as_ptr().addr();
            self.before.clear();
            self.before.push_str(sse::DATA);
            self.before.push_str(&data[..at]);
            self.after.clear();
            self.after.push_str(&data[at + only.len()..]);
            self.after.push_str(END);
            self.last = Some(Last { index, is_thought: content.is_none() });
        }
        let (content, reasoning) = (content.unwrap_or_default(), reasoning.unwrap_or_default());
        Some(Plain::Piece(Piece { index, content, reasoning }))
    }

    /// The piece, if it is the last one with another text: one without quotes, escapes and control
    /// characters between the same quotes makes the same JSON.
    fn like_the_last<'a>(&self, data: &'a str) -> Option<Piece<'a>> {
        let Last { index, is_thought } = self.last?;
        let (before, after) = (self.before.get(sse::DATA.len()..)?, self.after.strip_suffix(END)?);
        let text = data.strip_prefix(before)?.strip_suffix(after)?;
        // An event without text may have something else in place of it.
        if text.is_empty() || text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
            return None;
        }
        Some(Piece::of(index, is_thought, text))
    }

    /// The index of the choice of the last piece, and whether its text was reasoning.
    pub(super) fn last(&self) -> Option<(usize, bool)> {
        self.last.map(|last| (last.index, last.is_thought))
    }

    /// The text of the event that `bytes` begin with and the event's length, if it is the last piece with another text.
    pub(super) fn next_alike<'a>(&self, bytes: &'a [u8]) -> Option<(&'a str, usize)> {
        self.last?;
        let rest = bytes.strip_prefix(self.before.as_bytes())?;
        // Most texts are a few letters: a search that is prepared for long ones costs more than they do.
        let end = rest.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\').filter(|&end| end > 0)?;
        let (text, rest) = rest.split_at(end);
        if !rest.starts_with(self.after.as_bytes()) {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        Some((text, self.before.len() + end + self.after.len()))
    }
}

/// Looks for the name of a field; a search is prepared once.
type Name = LazyLock<Finder<'static>>;
static USAGE: Name = LazyLock::new(|| Finder::new("\"usage\":"));
static FINISH: Name = LazyLock::new(|| Finder::new("\"finish_reason\":"));
static ROLE: Name = LazyLock::new(|| Finder::new("\"role\":"));

/// The first byte of the value of a field where its name stands first.
fn value_of(name: &Finder<'_>, data: &str) -> Option<u8> {
    let at = name.find(data.as_bytes())?;
    data.as_bytes()[at + name.needle().len()..].iter().copied().find(|b| !b.is_ascii_whitespace())
}

fn counts(data: &str) -> Option<Plain<'_>> {
    let Report { usage, .. } = serde_json::from_str(data).ok()?;
    (!usage.is_empty()).then(|| Plain::Counts(usage.read()))
}

fn begin(data: &str) -> Option<Plain<'_>> {
    let Whole { choices: [choice], usage: (), .. } = serde_json::from_str(data).ok()?;
    (choice.delta.is_blank() && choice.finish_reason.is_none()).then_some(Plain::Begin(choice.index as usize))
}

fn end(data: &str) -> Option<Plain<'_>> {
    let Whole { choices: [choice], usage: (), .. } = serde_json::from_str(data).ok()?;
    let word = match choice.finish_reason?.0 {
        Cow::Borrowed(word) => Cow::Borrowed(finish::said(word)?),
        Cow::Owned(word) => Cow::Owned(finish::said(&word)?.to_owned()),
    };
    let met_stop = choice.matched_stop.or(choice.stop_reason);
    // Which stop text it was is read with the tree.
    if met_stop == Some(true) {
        return None;
    }
    choice.delta.is_blank().then_some(Plain::End { index: choice.index as usize, word, met_stop })
}

/// An event in the API's words with nothing else in it. What more there may be is not for here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "C: Deserialize<'de>, U: Deserialize<'de> + Default"))]
struct Bare<C, U> {
    choices: C,
    #[serde(default)]
    usage: U,
    #[serde(default, rename = "id")]
    _id: IgnoredAny,
    #[serde(default, rename = "object")]
    _object: IgnoredAny,
    #[serde(default, rename = "created")]
    _created: IgnoredAny,
    #[serde(default, rename = "model")]
    _model: IgnoredAny,
    #[serde(default, rename = "system_fingerprint")]
    _fingerprint: IgnoredAny,
    #[serde(default, rename = "service_tier")]
    _tier: IgnoredAny,
    #[serde(default, rename = "provider")]
    _provider: IgnoredAny,
    #[serde(default, rename = "request_id")]
    _request: IgnoredAny,
    #[serde(default, rename = "obfuscation")]
    _obfuscation: IgnoredAny,
    #[serde(default, rename = "error")]
    _no_error: (),
    #[serde(default, rename = "x_groq")]
    _no_x_groq: (),
    #[serde(default, rename = "usageMetadata")]
    _no_metadata: (),
}

/// One choice that goes on, without counts.
type Event<'a> = Bare<[Piecewise<'a>; 1], ()>;
/// The counts of a stream in an event of their own.
type Report = Bare<[IgnoredAny; 0], Counts>;
/// One choice that begins or ends, without counts.
type Whole<'a> = Bare<[Choice<'a>; 1], ()>;

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Counts {
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
    total_tokens: Option<u32>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PromptDetails {
    cached_tokens: Option<u32>,
    #[serde(rename = "audio_tokens")]
    _audio: Option<u32>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CompletionDetails {
    reasoning_tokens: Option<u32>,
    #[serde(rename = "audio_tokens")]
    _audio: Option<u32>,
    #[serde(rename = "accepted_prediction_tokens")]
    _accepted: Option<u32>,
    #[serde(rename = "rejected_prediction_tokens")]
    _rejected: Option<u32>,
}

impl Counts {
    fn read(self) -> UsageRead {
        let read = UsageRead {
            prompt: self.prompt_tokens.map(u64::from),
            cached: self.prompt_tokens_details.and_then(|d| d.cached_tokens).map(u64::from),
            cache_write: None,
            cache_write_1h: None,
            completion: self.completion_tokens.map(u64::from),
            reasoning: self.completion_tokens_details.and_then(|d| d.reasoning_tokens).map(u64::from),
            total: self.total_tokens.map(u64::from),
        };
        read.settled()
    }

    /// Whether it says nothing, or zeros only.
    fn is_empty(self) -> bool {
        [self.prompt_tokens, self.completion_tokens, self.total_tokens].into_iter().flatten().all(|count| count == 0)
    }
}

/// A choice that goes on.
#[derive(Deserialize)]
struct Piecewise<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    delta: Delta<'a>,
    #[serde(default, rename = "logprobs")]
    _no_logprobs: (),
    #[serde(default, rename = "finish_reason")]
    _no_reason: (),
    #[serde(default, rename = "finishReason")]
    _no_other_reason: (),
    #[serde(default, rename = "stop_reason")]
    _no_stop_reason: (),
    #[serde(default, rename = "usage")]
    _no_usage: (),
    #[serde(default, rename = "error")]
    _no_error: (),
}

/// A choice that begins or ends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    delta: Delta<'a>,
    #[serde(default, rename = "logprobs")]
    _no_logprobs: (),
    #[serde(default, borrow)]
    finish_reason: Option<Text<'a>>,
    /// Whether it is a text, where it is there.
    #[serde(default, deserialize_with = "is_text")]
    stop_reason: Option<bool>,
    #[serde(default, deserialize_with = "is_text")]
    matched_stop: Option<bool>,
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

impl Delta<'_> {
    fn is_blank(&self) -> bool {
        [&self.content, &self.reasoning_content, &self.reasoning].into_iter().flatten().all(|text| text.0.is_empty())
    }
}

fn is_text<'de, D: Deserializer<'de>>(field: D) -> Result<Option<bool>, D::Error> {
    Ok(Some(Value::deserialize(field)?.is_string()))
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
        let Some(Plain::Piece(piece)) = pieces.read(plain) else { panic!("it is a piece") };
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
            r#"{"choices":[]}"#,
            "{",
            r#"{"choices":[{"delta":{"role":"assistant"},"finish_reason" :"stop"}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"timings":{"predicted_n":3}}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":1}}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":1,"cost":3}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":0}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":1},"timings":{"predicted_n":3}}"#,
        ] {
            assert_eq!(pieces.read(more), None, "{more}");
        }
    }

    #[test]
    fn what_every_stream_has_next_to_its_pieces_needs_no_tree() {
        let mut pieces = Pieces::default();
        let begin = r#"{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null}]}"#;
        assert_eq!(pieces.read(begin), Some(Plain::Begin(0)));
        let end = r#"{"choices":[{"index":2,"delta":{},"finish_reason":"length","stop_reason":null}],"usage":null}"#;
        let word = Cow::Borrowed("length");
        assert_eq!(pieces.read(end), Some(Plain::End { index: 2, word, met_stop: Some(false) }));
        let counts = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":312}}"#;
        let Some(Plain::Counts(read)) = pieces.read(counts) else { panic!("they are counts") };
        assert_eq!((read.prompt, read.completion, read.reasoning), (Some(7), Some(305), Some(300)));
    }

    proptest! {
        /// A reader that knows the last piece finds the next one among the bytes that follow, or leaves it.
        #[test]
        fn what_is_alike_is_read_alike(texts in prop::collection::vec("(\\PC|[\"\\\\\n]){0,6}", 1..12)) {
            let mut knowing = Pieces::default();
            let event = |text: &str| format!(r#"{{"choices":[{{"delta":{{"content":{}}}}}]}}"#, serde_json::to_string(text).unwrap());
            let _ = knowing.read(&event("first"));
            let data: Vec<String> = texts.iter().map(|text| event(text)).collect();
            let stream = data.iter().fold(String::new(), |stream, data| stream + "data: " + data + "\n\n");
            let mut rest = stream.as_bytes();
            for (data, text) in data.iter().zip(&texts) {
                let length = data.len() + 8;
                if let Some(found) = knowing.next_alike(rest) {
                    prop_assert_eq!(found, (text.as_str(), length));
                    // Cut anywhere, it is not whole.
                    prop_assert_eq!(knowing.next_alike(&rest[..length - 1]), None);
                }
                rest = &rest[length..];
            }
        }

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
