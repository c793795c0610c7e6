//! Do the intervals of forecasts hold? They are tested on runs that they have not seen.

use serde::{Deserialize, Serialize};

use crate::LawError;

use super::forecast::{Forecast, LEAST_RUNS, LossForm, backtest, by_compute, columns, compute, fit_form};
use super::{Mixture, PretrainOptions, Runs};

/// Shares fitted where the intervals themselves are tested.
const ORIGINS: [f64; 4] = [0.5, 0.625, 0.75, 0.875];

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

/// A law of the smaller runs that forecasts a run at a level.
type Forecasts = Box<dyn Fn((f64, f64), f64) -> Result<Forecast, LawError>>;

/// The forecasts of one form, or of the mixture of all.
fn forecasts(
    form: Option<LossForm>,
    early: &Runs<'_>,
    most: f64,
    options: PretrainOptions,
) -> Result<Forecasts, LawError> {
    let Some(form) = form else {
        let mixture = Mixture::new(early, options)?;
        return Ok(Box::new(move |at, level| mixture.forecast(at, level)));
    };
    let (test, fit) = (backtest(form, early, options)?, fit_form(form, early, options)?);
    Ok(Box::new(move |at, level| test.forecast(&fit, most, at, level)))
}

/// Tests the intervals themselves: at each cut the law, its backtests and its bootstrap see the cheaper runs
/// only, and the intervals must hold the larger ones. Without a form it is the mixture of all that is tested.
///
/// # Errors
///
/// As [`backtest`]; no part of the runs that can be fitted.
///
/// # Examples
///
/// ```
/// use outthink_law::pretrain::{coverage_of_intervals, PretrainOptions, Runs};
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
/// let rows = coverage_of_intervals(None, &runs, options, &[0.9])?;
/// assert!(rows[0].tried > 5 && rows[0].held <= rows[0].tried);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn coverage_of_intervals(
    form: Option<LossForm>,
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
        let most = compute(runs, cheap[cheap.len() - 1]);
        let forecasts = match forecasts(form, &early, most, options) {
            Ok(forecasts) => forecasts,
            Err(error) => {
                refused = Some(error);
                continue;
            }
        };
        for &run in dear {
            let at = (runs.params[run], runs.tokens[run]);
            let row: Result<Vec<Forecast>, LawError> = levels.iter().map(|&level| forecasts(at, level)).collect();
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
