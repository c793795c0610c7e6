//! Intervals of shares.

use serde::Serialize;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The 95 % score interval of a share (Wilson 1927); `n` = 0 gives all of [0, 1].
///
/// ```
/// let i = outthink_eval::wilson(21.0, 50);
/// assert!((i.low - 0.294).abs() < 0.001 && (i.high - 0.558).abs() < 0.001);
/// ```
pub fn wilson(right: f64, n: u32) -> Interval {
    const Z: f64 = 1.959_963_984_540_054;
    if n == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let n = f64::from(n);
    let p = right / n;
    let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}
