//! Majority vote over a fixed number of samples.

use super::stop_with_leader;
use outthink_core::{Decision, Span, State, Step, StopReason, Strategy};

/// Self-consistency (Wang et al. 2023): draws `samples` and takes the most frequent answer.
#[derive(Debug, Clone)]
pub struct SelfConsistency {
    /// How many.
    pub samples: u32,
    /// Generated tokens of each at most.
    pub max_tokens: Option<u64>,
}

impl Strategy for SelfConsistency {
    fn name(&self) -> &'static str {
        "self-consistency"
    }

    fn step(&mut self, state: &State) -> Decision {
        let missing = self.samples.saturating_sub(state.samples.len() as u32);
        let count = missing.min(state.room(0).affordable(self.max_tokens));
        if count > 0 {
            return Decision::new(
                Step::Sample { arm: 0, count, span: Span::whole(self.max_tokens) },
                format!("{count} of {} samples", self.samples),
            );
        }
        if state.running() > 0 {
            return Decision::new(Step::Wait, format!("{} samples are on their way", state.running()));
        }
        let tally = state.tally();
        if tally.votes() == 0 {
            return stop_with_leader(state, StopReason::NotComparable, "no sample holds a final answer");
        }
        let why = format!("{} of {} votes for the leader", tally.count(0), tally.votes());
        let reason = if missing > 0 { StopReason::BudgetSpent } else { StopReason::SamplesDrawn };
        stop_with_leader(state, reason, why)
    }
}
