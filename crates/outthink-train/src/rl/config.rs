//! The settings of a run.

use super::{Clip, Divisor, Order, Scaling};
use crate::error::TrainError;
use crate::tasks::Task;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// What becomes of a reply that reached the limit of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlong {
    /// It counts for nothing: whether it would have been right is not known.
    Mask,
    /// It is wrong: replies learn to end in time.
    Wrong,
}

/// Settings of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RlConfig {
    /// Levels of the problems.
    pub levels: RangeInclusive<u32>,
    /// How levels are chosen.
    pub order: Order,
    /// Groups of a step that teach.
    pub prompts: usize,
    /// Replies of a group.
    pub group: usize,
    /// Problems drawn at most for a step, as a multiple of `prompts`; beyond it a step makes do with
    /// the groups that it has.
    pub refills: usize,
    /// Tokens of a reply at most; 0 takes what the task's longest solution needs, and half as much
    /// again.
    pub max_tokens: usize,
    /// What becomes of longer ones.
    pub overlong: Overlong,
    /// Steps.
    pub steps: u64,
    /// Steps in which the learning rate rises in a straight line.
    pub warmup: u64,
    /// Learning rate.
    pub rate: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// Parts into which a step's replies are split, with a step of the optimizer for each; above 1 the
    /// ratio of probabilities is clipped.
    pub updates: usize,
    /// How rewards become advantages.
    pub scaling: Scaling,
    /// Over what a reply's loss is divided.
    pub divisor: Divisor,
    /// Clipping and divergence.
    pub clip: Clip,
    /// Taken from the reward of an answer that claims what is not so.
    pub claim_cost: f64,
    /// Seed.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
}

impl Default for RlConfig {
    fn default() -> Self {
        Self {
            levels: 2..=4,
            order: Order::Even,
            prompts: 32,
            group: 8,
            refills: 3,
            max_tokens: 0,
            overlong: Overlong::Wrong,
            steps: 150,
            warmup: 5,
            rate: 5e-4,
            beta2: 0.99,
            updates: 1,
            scaling: Scaling::None,
            divisor: Divisor::Batch,
            clip: Clip::default(),
            claim_cost: 0.0,
            seed: 0,
            threads: 1,
        }
    }
}

impl RlConfig {
    /// Checks that a run can be made of it.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), TrainError> {
        let at_least = |what, value: usize, low: usize| {
            if value >= low {
                return Ok(());
            }
            Err(TrainError::setting(what, value, format!("at least {low}")))
        };
        at_least("the number of prompts", self.prompts, 1)?;
        at_least("the group", self.group, 2)?;
        at_least("the number of refills", self.refills, 1)?;
        at_least("the number of updates", self.updates, 1)?;
        if self.levels.is_empty() {
            let value = format!("{} to {}", self.levels.start(), self.levels.end());
            return Err(TrainError::setting("the range of levels", value, "the lower one first"));
        }
        for (what, value, good) in [
            ("the learning rate", f64::from(self.rate), self.rate > 0.0),
            ("beta2", f64::from(self.beta2), (0.0..1.0).contains(&self.beta2)),
            ("the lower clip", f64::from(self.clip.low), (0.0..1.0).contains(&self.clip.low)),
            ("the upper clip", f64::from(self.clip.high), self.clip.high >= 0.0),
            ("the weight of the divergence", f64::from(self.clip.kl), self.clip.kl >= 0.0),
            ("the cost of a false claim", self.claim_cost, self.claim_cost >= 0.0),
        ] {
            if !good || !value.is_finite() {
                return Err(TrainError::setting(what, value, "a number in its range"));
            }
        }
        Ok(())
    }

    /// Tokens of a reply at most.
    pub fn reply_tokens(&self, task: &dyn Task) -> usize {
        if self.max_tokens > 0 { self.max_tokens } else { task.longest(*self.levels.end()) * 3 / 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelConfig;
    use crate::model::Model;
    use crate::rl::Rl;
    use crate::tasks::{Chain, VOCABULARY};

    #[test]
    fn settings_that_cannot_work_are_named() {
        let task = Chain::default();
        let model = Model::new(ModelConfig::sized(VOCABULARY, 64, 16, 1), 1).unwrap();
        let good = RlConfig { max_tokens: 20, ..RlConfig::default() };
        for (bad, word) in [
            (RlConfig { group: 1, ..good.clone() }, "group"),
            (RlConfig { prompts: 0, ..good.clone() }, "prompts"),
            (RlConfig { updates: 0, ..good.clone() }, "updates"),
            (RlConfig { rate: f32::NAN, ..good.clone() }, "rate"),
            (RlConfig { max_tokens: 64, ..good.clone() }, "context"),
            (RlConfig { clip: Clip { low: 1.5, ..Clip::default() }, ..good.clone() }, "clip"),
        ] {
            let error = Rl::new(model.clone(), &task, bad).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let other = Model::new(ModelConfig::sized(50, 64, 16, 1), 1).unwrap();
        assert!(Rl::new(other, &task, good).unwrap_err().to_string().contains("vocabulary"));
    }
}
