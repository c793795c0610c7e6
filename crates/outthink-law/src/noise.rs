//! How the points of one curve err, together and apart.
//!
//! Accuracies measured on the same problems err together: a hard set is hard at every setting. That
//! part of the stated standard error does not blur the shape of the curve. It must not move the curve
//! off its points either: least squares under the full covariance, with common errors scaled by the
//! measured values, draws curves that pass all their points on one side (Peelle's pertinent puzzle;
//! `D'Agostini` 1994). So a curve is fitted by what is each point's own error, and the common part enters
//! the intervals alone. Where per-problem results are at hand the covariance is computed from them;
//! otherwise a share of the variance is taken to be common.

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_points, need_positive, same_len};
use crate::forms::Curve;

/// Share of a stated variance that is the problems' own, where nothing says more: with p Beta
/// distributed over problems it is 1 / (a + b + 1), and a + b is near 1 for language models on
/// checkable problems that they solve in part.
pub const USUAL_SHARED: f64 = 0.5;

/// No smooth law is exact: standard deviation of the points about it, beside their own errors.
pub(crate) const MISFIT: f64 = 0.01;

/// The covariance of the points of one curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    covariance: Vec<Vec<f64>>,
    /// Standard deviation of each point's own part.
    own: Vec<f64>,
    /// Share of the variance that the points have in common, on average.
    pub shared: f64,
    /// Whether the size of the errors was estimated from the scatter about a curve.
    pub guessed: bool,
}

impl Noise {
    /// From stated standard errors, of whose variance `shared` (0 to below 1) is common to all points.
    ///
    /// # Errors
    ///
    /// A standard error that is not positive, or a share outside 0 to 0.99.
    ///
    /// # Examples
    ///
    /// ```
    /// let noise = outthink_law::noise::Noise::stated(&[0.03, 0.04], 0.5)?;
    /// // The part that both points share does not blur their difference.
    /// assert!(noise.stderr_of_difference(0, 1) < 0.05);
    /// # Ok::<(), outthink_law::LawError>(())
    /// ```
    pub fn stated(stderr: &[f64], shared: f64) -> Result<Self, LawError> {
        Self::stated_each(stderr, &vec![shared; stderr.len()])
    }

    /// As [`Noise::stated`], with the common share of each point's variance: a mean over several answers
    /// a problem has less noise of its own, and so a larger common share.
    ///
    /// # Errors
    ///
    /// Columns of different length; else as [`Noise::stated`].
    pub fn stated_each(stderr: &[f64], shared: &[f64]) -> Result<Self, LawError> {
        same_len("shared", shared.len(), "stderr", stderr.len())?;
        need_positive("stderr", stderr)?;
        check("shared", shared, "a number from 0 to 0.99", |x| (0.0..=0.99).contains(&x))?;
        let n = stderr.len();
        let common: Vec<f64> = stderr.iter().zip(shared).map(|(s, share)| s * share.sqrt()).collect();
        let covariance = (0..n)
            .map(|i| (0..n).map(|j| if i == j { stderr[i] * stderr[i] } else { common[i] * common[j] }).collect())
            .collect();
        let mean = shared.iter().sum::<f64>() / (n as f64).max(1.0);
        let own = stderr.iter().zip(shared).map(|(s, share)| s * (1.0 - share).sqrt()).collect();
        Ok(Self { covariance, own, shared: mean, guessed: false })
    }

    /// From each problem's own accuracy at each setting: `results[setting][problem]`.
    ///
    /// The covariance of the means over problems, for the settings as measured: what the settings
    /// have in common cancels, problem by problem (the paired comparison of Miller 2024,
    /// arXiv:2411.00640, for more than two settings). A thirtieth of each variance is added on the
    /// diagonal, so that settings that agree on every problem are not taken to be free of noise.
    ///
    /// # Errors
    ///
    /// Settings with different numbers of problems, or fewer problems than settings and one.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::noise::Noise;
    /// // Four problems, each right or wrong at two settings.
    /// let noise = Noise::from_problems(&[vec![1.0, 0.0, 1.0, 0.0], vec![1.0, 0.0, 1.0, 1.0]])?;
    /// assert_eq!(noise.len(), 2);
    /// # Ok::<(), outthink_law::LawError>(())
    /// ```
    pub fn from_problems(results: &[Vec<f64>]) -> Result<Self, LawError> {
        let Some(first) = results.first() else {
            return Err(LawError::TooFewPoints { form: "a curve", parameters: 1, points: 0, need: 2 });
        };
        let n = first.len();
        for row in results {
            same_len("problems of one setting", row.len(), "problems of another", n)?;
            check("result", row, "a finite number", |_| true)?;
        }
        need_points("the covariance over problems", results.len(), n)?;
        let means: Vec<f64> = results.iter().map(|r| r.iter().sum::<f64>() / n as f64).collect();
        let scale = 1.0 / (n as f64 * (n as f64 - 1.0));
        let cov = |i: usize, j: usize| {
            let sum: f64 = results[i].iter().zip(&results[j]).map(|(x, y)| (x - means[i]) * (y - means[j])).sum();
            sum * scale
        };
        let m = results.len();
        let mut covariance: Vec<Vec<f64>> = (0..m).map(|i| (0..m).map(|j| cov(i, j)).collect()).collect();
        let (mut ratio, mut pairs) = (0.0, 0.0);
        for i in 0..m {
            for j in 0..i {
                let size = (covariance[i][i] * covariance[j][j]).sqrt();
                if size > 0.0 {
                    ratio += covariance[i][j] / size;
                    pairs += 1.0;
                }
            }
        }
        // All right or all wrong leaves no variance; one problem more would have moved the mean by 1/(n+1).
        let least = (1.0 / (n as f64 + 1.0)).powi(2) / 4.0;
        for (i, row) in covariance.iter_mut().enumerate() {
            row[i] += (row[i] / 30.0).max(least);
        }
        let shared: f64 = if pairs > 0.0 { ratio / pairs } else { 0.0 };
        let shared = shared.clamp(0.0, 0.99);
        let own = covariance.iter().enumerate().map(|(i, row)| (row[i] * (1.0 - shared)).sqrt()).collect();
        Ok(Self { covariance, own, shared, guessed: false })
    }

    /// Independent errors of one size, from how each point lies off the line between its neighbours, at least
    /// `least`: for curves whose errors nobody states, and that may rise or fall. `None` with fewer than three settings.
    ///
    /// # Errors
    ///
    /// What [`crate::forms::fit`] refuses of a curve.
    pub fn from_bends(curve: &Curve<'_>, least: f64) -> Result<Option<Self>, LawError> {
        curve.check(None)?;
        let mut points: Vec<(f64, f64)> =
            curve.compute.iter().map(|c| c.ln()).zip(curve.accuracy.iter().copied()).collect();
        points.sort_by(|p, q| p.0.total_cmp(&q.0));
        let (mut sum, mut n) = (0.0, 0.0);
        for w in points.windows(3).filter(|w| w[2].0 > w[0].0) {
            let share = (w[1].0 - w[0].0) / (w[2].0 - w[0].0);
            let off = w[1].1 - (1.0 - share) * w[0].1 - share * w[2].1;
            sum += off * off / (1.0 + share * share + (1.0 - share) * (1.0 - share));
            n += 1.0;
        }
        if n == 0.0 {
            return Ok(None);
        }
        Self::guessed((sum / n).sqrt().max(least), points.len()).map(Some)
    }

    /// Independent errors of one size for all points, estimated from the scatter about a curve.
    pub(crate) fn guessed(size: f64, points: usize) -> Result<Self, LawError> {
        let mut noise = Self::stated(&vec![size; points], 0.0)?;
        noise.guessed = true;
        Ok(noise)
    }

    /// Points.
    pub fn len(&self) -> usize {
        self.covariance.len()
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.covariance.is_empty()
    }

    /// Standard error of point `i`, what it has in common with the others included.
    pub fn stderr(&self, i: usize) -> f64 {
        self.covariance[i][i].sqrt()
    }

    /// Standard error of point `i` without what the points have in common.
    pub fn own(&self, i: usize) -> f64 {
        self.own[i]
    }

    /// Standard error of the difference of two points, what they have in common left out.
    pub fn stderr_of_difference(&self, i: usize, j: usize) -> f64 {
        (self.covariance[i][i] + self.covariance[j][j] - 2.0 * self.covariance[i][j]).max(0.0).sqrt()
    }

    /// The same errors with `misfit` more standard deviation at each point, apart from each other.
    pub(crate) fn with_misfit(&self, misfit: f64) -> Self {
        let mut more = self.clone();
        for (i, row) in more.covariance.iter_mut().enumerate() {
            row[i] += misfit * misfit;
        }
        more.own.iter_mut().for_each(|own| *own = own.hypot(misfit));
        more
    }

    /// The points `keep` only.
    pub(crate) fn subset(&self, keep: &[usize]) -> Self {
        let covariance = keep.iter().map(|&i| keep.iter().map(|&j| self.covariance[i][j]).collect()).collect();
        let own = keep.iter().map(|&i| self.own[i]).collect();
        Self { covariance, own, ..*self }
    }

    /// Σ (r / own)².
    pub(crate) fn square(&self, r: &[f64]) -> f64 {
        self.own.iter().zip(r).map(|(own, r)| (r / own).powi(2)).sum()
    }

    /// Variance of Σ `weights` · accuracy, what the points have in common included.
    pub(crate) fn variance_of(&self, weights: &[f64]) -> f64 {
        let row = |row: &Vec<f64>| row.iter().zip(weights).map(|(v, w)| v * w).sum::<f64>();
        self.covariance.iter().zip(weights).map(|(v, w)| w * row(v)).sum::<f64>().max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_common_cancels_in_differences() {
        let noise = Noise::stated(&[0.1, 0.1], 0.75).unwrap();
        assert!((noise.stderr_of_difference(0, 1) - 0.1 * 0.5_f64.sqrt()).abs() < 1e-12);
        assert!((noise.variance_of(&[1.0, -1.0]).sqrt() - noise.stderr_of_difference(0, 1)).abs() < 1e-12);
        // The mean of both has the common part in full and half of what is their own.
        assert!((noise.variance_of(&[0.5, 0.5]) - 0.01 * (0.75 + 0.125)).abs() < 1e-12);
        assert!((noise.own(0) - 0.05).abs() < 1e-12 && (noise.stderr(0) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn pairing_by_problem_is_the_variance_of_the_differences() {
        let first: Vec<f64> = (0..40).map(|i| f64::from(i % 4 > 1)).collect();
        let second: Vec<f64> = (0..40).map(|i| f64::from(i % 4 > 0)).collect();
        let noise = Noise::from_problems(&[first.clone(), second.clone()]).unwrap();
        let gaps: Vec<f64> = first.iter().zip(&second).map(|(a, b)| b - a).collect();
        let mean = gaps.iter().sum::<f64>() / 40.0;
        let var = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / 39.0 / 40.0;
        let got = noise.stderr_of_difference(0, 1);
        assert!(got > var.sqrt() && got < 1.15 * var.sqrt(), "{got} {}", var.sqrt());
        assert!(Noise::from_problems(&[vec![1.0; 2], vec![0.0; 2], vec![0.0; 2]]).is_err());
        // All right and all wrong: still a variance.
        assert!(Noise::from_problems(&[vec![1.0; 9], vec![0.0; 9]]).unwrap().stderr(0) > 0.0);
    }
}
