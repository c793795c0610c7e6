//! Whether a line of models slows: the newest one against the law of those before it.
//!
//! A loss above the interval of the fitted mean says little: runs scatter about the mean, and the law errs where it is
//! extrapolated. So the new loss is held against the interval of a run, from rolling backtests
//! ([`Mixture::forecast`]).

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::need_positive;

use super::{Forecast, Mixture};

/// A model that was trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Newest {
    /// Parameters.
    pub params: f64,
    /// Tokens.
    pub tokens: f64,
    /// Its loss.
    pub loss: f64,
}

/// How the newest model stands to the line of the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineVerdict {
    /// Its loss is above where runs of the line end: the line slows.
    Slowing,
    /// Its loss is where runs of the line end.
    OnTheLine,
    /// Its loss is below where runs of the line end.
    AheadOfTheLine,
}

/// The newest model against the line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LineJudgement {
    /// The model.
    pub newest: Newest,
    /// What the line forecast.
    pub forecast: Forecast,
    /// The verdict at the level of the forecast.
    pub verdict: LineVerdict,
    /// The level at which the interval would just reach the loss: how sure the verdict could be.
    pub confidence: f64,
    /// Compute that the line needs for this loss at the same tokens a parameter, as a share of the compute spent: below 1
    /// the model is worth less than it cost. `None` where no compute gives this loss.
    pub worth: Option<f64>,
}

/// Judges the newest model by the forms fitted to the earlier ones.
///
/// # Errors
///
/// Numbers that are not positive, or a level outside 0 to 1.
///
/// # Examples
///
/// ```
/// use outthink_law::pretrain::{judge_line, LineVerdict, Mixture, Newest, PretrainOptions, Runs};
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
/// let line = Mixture::new(&runs, options)?;
/// let newest = Newest { params: 1e9, tokens: 5e10, loss: 2.9 };
/// assert_eq!(judge_line(&line, newest, 0.95)?.verdict, LineVerdict::Slowing);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn judge_line(line: &Mixture, newest: Newest, level: f64) -> Result<LineJudgement, LawError> {
    need_positive("loss", &[newest.loss])?;
    let point = (newest.params, newest.tokens);
    let forecast = line.forecast(point, level)?;
    let verdict = match newest.loss {
        l if l > forecast.interval.high => LineVerdict::Slowing,
        l if l < forecast.interval.low => LineVerdict::AheadOfTheLine,
        _ => LineVerdict::OnTheLine,
    };
    // Intervals grow with their level, so the level that just reaches the loss is found by halving.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if middle <= 0.0 || middle >= 1.0 {
            break;
        }
        let within = line.forecast(point, middle)?.interval.contains(newest.loss);
        *(if within { &mut high } else { &mut low }) = middle;
    }
    let at = |ln: f64| {
        let side = (0.5 * ln).exp();
        line.loss(newest.params * side, newest.tokens * side)
    };
    let (mut less, mut more) = (-30.0_f64, 30.0_f64);
    let worth = (at(less) > newest.loss && at(more) < newest.loss).then(|| {
        for _ in 0..80 {
            let middle = f64::midpoint(less, more);
            if at(middle) > newest.loss { less = middle } else { more = middle }
        }
        more.exp()
    });
    Ok(LineJudgement { newest, forecast, verdict, confidence: high, worth })
}
