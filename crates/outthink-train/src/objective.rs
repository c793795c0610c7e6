//! What a token's log-probability is worth: the one place where pre-training, fine-tuning and
//! reinforcement learning differ.

/// The loss of one token, and how it changes with the token's log-probability.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Term {
    /// The loss.
    pub loss: f32,
    /// Its derivative in the log-probability. 0 leaves the token out of the gradient.
    pub slope: f32,
}

/// A loss that is a sum of terms, each a function of one token's log-probability.
///
/// Next-token loss, masked fine-tuning, policy gradients with advantages, clipped ratios (the
/// objective knows the old log-probabilities) and the KL estimator of GRPO all are.
pub trait Objective: Sync {
    /// The term of token `position` (from 1: nothing predicts the first one) of sequence `sequence`
    /// in the batch, given its log-probability under the model.
    fn term(&self, sequence: usize, position: usize, log_prob: f32) -> Term;
}

impl<F: Fn(usize, usize, f32) -> Term + Sync> Objective for F {
    fn term(&self, sequence: usize, position: usize, log_prob: f32) -> Term {
        self(sequence, position, log_prob)
    }
}

/// Next-token loss with one weight for all tokens; 1 / tokens gives the mean.
#[derive(Debug, Clone, Copy)]
pub struct EveryToken {
    /// The weight.
    pub weight: f32,
}

impl Objective for EveryToken {
    fn term(&self, _: usize, _: usize, log_prob: f32) -> Term {
        Term { loss: -self.weight * log_prob, slope: -self.weight }
    }
}

/// Next-token loss with a weight for each token: Σ w · −log p. Weights of 0 are a mask; negative ones
/// push a token away, as a policy gradient does with a bad sample.
#[derive(Debug, Clone, Copy)]
pub struct Weighted<'a> {
    /// One weight a token of each sequence; the first of a sequence is not used.
    pub weights: &'a [Vec<f32>],
}

impl Objective for Weighted<'_> {
    fn term(&self, sequence: usize, position: usize, log_prob: f32) -> Term {
        let weight = self.weights.get(sequence).and_then(|w| w.get(position)).copied().unwrap_or(0.0);
        Term { loss: -weight * log_prob, slope: -weight }
    }
}
