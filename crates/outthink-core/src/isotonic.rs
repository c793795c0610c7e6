//! A rising curve through noisy outcomes: from a score to the probability of being right.

use serde::{Deserialize, Serialize};

/// A monotone calibration: from a score to a probability, linear between its knots and constant
/// outside of them.
///
/// Fitted by pool-adjacent-violators (Ayer et al. 1955), the least-squares fit among rising
/// functions. Each block of the fit gives one knot at its mean score, so that the curve rises
/// between blocks instead of jumping.
///
/// ```
/// use outthink_core::Isotonic;
/// let curve = Isotonic::fit(&[(0.1, 0.0), (0.4, 1.0), (0.5, 0.0), (0.9, 1.0)]).unwrap();
/// assert_eq!(curve.at(0.0), 0.0);
/// assert!((curve.at(0.45) - 0.5).abs() < 1e-12);
/// assert_eq!(curve.at(1.0), 1.0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Isotonic {
    /// Scores, rising.
    pub scores: Vec<f64>,
    /// The probability at each score, never falling, in [0, 1].
    pub probabilities: Vec<f64>,
    /// Outcomes that the fit rests on.
    pub n: u64,
}

impl Isotonic {
    /// The rising curve nearest to outcomes in [0, 1] by their scores; `None` without a finite one.
    pub fn fit(points: &[(f64, f64)]) -> Option<Self> {
        let mut sorted: Vec<(f64, f64)> =
            points.iter().copied().filter(|p| p.0.is_finite() && (0.0..=1.0).contains(&p.1)).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Blocks of (sum of scores, sum of outcomes, weight); equal scores are one block from the start.
        let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
        let mut last = f64::NAN;
        for (score, outcome) in sorted {
            match blocks.last_mut() {
                Some(block) if score == last => *block = (block.0 + score, block.1 + outcome, block.2 + 1.0),
                _ => {
                    merge(&mut blocks);
                    blocks.push((score, outcome, 1.0));
                }
            }
            last = score;
        }
        merge(&mut blocks);
        let n = blocks.iter().map(|b| b.2).sum::<f64>() as u64;
        let (scores, probabilities) = blocks.into_iter().map(|(s, o, w)| (s / w, o / w)).unzip();
        (n > 0).then_some(Self { scores, probabilities, n })
    }

    /// The probability at a score.
    pub fn at(&self, score: f64) -> f64 {
        let above = self.scores.partition_point(|&s| s < score);
        let value = |i: usize| self.probabilities.get(i).copied().unwrap_or(0.0);
        match (above.checked_sub(1), self.scores.get(above)) {
            (None, _) => value(0),
            (Some(below), None) => value(below),
            (Some(below), Some(&high)) => {
                let low = self.scores[below];
                let part = if high > low { (score - low) / (high - low) } else { 1.0 };
                value(below) + part * (value(above) - value(below))
            }
        }
    }

    /// What is wrong with a curve that was read, in words that say the mend.
    pub fn problem(&self) -> Option<String> {
        let rises = |v: &[f64]| v.windows(2).all(|w| w[0] <= w[1]);
        if self.scores.is_empty() || self.scores.len() != self.probabilities.len() {
            return Some("a calibration needs as many probabilities as scores, and at least one".into());
        }
        if !rises(&self.scores) || !rises(&self.probabilities) {
            return Some("the scores and probabilities of a calibration must not fall".into());
        }
        if !self.scores.iter().all(|s| s.is_finite()) || !self.probabilities.iter().all(|p| (0.0..=1.0).contains(p)) {
            return Some("scores must be finite and probabilities within 0 and 1".into());
        }
        None
    }
}

/// Merges blocks from the end while a later one lies below an earlier one.
fn merge(blocks: &mut Vec<(f64, f64, f64)>) {
    while let [.., a, b] = blocks.as_slice() {
        if a.1 / a.2 <= b.1 / b.2 {
            break;
        }
        let both = (a.0 + b.0, a.1 + b.1, a.2 + b.2);
        blocks.truncate(blocks.len() - 2);
        blocks.push(both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn falling_outcomes_become_one_level() {
        let curve = Isotonic::fit(&[(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]).unwrap();
        assert_eq!(curve.probabilities, [0.5]);
        assert_eq!(curve.n, 3);
    }

    #[test]
    fn nothing_finite_is_no_curve() {
        assert!(Isotonic::fit(&[]).is_none());
        assert!(Isotonic::fit(&[(f64::NAN, 1.0), (0.5, 2.0)]).is_none());
    }

    proptest! {
        #[test]
        fn the_fit_never_falls(
            points in proptest::collection::vec((0.0f64..1.0, prop_oneof![Just(0.0), Just(1.0)]), 1..80),
        ) {
            let curve = Isotonic::fit(&points).unwrap();
            prop_assert_eq!(curve.problem(), None);
            let mut last = 0.0;
            for i in 0..=50 {
                let p = curve.at(f64::from(i) / 50.0);
                prop_assert!(p >= last - 1e-12);
                last = p;
            }
        }
    }
}
