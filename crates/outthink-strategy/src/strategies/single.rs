//! One sample.

use super::{give_up, stop_with_leader};
use crate::registry::{Draws, StrategyEntry};
use outthink_core::{Decision, Entry, Paper, Span, State, Step, StopReason, Strategy};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Wei et al. 2022", "https://arxiv.org/abs/2201.11903")),
        also: &["one", "cot", "chain-of-thought", "greedy"],
        ..Entry::new("single", "one sample, whatever it says")
    },
    stops: "at its end",
    draws: Draws::One,
    takes: &[],
    build: |from| Ok(Box::new(Single { max_tokens: from.max_tokens() })),
};

/// Chain of thought, once (Wei et al. 2022): one sample, whatever it says.
#[derive(Debug, Clone)]
pub struct Single {
    /// Generated tokens at most.
    pub max_tokens: Option<u64>,
}

impl Strategy for Single {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn compares(&self) -> bool {
        false
    }

    fn step(&mut self, state: &State) -> Decision {
        if state.done().next().is_some() {
            return stop_with_leader(state, StopReason::Single, "the one sample is here");
        }
        if state.running() > 0 {
            return Decision::new(Step::Wait, "the one sample is on its way");
        }
        if !state.samples.is_empty() || state.room(0).affordable(self.max_tokens) == 0 {
            return give_up(state);
        }
        Decision::new(Step::Sample { arm: 0, count: 1, span: Span::whole(self.max_tokens) }, "one sample was asked for")
    }
}
