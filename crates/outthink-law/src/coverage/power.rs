//! The exponentiated power law of coverage: coverage(k) = exp(−a k^−b).
//!
//! Brown et al. 2024 (arXiv:2407.21787, eq. 3, with the signs written out). It is fitted to the curve
//! of unbiased pass@k, whose points come from the same samples, so its own residuals say nothing of how sure
//! it is: its intervals are those of a bootstrap over problems, and hold for the curve that more problems of
//! the kind would give. As a point forecast it is a good one where the samples are many, and
//! [`super::CoverageFit`] mixes it in.

use crate::entry::LawEntry;
use outthink_core::{Entry, Paper};
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::need_points;
use crate::estimate::pass_at_k;
use crate::interval::Interval;
use crate::rng::Rng;

use super::{Successes, checked};

/// How it is described.
pub const POWER: LawEntry = LawEntry {
    entry: Entry {
        paper: Some(Paper::new("Brown et al. 2024", "https://arxiv.org/abs/2407.21787")),
        ..Entry::new("coverage-power", "pass@k over a set of problems, as a power law of its logarithm")
    },
    formula: "pass@k = exp(−a k^−b)",
    fitted_to: "inference",
};

const LEVEL: f64 = 0.95;

/// coverage(k) = exp(−`a` k^−`b`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ExponentiatedPower {
    /// −ln of coverage at one sample.
    pub a: f64,
    /// Exponent.
    pub b: f64,
    /// Root mean square of the residuals of ln(−ln coverage).
    pub rms: f64,
}

/// Intervals of the constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PowerIntervals {
    /// Of a.
    pub a: Interval,
    /// Of b.
    pub b: Interval,
}

impl ExponentiatedPower {
    /// Coverage at `k` samples.
    pub fn at(&self, k: f64) -> f64 {
        (-self.a * k.powf(-self.b)).exp()
    }
}

/// Fits ln(−ln pass@k) = ln a − b ln k by least squares at about ten values of k a decade.
///
/// # Errors
///
/// As [`super::fit`]; also where all problems have fewer than three samples, or all are solved by one.
///
/// # Examples
///
/// ```
/// use outthink_law::coverage::{fit_power, Successes};
/// let data = Successes { samples: &[100; 6], correct: &[0, 1, 4, 10, 50, 90] };
/// let law = fit_power(&data)?;
/// assert!(law.at(1_000.0) > law.at(100.0));
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn fit_power(data: &Successes<'_>) -> Result<ExponentiatedPower, LawError> {
    Curves::of(data)?.fit_once()
}

/// 95 % intervals of the constants that [`fit_power`] gives, from `draws` bootstrap draws of problems.
///
/// # Errors
///
/// As [`fit_power`].
pub fn power_intervals(data: &Successes<'_>, draws: usize, seed: u64) -> Result<PowerIntervals, LawError> {
    let curves = Curves::of(data)?;
    let mut constants = (Vec::with_capacity(draws), Vec::with_capacity(draws));
    for draw in 0..draws as u64 {
        let counts = Rng::stream(seed ^ 0xe4b0, draw).resample(curves.problems.len());
        // A draw in which every problem or none is solved has no curve.
        if let Ok(law) = curves.fit(&counts) {
            constants.0.push(law.a);
            constants.1.push(law.b);
        }
    }
    Ok(PowerIntervals { a: Interval::from_draws(&constants.0, LEVEL), b: Interval::from_draws(&constants.1, LEVEL) })
}

/// Each problem's pass@k at the values of k that are fitted.
pub(super) struct Curves {
    ks: Vec<u64>,
    problems: Vec<Vec<f64>>,
}

impl Curves {
    fn of(data: &Successes<'_>) -> Result<Self, LawError> {
        Self::of_counts(&checked(data)?)
    }

    /// The law with each problem counted once.
    pub(super) fn fit_once(&self) -> Result<ExponentiatedPower, LawError> {
        self.fit(&vec![1; self.problems.len()])
    }

    /// From pairs of samples and right ones.
    pub(super) fn of_counts(counts: &[(u64, u64)]) -> Result<Self, LawError> {
        let most = counts.iter().map(|c| c.0).min().unwrap_or(0);
        let mut ks: Vec<u64> =
            (0..200).map(|i| 10_f64.powf(f64::from(i) / 10.0).round() as u64).take_while(|&k| k <= most).collect();
        ks.dedup();
        let curve = |&(s, c): &(u64, u64)| ks.iter().map(|&k| pass_at_k(s, c, k)).collect();
        let problems = counts.iter().map(curve).collect::<Result<_, _>>()?;
        Ok(Self { ks, problems })
    }

    /// The law of problems that count so many times.
    fn fit(&self, times: &[u32]) -> Result<ExponentiatedPower, LawError> {
        let all = times.iter().map(|&t| f64::from(t)).sum::<f64>();
        let coverage = |i: usize| self.problems.iter().zip(times).map(|(p, &t)| p[i] * f64::from(t)).sum::<f64>() / all;
        let points: Vec<(f64, f64)> = (self.ks.iter().enumerate())
            .map(|(i, &k)| (k as f64, coverage(i)))
            .filter(|(_, coverage)| *coverage > 0.0 && *coverage < 1.0)
            .map(|(k, coverage)| (k.ln(), (-coverage.ln()).ln()))
            .collect();
        need_points("the exponentiated power law of coverage", 2, points.len())?;
        let n = points.len() as f64;
        let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
        let (mx, my) = (mean(|p| p.0), mean(|p| p.1));
        let sxx: f64 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
        let slope = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / sxx;
        let rest: f64 = points.iter().map(|p| (p.1 - my - slope * (p.0 - mx)).powi(2)).sum();
        Ok(ExponentiatedPower { a: (my - slope * mx).exp(), b: -slope, rms: (rest / n).sqrt() })
    }
}
