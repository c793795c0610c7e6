//! Best-of-N with a verifier that can be deceived: accuracy rises with coverage and falls with what deceives.
//!
//! With N samples the right answer is among them as coverage says, exp(−a N^−b) (Brown et al. 2024, arXiv:2407.21787,
//! eq. 3). The verifier takes it unless one of the other N − 1 samples is wrong and scores higher. Where a sample
//! deceives with a probability that differs from problem to problem as a Gamma distribution of shape r does, the
//! chance that none of N − 1 does is (1 + h (N − 1))^−r. So accuracy = exp(−a N^−b) (1 + h (N − 1))^−r: more samples help
//! first and hurt later, as over-optimisation of a reward model does (Gao et al. 2023, arXiv:2210.10760).

use outthink_core::{Entry, Paper};
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::entry::LawEntry;
use crate::error::{check, need_points, same_len};
use crate::optim::{Limits, minimise};

/// How it is described.
pub const ENTRY: LawEntry = LawEntry {
    entry: Entry {
        paper: Some(Paper::new("Gao et al. 2023", "https://arxiv.org/abs/2210.10760")),
        ..Entry::new("best-of-n", "accuracy of best-of-N when the verifier can be deceived")
    },
    formula: "accuracy = exp(−a N^−b) (1 + h (N − 1))^−r",
    fitted_to: "inference",
};

const FORM: &str = "the law of best-of-N with a fallible verifier";
/// Samples looked at for the best number.
const MOST: f64 = 1e6;

/// accuracy(N) = exp(−`a` N^−`b`) (1 + `h` (N − 1))^−`r`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BestOfN {
    /// −ln of the accuracy of one sample.
    pub a: f64,
    /// Exponent of coverage.
    pub b: f64,
    /// Rate at which a further sample deceives.
    pub h: f64,
    /// Shape: small where few problems deceive the verifier often.
    pub r: f64,
}

impl BestOfN {
    /// Accuracy of the best of `n` samples.
    pub fn at(&self, n: f64) -> f64 {
        self.coverage(n) * self.survives(n)
    }

    /// Share of problems whose samples hold a right answer.
    pub fn coverage(&self, n: f64) -> f64 {
        (-self.a * n.powf(-self.b)).exp()
    }

    /// Chance that the verifier is not deceived by `n` samples.
    pub fn survives(&self, n: f64) -> f64 {
        (1.0 + self.h * (n - 1.0)).powf(-self.r)
    }

    /// The number of samples with the highest accuracy, up to a million.
    pub fn best(&self) -> u64 {
        let steps = (0..=1_200).map(|i| MOST.powf(f64::from(i) / 1_200.0).round());
        steps.max_by(|x, y| self.at(*x).total_cmp(&self.at(*y))).unwrap_or(1.0) as u64
    }
}

/// A fitted law and how it forecasts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BestOfFit {
    /// The law.
    pub law: BestOfN,
    /// Root mean square of the residuals.
    pub rms: f64,
    /// Mean absolute error of the last quarter of the points, forecast from the rest; `None` with too few points.
    pub backtest: Option<f64>,
    /// The same for the law without deceit, which cannot fall.
    pub backtest_honest: Option<f64>,
}

/// Unknowns: ln a, ln b, ln h, ln r.
type Unknowns = [f64; 4];

/// What the data leave free is drawn here: a standard deviation of e^1.5 in each constant.
const PRIOR: (Unknowns, f64) = ([0.0, -0.7, -2.3, -1.6], 1.5);
/// Standard deviation of an accuracy that the prior is weighed against.
const SIGMA: f64 = 0.01;

fn law(p: &Unknowns, honest: bool) -> BestOfN {
    let [a, b, h, r] = p.map(f64::exp);
    BestOfN { a, b, h, r: if honest { 0.0 } else { r } }
}

fn fit_to(points: &[(f64, f64)], honest: bool) -> Option<BestOfN> {
    let objective = |p: &Unknowns| {
        let l = law(p, honest);
        let (mut value, mut g) = (0.0, [0.0; 4]);
        for (i, (v, at)) in p.iter().zip(PRIOR.0).enumerate() {
            let z = (v - at) / PRIOR.1;
            value += z * z;
            g[i] += 2.0 * z / PRIOR.1;
        }
        for &(n, accuracy) in points {
            let (power, deceit) = (l.a * n.powf(-l.b), 1.0 + l.h * (n - 1.0));
            let at = l.at(n);
            let residual = (at - accuracy) / SIGMA;
            value += residual * residual;
            let slopes = [-power, power * l.b * n.ln(), -l.r * (deceit - 1.0) / deceit, -l.r * deceit.ln()];
            for (g, s) in g.iter_mut().zip(slopes) {
                *g += 2.0 * residual * at * s / SIGMA;
            }
        }
        (value, g)
    };
    let starts = (0..27).map(|i| {
        let step = |k: i32| f64::from(i / 3_i32.pow(k as u32) % 3 - 1);
        let first = points.iter().map(|p| p.1).fold(1e-3, |_, a| a.clamp(1e-3, 0.999));
        [(-first.ln()).ln(), -0.7 + step(0), -2.3 + 1.5 * step(1), -1.6 + 1.5 * step(2)]
    });
    let ends = starts.map(|start| minimise(objective, start, Limits::default())).filter(|e| e.value.is_finite());
    ends.min_by(|x, y| x.value.total_cmp(&y.value)).map(|e| law(&e.at, honest))
}

/// Fits accuracies of the best of `samples` samples.
///
/// # Errors
///
/// Columns of different length, fewer than five points, samples below 1, or an accuracy outside 0 to 1.
///
/// # Examples
///
/// ```
/// let samples = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
/// let accuracy = [0.224, 0.278, 0.310, 0.305, 0.286, 0.256, 0.234, 0.215];
/// let fit = outthink_law::best_of::fit(&samples, &accuracy)?;
/// assert!((3..=8).contains(&fit.law.best()));
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn fit(samples: &[f64], accuracy: &[f64]) -> Result<BestOfFit, LawError> {
    same_len("samples", samples.len(), "accuracy", accuracy.len())?;
    need_points(FORM, 4, samples.len())?;
    check("samples", samples, "a number of 1 or above", |x| x >= 1.0)?;
    check("accuracy", accuracy, "a number from 0 to 1", |x| (0.0..=1.0).contains(&x))?;
    let mut points: Vec<(f64, f64)> = samples.iter().copied().zip(accuracy.iter().copied()).collect();
    points.sort_by(|x, y| x.0.total_cmp(&y.0));
    let lost = LawError::NoConvergence { form: FORM, starts: 27 };
    let found = fit_to(&points, false).ok_or(lost)?;
    let n = points.len();
    let rms = (points.iter().map(|(x, y)| (found.at(*x) - y).powi(2)).sum::<f64>() / n as f64).sqrt();
    let (early, late) = points.split_at(n - (n / 4).max(1));
    let error = |honest: bool| {
        let law = (early.len() >= 5).then(|| fit_to(early, honest)).flatten()?;
        Some(late.iter().map(|(x, y)| (law.at(*x) - y).abs()).sum::<f64>() / late.len() as f64)
    };
    Ok(BestOfFit { law: found, rms, backtest: error(false), backtest_honest: error(true) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

    /// `CodeGen` 16B on `HumanEval`, the best by a verifier: rises to four samples and falls from there.
    #[test]
    fn a_curve_that_rises_and_falls() {
        let accuracy = [0.224, 0.278, 0.310, 0.305, 0.286, 0.256, 0.234, 0.215];
        let fit = fit(&SAMPLES, &accuracy).unwrap();
        println!("{fit:?} best {}", fit.law.best());
        assert!(fit.rms < 0.01, "{fit:?}");
        assert!((3..=8).contains(&fit.law.best()), "{fit:?}");
        assert!(fit.backtest.unwrap() < 0.03, "{fit:?}");
        assert!(fit.backtest.unwrap() < 0.5 * fit.backtest_honest.unwrap(), "{fit:?}");
        assert!(fit.law.coverage(128.0) > 0.4 && fit.law.survives(1.0) == 1.0);
    }

    #[test]
    fn a_known_law_comes_back_and_nonsense_is_refused() {
        let truth = BestOfN { a: 1.5, b: 0.6, h: 0.1, r: 0.2 };
        let accuracy = SAMPLES.map(|n| truth.at(n));
        let found = fit(&SAMPLES, &accuracy).unwrap();
        assert!(found.rms < 2e-3, "{found:?}");
        assert!((found.law.at(512.0) - truth.at(512.0)).abs() < 0.03, "{found:?}");
        assert!(fit(&SAMPLES[..4], &accuracy[..4]).is_err());
        assert!(fit(&[0.5, 2.0, 3.0, 4.0, 5.0], &[0.5; 5]).is_err());
        assert!(fit(&SAMPLES, &[1.5; 8]).is_err());
    }
}
