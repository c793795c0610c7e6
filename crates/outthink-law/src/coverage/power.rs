//! The exponentiated power law of coverage: coverage(k) = exp(−a k^−b).
//!
//! Brown et al. 2024 (arXiv:2407.21787, eq. 3, with the signs written out). It is fitted to the curve
//! of unbiased pass@k, whose points come from the same samples: a description, and no forecast with an
//! honest interval. It stands beside [`super::CoverageFit`] for comparison.

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::need_points;
use crate::estimate::pass_at_k;

use super::{Successes, checked};

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
pub fn fit_power(data: &Successes<'_>) -> Result<ExponentiatedPower, LawError> {
    let counts = checked(data)?;
    let most = counts.iter().map(|c| c.0).min().unwrap_or(0);
    let mut ks: Vec<u64> =
        (0..200).map(|i| 10_f64.powf(f64::from(i) / 10.0).round() as u64).take_while(|&k| k <= most).collect();
    ks.dedup();
    let mut points = Vec::new();
    for &k in &ks {
        let mut sum = 0.0;
        for &(s, c) in &counts {
            sum += pass_at_k(s, c, k)?;
        }
        let coverage = sum / counts.len() as f64;
        if coverage > 0.0 && coverage < 1.0 {
            points.push(((k as f64).ln(), (-coverage.ln()).ln()));
        }
    }
    need_points("the exponentiated power law of coverage", 2, points.len())?;
    let n = points.len() as f64;
    let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (mx, my) = (mean(|p| p.0), mean(|p| p.1));
    let sxx: f64 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let slope = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / sxx;
    let rest: f64 = points.iter().map(|p| (p.1 - my - slope * (p.0 - mx)).powi(2)).sum();
    Ok(ExponentiatedPower { a: (my - slope * mx).exp(), b: -slope, rms: (rest / n).sqrt() })
}
