//! The best of N by a verifier.

use super::stop_with_leader;
use outthink_core::{Decision, Sample, State, Step, StopReason, Strategy};

/// Best-of-N (Stiennon et al. 2020; Cobbe et al. 2021): draws `samples`, has each scored, takes the
/// best. It stops at once when the verifier is certain (score 1). Without a verifier it ranks by
/// mean log-probability and says so.
#[derive(Debug, Clone)]
pub struct BestOfN {
    /// How many.
    pub samples: u32,
    /// Generated tokens of each at most.
    pub max_tokens: u64,
    /// Samples whose scoring was asked for.
    asked: Vec<u32>,
}

impl BestOfN {
    /// Best of `samples`.
    pub const fn new(samples: u32, max_tokens: u64) -> Self {
        Self { samples, max_tokens, asked: Vec::new() }
    }
}

fn best_by(state: &State, worth: impl Fn(&Sample) -> Option<f64>) -> Option<(&Sample, f64)> {
    let mut best: Option<(&Sample, f64)> = None;
    for sample in state.done() {
        if let Some(w) = worth(sample).filter(|w| best.is_none_or(|b| *w > b.1)) {
            best = Some((sample, w));
        }
    }
    best
}

impl Strategy for BestOfN {
    fn name(&self) -> &'static str {
        "best-of-n"
    }

    fn step(&mut self, state: &State) -> Decision {
        let scored = best_by(state, |s| s.score);
        if let Some((sample, score)) = scored.filter(|s| s.1 >= 1.0) {
            let stop = Step::Stop { sample: sample.id, reason: StopReason::Verified };
            return Decision::new(stop, format!("the verifier gave {score:.3}"));
        }
        if state.has_verifier {
            let unscored: Vec<u32> =
                state.done().filter(|s| s.score.is_none() && !self.asked.contains(&s.id)).map(|s| s.id).collect();
            if !unscored.is_empty() {
                self.asked.extend(&unscored);
                let why = format!("{} samples to score", unscored.len());
                let steps = unscored.into_iter().map(|sample| Step::Score { sample }).collect();
                return Decision { steps, why, posterior: None };
            }
        }
        let missing = self.samples.saturating_sub(state.samples.len() as u32);
        let count = missing.min(state.room.affordable(self.max_tokens));
        if count > 0 {
            return Decision::new(
                Step::Sample { count, max_tokens: self.max_tokens },
                format!("{count} of {} samples", self.samples),
            );
        }
        if state.running() > 0 {
            return Decision::new(Step::Wait, format!("{} samples are on their way", state.running()));
        }
        let reason = if missing > 0 { StopReason::BudgetSpent } else { StopReason::SamplesDrawn };
        let by_logprob = || best_by(state, |s| s.mean_logprob);
        match scored.or_else(by_logprob) {
            Some((sample, worth)) => {
                let by =
                    if scored.is_some() { "verifier score" } else { "mean log-probability (there is no verifier)" };
                Decision::new(Step::Stop { sample: sample.id, reason }, format!("best by {by}: {worth:.3}"))
            }
            None => stop_with_leader(state, reason, "no scores and no log-probabilities: the vote decides"),
        }
    }
}
