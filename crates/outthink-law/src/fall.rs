//! Curves that fall, and curves that miss their points.

use serde::{Deserialize, Serialize};

use crate::forms::Curve;
use crate::noise::{MISFIT, Noise};
use crate::special::normal_quantile;

/// Chance with which a curve that does not fall is taken for one that does, and a curve that fits for one that misses.
const BY_LUCK: f64 = 0.005;

/// Accuracy that falls from its highest point to the last setting by more than the errors explain.
///
/// # Examples
///
/// ```
/// use outthink_law::fall::Fall;
/// use outthink_law::forms::Curve;
/// use outthink_law::noise::Noise;
/// let noise = Noise::stated(&[0.015; 5], 0.5)?;
/// let humped = Curve { compute: &[1e3, 2e3, 4e3, 8e3, 16e3], accuracy: &[0.40, 0.60, 0.70, 0.66, 0.55] };
/// assert_eq!(Fall::of(&humped, &noise).map(|f| f.from), Some(4e3));
/// let rising = Curve { accuracy: &[0.40, 0.55, 0.62, 0.66, 0.65], ..humped };
/// assert_eq!(Fall::of(&rising, &noise), None);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fall {
    /// Compute of the highest point before the fall.
    pub from: f64,
    /// Accuracy there.
    pub top: f64,
    /// The largest setting.
    pub to: f64,
    /// Accuracy there.
    pub low: f64,
}

impl Fall {
    /// The fall of a curve; `None` where its end lies below no earlier point by more than luck explains.
    pub fn of(curve: &Curve<'_>, noise: &Noise) -> Option<Self> {
        let last = (0..curve.compute.len()).max_by(|&i, &j| curve.compute[i].total_cmp(&curve.compute[j]))?;
        let (to, low) = (curve.compute[last], curve.accuracy[last]);
        let earlier: Vec<usize> = (0..curve.compute.len()).filter(|&i| curve.compute[i] < to).collect();
        let most = normal_quantile(1.0 - BY_LUCK / earlier.len().max(1) as f64);
        let beyond_errors = |&i: &usize| {
            let error = noise.stderr_of_difference(i, last).hypot(MISFIT * std::f64::consts::SQRT_2);
            curve.accuracy[i] - low > most * error
        };
        if !earlier.iter().any(beyond_errors) {
            return None;
        }
        let top = earlier.into_iter().max_by(|&i, &j| curve.accuracy[i].total_cmp(&curve.accuracy[j]))?;
        Some(Self { from: curve.compute[top], top: curve.accuracy[top], to, low })
    }
}

/// The point that a drawn curve misses most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Miss {
    /// Its compute.
    pub compute: f64,
    /// What was measured there.
    pub measured: f64,
    /// What the curve says.
    pub drawn: f64,
    /// The gap in standard errors of the point alone.
    pub errors: f64,
}

/// The point that `at` misses most, where luck and the misfit of a smooth law do not explain it.
pub(crate) fn worst(curve: &Curve<'_>, noise: &Noise, at: impl Fn(f64) -> f64) -> Option<Miss> {
    let most = normal_quantile(1.0 - BY_LUCK / 2.0 / curve.compute.len().max(1) as f64);
    let misses = (0..curve.compute.len()).map(|i| {
        let (compute, measured) = (curve.compute[i], curve.accuracy[i]);
        let drawn = at(compute);
        Miss { compute, measured, drawn, errors: (drawn - measured) / noise.own(i).hypot(MISFIT) }
    });
    misses.max_by(|x, y| x.errors.abs().total_cmp(&y.errors.abs())).filter(|m| m.errors.abs() > most)
}
