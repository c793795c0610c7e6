//! One sample.

use super::{give_up, stop_with_leader};
use outthink_core::{Decision, Span, State, Step, StopReason, Strategy};

/// Chain of thought, once (Wei et al. 2022): one sample, whatever it says.
#[derive(Debug, Clone)]
pub struct Single {
    /// Generated tokens at most.
    pub max_tokens: Option<u64>,
}

impl Strategy for Single {
    fn name(&self) -> &'static str {
        "single"
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
