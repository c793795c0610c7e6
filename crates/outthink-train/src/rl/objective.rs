//! The clipped surrogate of a policy gradient, token by token.

use crate::objective::{Objective, Term};
use serde::{Deserialize, Serialize};

/// Over what a reply's loss is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Divisor {
    /// The reply's own length, as in GRPO: tokens of long wrong replies weigh less.
    Reply,
    /// All tokens of the batch, as in DAPO (Yu et al. 2025, section 3.3).
    Batch,
    /// The same number for every reply, as in Dr. GRPO: the tokens that a reply may have.
    Constant,
}

/// How far one batch of replies may move the policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clip {
    /// The ratio of probabilities is clipped below 1 less this.
    pub low: f32,
    /// And above 1 plus this; DAPO takes more than `low`, so that unlikely tokens can grow.
    pub high: f32,
    /// Weight of the divergence from the reference model; 0 needs no reference.
    pub kl: f32,
}

impl Default for Clip {
    /// 0.2, 0.28 (Yu et al. 2025, section 3.1), no divergence.
    fn default() -> Self {
        Self { low: 0.2, high: 0.28, kl: 0.0 }
    }
}

/// What one reply brings into the batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// Tokens before the reply.
    pub prompt: usize,
    /// The reply's advantage.
    pub advantage: f32,
    /// The weight of each of its tokens.
    pub weight: f32,
    /// Log-probabilities of the whole sequence under the policy that drew it. Empty where the policy
    /// has not moved since: the ratio is then 1.
    pub old: Vec<f32>,
    /// The same under the reference model; empty without one.
    pub reference: Vec<f32>,
}

/// −Σ weight · (min(ρ·A, clip(ρ)·A) − kl · k3), PPO's clipped surrogate (Schulman et al. 2017, eq. 7)
/// with GRPO's divergence k3 = r − ln r − 1, r = reference / policy (Shao et al. 2024, eq. 4).
#[derive(Debug, Clone)]
pub struct Surrogate {
    /// One for each sequence of the batch.
    pub lessons: Vec<Lesson>,
    /// Clipping and divergence.
    pub clip: Clip,
}

impl Objective for Surrogate {
    fn term(&self, sequence: usize, position: usize, log_prob: f32) -> Term {
        let Some(lesson) = self.lessons.get(sequence).filter(|l| position >= l.prompt) else { return Term::default() };
        let ratio = lesson.old.get(position).map_or(1.0, |old| (log_prob - old).exp());
        let plain = ratio * lesson.advantage;
        let clipped = ratio.clamp(1.0 - self.clip.low, 1.0 + self.clip.high) * lesson.advantage;
        let mut loss = -plain.min(clipped);
        // Where the clipped branch is the smaller one it does not depend on the policy.
        let mut slope = if plain <= clipped { -plain } else { 0.0 };
        if let Some(reference) = lesson.reference.get(position) {
            let gap = (reference - log_prob).min(20.0);
            loss += self.clip.kl * (gap.exp() - gap - 1.0);
            slope += self.clip.kl * (1.0 - gap.exp());
        }
        Term { loss: loss * lesson.weight, slope: slope * lesson.weight }
    }
}

impl Surrogate {
    /// Share of the replies' tokens whose ratio is outside of the clip, given log-probabilities under
    /// the policy now.
    pub fn clipped(&self, log_probs: &[Vec<f32>]) -> f64 {
        let (mut outside, mut all) = (0_u64, 0_u64);
        for (lesson, now) in self.lessons.iter().zip(log_probs) {
            for (new, old) in now.iter().zip(&lesson.old).skip(lesson.prompt) {
                let ratio = (new - old).exp();
                outside += u64::from(ratio < 1.0 - self.clip.low || ratio > 1.0 + self.clip.high);
                all += 1;
            }
        }
        outside as f64 / all.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(advantage: f32, old: f32, reference: Option<f32>) -> Surrogate {
        let lesson = Lesson {
            prompt: 1,
            advantage,
            weight: 0.5,
            old: vec![0.0, old],
            reference: reference.map(|r| vec![0.0, r]).unwrap_or_default(),
        };
        Surrogate { lessons: vec![lesson], clip: Clip { kl: 0.1, ..Clip::default() } }
    }

    #[test]
    fn prompts_and_sequences_outside_have_no_loss() {
        let surrogate = one(1.0, -1.0, None);
        assert_eq!(surrogate.term(0, 0, -1.0), Term::default());
        assert_eq!(surrogate.term(1, 1, -1.0), Term::default());
        assert_eq!(surrogate.term(0, 1, -1.0), Term { loss: -0.5, slope: -0.5 });
    }

    #[test]
    fn what_has_moved_far_enough_is_left_alone_and_what_moved_wrongly_is_not() {
        let far_up = -1.0 + 0.5;
        assert_eq!(one(1.0, -1.0, None).term(0, 1, far_up).slope, 0.0);
        assert!(one(-1.0, -1.0, None).term(0, 1, far_up).slope > 0.0);
        let far_down = -1.0 - 0.5;
        assert_eq!(one(-1.0, -1.0, None).term(0, 1, far_down).slope, 0.0);
        assert!(one(1.0, -1.0, None).term(0, 1, far_down).slope < 0.0);
        assert_eq!(one(1.0, -1.0, None).clipped(&[vec![0.0, far_up]]), 1.0);
        assert_eq!(one(1.0, -1.0, None).clipped(&[vec![0.0, -1.01]]), 0.0);
    }

    proptest! {
        #[test]
        fn slopes_are_those_of_the_loss(
            advantage in -2.0..2.0_f32,
            old in -3.0..-0.1_f32,
            moved in -0.6..0.6_f32,
            reference in proptest::option::of(-3.0..-0.1_f32),
        ) {
            let surrogate = one(advantage, old, reference);
            let at = old + moved;
            // At the two corners of the clip there is no slope.
            let ratio = moved.exp();
            prop_assume!((ratio - 0.8).abs() > 0.01 && (ratio - 1.28).abs() > 0.01);
            let h = 1e-3;
            let numeric = (surrogate.term(0, 1, at + h).loss - surrogate.term(0, 1, at - h).loss) / (2.0 * h);
            let slope = surrogate.term(0, 1, at).slope;
            prop_assert!((numeric - slope).abs() < 2e-3, "{numeric} {slope}");
        }
    }
}
