//! The answer with the largest sum of a verifier's scores.

use super::common::{Judge, all_failed, best_by, draw, give_up, missing, share, stop_with_leader, wait, weigh};
use outthink_core::{Decision, Needs, Sample, SampleId, State, Step, StopReason, Strategy};

/// Weighted best-of-N (Li et al. 2023, step-aware verifier; Snell et al. 2024): draws `samples`,
/// has each scored, adds the scores of equal answers up and takes the best sample of the heaviest
/// one. A single lucky score does not win against many good ones.
#[derive(Debug, Clone)]
pub struct WeightedBestOfN {
    samples: u32,
    max_tokens: u64,
    judge: Judge,
}

impl WeightedBestOfN {
    /// Over `samples`.
    pub fn new(samples: u32, max_tokens: u64) -> Self {
        Self { samples, max_tokens, judge: Judge::default() }
    }
}

impl Strategy for WeightedBestOfN {
    fn name(&self) -> &'static str {
        "weighted-best-of-n"
    }

    fn needs(&self) -> Needs {
        Needs { verifier: true, ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        let verdicts = self.judge.ask(state, state.voters());
        if !verdicts.is_empty() {
            let why = format!("{} verdicts to be had", verdicts.len());
            return Decision::all(verdicts, why);
        }
        let count = missing(state, 0, self.samples, self.max_tokens);
        if count > 0 {
            return draw(count, self.max_tokens, format!("{count} of {} samples", self.samples));
        }
        if !state.is_idle() {
            return wait(state);
        }
        if all_failed(state) {
            return give_up(state);
        }
        let drawn = state.samples.len() as u32;
        let reason = if drawn < self.samples { StopReason::BudgetSpent } else { StopReason::SamplesDrawn };
        let classes = weigh(state, |s| s.score);
        match self.best(state).filter(|_| !classes.is_empty()) {
            Some(sample) => {
                let why = format!("{:.3} of all scores are for the leader", share(&classes));
                Decision::new(Step::Stop { sample, reason }, why)
            }
            None => stop_with_leader(state, reason, "no scored sample holds a final answer: the vote decides"),
        }
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        let leader = weigh(state, |s| s.score).first().map(|c| c.0);
        let of_leader = |s: &Sample| s.score.filter(|_| leader.is_some() && s.class == leader);
        best_by(state, of_leader).map(|b| b.0.id).or_else(|| state.best_so_far())
    }
}
