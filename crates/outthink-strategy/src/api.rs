//! What callers hand to the driver and hear from it.

use outthink_core::{
    Budget, Delta, Effort, Engine, Outcome, Prompt, SampleId, Sampling, Strategy, TraceEvent,
};
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// A strategy by name with its settings, as the command line and the API give them.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StrategySpec {
    /// `single`, `self-consistency`, `adaptive`, `best-of-n` or `budget-forcing`.
    pub name: String,
    /// Samples at most.
    pub max_samples: u32,
    /// Generated tokens of one sample at most.
    pub max_tokens_per_sample: u64,
    /// Posterior at which `adaptive` stops, in (0.5, 1).
    pub target_confidence: f64,
    /// Budget forcing: tokens of thought at most, after which the thought is closed.
    pub thinking_cap: Option<u64>,
    /// Budget forcing: tokens of thought at least; a shorter thought is extended.
    pub thinking_floor: Option<u64>,
}

/// A strategy that cannot be built as asked; the message says the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StrategyError(pub String);

impl StrategySpec {
    /// What an effort stands for: `none` is `single`, all others are `adaptive`.
    pub fn for_effort(effort: Effort) -> Self {
        let plan = effort.plan();
        Self {
            name: if effort == Effort::None {
                "single"
            } else {
                "adaptive"
            }
            .into(),
            max_samples: plan.max_samples,
            max_tokens_per_sample: plan.max_tokens_per_sample,
            target_confidence: plan.target_confidence,
            thinking_cap: None,
            thinking_floor: None,
        }
    }

    /// Makes the machine.
    ///
    /// # Errors
    /// If the name is unknown or a setting is out of its range.
    pub fn build(&self) -> Result<Box<dyn Strategy>, StrategyError> {
        Err(StrategyError(self.name.clone()))
    }
}

/// One request to the driver.
#[derive(Debug, Clone)]
pub struct DriveRequest {
    /// What is asked.
    pub prompt: Prompt,
    /// Hard limits.
    pub budget: Budget,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Seed from which those of the samples are derived.
    pub seed: u64,
    /// Whether log-probabilities are wanted.
    pub logprobs: bool,
    /// Names the request in logs and receipts.
    pub trace_id: String,
}

/// What the driver tells while it works.
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

/// Carries strategies out on one engine.
#[derive(Clone)]
pub struct Driver {
    engine: Arc<dyn Engine>,
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

impl Driver {
    /// A driver of `engine`.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine }
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Carries `strategy` out to its end.
    ///
    /// If the receiver of `updates` is dropped, or this future is, all work in the engine is
    /// cancelled at once; in the first case the outcome says so and holds the bill.
    ///
    /// # Errors
    /// If every sample failed.
    pub async fn run(
        &self,
        request: DriveRequest,
        strategy: Box<dyn Strategy>,
        updates: UnboundedSender<Update>,
    ) -> Result<Outcome, DriveError> {
        let _ = (request, strategy, updates);
        std::future::pending().await
    }
}
