//! What a run that was not made yet will end at: forecasts whose intervals hold.
//!
//! A bootstrap over runs says how sure the fitted mean is. A new run scatters about that mean, and beyond the
//! largest budget the law itself errs, so such intervals hold a fraction of what they claim. Here the law is
//! fitted again and again to the smaller of the runs and must forecast the larger ones (rolling origin,
//! Tashman 2000). The errors of those forecasts, in ln loss, are taken for Laplace's: their mean absolute value
//! is the scale, and half an interval of level p is scale · ln(1/(1 − p)), beside what the bootstrap says.
//! Beyond the factor of compute over which the backtests reached, the scale grows with the logarithm of
//! the factor.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_positive};
use crate::interval::Interval;

use super::{Chinchilla, FLOP_PER_PARAM_TOKEN, Held, Kaplan, Optimum, PretrainOptions, Runs, fit, fit_kaplan};

/// Shares of the runs, by compute, that the backtests fit: fits to fewer err more than the fit to all will.
const CUTS: [f64; 3] = [0.625, 0.75, 0.875];
/// Shares fitted where the intervals themselves are tested.
const ORIGINS: [f64; 4] = [0.5, 0.625, 0.75, 0.875];
/// Runs below which no backtest is made.
const LEAST_RUNS: usize = 8;
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
}

impl LossForm {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Chinchilla, Self::Tied, Self::Kaplan];

    /// Its name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chinchilla => "chinchilla",
            Self::Tied => "tied",
            Self::Kaplan => "kaplan",
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
}

impl FittedLoss {
    /// Loss of `params` parameters trained on `tokens` fresh tokens.
    pub fn loss(&self, params: f64, tokens: f64) -> f64 {
        match self {
            Self::Sum(law) => law.loss(params, tokens),
            Self::Kaplan(law) => law.loss(params, tokens),
        }
    }

    /// Best N and D under C = 6 N D.
    pub fn optimum(&self, flops: f64) -> Optimum {
        match self {
            Self::Sum(law) => law.optimum(flops),
            Self::Kaplan(law) => law.optimum(flops),
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
pub fn fit_form(form: LossForm, runs: &Runs<'_>, options: PretrainOptions) -> Result<LossFit, LawError> {
    let held = Held { tied: options.held.tied || form == LossForm::Tied, ..options.held };
    Ok(match form {
        LossForm::Kaplan => {
            let fit = fit_kaplan(runs, options)?;
            let draws = fit.draws.into_iter().map(FittedLoss::Kaplan).collect();
            LossFit { form, law: FittedLoss::Kaplan(fit.law), draws }
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
    /// Mean absolute error of ln loss; the scale of the intervals.
    pub scale: f64,
    /// Factor of compute over which the backtests reached: that of nine tenths of the runs held out.
    pub reach: f64,
    /// Mean absolute residual of ln loss within the runs fitted, with the constants accounted for.
    pub scatter: f64,
    /// Whether the scale comes from forecasts; where the runs are too few, from twice their scatter.
    pub tested: bool,
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
    /// Whether that is further than the backtests reached, so that the interval was widened beyond them.
    pub beyond: bool,
}

fn compute(runs: &Runs<'_>, i: usize) -> f64 {
    FLOP_PER_PARAM_TOKEN * runs.params[i] * runs.tokens[i]
}

fn by_compute(runs: &Runs<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..runs.loss.len()).collect();
    order.sort_by(|&i, &j| compute(runs, i).total_cmp(&compute(runs, j)));
    order
}

fn columns(runs: &Runs<'_>, keep: &[usize]) -> [Vec<f64>; 3] {
    [runs.params, runs.tokens, runs.loss].map(|column| keep.iter().map(|&i| column[i]).collect())
}

/// Forecasts the larger runs from the smaller ones, from several origins.
///
/// # Errors
///
/// As [`fit`] for all runs. Parts of them that cannot be fitted are passed over.
pub fn backtest(form: LossForm, runs: &Runs<'_>, options: PretrainOptions) -> Result<Backtest, LawError> {
    let options = PretrainOptions { bootstraps: 0, starts: options.starts.min(STARTS), ..options };
    let whole = fit_form(form, runs, options)?;
    let order = by_compute(runs);
    let n = order.len();
    let mut sizes: Vec<usize> = CUTS.iter().map(|c| (c * n as f64).round() as usize).collect();
    sizes.retain(|&s| s >= LEAST_RUNS && s < n);
    sizes.dedup();
    let held: Vec<HeldRun> = sizes
        .par_iter()
        .map(|&size| {
            let (cheap, dear) = order.split_at(size);
            let [params, tokens, loss] = columns(runs, cheap);
            let early = fit_form(form, &Runs { params: &params, tokens: &tokens, loss: &loss }, options).ok()?;
            let most = compute(runs, cheap[cheap.len() - 1]);
            let held = dear.iter().map(|&run| HeldRun {
                run,
                ln_error: runs.loss[run].ln() - early.law.loss(runs.params[run], runs.tokens[run]).ln(),
                ln_factor: (compute(runs, run) / most).ln().max(0.0),
            });
            Some(held.filter(|h| h.ln_error.is_finite()).collect::<Vec<_>>())
        })
        .flatten()
        .flatten()
        .collect();
    let residual = |i: usize| (runs.loss[i].ln() - whole.law.loss(runs.params[i], runs.tokens[i]).ln()).abs();
    let free = (n as f64 / (n as f64 - 5.0).max(1.0)).sqrt();
    let scatter = free * (0..n).map(residual).sum::<f64>() / n as f64;
    let tested = held.len() >= 4;
    let mean = held.iter().map(|h| h.ln_error.abs()).sum::<f64>() / held.len().max(1) as f64;
    let mut factors: Vec<f64> = held.iter().map(|h| h.ln_factor).collect();
    factors.sort_by(f64::total_cmp);
    let reach = if tested { crate::interval::quantile(&factors, 0.9).exp() } else { 1.0 };
    let scale = if tested { mean.max(scatter) } else { 2.0 * scatter }.max(1e-6);
    Ok(Backtest { form, held, scale, reach, scatter, tested })
}

impl Backtest {
    /// Mean absolute error of ln loss expected at `factor` times the largest compute fitted.
    pub fn scale_at(&self, factor: f64) -> f64 {
        let reach = self.reach.max(2.0);
        self.scale * if factor > reach { factor.ln() / reach.ln() } else { 1.0 }
    }

    /// Half of the interval of ln loss at `factor` times the largest compute fitted.
    fn half(&self, level: f64, factor: f64) -> f64 {
        self.scale_at(factor) * (1.0 / (1.0 - level)).ln()
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
        let factor = FLOP_PER_PARAM_TOKEN * params * tokens / most;
        let draws: Vec<f64> = fit.draws.iter().map(|d| d.loss(params, tokens)).collect();
        let mean_interval = (!draws.is_empty()).then(|| Interval::from_draws(&draws, level));
        let half = self.half(level, factor);
        let side = |end: Option<f64>| end.map_or(half, |e| half.hypot((e / loss).ln()));
        let low = loss * (-side(mean_interval.map(|i| i.low.min(loss)))).exp();
        let high = loss * side(mean_interval.map(|i| i.high.max(loss))).exp();
        let beyond = factor > self.reach.max(2.0);
        Ok(Forecast { params, tokens, loss, interval: Interval { low, high, level }, mean_interval, factor, beyond })
    }
}

/// How often forecast intervals held runs that they had not seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Level claimed.
    pub level: f64,
    /// Runs held out over all cuts.
    pub tried: usize,
    /// Those within their interval.
    pub held: usize,
    /// Those within the interval of the fitted mean, for comparison.
    pub held_by_mean: usize,
    /// Mean width of the intervals as a share of the loss.
    pub mean_width: f64,
    /// Mean absolute error of ln loss.
    pub error: f64,
}

/// A run held out: its loss, and its forecast at each level.
type Tested = (f64, Vec<Forecast>);

/// Tests the intervals themselves: at each cut the law, its backtests and its bootstrap see the cheaper runs
/// only, and the intervals must hold the larger ones.
///
/// # Errors
///
/// As [`backtest`]; no part of the runs that can be fitted.
pub fn coverage_of_intervals(
    form: LossForm,
    runs: &Runs<'_>,
    options: PretrainOptions,
    levels: &[f64],
) -> Result<Vec<HeldOut>, LawError> {
    let order = by_compute(runs);
    let n = order.len();
    let mut rows: Vec<Tested> = Vec::new();
    let mut refused = None;
    for cut in ORIGINS {
        let size = (cut * n as f64).round() as usize;
        if size < LEAST_RUNS || size >= n {
            continue;
        }
        let (cheap, dear) = order.split_at(size);
        let [params, tokens, loss] = columns(runs, cheap);
        let early = Runs { params: &params, tokens: &tokens, loss: &loss };
        let (test, fit) = match (backtest(form, &early, options), fit_form(form, &early, options)) {
            (Ok(test), Ok(fit)) => (test, fit),
            (Err(error), _) | (_, Err(error)) => {
                refused = Some(error);
                continue;
            }
        };
        let most = compute(runs, cheap[cheap.len() - 1]);
        for &run in dear {
            let at = (runs.params[run], runs.tokens[run]);
            let row: Result<Vec<Forecast>, LawError> =
                levels.iter().map(|&level| test.forecast(&fit, most, at, level)).collect();
            rows.push((runs.loss[run], row?));
        }
    }
    if rows.is_empty() {
        let few =
            LawError::TooFewPoints { form: "a backtest", parameters: LEAST_RUNS, points: n, need: 2 * LEAST_RUNS };
        return Err(refused.unwrap_or(few));
    }
    let tried = rows.len();
    let mean = |f: &dyn Fn(&Tested) -> f64| rows.iter().map(f).sum::<f64>() / tried as f64;
    let count = |f: &dyn Fn(&Tested) -> bool| rows.iter().filter(|r| f(r)).count();
    Ok((levels.iter().enumerate())
        .map(|(i, &level)| HeldOut {
            level,
            tried,
            held: count(&|(loss, f)| f[i].interval.contains(*loss)),
            held_by_mean: count(&|(loss, f)| f[i].mean_interval.is_some_and(|m| m.contains(*loss))),
            mean_width: mean(&|(loss, f)| f[i].interval.width() / loss),
            error: mean(&|(loss, f)| (loss / f[i].loss).ln().abs()),
        })
        .collect())
}
