//! One completion and what is known of it.

use crate::{FinishReason, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// The last number of the text.
    LastNumber,
    /// The letter of a multiple choice.
    Choice,
    /// A JSON value.
    Json,
    /// Tool calls in canonical form.
    ToolCall,
    /// As recorded; compared by the letter.
    Literal,
}

/// A final answer that can be compared with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The answer as the model wrote it, without what surrounds it.
    pub text: String,
    /// Where it was found.
    pub kind: AnswerKind,
}

/// How far a sample has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleStatus {
    /// The engine works on it.
    #[default]
    Running,
    /// It ended by itself or at its limit.
    Done,
    /// It was stopped because it was no longer wanted.
    Cancelled,
    /// The engine failed.
    Failed,
}

/// One completion.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its number within the request.
    pub id: SampleId,
    /// The sample that it goes on from, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<SampleId>,
    /// The seed that it was drawn with.
    pub seed: u64,
    /// Thought, apart from the answer where the engine tells them apart.
    pub reasoning: String,
    /// The text of the reply.
    pub content: String,
    /// `tool_calls` of the message, in the API's shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Value>,
    /// The final answer, if one was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// The class of equivalent answers that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassId>,
    /// The tokens spent on it.
    pub usage: Usage,
    /// Mean log-probability (natural) of its tokens, where the engine gives them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_logprob: Option<f64>,
    /// A verifier's score in [0, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// How far it has come.
    pub status: SampleStatus,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<FinishReason>,
    /// What went wrong, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Sample {
    /// Whether it came to its end.
    pub fn is_done(&self) -> bool {
        self.status == SampleStatus::Done
    }

    /// Whether it holds something that can be shown to a user.
    pub fn is_usable(&self) -> bool {
        self.is_done() && (!self.content.trim().is_empty() || self.tool_calls.is_some() || self.answer.is_some())
    }
}
