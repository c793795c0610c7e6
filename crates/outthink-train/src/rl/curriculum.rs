//! Which level the next problem comes from, and how well each one goes.

use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// How the levels of problems are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// All levels alike.
    Even,
    /// Levels where replies are now right and now wrong more often: the variance p(1 − p) of the
    /// reward, with a floor so that no level is forgotten.
    Learnable,
}

/// Share that every level gets at least, of an even one.
const FLOOR: f64 = 0.25;
/// Weight of a new group in a level's running reward.
const PACE: f64 = 0.05;

/// The running reward of each level.
#[derive(Debug, Clone, PartialEq)]
pub struct Curriculum {
    first: u32,
    order: Order,
    /// Running mean, and the weight behind it.
    means: Vec<(f64, f64)>,
}

impl Curriculum {
    /// For levels that nothing is known of.
    pub fn new(levels: &RangeInclusive<u32>, order: Order) -> Self {
        let width = levels.end().saturating_sub(*levels.start()) as usize + 1;
        Self { first: *levels.start(), order, means: vec![(0.0, 0.0); width] }
    }

    /// The level of the next problem.
    pub fn draw(&self, rng: &mut Rng) -> u32 {
        let weights: Vec<f64> = self.means.iter().map(|&mean| self.weight(mean)).collect();
        let mut at = rng.uniform() * weights.iter().sum::<f64>();
        let chosen = weights.iter().position(|w| {
            at -= w;
            at < 0.0
        });
        self.first + chosen.unwrap_or(self.means.len() - 1) as u32
    }

    fn weight(&self, (sum, weight): (f64, f64)) -> f64 {
        if self.order == Order::Even || weight == 0.0 {
            return 1.0;
        }
        let p = (sum / weight).clamp(0.0, 1.0);
        FLOOR + (1.0 - FLOOR) * 4.0 * p * (1.0 - p)
    }

    /// Takes the mean reward of a group into account.
    pub fn saw(&mut self, level: u32, reward: f64) {
        if let Some((sum, weight)) = self.means.get_mut(level.saturating_sub(self.first) as usize) {
            *sum = *sum * (1.0 - PACE) + PACE * reward;
            *weight = *weight * (1.0 - PACE) + PACE;
        }
    }

    /// The running reward of each level that was seen, all levels counting alike: it does not move when the
    /// curriculum turns to harder levels.
    pub fn reward(&self) -> Option<f64> {
        let seen: Vec<f64> = self.means.iter().filter(|m| m.1 > 0.0).map(|(sum, weight)| sum / weight).collect();
        (!seen.is_empty()).then(|| seen.iter().sum::<f64>() / seen.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(curriculum: &Curriculum) -> Vec<f64> {
        let mut rng = Rng::stream(1, 0);
        let mut counts = [0.0; 3];
        for _ in 0..6_000 {
            counts[curriculum.draw(&mut rng) as usize - 2] += 1.0 / 6_000.0;
        }
        counts.to_vec()
    }

    #[test]
    fn levels_that_are_now_right_and_now_wrong_come_more_often() {
        let mut curriculum = Curriculum::new(&(2..=4), Order::Learnable);
        assert!(shares(&curriculum).iter().all(|s| (s - 1.0 / 3.0).abs() < 0.03));
        for _ in 0..200 {
            curriculum.saw(2, 1.0);
            curriculum.saw(3, 0.5);
            curriculum.saw(4, 0.0);
        }
        let found = shares(&curriculum);
        assert!((found[1] - 1.0 / 1.5).abs() < 0.03, "{found:?}");
        assert!((found[0] - 0.25 / 1.5).abs() < 0.03, "{found:?}");
        assert!((curriculum.reward().unwrap() - 0.5).abs() < 1e-9);
        let even = Curriculum { order: Order::Even, ..curriculum };
        assert!(shares(&even).iter().all(|s| (s - 1.0 / 3.0).abs() < 0.03));
    }

    #[test]
    fn what_was_never_seen_has_no_reward() {
        let mut curriculum = Curriculum::new(&(1..=1), Order::Even);
        assert_eq!(curriculum.reward(), None);
        curriculum.saw(9, 1.0);
        assert_eq!(curriculum.reward(), None);
        curriculum.saw(1, 0.5);
        assert!((curriculum.reward().unwrap() - 0.5).abs() < 1e-9);
    }
}
