//! What a model says, as one body or as a stream of events.

use super::Step;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Prompt tokens of each message, where no usage says otherwise.
const PROMPT_TOKENS: u64 = 10;

/// Whether a message is sent whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// As the request asks.
    #[default]
    AsAsked,
    /// As one body.
    Whole,
    /// As a stream.
    Streamed,
}

/// What usage a message reports.
#[derive(Debug, Clone, Default, PartialEq)]
enum Reported {
    /// Its own count.
    #[default]
    Counted,
    Given(Value),
    Nothing,
}

/// A model's message, with a token for each piece of it.
#[derive(Debug, Clone)]
pub struct Message {
    thinking: Vec<String>,
    thinking_field: &'static str,
    pieces: Vec<String>,
    calls: Vec<Value>,
    extra: Map<String, Value>,
    beside: Map<String, Value>,
    usage: Reported,
    finish: Option<Value>,
    form: Form,
    pace: Duration,
    obeys: bool,
}

impl Default for Message {
    fn default() -> Self {
        Self {
            thinking: Vec::new(),
            thinking_field: "reasoning_content",
            pieces: Vec::new(),
            calls: Vec::new(),
            extra: Map::new(),
            beside: Map::new(),
            usage: Reported::Counted,
            finish: None,
            form: Form::AsAsked,
            pace: Duration::ZERO,
            obeys: true,
        }
    }
}

/// What the server counts for a message beyond the tokens of its steps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tokens {
    pub(super) prompt: u64,
    pub(super) hidden: u64,
}

/// One token, or what comes without one.
struct Piece {
    delta: Value,
    tokens: u64,
}

impl Message {
    /// The text, a word a token.
    #[must_use]
    pub fn content(self, text: &str) -> Self {
        self.pieces(text.split_inclusive(' ').map(str::to_owned))
    }

    /// The text in pieces, each a token.
    #[must_use]
    pub fn pieces<S: Into<String>>(mut self, pieces: impl IntoIterator<Item = S>) -> Self {
        self.pieces = pieces.into_iter().map(Into::into).collect();
        self
    }

    /// Reasoning before the text, a word a token.
    #[must_use]
    pub fn thinking(mut self, text: &str) -> Self {
        self.thinking = text.split_inclusive(' ').map(str::to_owned).collect();
        self
    }

    /// The field that reasoning stands in; `reasoning_content` where nothing is said.
    #[must_use]
    pub const fn thinking_field(mut self, name: &'static str) -> Self {
        self.thinking_field = name;
        self
    }

    /// Calls of tools as a whole message has them: `id`, `type`, `function.name`, `function.arguments`.
    /// A stream sends each in three pieces.
    #[must_use]
    pub fn tool_calls(mut self, calls: impl IntoIterator<Item = Value>) -> Self {
        self.calls = calls.into_iter().collect();
        self
    }

    /// Adds a field to the message; a stream sends it in an event of its own.
    #[must_use]
    pub fn extra(mut self, name: &str, value: Value) -> Self {
        self.extra.insert(name.to_owned(), value);
        self
    }

    /// Adds a field beside `choices`, to the whole body or to the last event of a choice.
    #[must_use]
    pub fn beside(mut self, name: &str, value: Value) -> Self {
        self.beside.insert(name.to_owned(), value);
        self
    }

    /// The usage that is reported, and counted where it names numbers.
    #[must_use]
    pub fn usage(mut self, usage: Value) -> Self {
        self.usage = Reported::Given(usage);
        self
    }

    /// Reports no usage.
    #[must_use]
    pub fn no_usage(mut self) -> Self {
        self.usage = Reported::Nothing;
        self
    }

    /// The finish reason, in place of what follows from the message.
    #[must_use]
    pub fn finish(mut self, reason: impl Into<Value>) -> Self {
        self.finish = Some(reason.into());
        self
    }

    /// Whether it is sent whole.
    #[must_use]
    pub const fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Time before each token.
    #[must_use]
    pub const fn pace(mut self, pause: Duration) -> Self {
        self.pace = pause;
        self
    }

    /// Takes no notice of `max_tokens`.
    #[must_use]
    pub const fn ignoring_limits(mut self) -> Self {
        self.obeys = false;
        self
    }

    /// Whether the answer to a request with this body is a stream.
    pub(super) fn is_streamed(&self, asked: &Value) -> bool {
        match self.form {
            Form::AsAsked => asked["stream"] == true,
            Form::Whole => false,
            Form::Streamed => true,
        }
    }

    /// The steps of the answer and the tokens in each.
    pub(super) fn render(&self, asked: &Value, path: &str, model: &str) -> (Vec<(Step, u64)>, Tokens) {
        let limit = asked["max_completion_tokens"].as_u64().or(asked["max_tokens"].as_u64()).filter(|_| self.obeys);
        let mut pieces = self.deltas();
        let whole: u64 = pieces.iter().map(|p| p.tokens).sum();
        let is_cut = limit.is_some_and(|limit| whole > limit);
        if is_cut {
            let mut left = limit.unwrap_or(u64::MAX);
            pieces.retain(|piece| {
                let fits = piece.tokens <= left;
                left -= piece.tokens.min(left);
                fits
            });
        }
        let finish = self.finish.clone().unwrap_or_else(|| {
            let reason = if is_cut {
                "length"
            } else if self.calls.is_empty() {
                "stop"
            } else {
                "tool_calls"
            };
            reason.into()
        });
        let sent: u64 = pieces.iter().map(|p| p.tokens).sum();
        let messages = asked["messages"].as_array().map_or(1, |m| m.len() as u64);
        let (usage, prompt, completion) = match &self.usage {
            Reported::Given(usage) => {
                let prompt = usage["prompt_tokens"].as_u64().unwrap_or(PROMPT_TOKENS * messages);
                (Some(usage.clone()), prompt, usage["completion_tokens"].as_u64().unwrap_or(sent))
            }
            Reported::Counted => {
                let prompt = PROMPT_TOKENS * messages;
                let usage = json!({"prompt_tokens": prompt, "completion_tokens": sent, "total_tokens": prompt + sent});
                (Some(usage), prompt, sent)
            }
            Reported::Nothing => (None, PROMPT_TOKENS * messages, sent),
        };
        let tokens = Tokens { prompt, hidden: completion.saturating_sub(sent) };
        let chat = path != "/v1/completions";
        let steps = if self.is_streamed(asked) {
            let usage =
                usage.filter(|_| asked["stream_options"]["include_usage"] == true || self.form == Form::Streamed);
            self.streamed(&pieces, &finish, usage, &Shape { chat, model })
        } else {
            self.one(&pieces, &finish, usage, &Shape { chat, model })
        };
        (steps, tokens)
    }

    fn deltas(&self) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut token = |delta: Value| pieces.push(Piece { delta, tokens: 1 });
        for text in &self.thinking {
            token(json!({ self.thinking_field: text }));
        }
        for text in &self.pieces {
            token(json!({ "content": text }));
        }
        for (index, call) in self.calls.iter().enumerate() {
            let mut first = call.clone();
            first["index"] = index.into();
            let arguments = call["function"]["arguments"].as_str().unwrap_or_default().to_owned();
            first["function"]["arguments"] = "".into();
            token(json!({ "tool_calls": [first] }));
            let half = (0..=arguments.len() / 2).rev().find(|&at| arguments.is_char_boundary(at)).unwrap_or(0);
            for part in [&arguments[..half], &arguments[half..]] {
                token(json!({"tool_calls": [{"index": index, "function": {"arguments": part}}]}));
            }
        }
        pieces.extend(self.extra.iter().map(|(name, value)| Piece { delta: json!({ name: value }), tokens: 0 }));
        pieces
    }

    fn streamed(&self, pieces: &[Piece], finish: &Value, usage: Option<Value>, shape: &Shape<'_>) -> Vec<(Step, u64)> {
        let mut steps = Vec::new();
        let event = |steps: &mut Vec<(Step, u64)>, delta: &Value, finish: &Value, tokens: u64, beside: bool| {
            let choice = if shape.chat {
                json!({"index": 0, "delta": delta, "finish_reason": finish})
            } else {
                json!({"index": 0, "text": delta["content"].as_str().unwrap_or_default(), "finish_reason": finish})
            };
            let mut body = shape.body("chat.completion.chunk", &choice);
            if let (true, Some(body)) = (beside, body.as_object_mut()) {
                body.extend(self.beside.clone());
            }
            steps.push((Step::from(body), tokens));
        };
        if shape.chat {
            event(&mut steps, &json!({"role": "assistant", "content": ""}), &Value::Null, 0, false);
        }
        for piece in pieces {
            if !self.pace.is_zero() && piece.tokens > 0 {
                steps.push((Step::Pause(self.pace), 0));
            }
            event(&mut steps, &piece.delta, &Value::Null, piece.tokens, false);
        }
        event(&mut steps, &json!({}), finish, 0, true);
        if let Some(usage) = usage {
            let mut body = shape.body("chat.completion.chunk", &Value::Null);
            body["choices"] = json!([]);
            body["usage"] = usage;
            steps.push((Step::from(body), 0));
        }
        steps.push((Step::from("[DONE]"), 0));
        steps
    }

    fn one(&self, pieces: &[Piece], finish: &Value, usage: Option<Value>, shape: &Shape<'_>) -> Vec<(Step, u64)> {
        let joined = |name: &str| -> String { pieces.iter().filter_map(|p| p.delta[name].as_str()).collect() };
        let text = joined("content");
        let mut message = json!({"role": "assistant", "content": text});
        if !self.thinking.is_empty() {
            message[self.thinking_field] = joined(self.thinking_field).into();
        }
        if !self.calls.is_empty() {
            message["tool_calls"] = self.calls.clone().into();
            if self.pieces.is_empty() {
                message["content"] = Value::Null;
            }
        }
        if let Some(message) = message.as_object_mut() {
            message.extend(self.extra.clone());
        }
        let choice = if shape.chat {
            json!({"index": 0, "message": message, "finish_reason": finish})
        } else {
            json!({"index": 0, "text": text, "finish_reason": finish})
        };
        let mut body = shape.body("chat.completion", &choice);
        if let Some(usage) = usage {
            body["usage"] = usage;
        }
        if let Some(body) = body.as_object_mut() {
            body.extend(self.beside.clone());
        }
        let tokens: u64 = pieces.iter().map(|p| p.tokens).sum();
        let mut steps = Vec::new();
        if !self.pace.is_zero() {
            steps.push((Step::Pause(self.pace.saturating_mul(tokens as u32)), 0));
        }
        steps.push((Step::raw(body.to_string()), tokens));
        steps
    }
}

/// What is the same in every body of one answer.
struct Shape<'a> {
    chat: bool,
    model: &'a str,
}

impl Shape<'_> {
    fn body(&self, object: &str, choice: &Value) -> Value {
        let object = if self.chat { object } else { "text_completion" };
        json!({"id": "testkit", "object": object, "created": 1, "model": self.model, "choices": [choice]})
    }
}
