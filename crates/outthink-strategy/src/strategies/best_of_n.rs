//! The best of N by a verifier.

use super::common::{Judge, best_by, stop_with_leader};
use crate::registry::{Draws, StrategyEntry};
use outthink_core::{Decision, Entry, Paper, SampleId, Span, State, Step, StopReason, Strategy};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Cobbe et al. 2021", "https://arxiv.org/abs/2110.14168")),
        also: &["bon", "best-of", "rerank"],
        ..Entry::new("best-of-n", "N samples, each scored (without a verifier, by log-probability); the best one wins")
    },
    stops: "all are scored, or one is right for certain",
    draws: Draws::Several,
    takes: &[],
    build: |from| Ok(Box::new(BestOfN::new(from.samples(), from.max_tokens()))),
};

/// Best-of-N (Stiennon et al. 2020; Cobbe et al. 2021): draws `samples`, has each scored, takes the
/// best. It stops at once when the verifier is certain (score 1). Without a verifier it ranks by
/// mean log-probability and says so.
#[derive(Debug, Clone)]
pub struct BestOfN {
    /// How many.
    pub samples: u32,
    /// Generated tokens of each at most.
    pub max_tokens: Option<u64>,
    judge: Judge,
}

impl BestOfN {
    /// Best of `samples`.
    pub fn new(samples: u32, max_tokens: Option<u64>) -> Self {
        Self { samples, max_tokens, judge: Judge::default() }
    }
}

impl Strategy for BestOfN {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn step(&mut self, state: &State) -> Decision {
        let scored = best_by(state, |s| s.score);
        // One that breaks the demanded form ends nothing: the next may keep it.
        if let Some((sample, score)) = scored.filter(|s| s.1 >= 1.0 && !s.0.malformed) {
            let stop = Step::Stop { sample: sample.id, reason: StopReason::Verified };
            return Decision::new(stop, format!("the verifier gave {score:.3}"));
        }
        let verdicts = self.judge.ask(state, state.voters());
        if !verdicts.is_empty() {
            let why = format!("{} samples to score", verdicts.len());
            return Decision::all(verdicts, why);
        }
        let missing = self.samples.saturating_sub(state.samples.len() as u32);
        let count = missing.min(state.room(0).affordable(self.max_tokens));
        if count > 0 {
            return Decision::new(
                Step::Sample { arm: 0, count, span: Span::whole(self.max_tokens) },
                format!("{count} of {} samples", self.samples),
            );
        }
        if !state.is_idle() {
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

    fn best(&self, state: &State) -> Option<SampleId> {
        let scored = best_by(state, |s| s.score).or_else(|| best_by(state, |s| s.mean_logprob));
        scored.map(|b| b.0.id).or_else(|| state.best_so_far())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::{Sample, SampleStatus};

    fn sample(id: SampleId, score: f64, malformed: bool) -> Sample {
        let content = "{}".to_owned();
        Sample { id, content, score: Some(score), malformed, status: SampleStatus::Done, ..Sample::default() }
    }

    fn state(samples: Vec<Sample>) -> State {
        State { samples, ..State::default() }
    }

    #[test]
    fn what_breaks_the_form_is_no_answer_while_something_keeps_it() {
        let mut strategy = BestOfN::new(2, Some(8));
        let mixed = state(vec![sample(0, 1.0, true), sample(1, 0.1, false)]);
        assert_eq!(strategy.best(&mixed), Some(1));
        let Step::Stop { sample: chosen, .. } = strategy.step(&mixed).steps[0] else { panic!("it goes on") };
        assert_eq!(chosen, 1);
        let broken = state(vec![sample(0, 0.2, true), sample(1, 1.0, true)]);
        assert_eq!(strategy.best(&broken), Some(1), "the best of what there is");
        assert!(
            !matches!(
                BestOfN::new(3, Some(8)).step(&state(vec![sample(0, 1.0, true)])).steps[0],
                Step::Stop { reason: StopReason::Verified, .. }
            ),
            "the next may keep the form"
        );
    }
}
