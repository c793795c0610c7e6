//! Pre-training loss against parameters and tokens: L(N, D) = E + A/N^α + B/D^β.
//!
//! Hoffmann et al. 2022 (arXiv:2203.15556), approach 3, eq. 2 and 10; the fit follows the
//! replication by Besiroglu et al. 2024 (arXiv:2404.10102), which sums the Huber loss over the
//! runs and does not average it.
//!
//! Departures: the two power terms are held at the middle of the data instead of at N = D = 1,
//! which removes the near-perfect correlation of A with α; starts are drawn by seed around the
//! data's own scale instead of from a fixed grid of 4,500; Newton's method takes the place of L-BFGS.

mod farseer;
mod forecast;
mod held_out;
mod isoflop;
mod kaplan;
mod line;
mod mixture;
mod moe;
mod newton;
mod repeat;
mod robust;

pub use farseer::{FARSEER, Farseer, FarseerFit, Stretched, fit_farseer};
pub use forecast::{
    Backtest, FittedLoss, Forecast, HeldRun, LossFit, LossForm, RunErrors, backtest, backtest_repeated, fit_form,
};
pub use held_out::{HeldOut, coverage_of_intervals};
pub use isoflop::{ISOFLOP, IsoflopFit, Parabola, fit_isoflop};
pub use kaplan::{KAPLAN, Kaplan, KaplanFit, fit_kaplan};
pub use line::{LineJudgement, LineVerdict, Newest, judge_line};
pub use mixture::{Mixture, Part};
pub use moe::{EXPERTS, Experts, ExpertsFit, fit_experts};
pub use repeat::{REPEATED, Repeated, RepeatedFit, fit_repeated};

use crate::entry::LawEntry;
use outthink_core::{Entry, Paper};
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_points, need_positive, same_len};
use crate::interval::Interval;
use crate::rng::Rng;

use crate::optim::Minimum;
use newton::Weighted;
use robust::{LogLaw, Task};

/// How it is described.
pub const CHINCHILLA: LawEntry = LawEntry {
    entry: Entry {
        paper: Some(Paper::new("Hoffmann et al. 2022", "https://arxiv.org/abs/2203.15556")),
        ..Entry::new("chinchilla", "loss of a model of N parameters after D tokens")
    },
    formula: "L(N, D) = E + A/N^α + B/D^β",
    fitted_to: "pretrain",
};

const FORM: &str = "the Chinchilla law E + A/N^alpha + B/D^beta";
/// Floating-point operations of training per parameter and token (Kaplan et al. 2020, table 1).
pub const FLOP_PER_PARAM_TOKEN: f64 = 6.0;

/// Runs to fit: one entry a run in each column.
#[derive(Debug, Clone, Copy)]
pub struct Runs<'a> {
    /// Parameters, N.
    pub params: &'a [f64],
    /// Training tokens, D.
    pub tokens: &'a [f64],
    /// Final loss in nats a token.
    pub loss: &'a [f64],
}

/// Constants that are not fitted: given by another study, or tied to each other.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Held {
    /// One exponent for both terms, β = α.
    pub tied: bool,
    /// E.
    pub floor: Option<f64>,
    /// α.
    pub alpha: Option<f64>,
    /// β.
    pub beta: Option<f64>,
}

impl Held {
    /// Constants left to fit.
    fn free(&self) -> usize {
        let held = [self.floor, self.alpha, self.beta].iter().flatten().count();
        5 - held - usize::from(self.tied && (self.alpha.is_none() || self.beta.is_none()))
    }

    fn check(&self) -> Result<(), LawError> {
        for (what, value) in [("floor", self.floor), ("alpha", self.alpha), ("beta", self.beta)] {
            if let Some(value) = value {
                need_positive(what, &[value])?;
            }
        }
        Ok(())
    }

    /// The unknowns with what is held in place.
    fn apply(&self, p: &[f64; 5]) -> [f64; 5] {
        let alpha = self.alpha.or(self.beta.filter(|_| self.tied)).unwrap_or(p[1]);
        let beta = self.beta.unwrap_or(if self.tied { alpha } else { p[3] });
        [p[0], alpha, p[2], beta, self.floor.map_or(p[4], f64::ln)]
    }

    /// Slopes in the unknowns that are left.
    fn slopes(&self, mut slopes: [f64; 5]) -> [f64; 5] {
        if self.tied && self.beta.is_none() {
            slopes[1] += slopes[3];
            slopes[3] = 0.0;
        }
        if self.alpha.is_some() || (self.tied && self.beta.is_some()) {
            slopes[1] = 0.0;
        }
        if self.beta.is_some() {
            slopes[3] = 0.0;
        }
        if self.floor.is_some() {
            slopes[4] = 0.0;
        }
        slopes
    }
}

/// How to fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PretrainOptions {
    /// Starts of the optimiser.
    pub starts: usize,
    /// Bootstrap draws over runs, each started at the best fit; 0 gives no intervals.
    pub bootstraps: usize,
    /// Seed of starts and draws.
    pub seed: u64,
    /// Residual in log loss at which the Huber loss turns from square to linear.
    pub huber_delta: f64,
    /// Level of the intervals.
    pub level: f64,
    /// Constants of the Chinchilla law that are not fitted.
    pub held: Held,
}

impl Default for PretrainOptions {
    /// 300 starts, 1,000 draws, seed 0, delta 1e-3 (Hoffmann et al.), level 0.95, nothing held.
    fn default() -> Self {
        Self { starts: 300, bootstraps: 1_000, seed: 0, huber_delta: 1e-3, level: 0.95, held: Held::default() }
    }
}

/// L(N, D) = E + A/N^α + B/D^β.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Chinchilla {
    /// Irreducible loss E.
    pub floor: f64,
    /// A of the parameter term.
    pub a: f64,
    /// Exponent α of the parameter term.
    pub alpha: f64,
    /// B of the data term.
    pub b: f64,
    /// Exponent β of the data term.
    pub beta: f64,
}

/// The split of a training budget that the law calls best.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Optimum {
    /// Training compute C in floating-point operations.
    pub flops: f64,
    /// Parameters N*.
    pub params: f64,
    /// Tokens D*.
    pub tokens: f64,
    /// Loss at (N*, D*).
    pub loss: f64,
}

impl Optimum {
    /// D*/N*.
    pub fn tokens_per_param(&self) -> f64 {
        self.tokens / self.params
    }
}

impl Chinchilla {
    /// Loss of a model of `params` parameters trained on `tokens` fresh tokens.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::pretrain::Chinchilla;
    /// let law = Chinchilla { floor: 1.8172, a: 482.01, alpha: 0.3478, b: 2_085.43, beta: 0.3658 };
    /// assert!((law.loss(70e9, 1.4e12) - 1.97).abs() < 0.01);
    /// ```
    pub fn loss(&self, params: f64, tokens: f64) -> f64 {
        self.floor + self.a * params.powf(-self.alpha) + self.b * tokens.powf(-self.beta)
    }

    /// Best N and D under C = 6 N D (Hoffmann et al. 2022, eq. 4).
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::pretrain::Chinchilla;
    /// let law = Chinchilla { floor: 1.8172, a: 482.01, alpha: 0.3478, b: 2_085.43, beta: 0.3658 };
    /// let best = law.optimum(5.76e23);
    /// assert!((15.0..25.0).contains(&best.tokens_per_param()));
    /// ```
    pub fn optimum(&self, flops: f64) -> Optimum {
        let sum = self.alpha + self.beta;
        // In logarithms: A^(1/sum) overflows where both exponents are small.
        let ln_g = (self.alpha.ln() + self.a.ln() - self.beta.ln() - self.b.ln()) / sum;
        let ln_c = (flops / FLOP_PER_PARAM_TOKEN).ln();
        let params = (ln_g + self.beta / sum * ln_c).exp();
        let tokens = (self.alpha / sum * ln_c - ln_g).exp();
        Optimum { flops, params, tokens, loss: self.loss(params, tokens) }
    }
}

/// Intervals of the constants, percentiles over bootstrap draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChinchillaIntervals {
    /// Of E.
    pub floor: Interval,
    /// Of A; wide, for A moves with α along a flat valley.
    pub a: Interval,
    /// Of α.
    pub alpha: Interval,
    /// Of B; wide, for B moves with β along a flat valley.
    pub b: Interval,
    /// Of β.
    pub beta: Interval,
}

/// Intervals of the best split of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OptimumIntervals {
    /// Of N*.
    pub params: Interval,
    /// Of D*.
    pub tokens: Interval,
    /// Of D*/N*.
    pub tokens_per_param: Interval,
    /// Of the loss there.
    pub loss: Interval,
}

/// A fitted law with its bootstrap draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PretrainFit {
    /// The best fit.
    pub law: Chinchilla,
    /// Sum of the Huber losses of log-loss residuals at the best fit.
    pub objective: f64,
    /// Runs fitted.
    pub n: usize,
    /// Starts that ended within 0.1 % of the best objective: few of many means a hard surface.
    pub starts_agreeing: usize,
    /// One fit for each bootstrap draw.
    pub draws: Vec<Chinchilla>,
    /// Level that the intervals claim.
    pub level: f64,
}

impl PretrainFit {
    /// Percentile interval of any function of the law; `None` where no draws were asked for.
    pub fn interval(&self, f: impl Fn(&Chinchilla) -> f64) -> Option<Interval> {
        if self.draws.is_empty() {
            return None;
        }
        let values: Vec<f64> = self.draws.iter().map(f).collect();
        Some(Interval::from_draws(&values, self.level))
    }

    /// Intervals of the five constants; `None` where no draws were asked for.
    pub fn intervals(&self) -> Option<ChinchillaIntervals> {
        Some(ChinchillaIntervals {
            floor: self.interval(|l| l.floor)?,
            a: self.interval(|l| l.a)?,
            alpha: self.interval(|l| l.alpha)?,
            b: self.interval(|l| l.b)?,
            beta: self.interval(|l| l.beta)?,
        })
    }

    /// Intervals of the best split of `flops`; `None` where no draws were asked for.
    pub fn optimum_intervals(&self, flops: f64) -> Option<OptimumIntervals> {
        Some(OptimumIntervals {
            params: self.interval(|l| l.optimum(flops).params)?,
            tokens: self.interval(|l| l.optimum(flops).tokens)?,
            tokens_per_param: self.interval(|l| l.optimum(flops).tokens_per_param())?,
            loss: self.interval(|l| l.optimum(flops).loss)?,
        })
    }
}

/// Logarithms about their mean, and the mean.
fn ln_centred(xs: &[f64]) -> (Vec<f64>, f64) {
    let logs: Vec<f64> = xs.iter().map(|x| x.ln()).collect();
    let mid = logs.iter().sum::<f64>() / logs.len() as f64;
    (logs.into_iter().map(|x| x - mid).collect(), mid)
}

/// Refuses runs and options that no law of the loss can be fitted with.
fn checked(runs: &Runs<'_>, options: &PretrainOptions, form: &'static str, constants: usize) -> Result<(), LawError> {
    let n = runs.loss.len();
    same_len("params", runs.params.len(), "loss", n)?;
    same_len("tokens", runs.tokens.len(), "loss", n)?;
    need_points(form, constants, n)?;
    for (what, column) in [("params", runs.params), ("tokens", runs.tokens), ("loss", runs.loss)] {
        need_positive(what, column)?;
        // Losses that differ by rounding alone carry no law either.
        let apart = if what == "loss" { 1e-9 * column[0] } else { 0.0 };
        if column.iter().all(|&x| (x - column[0]).abs() <= apart) {
            return Err(LawError::OneValueOnly { what, points: n });
        }
    }
    need_positive("huber_delta", &[options.huber_delta])?;
    check("level", &[options.level], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)
}

/// Logarithms of the runs about their means. The unknowns are (a, α, b, β, e) of
/// log-sum-exp(a − α n, b − β d, e) (Hoffmann et al. 2022, eq. 10).
struct Logs {
    params: Vec<f64>,
    tokens: Vec<f64>,
    mid_params: f64,
    mid_tokens: f64,
    held: Held,
}

impl LogLaw<5> for Logs {
    fn predict(&self, p: &[f64; 5], run: usize) -> (f64, [f64; 5]) {
        let p = self.held.apply(p);
        let (n, d) = (self.params[run], self.tokens[run]);
        let floor = p[4].exp();
        let of_params = (p[0] - p[1] * n).exp();
        let of_tokens = (p[2] - p[3] * d).exp();
        let sum = of_params + of_tokens + floor;
        let (np, dp) = (of_params / sum, of_tokens / sum);
        (sum.ln(), self.held.slopes([np, -np * n, dp, -dp * d, floor / sum]))
    }

    fn descend(&self, task: &Task<'_>, start: [f64; 5]) -> Minimum<5> {
        let runs = (&self.params[..], &self.tokens[..]);
        Weighted::new(runs, task.ln_loss, task.rows, (task.delta, self.held)).minimise(start)
    }

    fn settle(&self, task: &Task<'_>, start: [f64; 5]) -> Minimum<5> {
        self.descend(task, start)
    }
}

impl Logs {
    fn law(&self, p: &[f64; 5]) -> Chinchilla {
        let p = self.held.apply(p);
        Chinchilla {
            floor: p[4].exp(),
            a: (p[0] + p[1] * self.mid_params).exp(),
            alpha: p[1],
            b: (p[2] + p[3] * self.mid_tokens).exp(),
            beta: p[3],
        }
    }
}

/// Fits L(N, D) = E + A/N^α + B/D^β.
///
/// # Errors
///
/// Columns of different length, fewer than six runs, a value that is not finite and positive, or
/// one model size or one number of tokens only.
///
/// # Examples
///
/// ```
/// use outthink_law::pretrain::{fit, PretrainOptions, Runs};
///
/// let (mut params, mut tokens, mut loss) = (vec![], vec![], vec![]);
/// for n in [1e8, 1e9, 1e10] {
///     for d in [1e9, 1e10, 1e11] {
///         params.push(n);
///         tokens.push(d);
///         loss.push(1.8 + 480.0 / f64::powf(n, 0.35) + 2_000.0 / f64::powf(d, 0.37));
///     }
/// }
/// let runs = Runs { params: &params, tokens: &tokens, loss: &loss };
/// let fit = fit(&runs, PretrainOptions { bootstraps: 0, ..Default::default() })?;
/// assert!((fit.law.alpha - 0.35).abs() < 1e-3);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn fit(runs: &Runs<'_>, options: PretrainOptions) -> Result<PretrainFit, LawError> {
    options.held.check()?;
    checked(runs, &options, FORM, options.held.free())?;
    let n = runs.loss.len();
    let (params, mid_params) = ln_centred(runs.params);
    let (tokens, mid_tokens) = ln_centred(runs.tokens);
    let logs = Logs { params, tokens, mid_params, mid_tokens, held: options.held };
    let ln_loss: Vec<f64> = runs.loss.iter().map(|l| l.ln()).collect();
    let lowest = runs.loss.iter().copied().fold(f64::INFINITY, f64::min);
    let middle = runs.loss.iter().sum::<f64>() / n as f64;
    let starts: Vec<[f64; 5]> = (0..options.starts.max(1) as u64)
        .map(|i| {
            let mut rng = Rng::stream(options.seed, i);
            [
                (middle * rng.between(0.02, 0.8)).ln(),
                rng.between(0.02, 1.2),
                (middle * rng.between(0.02, 0.8)).ln(),
                rng.between(0.02, 1.2),
                (lowest * rng.between(0.1, 0.98)).ln(),
            ]
        })
        .collect();
    let Some(found) = robust::fit(&logs, &ln_loss, &starts, &options) else {
        return Err(LawError::NoConvergence { form: FORM, starts: options.starts });
    };
    Ok(PretrainFit {
        law: logs.law(&found.best),
        objective: found.objective,
        n,
        starts_agreeing: found.agreeing,
        draws: found.draws.iter().map(|p| logs.law(p)).collect(),
        level: options.level,
    })
}
