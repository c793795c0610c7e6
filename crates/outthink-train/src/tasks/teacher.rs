//! How the worked solutions of a training set were written.

use serde::{Deserialize, Serialize};

/// The habits of whoever writes the worked solutions.
///
/// People who write demonstrations hurry and slip. A model that imitates them hurries and slips as
/// often; what it does at its best is found by reinforcement learning and not by imitation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Teacher {
    /// Share of solutions that state the answer without a thought, from 0 to 1.
    pub hurry: f64,
    /// Probability that a step's result is wrong and what follows builds on it, from 0 to 1.
    pub slip: f64,
}

impl Default for Teacher {
    /// Careful: every step is shown and right.
    fn default() -> Self {
        Self { hurry: 0.0, slip: 0.0 }
    }
}
