//! When a run should stop by itself.

use serde::Serialize;
use std::fmt;

/// Share of the best reward whose loss ends a run.
const FALL: f64 = 0.3;
/// Steps before anything is judged.
const WARM: u64 = 10;
/// A best reward below this is noise about nothing.
const LEAST: f64 = 0.02;
/// Steps in a row without one group that teaches.
const BARREN: u64 = 5;

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// All steps were made.
    Done,
    /// The running reward lost 30 % of its best value.
    Fell {
        /// The best running reward.
        best: f64,
        /// The step at which it was.
        at: u64,
        /// What it is now.
        now: f64,
    },
    /// For some steps on end, all replies to each problem had the same reward.
    Barren {
        /// The running reward: near 1 everything is right, near 0 nothing.
        reward: f64,
    },
}

impl fmt::Display for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => write!(f, "all steps were made"),
            Self::Fell { best, at, now } => write!(
                f,
                "stopped: the reward fell by 30 %, from {best:.3} at step {at} to {now:.3}; the best model is kept. \
                 Lower the learning rate, or take larger batches"
            ),
            Self::Barren { reward } if *reward > 0.5 => {
                write!(f, "stopped: every reply is right ({reward:.3}) and nothing is left to learn. Raise the levels")
            }
            Self::Barren { reward } => write!(
                f,
                "stopped: all replies to each problem have the same reward ({reward:.3}) and teach nothing. Lower the \
                 levels, fine-tune longer, or raise the group"
            ),
        }
    }
}

/// Watches the reward of a run.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    best: f64,
    at: u64,
    barren: u64,
}

impl Watch {
    /// Takes a step's running reward and whether one of its groups taught; says whether to stop.
    pub fn see(&mut self, step: u64, reward: f64, taught: bool) -> Option<Finish> {
        self.barren = if taught { 0 } else { self.barren + 1 };
        if self.barren >= BARREN {
            return Some(Finish::Barren { reward });
        }
        if step < WARM {
            return None;
        }
        if reward > self.best {
            (self.best, self.at) = (reward, step);
        }
        let fell = self.best > LEAST && reward < self.best * (1.0 - FALL);
        fell.then_some(Finish::Fell { best: self.best, at: self.at, now: reward })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_by_thirty_per_cent_ends_a_run_and_less_does_not() {
        let mut watch = Watch::default();
        for step in 0..50 {
            assert_eq!(watch.see(step, 0.5, true), None);
        }
        assert_eq!(watch.see(50, 0.36, true), None);
        let ending = watch.see(51, 0.34, true).unwrap();
        assert_eq!(ending, Finish::Fell { best: 0.5, at: WARM, now: 0.34 });
        assert!(ending.to_string().contains("fell by 30 %, from 0.500 at step 10 to 0.340"));
    }

    #[test]
    fn rewards_without_variance_throughout_end_a_run_with_the_mend() {
        for (reward, word) in [(0.0, "Lower the levels"), (1.0, "Raise the levels")] {
            let mut watch = Watch::default();
            assert_eq!(watch.see(0, reward, false), None);
            assert_eq!(watch.see(1, reward, true), None);
            let ending = (2..20).find_map(|step| watch.see(step, reward, false).map(|e| (step, e))).unwrap();
            assert_eq!(ending.0, 1 + BARREN);
            assert!(ending.1.to_string().contains(word), "{}", ending.1);
        }
    }

    #[test]
    fn noise_about_nothing_is_no_fall() {
        let mut watch = Watch::default();
        assert!((0..100).all(|step| watch.see(step, if step % 2 == 0 { 0.01 } else { 0.0 }, true).is_none()));
    }
}
