//! Slopes of several curves, pooled: what a doubling gains in general, and for each curve in the light
//! of the others (random effects, DerSimonian and Laird 1986).

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::need_points;
use crate::interval::Interval;
use crate::special::{normal_quantile, student_quantile};

/// One curve's gain of a doubling with its interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Slope {
    /// The curve.
    pub name: String,
    /// Gain of a doubling.
    pub value: f64,
    /// Its interval, taken to be that of a normal error.
    pub interval: Interval,
}

/// One curve in the light of the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shrunken {
    /// The curve.
    pub name: String,
    /// Its gain of a doubling by itself.
    pub own: f64,
    /// The same drawn towards the mean, the more the less it is known.
    pub shrunken: f64,
}

/// Pooled slopes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pooled {
    /// Mean gain of a doubling over curves such as these.
    pub mean: f64,
    /// Its interval, by Student's t over curves.
    pub interval: Interval,
    /// Standard deviation of the curves' own gains beyond their errors.
    pub between: f64,
    /// The curves.
    pub slopes: Vec<Shrunken>,
}

/// Pools the gains of a doubling.
///
/// # Errors
///
/// Fewer than two curves, or an interval without width.
pub fn pool_slopes(slopes: &[Slope]) -> Result<Pooled, LawError> {
    need_points("the joint slope", 1, slopes.len())?;
    let mut variances = Vec::with_capacity(slopes.len());
    for (row, s) in slopes.iter().enumerate() {
        let z = normal_quantile(f64::midpoint(1.0, s.interval.level));
        let sd = s.interval.width() / (2.0 * z);
        if !(sd > 0.0 && sd.is_finite()) {
            let need = "an interval with a width";
            return Err(LawError::BadValue { what: "width of a slope's interval", row, value: sd, need });
        }
        variances.push(sd * sd);
    }
    let n = slopes.len() as f64;
    let sum = |f: &dyn Fn(usize) -> f64| (0..slopes.len()).map(f).sum::<f64>();
    let w = sum(&|i| 1.0 / variances[i]);
    let plain = sum(&|i| slopes[i].value / variances[i]) / w;
    let q = sum(&|i| (slopes[i].value - plain).powi(2) / variances[i]);
    let scale = w - sum(&|i| variances[i].powi(-2)) / w;
    let between = ((q - (n - 1.0)) / scale).max(0.0);
    let total = sum(&|i| 1.0 / (variances[i] + between));
    let mean = sum(&|i| slopes[i].value / (variances[i] + between)) / total;
    let level = slopes[0].interval.level;
    let half = student_quantile(f64::midpoint(1.0, level), n - 1.0) / total.sqrt();
    let shrunken = |i: usize| (slopes[i].value * between + mean * variances[i]) / (between + variances[i]);
    Ok(Pooled {
        mean,
        interval: Interval { low: mean - half, high: mean + half, level },
        between: between.sqrt(),
        slopes: (slopes.iter().enumerate())
            .map(|(i, s)| Shrunken { name: s.name.clone(), own: s.value, shrunken: shrunken(i) })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(value: f64, half: f64) -> Slope {
        let interval = Interval { low: value - half, high: value + half, level: 0.95 };
        Slope { name: String::new(), value, interval }
    }

    #[test]
    fn alike_curves_share_a_slope_and_unlike_ones_keep_theirs() {
        let alike = pool_slopes(&[slope(0.05, 0.02), slope(0.06, 0.02), slope(0.055, 0.02)]).unwrap();
        assert!(alike.between < 1e-9 && (alike.mean - 0.055).abs() < 1e-9);
        assert!((alike.slopes[0].shrunken - 0.055).abs() < 1e-9);
        let unlike = pool_slopes(&[slope(0.01, 0.002), slope(0.1, 0.002), slope(0.05, 0.04)]).unwrap();
        assert!(unlike.between > 0.03 && (unlike.slopes[1].shrunken - 0.1).abs() < 0.002, "{unlike:?}");
        assert!(pool_slopes(&[slope(0.1, 0.1)]).is_err());
        assert!(pool_slopes(&[slope(0.1, 0.1), slope(0.1, 0.0)]).is_err());
    }
}
