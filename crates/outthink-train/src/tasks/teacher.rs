//! How the worked solutions of a training set were written.

use crate::rng::Rng;
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
    /// Probability that the solution ends after a line of search or a pass, though more would follow: a search is given
    /// up, and of passes the answer so far is stated. With 0 the task alone says how long solutions are; tasks that have
    /// one way to work a problem out know no such end.
    pub stop: f64,
}

impl Teacher {
    /// Lines or passes until the teacher stops, `most` of them at most: geometric. Draws nothing where [`Teacher::stop`]
    /// is 0, so that the solutions of such a teacher do not change.
    pub(super) fn until_stop(&self, most: usize, rng: &mut Rng) -> usize {
        if self.stop <= 0.0 {
            return most;
        }
        let mut lines = 1;
        while lines < most && rng.uniform() >= self.stop {
            lines += 1;
        }
        lines
    }
}

impl Default for Teacher {
    /// Careful: every step is shown and right, and nothing is given up early.
    fn default() -> Self {
        Self { answer_only: 0.0, label_noise: 0.0, stop: 0.0 }
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

    #[test]
    fn a_teacher_stops_after_a_geometric_number_of_lines() {
        let mut rng = Rng::stream(6, 0);
        let half = Teacher { stop: 0.5, ..Teacher::default() };
        let n = 8_000;
        let drawn: Vec<usize> = (0..n).map(|_| half.until_stop(4, &mut rng)).collect();
        let share = |lines| drawn.iter().filter(|d| **d == lines).count() as f64 / f64::from(n);
        // Whoever would go on beyond the fourth line ends there.
        for (lines, expected) in [(1, 0.5), (2, 0.25), (3, 0.125), (4, 0.125)] {
            assert!((share(lines) - expected).abs() < 0.02, "{lines}: {}", share(lines));
        }
        let before = rng.clone().next_u64();
        assert_eq!(Teacher::default().until_stop(9, &mut rng), 9);
        assert_eq!(rng.next_u64(), before);
    }
}
