//! What to do next, and who decides it.

use crate::{SampleId, State, StopReason};
use serde::Serialize;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Draw `count` more samples of the prompt.
    Sample {
        /// How many.
        count: u32,
        /// Generated tokens of each at most; the driver lowers it where the budget asks for it.
        max_tokens: u64,
    },
    /// Go on from a finished sample: its text, then `append`, then at most `max_tokens` more. The
    /// result is a new sample whose parent is `sample`.
    Continue {
        /// The sample to go on from.
        sample: SampleId,
        /// Text that is put after the sample's own.
        append: String,
        /// Generated tokens at most.
        max_tokens: u64,
    },
    /// Have a finished sample scored by the verifier.
    Score {
        /// The sample.
        sample: SampleId,
    },
    /// Stop samples that no longer pay.
    Cancel {
        /// The samples.
        samples: Vec<SampleId>,
    },
    /// Nothing now: decide again when a sample ends.
    Wait,
    /// End with the answer of `sample`.
    Stop {
        /// The sample whose text is the reply.
        sample: SampleId,
        /// Why.
        reason: StopReason,
    },
    /// End without an answer.
    Abstain {
        /// Why.
        reason: StopReason,
    },
}

/// What a strategy decided, and why in words for the trace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// To be carried out in order. After `Stop` or `Abstain` nothing follows.
    pub steps: Vec<Step>,
    /// Belief, options and the reason of the choice, in one line.
    pub why: String,
    /// Probability that the leading answer stays ahead however many samples are drawn, where the
    /// strategy has one.
    pub posterior: Option<f64>,
}

impl Decision {
    /// One step with its reason.
    pub fn new(step: Step, why: impl Into<String>) -> Self {
        Self { steps: vec![step], why: why.into(), posterior: None }
    }

    /// Adds the posterior probability that it rests on.
    #[must_use]
    pub fn with_posterior(mut self, posterior: f64) -> Self {
        self.posterior = Some(posterior);
        self
    }
}

/// Decides what to buy next, and nothing else: no I/O, no clock, no hidden randomness.
///
/// It is asked once at the start and then after each sample that ends. The same object runs live
/// and over recordings. A machine that has said `Stop` or `Abstain` is not asked again.
pub trait Strategy: Send {
    /// Its name on the command line and in the API.
    fn name(&self) -> &str;

    /// What to do next. When nothing runs, the answer must not be `Wait`.
    fn step(&mut self, state: &State) -> Decision;
}
