//! A vote in which surer samples weigh more.

use super::common::{heaviest, vote_by_weight};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{
    Decision, DefaultValue, Entry, Kind, Needs, Paper, Sample, SampleId, Setting, State, StopReason, Strategy,
};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Taubenfeld et al. 2025", "https://arxiv.org/abs/2502.06233")),
        settings: &[Setting::new(
            "temperature",
            Kind::number(0.05, 100.0),
            DefaultValue::Number(1.0),
            "softens the weights: the larger, the more alike",
        )],
        needs: "log-probabilities",
        also: &["cisc", "weighted-vote"],
        ..Entry::new("confidence-vote", "N samples; each votes with its confidence")
    },
    stops: "all are drawn",
    draws: Draws::Several,
    takes: &[],
    build: |from| ConfidenceVote::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// Confidence-weighted vote (Taubenfeld et al. 2025, CISC): draws `samples`; each votes with
/// `exp(c / T)`, where c is the mean log-probability of its tokens over the standard deviation of
/// all, which is how the paper's softmax is made free of scale.
#[derive(Debug, Clone)]
pub struct ConfidenceVote {
    samples: u32,
    max_tokens: Option<u64>,
    temperature: f64,
}

impl ConfidenceVote {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self { samples: from.samples(), max_tokens: from.max_tokens(), temperature: from.number("temperature")? })
    }

    /// The weight of a sample among those that are there.
    fn weights(&self, state: &State) -> impl Fn(&Sample) -> Option<f64> {
        let known: Vec<f64> = state.voters().filter_map(|s| s.mean_logprob).collect();
        let n = known.len().max(1) as f64;
        let mean = known.iter().sum::<f64>() / n;
        let deviation = (known.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / n).sqrt();
        // Equal confidences weigh alike.
        let scale = if deviation > 1e-9 { deviation * self.temperature } else { f64::INFINITY };
        move |sample| Some(((sample.mean_logprob? - mean) / scale).clamp(-50.0, 50.0).exp())
    }
}

impl Strategy for ConfidenceVote {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn needs(&self) -> Needs {
        Needs { logprobs: true, ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        vote_by_weight(
            state,
            (self.samples, self.max_tokens),
            self.weights(state),
            "of the confidence-weighted vote for the leader",
            (Some(StopReason::NotComparable), "no sample holds a final answer"),
        )
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        heaviest(state, self.weights(state))
    }
}
