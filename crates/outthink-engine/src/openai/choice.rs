//! One choice of a reply while it comes: what was seen of it, and what is held back.

use super::calls::Calls;
use super::fields::{self, Said};
use super::finish;
use super::habit::Habit;
use super::piece::Piece;
use super::repair::{self, Halves};
use super::think::{Before, Think, closed_only};
use super::usage::Seen;
use outthink_core::{FinishReason, Reasoned, estimated_tokens};
use serde_json::{Map, Value};

/// Names of the text of a choice that has neither a delta nor a message.
const TEXT: [&str; 4] = ["text", "content", "generated_text", "output_text"];
/// Bytes of a reply that are looked through at its end for where its reasoning ended.
const HEARD_MOST: usize = 4 << 20;

/// How a reason for the end came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    None,
    /// Along with text. Some servers send a reason with every piece.
    WithText,
    /// By itself: nothing more is to come.
    Alone,
}

/// One choice while it comes.
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one stream")]
#[derive(Debug)]
pub(super) struct Choice {
    /// The server's last word for its end.
    pub(super) word: Option<String>,
    pub(super) end: End,
    /// Whether text came after a reason.
    pub(super) went_on: bool,
    pub(super) met_stop: Option<bool>,
    /// The stop text that was met, where the server names it.
    pub(super) stop_text: Option<String>,
    pub(super) seen: Seen,
    /// Tokens that came and were not passed on yet.
    pub(super) owed: u64,
    /// Whether anything of it was passed on.
    pub(super) spoke: bool,
    pub(super) think: Think,
    pub(super) content: Halves,
    pub(super) reasoning: Halves,
    pub(super) arguments: Halves,
    pub(super) calls: Calls,
    /// Whether reasoning came under a name of its own.
    pub(super) named: bool,
    /// Whether text came as deltas, so that a message repeats it.
    pub(super) streamed: bool,
    /// What was passed on as the answer, or as reasoning that was expected, while it may turn out to be the other.
    heard: String,
    /// What it turned out to be.
    pub(super) reasoned: Reasoned,
    pub(super) habit: Option<Habit>,
    /// Whether what is heard may turn out to be something else.
    listens: bool,
}

impl Choice {
    pub(super) fn new(before: Before) -> Self {
        Self {
            word: None,
            end: End::None,
            went_on: false,
            met_stop: None,
            stop_text: None,
            seen: Seen::default(),
            owed: 0,
            spoke: false,
            think: Think::new(before),
            content: Halves::default(),
            reasoning: Halves::default(),
            arguments: Halves::default(),
            calls: Calls::default(),
            named: false,
            streamed: false,
            heard: String::new(),
            reasoned: Reasoned::AsPassedOn,
            habit: None,
            listens: matches!(before, Before::Nothing | Before::Expected(_)),
        }
    }

    /// Keeps what is passed on for as long as it may turn out to be something else.
    pub(super) fn hear(&mut self, content: &str, reasoning: &str) {
        if !self.listens {
            return;
        }
        if self.named || self.heard.len() > HEARD_MOST {
            (self.listens, self.heard) = (false, String::new());
            return;
        }
        self.heard.push_str(if self.think.is_expecting() { reasoning } else { content });
    }

    /// Whether the whole reply came as reasoning because it was expected to begin so.
    fn is_misheard(&self) -> bool {
        self.listens
            && self.think.is_expecting()
            && self.reason() == Some(FinishReason::Stop)
            && self.calls.is_empty()
            && !self.heard.trim().is_empty()
    }

    /// Finds out at the end what was passed on as something else than it was.
    pub(super) fn conclude(&mut self) {
        if let Some(tags) = self.think.lone() {
            self.habit = Some(Habit::Reasons(tags));
        } else if self.listens
            && !self.named
            && !self.think.is_expecting()
            && let Some((at, tags)) = closed_only(&self.heard)
        {
            self.habit = Some(Habit::Reasons(tags));
            self.reasoned = Reasoned::Until { end: at, answer: at + tags.1.len() };
            let found = estimated_tokens(&self.heard[..at]);
            self.seen.reasoning = (self.seen.reasoning + found).min(self.seen.tokens);
        }
        (self.listens, self.heard) = (false, String::new());
    }

    /// Whether nothing is held back and all that comes is the answer.
    pub(super) const fn is_plain(&self) -> bool {
        self.think.is_over() && !self.content.is_waiting() && !self.reasoning.is_waiting()
    }

    /// Whether a piece needs no more than to be passed on; others like it then do not, either.
    pub(super) fn passes(&self, piece: &Piece<'_>) -> bool {
        !self.reasoning.is_waiting()
            && (piece.content.is_empty() || (self.think.is_over() && !self.content.is_waiting()))
    }

    /// Whether what came says that it is over, should nothing more come.
    pub(super) fn has_ended(&self) -> bool {
        self.end == End::Alone || (self.end == End::WithText && !self.went_on)
    }

    pub(super) fn reason(&self) -> Option<FinishReason> {
        let reason = finish::meaning(self.word.as_deref()?);
        // Servers say that the model stopped where it stopped to call tools, and the other way round.
        Some(match (reason, self.calls.is_empty()) {
            (FinishReason::Stop, false) => FinishReason::ToolCalls,
            (FinishReason::ToolCalls, true) => FinishReason::Stop,
            _ => reason,
        })
    }
}

impl Choice {
    /// What the fields of an event say.
    pub(super) fn read(&mut self, event: &mut Map<String, Value>) -> Said {
        // A text in the place of a delta or a message is its content.
        let mut object = |name: &str| match event.shift_remove(name)? {
            Value::Object(fields) => Some(fields),
            content @ (Value::String(_) | Value::Array(_)) => Some(Map::from_iter([("content".to_owned(), content)])),
            _ => None,
        };
        let (delta, message) = (object("delta").filter(|d| !d.is_empty()), object("message"));
        let said = match (delta, message) {
            (Some(delta), _) => fields::read(delta, &mut self.named),
            // What came in pieces comes once more as a whole.
            (None, Some(message)) if self.streamed => {
                let mut said = fields::read(message, &mut self.named);
                (said.content, said.reasoning) = (String::new(), String::new());
                if !self.calls.is_empty() {
                    said.calls.clear();
                }
                return said;
            }
            (None, Some(message)) => return fields::read(message, &mut self.named),
            (None, None) => {
                let texts = TEXT.into_iter().filter_map(|name| event.shift_remove(name));
                let Some(content) = texts.into_iter().find(Value::is_string) else { return Said::default() };
                fields::read(Map::from_iter([("content".to_owned(), content)]), &mut self.named)
            }
        };
        self.streamed |= !(said.content.is_empty() && said.reasoning.is_empty() && said.calls.is_empty());
        said
    }

    /// Counts pieces, their tokens and bytes.
    pub(super) fn came(&mut self, pieces: u64, tokens: u64, bytes: usize) {
        if self.end != End::None {
            (self.end, self.went_on) = (End::WithText, true);
        }
        self.seen.tokens += tokens;
        self.seen.pieces += pieces;
        self.seen.bytes += bytes as u64;
        self.owed += tokens;
    }

    /// Counts what was said; `certain` of its tokens have log-probabilities.
    pub(super) fn count(&mut self, said: &mut Said, certain: u64) {
        let refusal = said.extra.get("refusal").and_then(Value::as_str).unwrap_or_default();
        let called: String = said
            .calls
            .iter()
            .map(|c| &c["function"])
            .map(|f| match &f["arguments"] {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                value => value.to_string(),
            })
            .collect();
        let of_content = estimated_tokens(&said.content) + estimated_tokens(refusal) + estimated_tokens(&called);
        let of_reasoning = estimated_tokens(&said.reasoning);
        let bytes = said.content.len() + said.reasoning.len() + refusal.len() + called.len();
        let is_empty = said.extra.is_empty() && said.calls.is_empty();
        let tokens = match (certain, of_content + of_reasoning) {
            (0, 0) if is_empty => return,
            (0, about) => about.max(1),
            (certain, _) => certain,
        };
        self.came(1, tokens, bytes);
        self.seen.certain += certain;
        self.seen.reasoning += if of_content == 0 && of_reasoning > 0 { tokens } else { of_reasoning.min(tokens) };
    }

    /// Joins halves of characters, and separates reasoning in the content from the answer.
    pub(super) fn split(&mut self, said: &mut Said) {
        let content = self.content.join(&said.content);
        let mut reasoning = self.reasoning.join(&said.reasoning);
        said.extra.values_mut().for_each(repair::unmark);
        let (mut answer, named) = (String::new(), reasoning.len());
        if self.named {
            self.think.expect_nothing();
        }
        if !content.is_empty() {
            self.think.push(&content, &mut answer, &mut reasoning);
        }
        let found = estimated_tokens(&reasoning[named..]);
        self.seen.reasoning = (self.seen.reasoning + found).min(self.seen.tokens);
        (said.content, said.reasoning) = (answer, reasoning);
    }

    /// What is known now of the calls that entries are pieces of.
    pub(super) fn call(&mut self, entries: Vec<Value>, repaired: bool) -> Vec<Value> {
        if entries.is_empty() {
            return entries;
        }
        let mut calls = self.calls.push(entries);
        if repaired || self.arguments.is_waiting() {
            for call in &mut calls {
                if let Some(Value::String(text)) = call.pointer_mut("/function/arguments") {
                    *text = self.arguments.join(text);
                }
                repair::unmark(call);
            }
        }
        calls
    }

    /// What was held back of it.
    pub(super) fn rest(&mut self, done: bool) -> Said {
        let (mut content, mut reasoning) = (String::new(), self.reasoning.end().to_owned());
        let half = self.content.end();
        if !half.is_empty() {
            self.think.push(half, &mut content, &mut reasoning);
        }
        self.think.end(&mut content, &mut reasoning);
        self.hear(&content, &reasoning);
        if self.is_misheard() {
            self.heard.trim().clone_into(&mut content);
            (self.reasoned, self.habit) = (Reasoned::Nothing, Some(Habit::Answers));
            self.seen.reasoning = 0;
        }
        let complete = self.reason().map_or(done, FinishReason::is_complete);
        let calls = self.calls.end(complete);
        let mut said = Said { content, reasoning, ..Said::default() };
        if !calls.is_empty() {
            let mut calls = Value::Array(calls);
            repair::unmark(&mut calls);
            said.extra.insert("tool_calls".to_owned(), calls);
        }
        said
    }
}
