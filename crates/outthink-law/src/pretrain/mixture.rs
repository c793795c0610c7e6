//! Forecasts by all forms at once.
//!
//! The form that backtests best on some runs is often not the one that forecasts the next ones best: on ten published
//! sets it erred more than their weighted mean, and its intervals were too narrow, as those of a winner are. So the
//! forecast is the mean of all forms in ln loss, weighted by the inverse cube of their backtest errors, and how far the
//! forms lie apart enters the interval (Bates and Granger 1969 for the combination).

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_positive};
use crate::interval::Interval;

use super::forecast::largest_compute;
use super::{Backtest, Forecast, Held, LossFit, LossForm, PretrainOptions, RunErrors, Runs, backtest, fit_form};

/// Power of the inverse backtest error that is a form's weight.
const POWER: f64 = 3.0;
/// Error at the largest compute fitted, in units of that for each e-fold of compute beyond it.
const NEAR: f64 = 2.0;
/// Share of the forms' standard deviation that enters the scale of the errors.
const APART: f64 = 0.75;

/// One form of a mixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The form fitted, with its draws.
    pub fit: LossFit,
    /// How it forecast the larger runs from the smaller ones.
    pub backtest: Backtest,
    /// Its weight; all weights sum to 1.
    pub weight: f64,
}

/// All forms of the loss of fresh data, fitted and backtested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mixture {
    /// The forms, the one of most weight first.
    pub parts: Vec<Part>,
    /// Errors of the parts' forecasts, weighted.
    pub errors: RunErrors,
}

impl Mixture {
    /// Fits and backtests every form that the runs allow; where constants are held, the tied form is left out.
    ///
    /// # Errors
    ///
    /// As [`super::fit`] where no form can be fitted.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::pretrain::{Mixture, PretrainOptions, Runs};
    ///
    /// let (mut params, mut tokens, mut loss) = (vec![], vec![], vec![]);
    /// for (i, n) in [2e7, 6e7, 2e8, 6e8].into_iter().enumerate() {
    ///     for (j, d) in [1e9, 3e9, 1e10, 3e10].into_iter().enumerate() {
    ///         params.push(n);
    ///         tokens.push(d);
    ///         let noise = 0.002 * f64::from((7 * i + 3 * j) as u32 % 5) - 0.004;
    ///         loss.push((1.8 + 400.0 / f64::powf(n, 0.34) + 900.0 / f64::powf(d, 0.33)) * noise.exp());
    ///     }
    /// }
    /// let runs = Runs { params: &params, tokens: &tokens, loss: &loss };
    /// let options = PretrainOptions { bootstraps: 20, starts: 30, ..Default::default() };
    /// let next = Mixture::new(&runs, options)?.forecast((1e9, 5e10), 0.9)?;
    /// let truth = 1.8 + 400.0 / f64::powf(1e9, 0.34) + 900.0 / f64::powf(5e10, 0.33);
    /// assert!(next.interval.contains(truth), "{next:?}");
    /// # Ok::<(), outthink_law::LawError>(())
    /// ```
    pub fn new(runs: &Runs<'_>, options: PretrainOptions) -> Result<Self, LawError> {
        let mut parts = Vec::new();
        let mut refused = None;
        for form in LossForm::ALL {
            if form == LossForm::Tied && options.held != Held::default() {
                continue;
            }
            match (fit_form(form, runs, options), backtest(form, runs, options)) {
                (Ok(fit), Ok(backtest)) => {
                    let weight = backtest.scale.powf(-POWER);
                    parts.push(Part { fit, backtest, weight });
                }
                (Err(error), _) | (_, Err(error)) => {
                    refused.get_or_insert(error);
                }
            }
        }
        let sum: f64 = parts.iter().map(|p| p.weight).sum();
        for part in &mut parts {
            part.weight /= sum;
        }
        parts.sort_by(|x, y| y.weight.total_cmp(&x.weight));
        let Some(first) = parts.first() else {
            return Err(refused.unwrap_or(LawError::NoConvergence { form: "any law of the loss", starts: 0 }));
        };
        let most = largest_compute(runs);
        let of = |p: &Part| RunErrors::of(&p.backtest.held, p.backtest.scatter, NEAR, most);
        let mean = |f: fn(&RunErrors) -> f64| parts.iter().map(|p| p.weight * f(&of(p))).sum::<f64>();
        let errors = RunErrors { scale: mean(|e| e.scale), scatter: mean(|e| e.scatter), ..of(first) };
        Ok(Self { parts, errors })
    }

    /// Loss expected of a run of `params` parameters and `tokens` fresh tokens.
    pub fn loss(&self, params: f64, tokens: f64) -> f64 {
        self.parts.iter().map(|p| p.weight * p.fit.law.loss(params, tokens).ln()).sum::<f64>().exp()
    }

    /// Forecasts a run of so many parameters and tokens.
    ///
    /// # Errors
    ///
    /// Parameters or tokens that are not positive, or a level outside 0 to 1.
    pub fn forecast(&self, (params, tokens): (f64, f64), level: f64) -> Result<Forecast, LawError> {
        need_positive("params", &[params])?;
        need_positive("tokens", &[tokens])?;
        check("level", &[level], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)?;
        let loss = self.loss(params, tokens);
        let gap = |p: &Part| (p.fit.law.loss(params, tokens) / loss).ln();
        let apart = self.parts.iter().map(|p| p.weight * gap(p).powi(2)).sum::<f64>().sqrt();
        let draws = self.parts.iter().map(|p| p.fit.draws.len()).min().unwrap_or(0);
        let draws: Vec<f64> = (0..draws)
            .map(|i| self.parts.iter().map(|p| p.weight * p.fit.draws[i].loss(params, tokens).ln()).sum::<f64>().exp())
            .collect();
        let mean_interval = (!draws.is_empty()).then(|| Interval::from_draws(&draws, level));
        let factor = self.errors.factor(params, tokens);
        let interval = self.errors.interval_with(loss, mean_interval, (factor, APART * apart), level);
        Ok(Forecast { params, tokens, loss, interval, mean_interval, factor, beyond: self.errors.beyond(factor) })
    }
}
