//! What a run that was not made yet will end at: forecasts whose intervals hold.
//!
//! A bootstrap over runs says how sure the fitted mean is. A new run scatters about that mean, and beyond the
//! largest budget the law itself errs, so such intervals hold a fraction of what they claim. Here the law is
//! fitted again and again to the smaller of the runs and must forecast the larger ones (rolling origin,
//! Tashman 2000). The errors of those forecasts, in ln loss, are taken for Laplace's, with a scale that grows
//! with the logarithm of the factor of compute from the largest run fitted: half an interval of level p is
//! scale · (near + ln factor) · ln(1/(1 − p)), next to what the bootstrap says.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_positive};
use crate::interval::{Interval, quantile};

use super::{
    Chinchilla, FLOP_PER_PARAM_TOKEN, Farseer, Held, Kaplan, Optimum, PretrainOptions, Repeated, Runs, fit,
    fit_farseer, fit_kaplan, fit_repeated,
};

/// Shares of the runs, by compute, that the backtests fit: fits to fewer err more than the fit to all will.
const CUTS: [f64; 3] = [0.625, 0.75, 0.875];
/// Error at the largest compute fitted, in units of that for each e-fold of compute beyond it: set so that the intervals of
/// single forms hold the larger runs of ten published sets (docs/laws.md).
const NEAR: f64 = 0.5;
/// Bootstrap draws of Farseer's law at most: nine constants take their time.
const FARSEER_DRAWS: usize = 200;
/// Runs held out below which their errors give no scale.
const LEAST_HELD: usize = 4;
/// Runs below which no backtest is made.
pub(super) const LEAST_RUNS: usize = 8;
/// Starts of each fit of a backtest.
const STARTS: usize = 40;

/// A form of the loss of fresh data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossForm {
    /// E + A/N^α + B/D^β.
    Chinchilla,
    /// The same with β = α.
    Tied,
    /// ((Nc/N)^(αN/αD) + Dc/D)^αD.
    Kaplan,
    /// Chinchilla with an exponent of D that depends on N.
    Farseer,
}

impl LossForm {
    /// All forms.
    pub const ALL: [Self; 4] = [Self::Chinchilla, Self::Tied, Self::Kaplan, Self::Farseer];

    /// Constants that it has.
    pub const fn constants(self) -> usize {
        match self {
            Self::Chinchilla => 5,
            Self::Tied | Self::Kaplan => 4,
            Self::Farseer => 9,
        }
    }

    /// Its name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chinchilla => "chinchilla",
            Self::Tied => "tied",
            Self::Kaplan => "kaplan",
            Self::Farseer => "farseer",
        }
    }
}

/// A fitted law of the loss of fresh data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FittedLoss {
    /// E + A/N^α + B/D^β.
    Sum(Chinchilla),
    /// Kaplan's joint form.
    Kaplan(Kaplan),
    /// Farseer's form.
    Farseer(Farseer),
}

impl FittedLoss {
    /// Loss of `params` parameters trained on `tokens` fresh tokens.
    pub fn loss(&self, params: f64, tokens: f64) -> f64 {
        match self {
            Self::Sum(law) => law.loss(params, tokens),
            Self::Kaplan(law) => law.loss(params, tokens),
            Self::Farseer(law) => law.loss(params, tokens),
        }
    }

    /// Best N and D under C = 6 N D.
    pub fn optimum(&self, flops: f64) -> Optimum {
        match self {
            Self::Sum(law) => law.optimum(flops),
            Self::Kaplan(law) => law.optimum(flops),
            Self::Farseer(law) => law.optimum(flops),
        }
    }
}

/// One form fitted, with its bootstrap draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossFit {
    /// The form.
    pub form: LossForm,
    /// The best fit.
    pub law: FittedLoss,
    /// One fit for each bootstrap draw.
    pub draws: Vec<FittedLoss>,
}

/// Fits one form.
///
/// # Errors
///
/// As [`fit`] and [`fit_kaplan`].
///
/// # Examples
///
/// ```
/// use outthink_law::pretrain::{fit_form, LossForm, PretrainOptions, Runs};
/// let (mut params, mut tokens, mut loss) = (vec![], vec![], vec![]);
/// for n in [2e7, 6e7, 2e8, 6e8] {
///     for d in [1e9, 3e9, 1e10, 3e10] {
///         params.push(n);
///         tokens.push(d);
///         loss.push(1.8 + 400.0 / f64::powf(n, 0.34) + 900.0 / f64::powf(d, 0.33));
///     }
/// }
/// let runs = Runs { params: &params, tokens: &tokens, loss: &loss };
/// let options = PretrainOptions { bootstraps: 0, starts: 30, ..Default::default() };
/// let fit = fit_form(LossForm::Tied, &runs, options)?;
/// assert!((fit.law.loss(2e8, 1e10) - 2.85).abs() < 0.02);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn fit_form(form: LossForm, runs: &Runs<'_>, options: PretrainOptions) -> Result<LossFit, LawError> {
    let held = Held { tied: options.held.tied || form == LossForm::Tied, ..options.held };
    Ok(match form {
        LossForm::Kaplan => {
            let fit = fit_kaplan(runs, options)?;
            let draws = fit.draws.into_iter().map(FittedLoss::Kaplan).collect();
            LossFit { form, law: FittedLoss::Kaplan(fit.law), draws }
        }
        LossForm::Farseer => {
            let fit =
                fit_farseer(runs, PretrainOptions { bootstraps: options.bootstraps.min(FARSEER_DRAWS), ..options })?;
            let draws = fit.draws.into_iter().map(FittedLoss::Farseer).collect();
            LossFit { form, law: FittedLoss::Farseer(fit.law), draws }
        }
        LossForm::Chinchilla | LossForm::Tied => {
            let fit = fit(runs, PretrainOptions { held, ..options })?;
            let draws = fit.draws.into_iter().map(FittedLoss::Sum).collect();
            LossFit { form, law: FittedLoss::Sum(fit.law), draws }
        }
    })
}

/// One run that a backtest held out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeldRun {
    /// Its row.
    pub run: usize,
    /// ln of the measured loss minus ln of the forecast.
    pub ln_error: f64,
    /// ln of its compute over the largest compute fitted.
    pub ln_factor: f64,
}

/// The errors of one form's forecasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// The form.
    pub form: LossForm,
    /// The runs held out, over all cuts.
    pub held: Vec<HeldRun>,
    /// Mean absolute error of ln loss; the lower, the more weight has the form in a [`super::Mixture`].
    pub scale: f64,
    /// Factor of compute over which the backtests reached: that of nine tenths of the runs held out.
    pub reach: f64,
    /// Mean absolute residual of ln loss within the runs fitted, with the constants accounted for.
    pub scatter: f64,
    /// Whether the scale comes from forecasts; where the runs are too few, from twice their scatter.
    pub tested: bool,
}

/// How far runs end from the forecasts of a law: what turns an interval of the fitted mean into one of a run.
///
/// # Examples
///
/// ```
/// use outthink_law::pretrain::RunErrors;
///
/// // Backtests that erred by 1 % for each e-fold of compute, on runs of up to 8 times the compute fitted.
/// let errors = RunErrors { scale: 0.01, near: 0.5, scatter: 0.004, reach: 8.0, largest_flops: 1e21, tested: true };
/// let near = errors.interval(2.0, None, 4.0, 0.9);
/// let far = errors.interval(2.0, None, 400.0, 0.9);
/// assert!(near.contains(2.05) && far.width() > 2.0 * near.width());
/// assert!(errors.beyond(400.0) && !errors.beyond(4.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RunErrors {
    /// Mean absolute error of ln loss for each unit of `near` + ln factor.
    pub scale: f64,
    /// Error at the largest compute fitted, in units of that for each e-fold beyond it.
    pub near: f64,
    /// Mean absolute residual of ln loss within the runs fitted: no forecast is taken to err by less.
    pub scatter: f64,
    /// Factor of compute over which the backtests reached.
    pub reach: f64,
    /// Largest compute fitted, 6 N D.
    pub largest_flops: f64,
    /// Whether the scale comes from forecasts; where the runs are too few, from twice their scatter.
    pub tested: bool,
}

impl RunErrors {
    /// From runs held out and the scatter about the law of all runs.
    pub(super) fn of(held: &[HeldRun], scatter: f64, near: f64, largest_flops: f64) -> Self {
        let tested = held.len() >= LEAST_HELD;
        let ratio = |h: &HeldRun| h.ln_error.abs() / (near + h.ln_factor);
        let (scale, reach) = if tested {
            let mut factors: Vec<f64> = held.iter().map(|h| h.ln_factor).collect();
            factors.sort_by(f64::total_cmp);
            (held.iter().map(ratio).sum::<f64>() / held.len() as f64, quantile(&factors, 0.9).exp())
        } else {
            (2.0 * scatter / near, 1.0)
        };
        let least = 1e-6;
        Self { scale: scale.max(least), near, scatter: scatter.max(least), reach, largest_flops, tested }
    }

    /// Compute of a run over the largest compute fitted.
    pub fn factor(&self, params: f64, tokens: f64) -> f64 {
        FLOP_PER_PARAM_TOKEN * params * tokens / self.largest_flops
    }

    /// Whether `factor` is further than the backtests reached.
    pub fn beyond(&self, factor: f64) -> bool {
        factor > self.reach.max(2.0)
    }

    /// Mean absolute error of ln loss expected at `factor` times the largest compute fitted.
    pub fn scale_at(&self, factor: f64) -> f64 {
        (self.scale * (self.near + factor.ln().max(0.0))).max(self.scatter)
    }

    /// Where a run ends whose law gives `loss` with the interval `mean` of the fitted mean.
    pub fn interval(&self, loss: f64, mean: Option<Interval>, factor: f64, level: f64) -> Interval {
        self.interval_with(loss, mean, (factor, 0.0), level)
    }

    /// The same where the scale has `apart` beside it, how far laws of several forms lie apart.
    pub(super) fn interval_with(
        &self,
        loss: f64,
        mean: Option<Interval>,
        (factor, apart): (f64, f64),
        level: f64,
    ) -> Interval {
        let half = self.scale_at(factor).hypot(apart) * (1.0 / (1.0 - level)).ln();
        let side = |end: Option<f64>| end.map_or(half, |e| half.hypot((e / loss).ln()));
        let low = loss * (-side(mean.map(|i| i.low.min(loss)))).exp();
        let high = loss * side(mean.map(|i| i.high.max(loss))).exp();
        Interval { low, high, level }
    }
}

/// A forecast of one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Parameters.
    pub params: f64,
    /// Tokens.
    pub tokens: f64,
    /// Loss expected.
    pub loss: f64,
    /// Where the loss of a run is expected.
    pub interval: Interval,
    /// Where the law's mean is expected; `None` without bootstrap draws.
    pub mean_interval: Option<Interval>,
    /// Compute over the largest compute fitted.
    pub factor: f64,
    /// Whether that is further than the backtests reached, so that only the growth of their errors speaks for it.
    pub beyond: bool,
}

pub(super) fn compute(runs: &Runs<'_>, i: usize) -> f64 {
    FLOP_PER_PARAM_TOKEN * runs.params[i] * runs.tokens[i]
}

pub(super) fn largest_compute(runs: &Runs<'_>) -> f64 {
    (0..runs.loss.len()).map(|i| compute(runs, i)).fold(0.0, f64::max)
}

pub(super) fn by_compute(runs: &Runs<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..runs.loss.len()).collect();
    order.sort_by(|&i, &j| compute(runs, i).total_cmp(&compute(runs, j)));
    order
}

pub(super) fn columns(runs: &Runs<'_>, keep: &[usize]) -> [Vec<f64>; 3] {
    [runs.params, runs.tokens, runs.loss].map(|column| keep.iter().map(|&i| column[i]).collect())
}

/// A law fitted to some of the runs, as the loss that it gives each run.
type Predicts<'a> = Box<dyn Fn(usize) -> f64 + 'a>;

/// The larger runs forecast from the smaller ones, from several origins; `fit` gets the rows of the smaller ones.
/// Parts that cannot be fitted are passed over.
fn roll<'a>(runs: &Runs<'a>, fit: impl Fn(&[usize]) -> Option<Predicts<'a>> + Sync) -> Vec<HeldRun> {
    let order = by_compute(runs);
    let n = order.len();
    let mut sizes: Vec<usize> = CUTS.iter().map(|c| (c * n as f64).round() as usize).collect();
    sizes.retain(|&s| s >= LEAST_RUNS && s < n);
    sizes.dedup();
    (sizes.par_iter())
        .filter_map(|&size| {
            let (cheap, dear) = order.split_at(size);
            let law = fit(cheap)?;
            let most = compute(runs, cheap[cheap.len() - 1]);
            let held = dear.iter().map(|&run| HeldRun {
                run,
                ln_error: runs.loss[run].ln() - law(run).ln(),
                ln_factor: (compute(runs, run) / most).ln().max(0.0),
            });
            Some(held.filter(|h| h.ln_error.is_finite()).collect::<Vec<_>>())
        })
        .flatten()
        .collect()
}

/// Mean absolute residual of ln loss, with `constants` accounted for.
fn scatter(runs: &Runs<'_>, constants: f64, law: impl Fn(usize) -> f64) -> f64 {
    let n = runs.loss.len();
    let free = (n as f64 / (n as f64 - constants).max(1.0)).sqrt();
    free * (0..n).map(|i| (runs.loss[i].ln() - law(i).ln()).abs()).sum::<f64>() / n as f64
}

/// Forecasts the larger runs from the smaller ones, from several origins.
///
/// # Errors
///
/// As [`fit`] for all runs. Parts of them that cannot be fitted are passed over.
///
/// # Examples
///
/// ```
/// use outthink_law::pretrain::{backtest, LossForm, PretrainOptions, Runs};
/// let (mut params, mut tokens, mut loss) = (vec![], vec![], vec![]);
/// for n in [2e7, 6e7, 2e8, 6e8] {
///     for d in [1e9, 3e9, 1e10, 3e10] {
///         params.push(n);
///         tokens.push(d);
///         loss.push(1.8 + 400.0 / f64::powf(n, 0.34) + 900.0 / f64::powf(d, 0.33));
///     }
/// }
/// let runs = Runs { params: &params, tokens: &tokens, loss: &loss };
/// let options = PretrainOptions { bootstraps: 0, starts: 30, ..Default::default() };
/// let test = backtest(LossForm::Chinchilla, &runs, options)?;
/// // The law that made the runs forecasts the larger ones.
/// assert!(test.tested && test.scale < 1e-3);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn backtest(form: LossForm, runs: &Runs<'_>, options: PretrainOptions) -> Result<Backtest, LawError> {
    let options = PretrainOptions { bootstraps: 0, starts: options.starts.min(STARTS), ..options };
    let whole = fit_form(form, runs, options)?;
    let held = roll(runs, |cheap| {
        let [params, tokens, loss] = columns(runs, cheap);
        let early = fit_form(form, &Runs { params: &params, tokens: &tokens, loss: &loss }, options).ok()?.law;
        let (params, tokens) = (runs.params, runs.tokens);
        Some(Box::new(move |i: usize| early.loss(params[i], tokens[i])))
    });
    let scatter = scatter(runs, form.constants() as f64, |i| whole.law.loss(runs.params[i], runs.tokens[i]));
    let mean = held.iter().map(|h| h.ln_error.abs()).sum::<f64>() / held.len().max(1) as f64;
    let scale = if held.len() >= LEAST_HELD { mean.max(scatter) } else { 2.0 * scatter }.max(1e-6);
    let errors = RunErrors::of(&held, scatter, NEAR, largest_compute(runs));
    Ok(Backtest { form, held, scale, reach: errors.reach, scatter, tested: errors.tested })
}

/// The same for the law of repeated data; `unique` has the unique tokens of each run.
///
/// # Errors
///
/// As [`fit_repeated`] for all runs. Parts of them that cannot be fitted are passed over.
pub fn backtest_repeated(runs: &Runs<'_>, unique: &[f64], options: PretrainOptions) -> Result<RunErrors, LawError> {
    let options = PretrainOptions { bootstraps: 0, starts: options.starts.min(STARTS), ..options };
    let whole = fit_repeated(runs, unique, options)?.law;
    let loss = |law: &Repeated, i: usize| law.loss(runs.params[i], runs.tokens[i], unique[i]);
    let held = roll(runs, |cheap| {
        let [params, tokens, measured] = columns(runs, cheap);
        let stock: Vec<f64> = cheap.iter().map(|&i| unique[i]).collect();
        let early = Runs { params: &params, tokens: &tokens, loss: &measured };
        let early = fit_repeated(&early, &stock, options).ok()?.law;
        let all: Vec<f64> = (0..runs.loss.len()).map(|i| loss(&early, i)).collect();
        Some(Box::new(move |i: usize| all[i]))
    });
    Ok(RunErrors::of(&held, scatter(runs, 7.0, |i| loss(&whole, i)), NEAR, largest_compute(runs)))
}

impl Backtest {
    /// What a forecast of a run by this form needs; `largest_flops` is the largest compute fitted.
    pub fn errors(&self, largest_flops: f64) -> RunErrors {
        RunErrors::of(&self.held, self.scatter, NEAR, largest_flops)
    }

    /// Forecasts a run of `params` parameters and `tokens` tokens by `fit`, whose largest compute was `most`.
    ///
    /// # Errors
    ///
    /// Parameters, tokens or compute that are not positive, or a level outside 0 to 1.
    pub fn forecast(
        &self,
        fit: &LossFit,
        most: f64,
        (params, tokens): (f64, f64),
        level: f64,
    ) -> Result<Forecast, LawError> {
        need_positive("params", &[params])?;
        need_positive("tokens", &[tokens])?;
        need_positive("compute", &[most])?;
        check("level", &[level], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)?;
        let loss = fit.law.loss(params, tokens);
        let errors = self.errors(most);
        let factor = errors.factor(params, tokens);
        let draws: Vec<f64> = fit.draws.iter().map(|d| d.loss(params, tokens)).collect();
        let mean_interval = (!draws.is_empty()).then(|| Interval::from_draws(&draws, level));
        let interval = errors.interval(loss, mean_interval, factor, level);
        Ok(Forecast { params, tokens, loss, interval, mean_interval, factor, beyond: errors.beyond(factor) })
    }
}
