//! The error of reinforcement learning as a power of compute: ln(1 − R) = level − k(N) ln C, k(N) = K / (1 + N0/N).
//!
//! Tan et al. 2025 (arXiv:2509.25300): the exponent rises with the size and saturates. It has no ceiling, so
//! it stands next to the sigmoid and not in place of it; a backtest says which of them forecasts better.
//!
//! Departures: each run keeps a level of its own; the runs weigh by the variance that an error of the accuracy has
//! in ln(1 − R); without two known sizes all runs share one exponent. Given N0 the rest is linear and is solved
//! exactly (variable projection, Golub and Pereyra 1973), so N0 alone is searched for.

use crate::entry::LawEntry;
use outthink_core::{Entry, Paper};
use serde::{Deserialize, Serialize};

use crate::LawError;

use super::{Run, checked, split};

/// How it is described.
pub const POWER: LawEntry = LawEntry {
    entry: Entry {
        paper: Some(Paper::new("Tan et al. 2025", "https://arxiv.org/abs/2509.25300")),
        ..Entry::new("rl-power", "error against compute of reinforcement learning, jointly over sizes")
    },
    formula: "ln(1 − R) = level − k(N) ln C, k(N) = K / (1 + N0/N)",
    fitted_to: "rl",
};

/// Error below which an accuracy counts as this far from 1: of none wrong the logarithm does not exist.
const LEAST: f64 = 1e-3;
/// Sizes N0 looked at, in ln: from where every exponent is K to where all are proportional to N.
const SIZES: (f64, f64, usize) = (11.5, 32.2, 208);

/// 1 − R = exp(`level`) C^−`exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ErrorPower {
    /// ln of the error at a compute of 1.
    pub level: f64,
    /// Exponent k.
    pub exponent: f64,
}

impl ErrorPower {
    /// Accuracy at `compute`, within 0 to 1.
    pub fn at(&self, compute: f64) -> f64 {
        (1.0 - (self.level - self.exponent * compute.ln()).exp()).clamp(0.0, 1.0)
    }
}

/// The runs fitted jointly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PowerFit {
    /// One law a run, in the order of the runs.
    pub laws: Vec<ErrorPower>,
    /// K, the exponent of ever larger models.
    pub steepest: f64,
    /// N0, the size with half of that exponent; `None` without two known sizes, or where the exponents do not rise with
    /// the size.
    pub half_size: Option<f64>,
}

/// Points of one run on the axes of the law, with their weights.
struct Points {
    x: Vec<f64>,
    y: Vec<f64>,
    w: Vec<f64>,
    mean: (f64, f64),
}

impl Points {
    fn of(run: &Run) -> Option<Self> {
        let (mut x, mut y, mut w) = (vec![], vec![], vec![]);
        for (c, a) in run.compute.iter().zip(&run.accuracy).filter(|p| *p.0 > 0.0) {
            let error = (1.0 - a).max(LEAST);
            x.push(c.ln());
            y.push(error.ln());
            w.push(error * error);
        }
        let all: f64 = w.iter().sum();
        let mean = |column: &[f64]| column.iter().zip(&w).map(|(v, w)| v * w).sum::<f64>() / all;
        let mean = (mean(&x), mean(&y));
        (x.iter().any(|v| *v != x[0])).then_some(Self { x, y, w, mean })
    }

    /// Σ w (x − x̄)², Σ w (x − x̄)(y − ȳ), Σ w (y − ȳ)².
    fn moments(&self) -> [f64; 3] {
        let mut m = [0.0; 3];
        for ((x, y), w) in self.x.iter().zip(&self.y).zip(&self.w) {
            let (x, y) = (x - self.mean.0, y - self.mean.1);
            m = [m[0] + w * x * x, m[1] + w * x * y, m[2] + w * y * y];
        }
        m
    }
}

/// Fits the runs jointly.
///
/// # Errors
///
/// As [`super::fit`]; also a run with fewer than two values of compute above 0.
pub fn fit_power(runs: &[Run]) -> Result<PowerFit, LawError> {
    checked(runs)?;
    let points: Vec<Points> = (runs.iter())
        .map(|run| Points::of(run).ok_or(LawError::OneValueOnly { what: "compute", points: run.compute.len() }))
        .collect::<Result<_, _>>()?;
    let moments: Vec<[f64; 3]> = points.iter().map(Points::moments).collect();
    let sizes: Option<Vec<f64>> = runs.iter().map(|r| r.size).collect();
    let sizes = sizes.filter(|s| s.iter().any(|x| *x != s[0]));
    // With the share of K that each run has, K and what is left of the squares.
    let solved = |shares: &[f64]| {
        let sums = moments
            .iter()
            .zip(shares)
            .fold([0.0; 3], |sum, (m, s)| [sum[0] + s * s * m[0], sum[1] - s * m[1], sum[2] + m[2]]);
        let steepest = sums[1] / sums[0];
        (steepest, sums[2] - steepest * sums[1])
    };
    let (half_size, shares) = match &sizes {
        None => (None, vec![1.0; runs.len()]),
        Some(sizes) => {
            let shares = |ln: f64| sizes.iter().map(|n| 1.0 / (1.0 + ln.exp() / n)).collect::<Vec<f64>>();
            let step = (SIZES.1 - SIZES.0) / (SIZES.2 - 1) as f64;
            let left = |i: usize| solved(&shares(SIZES.0 + step * i as f64)).1;
            let best = (0..SIZES.2).min_by(|&i, &j| left(i).total_cmp(&left(j))).unwrap_or(0);
            let ln = SIZES.0 + step * best as f64;
            if best == 0 { (None, vec![1.0; runs.len()]) } else { (Some(ln.exp()), shares(ln)) }
        }
    };
    let steepest = solved(&shares).0;
    let laws = points.iter().zip(&shares).map(|(p, share)| {
        let exponent = steepest * share;
        ErrorPower { level: p.mean.1 + exponent * p.mean.0, exponent }
    });
    Ok(PowerFit { laws: laws.collect(), steepest, half_size })
}

/// Mean absolute error of the last `share` of each curve, forecast from the rest; the same points as
/// [`super::backtest`] holds out.
///
/// # Errors
///
/// As [`fit_power`], for what is left of the curves; a share outside 0 to 1.
pub fn backtest_power(runs: &[Run], share: f64) -> Result<f64, LawError> {
    let (early, late) = split(runs, share)?;
    let laws = fit_power(&early)?.laws;
    let gaps = laws.iter().zip(&late).flat_map(|(law, rest)| rest.iter().map(|(c, a)| (law.at(*c) - a).abs()));
    let gaps: Vec<f64> = gaps.collect();
    Ok(gaps.iter().sum::<f64>() / gaps.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_of_the_form_is_found_again() {
        let (steepest, half) = (0.12, 3e9);
        let runs: Vec<Run> = [5e8, 2e9, 8e9, 3e10]
            .into_iter()
            .map(|size| {
                let law =
                    ErrorPower { level: -0.2 - 0.02 * (size / 1e9_f64).ln(), exponent: steepest / (1.0 + half / size) };
                let compute: Vec<f64> = (0..20).map(|i| 10.0 * 1.4_f64.powi(i)).collect();
                let accuracy = compute.iter().map(|c| law.at(*c)).collect();
                Run { name: format!("{size}"), size: Some(size), compute, accuracy }
            })
            .collect();
        let found = fit_power(&runs).unwrap();
        assert!((found.steepest / steepest - 1.0).abs() < 0.02, "{found:?}");
        assert!((found.half_size.unwrap() / half).ln().abs() < 0.1, "{found:?}");
        assert!(backtest_power(&runs, 0.25).unwrap() < 2e-3);
        let unsized_runs: Vec<Run> = runs.iter().map(|r| Run { size: None, ..r.clone() }).collect();
        assert!(fit_power(&unsized_runs).unwrap().half_size.is_none());
        assert!(backtest_power(&unsized_runs, 0.25).unwrap() > backtest_power(&runs, 0.25).unwrap());
    }
}
