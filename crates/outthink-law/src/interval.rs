//! A two-sided interval with its level, and percentiles of draws.

use serde::{Deserialize, Serialize};

/// A two-sided interval that claims to hold the true value with probability `level`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Probability claimed, for example 0.95.
    pub level: f64,
}

impl Interval {
    /// The central percentile interval of `draws` (Efron and Tibshirani 1993, eq. 13.5).
    ///
    /// Draws that are not finite are left out; without a finite draw both ends are NaN.
    ///
    /// # Examples
    ///
    /// ```
    /// let draws: Vec<f64> = (0..=100).map(f64::from).collect();
    /// let interval = outthink_law::Interval::from_draws(&draws, 0.9);
    /// assert!((interval.low - 5.0).abs() < 1e-9 && (interval.high - 95.0).abs() < 1e-9);
    /// assert!(interval.contains(50.0));
    /// ```
    pub fn from_draws(draws: &[f64], level: f64) -> Self {
        let mut sorted: Vec<f64> = draws.iter().copied().filter(|x| x.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let tail = (1.0 - level) / 2.0;
        Self { low: quantile(&sorted, tail), high: quantile(&sorted, 1.0 - tail), level }
    }

    /// Whether `x` lies within, ends included.
    pub fn contains(&self, x: f64) -> bool {
        self.low <= x && x <= self.high
    }

    /// High end minus low end.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }
}

/// The `q` quantile of sorted values, linear between neighbours; NaN where there are none.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let at = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (at - at.floor())
}
