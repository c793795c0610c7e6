//! Windows of samples, until one agrees.

use super::common::{all_failed, draw, give_up, stop_with_leader, wait};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{Decision, DefaultValue, Entry, Kind, Paper, Setting, State, StopReason, Strategy};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Li et al. 2024", "https://arxiv.org/abs/2401.10480")),
        settings: &[Setting::new("window", Kind::count(2, 1_000), DefaultValue::Count(5), "samples of a window")],
        also: &["early-stopping", "early-stopping-self-consistency"],
        ..Entry::new("esc", "windows of samples, until one agrees with itself")
    },
    stops: "all answers of a window agree",
    draws: Draws::Several,
    takes: &[],
    build: |from| Esc::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// Early-stopping self-consistency (Li et al. 2024, ESC): draws windows of `window` samples and
/// stops as soon as all answers of one window agree; else it votes over all `samples`.
#[derive(Debug, Clone)]
pub struct Esc {
    samples: u32,
    max_tokens: Option<u64>,
    window: u32,
}

impl Esc {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        let (samples, max_tokens) = (from.samples(), from.max_tokens());
        Ok(Self { samples, max_tokens, window: from.count("window")?.min(samples) })
    }

    /// Whether all of the last full window answered, and alike.
    fn agrees(&self, state: &State) -> bool {
        let window = self.window as usize;
        let full = state.samples.len() / window * window;
        if full == 0 {
            return false;
        }
        let last = &state.samples[full - window..full];
        let first = last.first().and_then(|s| s.class);
        first.is_some() && last.iter().all(|s| s.is_done() && s.class == first)
    }
}

impl Strategy for Esc {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn step(&mut self, state: &State) -> Decision {
        if !state.is_idle() {
            return wait(state);
        }
        let tally = state.tally();
        let votes = format!("{} of {} votes for the leader", tally.count(0), tally.votes());
        if self.agrees(state) {
            return stop_with_leader(
                state,
                StopReason::WindowAgrees,
                format!("a window of {} agrees; {votes}", self.window),
            );
        }
        if all_failed(state) {
            return give_up(state);
        }
        let unstarted = self.samples.saturating_sub(state.samples.len() as u32);
        let count = unstarted.min(self.window).min(state.room(0).affordable(self.max_tokens));
        if count > 0 {
            return draw(count, self.max_tokens, format!("a window of {count}; {votes}"));
        }
        let reason = if unstarted > 0 { StopReason::BudgetSpent } else { StopReason::SamplesDrawn };
        stop_with_leader(state, reason, votes)
    }
}
