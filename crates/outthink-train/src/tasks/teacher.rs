//! How the worked solutions of a training set were written.

use serde::{Deserialize, Serialize};

/// The habits of whoever writes the worked solutions.
///
/// People who write demonstrations skip steps and make errors. A model that imitates them does so as often; what it does
/// at its best is found by reinforcement learning and not by imitation. Earlier versions wrote `hurry` and `slip`, which
/// are still read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Teacher {
    /// Share of solutions that state the answer without reasoning, from 0 to 1.
    #[serde(alias = "hurry")]
    pub answer_only: f64,
    /// Probability that a step's result is wrong and what follows builds on it, from 0 to 1.
    #[serde(alias = "slip")]
    pub label_noise: f64,
}

impl Default for Teacher {
    /// Careful: every step is shown and right.
    fn default() -> Self {
        Self { answer_only: 0.0, label_noise: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_under_the_former_names_is_read() {
        let read = |text: &str| serde_json::from_str::<Teacher>(text).unwrap();
        assert_eq!(read(r#"{"hurry":0.5,"slip":0.1}"#), read(r#"{"answer_only":0.5,"label_noise":0.1}"#));
        assert_eq!(read(r#"{"slip":0.1}"#).label_noise, 0.1);
    }
}
