//! Accuracy against thinking tokens: log-linear, and logistic in log tokens with a ceiling.
//!
//! Both are fitted by weighted least squares with the stated standard errors (Bevington and
//! Robinson 2003, ch. 6 and 8). Intervals come from a parametric bootstrap: each accuracy is moved
//! by its own standard error and both forms are fitted again, so that a form's rigidity does not
//! pass for certainty about the data. Accuracies measured on the same problems err together; their
//! standard errors then overstate the noise along the curve, and the intervals are on the wide side.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_points, need_positive, same_len};
use crate::interval::Interval;
use crate::optim::{Limits, minimise};
use crate::rng::Rng;
use crate::special::{expit, logit};

const FORM: &str = "the logistic law of accuracy with a ceiling";

/// A measured curve: one entry a setting in each column.
#[derive(Debug, Clone, Copy)]
pub struct Curve<'a> {
    /// Mean thinking tokens a question (any unit of compute will do).
    pub tokens: &'a [f64],
    /// Accuracy, 0 to 1.
    pub accuracy: &'a [f64],
    /// Standard error of the accuracy, above 0.
    pub stderr: &'a [f64],
}

/// How to fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurveOptions {
    /// Parametric bootstrap draws; 0 gives no intervals.
    pub draws: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// Level of the intervals.
    pub level: f64,
}

impl Default for CurveOptions {
    /// 500 draws, seed 0, level 0.9.
    fn default() -> Self {
        Self { draws: 500, seed: 0, level: 0.9 }
    }
}

/// accuracy = `at_one` + `per_doubling` · log2(tokens).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogLinear {
    /// Accuracy at one token by extrapolation.
    pub at_one: f64,
    /// Gain of each doubling.
    pub per_doubling: f64,
}

/// accuracy = ceiling / (1 + exp(−slope (ln tokens − midpoint))).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// Accuracy that more tokens approach.
    pub ceiling: f64,
    /// ln tokens at half the ceiling.
    pub midpoint: f64,
    /// Steepness in 1 / ln tokens.
    pub slope: f64,
}

impl LogLinear {
    /// Accuracy at `tokens`, held within 0 and 1.
    pub fn at(&self, tokens: f64) -> f64 {
        (self.at_one + self.per_doubling * tokens.log2()).clamp(0.0, 1.0)
    }
}

impl Logistic {
    /// Accuracy at `tokens`.
    pub fn at(&self, tokens: f64) -> f64 {
        self.ceiling * expit(self.slope * (tokens.ln() - self.midpoint))
    }
}

/// Both forms fitted to one curve, their weights and what they expect of the next doubling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveFit {
    /// The straight line in log tokens.
    pub log_linear: LogLinear,
    /// The saturating form.
    pub logistic: Logistic,
    /// χ² of the line.
    pub log_linear_chi2: f64,
    /// χ² of the saturating form.
    pub logistic_chi2: f64,
    /// Weight of the saturating form by AIC with known variances (Burnham and Anderson 2002,
    /// eq. 2.9); the line has the rest. Near one half the data do not tell them apart.
    pub logistic_weight: f64,
    /// Settings fitted.
    pub n: usize,
    /// Interval of the ceiling; `None` without draws.
    pub ceiling: Option<Interval>,
    /// Gain that the weighted forms expect from doubling the largest number of tokens.
    pub next_doubling: f64,
    /// Interval of that gain over both forms; `None` without draws.
    pub next_doubling_interval: Option<Interval>,
}

impl CurveFit {
    /// Weighted accuracy of both forms at `tokens`.
    pub fn at(&self, tokens: f64) -> f64 {
        let w = self.logistic_weight;
        w * self.logistic.at(tokens) + (1.0 - w) * self.log_linear.at(tokens)
    }
}

/// One pair of fits with their χ².
struct Pair {
    line: LogLinear,
    line_chi2: f64,
    bend: Logistic,
    bend_chi2: f64,
}

impl Pair {
    fn weight(&self) -> f64 {
        // Two parameters against three: AIC differs by χ² and 2.
        expit(0.5 * (self.line_chi2 - self.bend_chi2) - 1.0)
    }

    fn gain(&self, tokens: f64) -> f64 {
        let w = self.weight();
        w * (self.bend.at(2.0 * tokens) - self.bend.at(tokens))
            + (1.0 - w) * (self.line.at(2.0 * tokens) - self.line.at(tokens))
    }
}

/// Fits both forms to one curve.
///
/// # Errors
///
/// Columns of different length, fewer than four settings, tokens or standard errors that are not
/// positive, an accuracy outside 0 to 1, one number of tokens only, or the same accuracy at every
/// setting when it is 0: a curve at its floor says nothing about where it would rise.
///
/// # Examples
///
/// ```
/// use outthink_law::curve::{fit, Curve, CurveOptions};
///
/// let fit = fit(
///     &Curve {
///         tokens: &[1e3, 2e3, 4e3, 8e3, 16e3],
///         accuracy: &[0.2, 0.3, 0.4, 0.5, 0.6],
///         stderr: &[0.02; 5],
///     },
///     CurveOptions::default(),
/// )?;
/// assert!((fit.log_linear.per_doubling - 0.1).abs() < 1e-9);
/// assert!(fit.next_doubling > 0.03);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn fit(curve: &Curve<'_>, options: CurveOptions) -> Result<CurveFit, LawError> {
    let n = curve.accuracy.len();
    same_len("tokens", curve.tokens.len(), "accuracy", n)?;
    same_len("stderr", curve.stderr.len(), "accuracy", n)?;
    need_points(FORM, 3, n)?;
    need_positive("tokens", curve.tokens)?;
    check("level", &[options.level], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)?;
    need_positive("stderr", curve.stderr)?;
    check("accuracy", curve.accuracy, "a number from 0 to 1", |x| (0.0..=1.0).contains(&x))?;
    for (what, flat) in [
        ("tokens", curve.tokens.iter().all(|&x| x == curve.tokens[0])),
        ("accuracy, 0", curve.accuracy.iter().all(|&x| x == 0.0)),
    ] {
        if flat {
            return Err(LawError::OneValueOnly { what, points: n });
        }
    }
    let best = fit_pair(curve, curve.accuracy)?;
    let last = curve.tokens.iter().copied().fold(0.0, f64::max);
    let redrawn: Vec<(f64, f64)> = (0..options.draws as u64)
        .into_par_iter()
        .filter_map(|i| {
            let mut rng = Rng::stream(options.seed, i);
            let moved: Vec<f64> =
                (curve.accuracy.iter().zip(curve.stderr)).map(|(a, s)| a + s * rng.normal()).collect();
            let pair = fit_pair(curve, &moved).ok()?;
            // One form a draw, by its weight: the interval spans what either form allows.
            let gain = if rng.uniform() < best.weight() {
                pair.bend.at(2.0 * last) - pair.bend.at(last)
            } else {
                pair.line.at(2.0 * last) - pair.line.at(last)
            };
            Some((pair.bend.ceiling, gain))
        })
        .collect();
    let interval = |f: fn(&(f64, f64)) -> f64| {
        let values: Vec<f64> = redrawn.iter().map(f).collect();
        (!values.is_empty()).then(|| Interval::from_draws(&values, options.level))
    };
    Ok(CurveFit {
        logistic_weight: best.weight(),
        next_doubling: best.gain(last),
        log_linear: best.line,
        logistic: best.bend,
        log_linear_chi2: best.line_chi2,
        logistic_chi2: best.bend_chi2,
        n,
        ceiling: interval(|d| d.0),
        next_doubling_interval: interval(|d| d.1),
    })
}

fn fit_pair(curve: &Curve<'_>, accuracy: &[f64]) -> Result<Pair, LawError> {
    let rows: Vec<[f64; 3]> =
        (curve.tokens.iter().zip(accuracy).zip(curve.stderr)).map(|((t, &a), &s)| [t.ln(), a, s.powi(-2)]).collect();
    let total: f64 = rows.iter().map(|r| r[2]).sum();
    let mid = |i: usize| rows.iter().map(|r| r[2] * r[i]).sum::<f64>() / total;
    let (mid_x, mid_y) = (mid(0), mid(1));
    let sum = |f: &dyn Fn(&[f64; 3]) -> f64| rows.iter().map(|r| r[2] * f(r)).sum::<f64>();
    let spread = sum(&|r| (r[0] - mid_x).powi(2));
    let slope = sum(&|r| (r[0] - mid_x) * (r[1] - mid_y)) / spread;
    let line = LogLinear { at_one: mid_y - slope * mid_x, per_doubling: slope * std::f64::consts::LN_2 };
    let line_chi2 = sum(&|r| (r[1] - mid_y - slope * (r[0] - mid_x)).powi(2));
    let (bend, bend_chi2) = fit_logistic(&rows, mid_x, (spread / total).sqrt())?;
    Ok(Pair { line, line_chi2, bend, bend_chi2 })
}

/// Unknowns: logit of the ceiling, midpoint about `mid` in units of `unit`, ln of slope · `unit`.
fn fit_logistic(rows: &[[f64; 3]], mid: f64, unit: f64) -> Result<(Logistic, f64), LawError> {
    let objective = |p: &[f64; 3]| {
        let (ceiling, slope) = (expit(p[0]), p[2].exp());
        // A whisper of a prior, far below one χ², keeps what the data leave free from running off.
        let mut value = p.iter().map(|v| 1e-4 * v * v).sum::<f64>();
        let mut g = p.map(|v| 2e-4 * v);
        for &[x, y, w] in rows {
            let at = (x - mid) / unit - p[1];
            let s = expit(slope * at);
            let r = ceiling * s - y;
            value += w * r * r;
            let bend = ceiling * s * (1.0 - s) * slope;
            g[0] += 2.0 * w * r * s * ceiling * (1.0 - ceiling);
            g[1] -= 2.0 * w * r * bend;
            g[2] += 2.0 * w * r * bend * at;
        }
        (value, g)
    };
    let top = rows.iter().map(|r| r[1]).fold(0.05, f64::max);
    let mut best: Option<([f64; 3], f64)> = None;
    for ceiling in [top * 1.02, top * 1.3, 0.95] {
        for midpoint in [-2.0, -0.5, 0.5] {
            for ln_slope in [-0.7, 0.7] {
                let start = [logit(ceiling.clamp(0.05, 0.98)), midpoint, ln_slope];
                let end = minimise(objective, start, Limits::default());
                if end.value.is_finite() && best.is_none_or(|b| end.value < b.1) {
                    best = Some((end.at, end.value));
                }
            }
        }
    }
    let Some((p, _)) = best else {
        return Err(LawError::NoConvergence { form: FORM, starts: 18 });
    };
    let law = Logistic { ceiling: expit(p[0]), midpoint: mid + unit * p[1], slope: p[2].exp() / unit };
    let chi2 = (rows.iter()).map(|r| r[2] * (law.at(r[0].exp()) - r[1]).powi(2)).sum();
    Ok((law, chi2))
}
