//! One completion and what is known of it.

use crate::{ArmId, Cost, FinishReason, Usage, VerifierId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A sample's number within its request, from 0.
pub type SampleId = u32;
/// The number of a class of equivalent answers, from 0 in order of first sight.
pub type ClassId = u32;

/// Where an answer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// In `\boxed{}`.
    Boxed,
    /// After words such as "the answer is".
    Stated,
    /// After `####`.
    Hashes,
    /// In an `<answer>` tag.
    Tagged,
    /// The last number of the last statement: weak evidence.
    LastNumber,
    /// The mathematics with which the last statement ends: weak evidence.
    LastExpression,
    /// The letter of a multiple choice.
    Choice,
    /// A JSON value.
    Json,
    /// Tool calls in canonical form.
    ToolCall,
    /// As recorded; compared by the letter.
    Literal,
    /// The whole reply, of which no part stands out as the answer.
    Text,
    /// The outcome of the program that the reply holds.
    Program,
}

impl AnswerKind {
    /// Whether nothing in the reply marks the answer as the final one: it is what stood last, or all there is. Such
    /// an answer does not outvote marked ones.
    pub const fn is_weak(self) -> bool {
        matches!(self, Self::LastNumber | Self::LastExpression | Self::Text)
    }
}

/// A final answer that can be compared with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The answer as the model wrote it, without what surrounds it.
    pub text: String,
    /// Where it was found.
    pub kind: AnswerKind,
}

/// Why an answer can hardly be right, seen without knowing the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The question has options, and it is none of them.
    NotAnOption,
    /// The question asks for a number, and it is none.
    NotANumber,
    /// The question asks how many, and it is below zero.
    Negative,
    /// The question asks how many of something that comes whole, and it has a fraction.
    Fraction,
}

/// What came of a program that a reply holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "text", rename_all = "snake_case")]
pub enum ProgramOutcome {
    /// The answer that the program gave, as text of at most 4,096 characters. A number has at most
    /// twelve significant digits, and one without a fraction is written without a point.
    Value(String),
    /// The program raised an exception or gave no answer: what Python reports, with the line of the
    /// program. It is meant to be shown to the model that wrote the program.
    Error(String),
    /// The program used more time or memory than it may, or ended the interpreter.
    Stopped,
    /// The reply holds no program.
    Missing,
}

/// What a sample is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It answers the request.
    #[default]
    Reply,
    /// It reads other samples and names the best of them. It is no reply, and it has no vote.
    Selection,
    /// It answers the request from what other samples say. It has no vote, because it is not independent of
    /// them.
    Synthesis,
}

impl Role {
    /// Whether it answers the request by itself.
    pub const fn is_reply(&self) -> bool {
        matches!(self, Self::Reply)
    }
}

/// How far a sample has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleStatus {
    /// The engine works on it.
    #[default]
    Running,
    /// It came to the end of a step; the reply goes on where somebody continues it.
    Paused,
    /// It ended by itself or at its limit.
    Done,
    /// It was stopped because it was no longer wanted.
    Cancelled,
    /// The engine failed.
    Failed,
}

/// What one verifier said of a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Which.
    pub verifier: VerifierId,
    /// In [0, 1]; 1 is right for certain.
    pub value: f64,
    /// Scores of the reply's steps in order, in [0, 1], where the verifier tells them apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<f64>,
}

/// How sure a model was of its tokens (Fu et al. 2025, `DeepConf`).
///
/// A token's confidence is minus the mean log-probability of the k most probable candidates; where
/// an engine tells only the drawn token's log-probability, it is that. More is surer in both, and
/// the two are not to be compared with each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TokenConfidence {
    /// Mean over all tokens.
    pub mean: f64,
    /// Mean over the last group of tokens.
    pub tail: f64,
    /// The least mean of any group; of all tokens while these fill none.
    pub lowest: f64,
}

/// One completion, or one step of one.
#[expect(clippy::struct_excessive_bools, reason = "a record of independent facts")]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its number within the request.
    pub id: SampleId,
    /// The sample that it goes on from, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<SampleId>,
    /// The user's turn between its parent and itself, if it is a reply of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<String>,
    /// The arm that it was drawn on.
    pub arm: ArmId,
    /// The seed that it was drawn with.
    pub seed: u64,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Role::is_reply")]
    pub role: Role,
    /// The samples that it reads, in the order in which they were shown to the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<SampleId>,
    /// Thought, apart from the answer where the engine tells them apart.
    pub reasoning: String,
    /// The text of the reply, from its beginning: that of the samples that it goes on from included.
    pub content: String,
    /// `tool_calls` of the message, in the API's shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Value>,
    /// What else the message holds, as a reply that was not streamed has it: `refusal`, `annotations`,
    /// `audio`, `reasoning_details`, thinking blocks, and fields that are not known here.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
    /// The final answer, if one was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Why its answer can hardly be right, where something says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// What came of its program, once that was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramOutcome>,
    /// The class of equivalent answers that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassId>,
    /// The model that drew it, where the engine says so: a fallback may have taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The server that drew it, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The tokens spent on it, those of attempts that failed included.
    pub usage: Usage,
    /// What those tokens cost, each attempt at the price of the model that made it.
    #[serde(default, skip_serializing_if = "Cost::is_zero")]
    pub cost: Cost,
    /// Mean log-probability (natural) of its tokens, where the engine gives them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_logprob: Option<f64>,
    /// How sure the model was of its tokens, where the strategy asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<TokenConfidence>,
    /// The mean of the verifiers' scores, in [0, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What each verifier said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Score>,
    /// What verifiers charged for it.
    #[serde(default, skip_serializing_if = "Cost::is_zero")]
    pub verifier_cost: Cost,
    /// Whether it breaks the form that the request demands: JSON by a schema, calls of the tools that
    /// there are. It has no vote, and is no answer while there is a sample in good form.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub malformed: bool,
    /// Whether it equals an earlier sample by construction (greedy sampling, equal seeds): a copy has no vote.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copy: bool,
    /// Whether it was cut at the end of a span within which an answer was asked for, and gave one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// Whether a finished continuation took its place in the vote.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superseded: bool,
    /// How many samples had ended when it did, itself included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u32>,
    /// How far it has come.
    pub status: SampleStatus,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<FinishReason>,
    /// The engine's own word for why it ended, where that is not one of the API's four.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_word: Option<String>,
    /// The stop text that ended it, where the engine names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_text: Option<String>,
    /// What went wrong, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether the same request would fail again: it was refused as it is, or the key was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recurs: bool,
}

impl Sample {
    /// Whether it came to the end of a step and can be continued.
    pub fn is_paused(&self) -> bool {
        self.status == SampleStatus::Paused
    }

    /// Whether it was drawn from the prompt itself: it goes on from no other sample and reads none.
    pub const fn is_root(&self) -> bool {
        self.parent.is_none() && self.role.is_reply()
    }

    /// What a verifier said of it.
    pub fn score_by(&self, verifier: VerifierId) -> Option<&Score> {
        self.scores.iter().find(|s| s.verifier == verifier)
    }

    /// Whether it came to its end.
    pub fn is_done(&self) -> bool {
        self.status == SampleStatus::Done
    }

    /// Whether the model ended it and it holds something: it was not cut, filtered, interrupted or refused, and
    /// reasoning alone is no reply. Nothing else may vote. A recorded sample may hold its answer alone. What names
    /// the best of other samples is no reply.
    pub fn is_complete(&self) -> bool {
        if self.role == Role::Selection {
            return false;
        }
        let Some(finish) = self.finish else { return self.is_done() };
        self.is_done() && (self.forced || finish.is_complete()) && !self.is_empty() && !self.is_refused()
    }

    /// Whether the model says that it refuses: what else stands there is no answer.
    pub fn is_refused(&self) -> bool {
        self.extra.get("refusal").and_then(Value::as_str).is_some_and(|words| !words.is_empty())
    }

    /// Whether it may vote: it is a complete reply, no copy of another by construction, and nothing took its place.
    pub fn is_voter(&self) -> bool {
        self.is_complete() && !self.superseded && !self.copy && self.role.is_reply()
    }

    /// Whether it thought and said nothing.
    pub fn is_empty(&self) -> bool {
        let silent = self.content.trim().is_empty() && self.tool_calls.is_none() && self.answer.is_none();
        silent && !self.extra.contains_key("audio") && !self.extra.contains_key("refusal")
    }

    /// Whether it holds something that can be shown to a user.
    pub fn is_usable(&self) -> bool {
        self.is_done() && !self.is_empty() && self.role != Role::Selection
    }
}
