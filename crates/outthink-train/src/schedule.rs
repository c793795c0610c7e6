//! Learning rates over a run.

use crate::error::TrainError;
use serde::{Deserialize, Serialize};

/// How the learning rate falls after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Half a cosine to a tenth of the peak (Hoffmann et al. 2022, appendix B).
    Cosine,
    /// Constant, then a straight line to zero over the last fifth (warm-up, stable, decay; Hägele et
    /// al. 2024).
    Wsd,
    /// No decay.
    Constant,
}

/// The learning rate at each step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The highest rate.
    pub peak: f32,
    /// Steps of warm-up, in which the rate rises in a straight line.
    pub warmup: u64,
    /// Steps of the run.
    pub steps: u64,
    /// What comes after the warm-up.
    pub decay: Decay,
}

impl Schedule {
    /// Checks that the schedule can be followed.
    ///
    /// # Errors
    ///
    /// [`TrainError::Setting`] names the first value that cannot work.
    pub fn check(&self) -> Result<(), TrainError> {
        if !(self.peak.is_finite() && self.peak > 0.0) {
            return Err(TrainError::setting("the learning rate", self.peak, "a number above 0"));
        }
        if self.steps == 0 {
            return Err(TrainError::setting("the number of steps", 0, "at least 1"));
        }
        Ok(())
    }

    /// The rate of step `step`, from 0.
    pub fn rate(&self, step: u64) -> f32 {
        if step < self.warmup {
            return self.peak * (step + 1) as f32 / (self.warmup + 1) as f32;
        }
        let rest = self.steps.saturating_sub(self.warmup).max(1) as f64;
        let done = ((step - self.warmup) as f64 / rest).min(1.0);
        let factor = match self.decay {
            Decay::Cosine => 0.1 + 0.9 * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
            Decay::Wsd => ((1.0 - done) / 0.2).min(1.0),
            Decay::Constant => 1.0,
        };
        self.peak * factor as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_hold_and_fall() {
        let of = |decay| Schedule { peak: 1.0, warmup: 10, steps: 110, decay };
        for decay in [Decay::Cosine, Decay::Wsd, Decay::Constant] {
            let s = of(decay);
            assert!(s.rate(0) > 0.0 && s.rate(0) < s.rate(9) && s.rate(9) < 1.0);
            assert_eq!(s.rate(10), 1.0);
            assert!((11..110).all(|t| s.rate(t) <= s.rate(t - 1) && s.rate(t) > 0.0), "{decay:?}");
        }
        assert!((of(Decay::Cosine).rate(110) - 0.1).abs() < 1e-6);
        assert!((of(Decay::Wsd).rate(89) - 1.0).abs() < 1e-6 && of(Decay::Wsd).rate(109) < 0.06);
        assert_eq!(of(Decay::Constant).rate(1_000), 1.0);
    }
}
