//! What callers hand to a session and hear from it.

use outthink_core::{Budget, ClassId, Delta, Outcome, Prompt, SampleId, SampleStatus, Sampling, Thinking, TraceEvent};
use std::sync::Arc;

/// One request.
#[derive(Debug, Clone, Default)]
pub struct DriveRequest {
    /// What is asked.
    pub prompt: Arc<Prompt>,
    /// Hard limits.
    pub budget: Budget,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Seed from which those of the samples are derived.
    pub seed: u64,
    /// Whether the caller asked for that seed: only then are servers sent one.
    pub seeded: bool,
    /// How long the reasoning of a sample should be, in the engine's own terms.
    pub thinking: Thinking,
    /// Whether log-probabilities are wanted.
    pub logprobs: bool,
    /// Names the request in logs and receipts.
    pub trace_id: String,
    /// What of the request could not be taken over, in words for the receipt.
    pub notes: Vec<String>,
}

/// What is reported while a request runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// A piece of a sample. `leading` marks the one sample whose thought may be shown to the user.
    Delta {
        /// The sample.
        sample: SampleId,
        /// Whether it is the one to show.
        leading: bool,
        /// The piece.
        delta: Delta,
    },
    /// A sample came to its end, by itself or not; a vote follows.
    Ended {
        /// The sample.
        sample: SampleId,
        /// The sample that it goes on from.
        parent: Option<SampleId>,
        /// How it ended.
        status: SampleStatus,
        /// The class of its answer.
        class: Option<ClassId>,
        /// Its generated tokens.
        tokens: u64,
    },
    /// A sample ended; the votes now, most first, with the text of each class's answer.
    Vote {
        /// Answer texts and their votes.
        votes: Vec<(String, u32)>,
        /// Finished samples.
        finished: u32,
        /// Samples that are running.
        running: u32,
        /// Generated tokens so far.
        tokens: u64,
    },
    /// A decision.
    Decision(TraceEvent),
}

/// A request that ended without any answer because the engine failed; the bill is in `outcome`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
pub struct DriveError {
    /// The first failure.
    pub error: outthink_core::EngineError,
    /// What was spent all the same.
    pub outcome: Box<Outcome>,
}
