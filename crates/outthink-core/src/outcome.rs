//! The end of a request.

use crate::{Answer, ArmBill, Cost, Decision, FinishReason, Sample, SampleId, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Why a strategy stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The strategy bought one sample and has it.
    Single,
    /// All planned samples are drawn.
    SamplesDrawn,
    /// The posterior that the leader stays ahead passed the target.
    TargetReached,
    /// The leader cannot be overtaken within what is left of the budget.
    CannotBeOvertaken,
    /// The next sample is not worth its price.
    NotWorthIt,
    /// A verifier accepted a sample.
    Verified,
    /// A window of samples agreed.
    WindowAgrees,
    /// The weighted vote reached the target consensus.
    Consensus,
    /// Enough samples came to their end.
    FirstFinished,
    /// The last probes of the thought agreed.
    ProbesAgree,
    /// A revision brought nothing better.
    Settled,
    /// The search came to its end.
    SearchDone,
    /// A model that read the candidates chose it.
    Selected,
    /// A model wrote it from the candidates.
    Synthesized,
    /// Nothing that can be afforded would help.
    NothingHelps,
    /// There is nothing to compare: the reply states no final answer.
    NotComparable,
    /// No sample came to its end: all were cut, filtered or interrupted.
    NoneComplete,
    /// Sampling is greedy: further samples would be copies of the first.
    Greedy,
    /// The budget in tokens, dollars or samples is used up.
    BudgetSpent,
    /// The time is up.
    TimeUp,
    /// The reasoning reached its cap and was closed.
    ThinkingCap,
    /// Every sample failed.
    EngineFailed,
    /// The caller went away.
    Cancelled,
}

impl StopReason {
    /// In words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Single => "one sample was asked for",
            Self::SamplesDrawn => "all planned samples are drawn",
            Self::TargetReached => "the leading answer stays ahead with the target probability",
            Self::CannotBeOvertaken => "the leading answer can no longer be overtaken",
            Self::NotWorthIt => "the next sample is not worth its price",
            Self::Verified => "a verifier accepted the answer",
            Self::WindowAgrees => "a window of samples agreed",
            Self::Consensus => "the weighted vote reached the target consensus",
            Self::FirstFinished => "enough samples finished",
            Self::ProbesAgree => "the last probes of the reasoning agreed",
            Self::Settled => "a revision brought nothing better",
            Self::SearchDone => "the search finished",
            Self::Selected => "a model that read the candidates chose it",
            Self::Synthesized => "a model wrote it from the candidates",
            Self::NothingHelps => "nothing that can be afforded would help",
            Self::NotComparable => "there is no final answer to compare, so the first good reply is kept",
            Self::NoneComplete => "no sample finished, so nothing could be compared",
            Self::Greedy => "sampling is greedy, so further samples would be copies of the first",
            Self::BudgetSpent => "the budget is spent",
            Self::TimeUp => "the time is up",
            Self::ThinkingCap => "the reasoning reached its cap and was closed",
            Self::EngineFailed => "the engine failed",
            Self::Cancelled => "the request was cancelled",
        }
    }
}

/// How sure one can be of the answer; each number says what it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// Votes for the answer over all finished samples, in [0, 1]. `None` where nothing voted.
    pub vote_share: Option<f64>,
    /// Probability that the leader stays ahead however many samples are drawn: a statement about
    /// the vote, not about the truth.
    pub posterior_leader: Option<f64>,
}

/// One line of the trace: a decision and what it was taken on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceEvent {
    /// Seconds since the start of the request.
    pub seconds: f64,
    /// Finished samples at that time.
    pub finished: u32,
    /// Votes by class at that time, most first.
    pub votes: Vec<u32>,
    /// What went wrong beside the samples since the last decision, such as a verifier that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What was decided.
    #[serde(flatten)]
    pub decision: Decision,
}

/// The end of a request: the answer, what it cost and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Names this request in logs and receipts.
    pub trace_id: String,
    /// The strategy's name.
    pub strategy: String,
    /// The model that drew the reply: a fallback may have taken over.
    pub model: String,
    /// The sample whose text is the reply; `None` if the strategy abstained.
    pub chosen: Option<SampleId>,
    /// The final answer, if one was found.
    pub answer: Option<Answer>,
    /// The reply's text.
    pub content: String,
    /// The reply's thought.
    pub reasoning: String,
    /// Tool calls of the reply, in the API's shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Value>,
    /// What else the reply's message holds: `refusal`, `annotations`, `audio`, and so on.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
    /// Why the chosen sample ended.
    pub finish: Option<FinishReason>,
    /// The engine's own word for it, where that is not one of the API's four.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_word: Option<String>,
    /// The stop text that ended it, where the engine names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_text: Option<String>,
    /// Why the strategy stopped.
    pub stop: StopReason,
    /// How sure one can be.
    pub confidence: Confidence,
    /// Replies started. Samples that read others are among `samples` and on the bill, and are not counted here.
    pub samples_drawn: u32,
    /// Those of them that failed.
    pub samples_failed: u32,
    /// What could not be honoured or went wrong on the way, in words for the receipt; no entry twice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The bill in tokens.
    pub usage: Usage,
    /// The bill in money.
    pub cost: Cost,
    /// The bill of each arm; verifiers' tokens and money stand with the arm of what they judged.
    pub arms: Vec<ArmBill>,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Each decision with its reason.
    pub trace: Vec<TraceEvent>,
    /// All samples.
    pub samples: Vec<Sample>,
}
