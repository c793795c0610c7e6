//! Majority vote over a fixed number of samples.

use super::stop_with_leader;
use crate::registry::{Draws, StrategyEntry};
use outthink_core::{Decision, Entry, Paper, Span, State, Step, StopReason, Strategy};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Wang et al. 2023", "https://arxiv.org/abs/2203.11171")),
        also: &["majority", "majority-vote", "maj@k", "vote", "sc"],
        ..Entry::new("self-consistency", "N samples at once; the most frequent answer wins")
    },
    stops: "all are drawn",
    draws: Draws::Several,
    takes: &[],
    build: |from| Ok(Box::new(SelfConsistency { samples: from.samples(), max_tokens: from.max_tokens() })),
};

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
        ENTRY.name()
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
