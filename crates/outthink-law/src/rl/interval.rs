//! Intervals of a run's constants: the posterior taken for normal about its peak (Laplace), on the axes
//! on which the constants are fitted, with Student's t for errors whose size was estimated.

use serde::{Deserialize, Serialize};

use crate::interval::Interval;
use crate::optim::solve;
use crate::special::{expit, student_quantile};

use super::{Expected, Run, Unknowns};

const LEVEL: f64 = 0.95;

/// Intervals of the constants of a [`super::Sigmoid`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SigmoidIntervals {
    /// Of the accuracy before training.
    pub start: Interval,
    /// Of the accuracy that training approaches.
    pub ceiling: Interval,
    /// Of the compute at which half of the way is done.
    pub midpoint: Interval,
    /// Of the steepness.
    pub slope: Interval,
}

/// The intervals about `at`; `sigma` is the standard deviation of an accuracy, `expected` what the other
/// runs say.
pub(super) fn intervals(run: &Run, at: &Unknowns, sigma: f64, expected: Option<Expected>) -> SigmoidIntervals {
    let (ceiling, start, slope) = (expit(at[0]), expit(at[3]), at[2].exp());
    // That of the whisper of a prior which the fit has.
    let mut precision = [[0.0; 4]; 4];
    for (i, row) in precision.iter_mut().enumerate() {
        row[i] = 1e-3 + expected.filter(|_| i < 3).map_or(0.0, |e| e.scatter[i].powi(-2));
    }
    for compute in &run.compute {
        let x = compute.ln();
        let (s, off) = if x.is_finite() { (expit(slope * (x - at[1])), x - at[1]) } else { (0.0, 0.0) };
        let bend = (ceiling - start) * s * (1.0 - s) * slope;
        let slopes = [s * ceiling * (1.0 - ceiling), -bend, bend * off, (1.0 - s) * start * (1.0 - start)];
        for i in 0..4 {
            for j in 0..4 {
                precision[i][j] += slopes[i] * slopes[j] / (sigma * sigma);
            }
        }
    }
    let t = student_quantile(f64::midpoint(1.0, LEVEL), (run.accuracy.len() as f64 - 4.0).max(1.0));
    let of = |i: usize, back: fn(f64) -> f64| {
        let unit: [f64; 4] = std::array::from_fn(|j| if i == j { 1.0 } else { 0.0 });
        let half = solve(precision, unit).map_or(f64::INFINITY, |column| t * column[i].max(0.0).sqrt());
        Interval { low: back(at[i] - half), high: back(at[i] + half), level: LEVEL }
    };
    SigmoidIntervals { start: of(3, expit), ceiling: of(0, expit), midpoint: of(1, f64::exp), slope: of(2, f64::exp) }
}
