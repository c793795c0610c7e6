//! A vote in which surer samples weigh more.

use super::common::{heaviest, vote_by_weight};
use crate::StrategyError;
use crate::settings::Reader;
use outthink_core::{Decision, Needs, Sample, SampleId, State, StopReason, Strategy};

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
    pub(crate) fn read(samples: u32, max_tokens: Option<u64>, settings: &mut Reader<'_>) -> Result<Self, StrategyError> {
        Ok(Self { samples, max_tokens, temperature: settings.number("temperature", 1.0, 0.05..=100.0)? })
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
        "confidence-vote"
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
