//! The answer with the largest sum of a verifier's scores.

use super::common::{Judge, heaviest, vote_by_weight};
use crate::registry::{Draws, StrategyEntry};
use outthink_core::{Decision, Entry, Needs, Paper, SampleId, State, Strategy};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Li et al. 2023", "https://arxiv.org/abs/2206.02336")),
        needs: "a verifier",
        also: &["weighted-bon", "weighted-vote"],
        ..Entry::new("weighted-best-of-n", "N samples, each scored; the scores of equal answers add up")
    },
    stops: "all are scored",
    draws: Draws::Several,
    takes: &[],
    build: |from| Ok(Box::new(WeightedBestOfN::new(from.samples(), from.max_tokens()))),
};

/// Weighted best-of-N (Li et al. 2023, step-aware verifier; Snell et al. 2024): draws `samples`,
/// has each scored, adds the scores of equal answers up and takes the best sample of the heaviest
/// one. A single lucky score does not win against many good ones.
#[derive(Debug, Clone)]
pub struct WeightedBestOfN {
    samples: u32,
    max_tokens: Option<u64>,
    judge: Judge,
}

impl WeightedBestOfN {
    /// Over `samples`.
    pub fn new(samples: u32, max_tokens: Option<u64>) -> Self {
        Self { samples, max_tokens, judge: Judge::default() }
    }
}

impl Strategy for WeightedBestOfN {
    fn name(&self) -> &'static str {
        ENTRY.name()
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
        vote_by_weight(
            state,
            (self.samples, self.max_tokens),
            |s| s.score,
            "of all scores are for the leader",
            (None, "no scored sample holds a final answer: the vote decides"),
        )
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        heaviest(state, |s| s.score)
    }
}
