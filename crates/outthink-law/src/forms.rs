//! The forms that accuracy takes against compute of any kind: thinking tokens, training steps, FLOP.
//!
//! All are fitted by least squares weighted by each point's own error, so that a curve goes through its
//! points (see [`crate::noise`]), by L-BFGS with analytic gradients from many starts. The intervals are
//! those of the profile likelihood (Venzon and Moolgavkar 1988), which follow a curved valley where a
//! standard error would not; the rise of the objective at their ends is scaled by what the errors in
//! common add to the variance of the constant (the sandwich of Huber 1967).

use outthink_core::{Entry, Paper};
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::entry::LawEntry;
use crate::error::{check, need_points, need_positive, same_len};
use crate::fall::Fall;
use crate::interval::Interval;
use crate::noise::Noise;
use crate::optim::{Limits, minimise, solve};
use crate::profile::profile;
use crate::special::{expit, logit, normal_quantile, student_quantile};

/// A law of accuracy against compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// accuracy = `at_middle` + `per_doubling` · log2(C / M), M the geometric mean of the compute.
    LogLinear,
    /// 1 − accuracy = `error_at_middle` · (C / M)^−`exponent`.
    PowerOfError,
    /// accuracy = `ceiling` / (1 + exp(−`slope` (ln C − `midpoint`))).
    Sigmoid,
    /// accuracy = `floor` + (`ceiling` − `floor`) / (1 + exp(−`slope` (ln C − `midpoint`))), the form
    /// of Khatri et al. 2025 (arXiv:2510.13786, eq. 1) with C^slope written in logarithms.
    SigmoidWithFloor,
    /// logit accuracy = logit `top` − `bend` (ln C − `peak`)²: it rises to a highest point and falls after it.
    RiseAndFall,
}

impl Form {
    /// All forms.
    pub const ALL: [Self; 5] =
        [Self::LogLinear, Self::PowerOfError, Self::Sigmoid, Self::SigmoidWithFloor, Self::RiseAndFall];
    /// Those for a curve that shows no fall, the stiffest first.
    pub const RISING: [Self; 4] = [Self::LogLinear, Self::PowerOfError, Self::Sigmoid, Self::SigmoidWithFloor];
    /// Those that can fall.
    const FALLING: [Self; 3] = [Self::LogLinear, Self::PowerOfError, Self::RiseAndFall];

    /// The forms that may describe a curve: an S can only rise, so where the points fall ([`Fall`]) it is no candidate, and
    /// a form that rises and falls is. Without `noise` the points' scatter stands in for it.
    ///
    /// # Errors
    ///
    /// What [`fit`] refuses of a curve.
    pub fn suited(curve: &Curve<'_>, noise: Option<&Noise>) -> Result<&'static [Self], LawError> {
        curve.check(noise)?;
        let scatter = if noise.is_none() { Noise::from_bends(curve, 0.003)? } else { None };
        let fall = noise.or(scatter.as_ref()).and_then(|noise| Fall::of(curve, noise));
        Ok(if fall.is_some() { &Self::FALLING } else { &Self::RISING })
    }

    /// How it is described.
    pub const fn entry(self) -> &'static LawEntry {
        const LOG_LINEAR: LawEntry = LawEntry {
            entry: Entry::new("log-linear", "accuracy rises by as much with each doubling of compute"),
            formula: "accuracy = at_middle + per_doubling · log2(C/M)",
            fitted_to: "inference",
        };
        const POWER_OF_ERROR: LawEntry = LawEntry {
            entry: Entry::new("power-of-error", "the error falls by as large a share with each doubling of compute"),
            formula: "1 − accuracy = error_at_middle · (C/M)^−exponent",
            fitted_to: "inference",
        };
        const SIGMOID: LawEntry = LawEntry {
            entry: Entry::new("sigmoid", "accuracy rises from 0 in an S to a ceiling"),
            formula: "accuracy = ceiling / (1 + exp(−slope (ln C − midpoint)))",
            fitted_to: "inference",
        };
        const SIGMOID_WITH_FLOOR: LawEntry = LawEntry {
            entry: Entry {
                paper: Some(Paper::new("Khatri et al. 2025", "https://arxiv.org/abs/2510.13786")),
                ..Entry::new("sigmoid-with-floor", "accuracy rises from a floor in an S to a ceiling")
            },
            formula: "accuracy = floor + (ceiling − floor) / (1 + exp(−slope (ln C − midpoint)))",
            fitted_to: "inference",
        };
        const RISE_AND_FALL: LawEntry = LawEntry {
            entry: Entry::new("rise-and-fall", "accuracy rises to a highest point and falls after it"),
            formula: "logit accuracy = logit top − bend (ln C − peak)²",
            fitted_to: "inference",
        };
        match self {
            Self::RiseAndFall => &RISE_AND_FALL,
            Self::LogLinear => &LOG_LINEAR,
            Self::PowerOfError => &POWER_OF_ERROR,
            Self::Sigmoid => &SIGMOID,
            Self::SigmoidWithFloor => &SIGMOID_WITH_FLOOR,
        }
    }

    /// Its name in tables and JSON.
    pub const fn name(self) -> &'static str {
        self.entry().entry.name
    }

    /// Names of its constants, in the order of [`FormFit::constants`].
    pub fn constants(self) -> &'static [&'static str] {
        match self {
            Self::LogLinear => &["at_middle", "per_doubling"],
            Self::PowerOfError => &["error_at_middle", "exponent"],
            Self::Sigmoid => &["ceiling", "midpoint", "slope"],
            Self::SigmoidWithFloor => &["ceiling", "midpoint", "slope", "floor"],
            Self::RiseAndFall => &["top", "peak", "bend"],
        }
    }

    /// Value in scaled logs `x`, and its slopes in the unknowns.
    fn value(self, p: &[f64; 4], x: f64) -> (f64, [f64; 4]) {
        match self {
            Self::LogLinear => (p[0] + p[1] * x, [1.0, x, 0.0, 0.0]),
            Self::PowerOfError => {
                let error = (p[0] - p[1] * x).min(50.0).exp();
                (1.0 - error, [-error, error * x, 0.0, 0.0])
            }
            Self::RiseAndFall => {
                let (off, bend) = (x - p[1], p[2].exp());
                let value = expit(p[0] - bend * off * off);
                let steep = value * (1.0 - value);
                (value, [steep, 2.0 * steep * bend * off, -steep * bend * off * off, 0.0])
            }
            Self::Sigmoid | Self::SigmoidWithFloor => {
                let (ceiling, steep) = (expit(p[0]), p[2].exp());
                let floor = if self == Self::Sigmoid { 0.0 } else { expit(p[3]) };
                let at = x - p[1];
                let s = expit(steep * at);
                let bend = (ceiling - floor) * s * (1.0 - s) * steep;
                let of_floor = (1.0 - s) * floor * (1.0 - floor);
                (floor + (ceiling - floor) * s, [s * ceiling * (1.0 - ceiling), -bend, bend * at, of_floor])
            }
        }
    }
}

/// A measured curve: one entry a setting in each column.
#[derive(Debug, Clone, Copy)]
pub struct Curve<'a> {
    /// Compute spent, in any unit: tokens a question, steps, FLOP.
    pub compute: &'a [f64],
    /// Accuracy, 0 to 1.
    pub accuracy: &'a [f64],
}

impl Curve<'_> {
    /// Refuses what no form can be fitted to.
    pub(crate) fn check(&self, noise: Option<&Noise>) -> Result<(), LawError> {
        same_len("compute", self.compute.len(), "accuracy", self.accuracy.len())?;
        if let Some(noise) = noise {
            same_len("stderr", noise.len(), "accuracy", self.accuracy.len())?;
        }
        need_positive("compute", self.compute)?;
        check("accuracy", self.accuracy, "a number from 0 to 1", |x| (0.0..=1.0).contains(&x))?;
        if self.compute.len() > 1 && self.compute.iter().all(|&x| x == self.compute[0]) {
            return Err(LawError::OneValueOnly { what: "compute", points: self.compute.len() });
        }
        Ok(())
    }

    /// The points `keep` only.
    pub(crate) fn subset(&self, keep: &[usize]) -> (Vec<f64>, Vec<f64>) {
        keep.iter().map(|&i| (self.compute[i], self.accuracy[i])).unzip()
    }
}

/// One form fitted to one curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormFit {
    /// The form.
    pub form: Form,
    /// Its constants by the names of [`Form::constants`].
    pub constants: Vec<f64>,
    /// Their profile-likelihood intervals.
    pub intervals: Vec<Interval>,
    /// χ² at the best fit; n ln(RSS / n) where the size of the errors is estimated.
    pub chi2: f64,
    /// AIC with the correction for few points (Burnham and Anderson 2002, eq. 2.4 with known
    /// variances: χ² + 2p + 2p(p+1)/(n−p−1)); infinite where the correction is not defined.
    pub aicc: f64,
    /// Points fitted.
    pub n: usize,
    /// M, the geometric mean of the compute fitted.
    pub middle: f64,
    /// Root mean square of the residuals.
    pub rms: f64,
    /// How far the curve lies above all of its points (below: negative), in the least of their standard
    /// errors, where that is more than one: such a curve does not describe them.
    pub beside: Option<f64>,
    unknowns: [f64; 4],
    mid: f64,
    unit: f64,
}

impl FormFit {
    /// Accuracy at `compute`, held within 0 and 1.
    pub fn at(&self, compute: f64) -> f64 {
        self.form.value(&self.unknowns, (compute.ln() - self.mid) / self.unit).0.clamp(0.0, 1.0)
    }

    /// A constant by its name.
    pub fn constant(&self, name: &str) -> Option<f64> {
        let at = self.form.constants().iter().position(|n| *n == name)?;
        self.constants.get(at).copied()
    }

    /// The interval of a constant by its name.
    pub fn interval(&self, name: &str) -> Option<Interval> {
        let at = self.form.constants().iter().position(|n| *n == name)?;
        self.intervals.get(at).copied()
    }
}

/// A prior far below one χ² that keeps what the data leave free from running off.
const WHISPER: f64 = 1e-4;

/// Fits one form.
///
/// With `noise` absent the size of the errors is estimated from the scatter about this form and the
/// intervals use Student's t; with it present its covariance is taken as known: each point's own error
/// weighs it in the fit, and the whole of it is in the intervals.
///
/// # Errors
///
/// Columns of different length, no more points than the form has constants, compute that is not
/// positive, one value of compute only, or an accuracy outside 0 to 1.
///
/// # Examples
///
/// ```
/// use outthink_law::forms::{Curve, Form, fit};
/// use outthink_law::noise::Noise;
///
/// let tokens = [1e3, 2e3, 4e3, 8e3, 16e3];
/// let curve = Curve { compute: &tokens, accuracy: &[0.2, 0.3, 0.4, 0.5, 0.6] };
/// let noise = Noise::stated(&[0.02; 5], 0.0)?;
/// let line = fit(Form::LogLinear, &curve, Some(&noise), 0.95)?;
/// assert!((line.constant("per_doubling").unwrap() - 0.1).abs() < 1e-6);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn fit(form: Form, curve: &Curve<'_>, noise: Option<&Noise>, level: f64) -> Result<FormFit, LawError> {
    curve.check(noise)?;
    check("level", &[level], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)?;
    let (n, p) = (curve.compute.len(), form.constants().len());
    need_points(form.name(), p, n)?;
    let unit_noise;
    let known = if let Some(noise) = noise {
        noise
    } else {
        unit_noise = Noise::guessed(1.0, n)?;
        &unit_noise
    };
    let logs: Vec<f64> = curve.compute.iter().map(|c| c.ln()).collect();
    let mid = logs.iter().sum::<f64>() / n as f64;
    let unit = (logs.iter().map(|x| (x - mid).powi(2)).sum::<f64>() / n as f64).sqrt().max(1e-6);
    let xs: Vec<f64> = logs.iter().map(|x| (x - mid) / unit).collect();
    // Without known errors residuals of accuracies are small against 1; the whisper must stay smaller.
    let whisper = if noise.is_some() { WHISPER } else { WHISPER * 1e-4 };
    let objective = |q: &[f64; 4]| {
        let (mut rest, mut slopes) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for (x, y) in xs.iter().zip(curve.accuracy) {
            let (v, g) = form.value(q, *x);
            rest.push(v - y);
            slopes.push(g);
        }
        let chi2 = known.square(&rest);
        let mut g = [0.0; 4];
        for (i, (r, slope)) in rest.iter().zip(&slopes).enumerate() {
            for (g, s) in g.iter_mut().zip(slope) {
                *g += 2.0 * r / known.own(i).powi(2) * s;
            }
        }
        let free = form != Form::LogLinear;
        let extra: f64 = if free { q.iter().take(p).map(|v| whisper * v * v).sum() } else { 0.0 };
        for (i, g) in g.iter_mut().enumerate() {
            *g = if i >= p {
                0.0
            } else if free {
                *g + 2.0 * whisper * q[i]
            } else {
                *g
            };
        }
        (chi2 + extra, g)
    };
    let starts = starts(form, &xs, curve.accuracy);
    let mut best: Option<([f64; 4], f64)> = None;
    for start in &starts {
        let end = minimise(objective, *start, Limits::default());
        if end.value.is_finite() && best.is_none_or(|b| end.value < b.1) {
            best = Some((end.at, end.value));
        }
    }
    let Some((at, value)) = best else {
        return Err(LawError::NoConvergence { form: form.name(), starts: starts.len() });
    };
    let degrees = (n - p) as f64;
    let (rise, chi2) = if noise.is_some() {
        (normal_quantile(f64::midpoint(1.0, level)).powi(2), value)
    } else {
        // The variance per degree of freedom, floored far below what an accuracy can resolve.
        let variance = (value / degrees).max(1e-14);
        let t = student_quantile(f64::midpoint(1.0, level), degrees);
        (t * t * variance, n as f64 * (value / n as f64).max(1e-14).ln())
    };
    let natural = |q: &[f64; 4]| constants(form, q, mid, unit);
    let slopes: Vec<[f64; 4]> = xs.iter().map(|x| form.value(&at, *x).1).collect();
    let wider = in_common(&slopes, p, known, whisper);
    let intervals = (0..p)
        .map(|i| {
            let ends = profile(objective, &at, i, rise * wider[i], range(form, i));
            interval_of(form, i, &at, ends, (mid, unit), level)
        })
        .collect();
    // Where the errors are estimated, their size is one more constant.
    let (pf, nf) = ((p + usize::from(noise.is_none())) as f64, n as f64);
    let correction = if nf - pf - 1.0 > 0.0 { 2.0 * pf * (pf + 1.0) / (nf - pf - 1.0) } else { f64::INFINITY };
    Ok(FormFit {
        form,
        constants: natural(&at),
        intervals,
        chi2,
        aicc: chi2 + 2.0 * pf + correction,
        n,
        middle: mid.exp(),
        rms: (xs.iter().zip(curve.accuracy).map(|(x, y)| (form.value(&at, *x).0 - y).powi(2)).sum::<f64>() / nf).sqrt(),
        beside: noise.and_then(|noise| {
            beside(
                (xs.iter().zip(curve.accuracy).enumerate())
                    .map(|(i, (x, y))| (form.value(&at, *x).0 - y) / noise.stderr(i)),
            )
        }),
        unknowns: at,
        mid,
        unit,
    })
}

/// The least of the gaps (in standard errors) between a curve and its points, with its sign, where all are
/// on one side and more than one.
pub(crate) fn beside(gaps: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let (low, high) = gaps.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), g| (low.min(g), high.max(g)));
    if low.is_finite() && low > 1.0 { Some(low) } else { (high.is_finite() && high < -1.0).then_some(high) }
}

/// For each unknown: its variance with what the points have in common over that without.
///
/// With J the slopes, W the weights of the fit and V the covariance: (H J'W V W J H) over (H J'W J H), H the
/// inverse of J'W J. Held between a sixteenth and 400, for where the points leave an unknown free both
/// are near nothing.
fn in_common(slopes: &[[f64; 4]], p: usize, noise: &Noise, whisper: f64) -> [f64; 4] {
    let mut normal = [[0.0; 4]; 4];
    for (i, s) in slopes.iter().enumerate() {
        for j in 0..p {
            for k in 0..p {
                normal[j][k] += s[j] * s[k] / noise.own(i).powi(2);
            }
        }
    }
    let mut ridged = normal;
    for (i, row) in ridged.iter_mut().enumerate() {
        row[i] = if i < p { row[i] + whisper } else { 1.0 };
    }
    std::array::from_fn(|unknown| {
        let mut unit = [0.0; 4];
        unit[unknown] = 1.0;
        let Some(h) = solve(ridged, unit).filter(|_| unknown < p) else { return 1.0 };
        let weights: Vec<f64> = (slopes.iter().enumerate())
            .map(|(i, s)| s.iter().zip(&h).map(|(s, h)| s * h).sum::<f64>() / noise.own(i).powi(2))
            .collect();
        let own: f64 = weights.iter().enumerate().map(|(i, w)| (w * noise.own(i)).powi(2)).sum();
        let ratio = noise.variance_of(&weights) / own;
        if ratio.is_finite() { ratio.clamp(1.0 / 16.0, 400.0) } else { 1.0 }
    })
}

fn starts(form: Form, xs: &[f64], ys: &[f64]) -> Vec<[f64; 4]> {
    let top = ys.iter().copied().fold(0.05, f64::max);
    let low = ys.iter().copied().fold(1.0, f64::min);
    let mean = ys.iter().sum::<f64>() / ys.len() as f64;
    match form {
        Form::LogLinear => vec![[mean, 0.0, 0.0, 0.0]],
        Form::PowerOfError => {
            let error = (1.0 - mean).clamp(0.01, 0.99).ln();
            [0.0, 0.3, 1.0].map(|slope| [error, slope, 0.0, 0.0]).to_vec()
        }
        Form::RiseAndFall => {
            let top = logit(top.clamp(0.05, 0.985));
            let at = |peak: f64| [-2.0, -0.5, 0.7].map(|ln_bend| [top, peak, ln_bend, 0.0]);
            [-3.0, -1.0, 0.0, 1.0].map(at).concat()
        }
        Form::Sigmoid | Form::SigmoidWithFloor => {
            let last = xs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let mut all = Vec::new();
            for ceiling in [top * 1.02, top * 1.3, 0.95] {
                for midpoint in [-1.5, -0.3, 0.7, last] {
                    for ln_steep in [-0.7, 0.7, 1.8] {
                        let floor = logit((0.95 * low).clamp(0.01, 0.9));
                        all.push([logit(ceiling.clamp(0.05, 0.985)), midpoint, ln_steep, floor]);
                    }
                }
            }
            all
        }
    }
}

/// The range of an unknown within which its interval is looked for.
fn range(form: Form, index: usize) -> (f64, f64) {
    match (form, index) {
        (Form::LogLinear, _) => (-1e6, 1e6),
        (Form::PowerOfError, _) => (-60.0, 60.0),
        (Form::RiseAndFall, 2) => (-12.0, 8.0),
        (_, 0 | 3) => (-14.0, 14.0),
        (_, 2) => (-8.0, 8.0),
        _ => (-60.0, 60.0),
    }
}

fn constants(form: Form, q: &[f64; 4], mid: f64, unit: f64) -> Vec<f64> {
    match form {
        Form::LogLinear => vec![q[0], q[1] / unit * std::f64::consts::LN_2],
        Form::PowerOfError => vec![q[0].exp(), q[1] / unit],
        Form::Sigmoid => vec![expit(q[0]), mid + unit * q[1], q[2].exp() / unit],
        Form::RiseAndFall => vec![expit(q[0]), mid + unit * q[1], q[2].exp() / unit / unit],
        Form::SigmoidWithFloor => vec![expit(q[0]), mid + unit * q[1], q[2].exp() / unit, expit(q[3])],
    }
}

/// The interval of one constant from the ends of the profile of its unknown.
fn interval_of(
    form: Form,
    index: usize,
    at: &[f64; 4],
    (low, high): (f64, f64),
    scale: (f64, f64),
    level: f64,
) -> Interval {
    let end = |v: f64| {
        let mut q = *at;
        q[index] = v;
        constants(form, &q, scale.0, scale.1)[index]
    };
    Interval { low: end(low), high: end(high), level }
}
