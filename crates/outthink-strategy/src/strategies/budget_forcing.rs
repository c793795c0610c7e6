//! A cap and a floor on the length of one thought.

use super::{give_up, stop_with_leader};
use crate::registry::{Draws, StrategyEntry, Takes};
use outthink_core::{Decision, Entry, FinishReason, Link, Paper, Sample, Span, State, Step, StopReason, Strategy};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Muennighoff et al. 2025", "https://arxiv.org/abs/2501.19393")),
        also: &["s1", "wait", "thinking-budget"],
        ..Entry::new("budget-forcing", "one reply whose reasoning is extended to a floor and closed at a cap")
    },
    stops: "between --thinking-floor and --thinking-cap; at the cap the reasoning is closed and the model answers",
    draws: Draws::One,
    takes: &[Takes::Thinking],
    build: |from| {
        let (floor, cap) = from.thinking();
        Ok(Box::new(BudgetForcing::new(floor.unwrap_or(0), cap.or(from.max_tokens()))))
    },
};

/// Budget forcing (Muennighoff et al. 2025, s1): a thought that reaches `cap` tokens is closed and
/// the model answers; one that ends before `floor` tokens is told to go on.
#[derive(Debug, Clone)]
pub struct BudgetForcing {
    /// Tokens of thought at most, where there is a cap.
    pub cap: Option<u64>,
    /// Tokens of thought at least.
    pub floor: u64,
    /// Tokens for the answer once the thought was closed.
    pub answer_tokens: u64,
    /// How often a short thought is extended at most.
    pub most_extensions: u32,
    extensions: u32,
    closed: bool,
}

/// What a closed thought goes on with.
const CLOSE: &str = "\n\nTime is up. The answer is";
/// What a short thought goes on with.
const EXTEND: &str = "\n\nWait, let me check this again step by step.";

impl BudgetForcing {
    /// A thought of `floor` to `cap` tokens.
    pub const fn new(floor: u64, cap: Option<u64>) -> Self {
        Self { cap, floor, answer_tokens: 64, most_extensions: 4, extensions: 0, closed: false }
    }

    fn after(&mut self, state: &State, last: &Sample) -> Decision {
        let spent: u64 = state.samples.iter().map(|s| s.usage.completion).sum();
        let cut_off = last.finish == Some(FinishReason::Length);
        let reason = if self.closed { StopReason::ThinkingCap } else { StopReason::Single };
        if self.closed || last.tool_calls.is_some() {
            return stop(last, reason, format!("{spent} tokens spent"));
        }
        if state.room(0).affordable(Some(self.answer_tokens)) == 0 {
            return stop(last, StopReason::BudgetSpent, "nothing is left to close the thought with");
        }
        if cut_off || self.cap.is_some_and(|cap| spent >= cap) || last.content.trim().is_empty() {
            self.closed = true;
            let link = Link::Words(CLOSE.to_owned());
            let step = Step::Continue { sample: last.id, link, count: 1, span: Span::whole(Some(self.answer_tokens)) };
            return Decision::new(step, format!("{spent} tokens of thought, and no answer yet: close it"));
        }
        if spent < self.floor && self.extensions < self.most_extensions {
            self.extensions += 1;
            let (link, span) = (Link::Words(EXTEND.to_owned()), Span::whole(self.cap.map(|cap| cap - spent)));
            let step = Step::Continue { sample: last.id, link, count: 1, span };
            return Decision::new(
                step,
                format!("{spent} tokens of thought are below the floor of {}: go on", self.floor),
            );
        }
        stop(last, reason, format!("{spent} tokens of thought, between floor and cap"))
    }
}

fn stop(sample: &Sample, reason: StopReason, why: impl Into<String>) -> Decision {
    Decision::new(Step::Stop { sample: sample.id, reason }, why)
}

impl Strategy for BudgetForcing {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn step(&mut self, state: &State) -> Decision {
        if state.running() > 0 {
            return Decision::new(Step::Wait, "the thought goes on");
        }
        match state.samples.last() {
            None if state.room(0).affordable(self.cap) == 0 => give_up(state),
            None => {
                // What closes the thought must be paid for as well.
                let whole = self.cap.map(|cap| cap.saturating_add(self.answer_tokens));
                let most = state.room(0).cap(whole, 1).map(|most| most.saturating_sub(self.answer_tokens).max(1));
                let step = Step::Sample { arm: 0, count: 1, span: Span::whole(most) };
                let cap = most.map_or_else(|| "no limit".to_owned(), |most| format!("{most} tokens"));
                Decision::new(step, format!("a thought of {} tokens to {cap}", self.floor))
            }
            Some(last) if last.is_done() => self.after(state, &last.clone()),
            Some(_) => stop_with_leader(state, StopReason::EngineFailed, "going on failed: the earlier text is kept"),
        }
    }
}
