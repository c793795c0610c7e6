//! The data wall: loss when data are repeated (Muennighoff et al. 2023, arXiv:2305.16264, eq. 5-7).
//!
//! L = E + A/N'^α + B/D'^β with D' = U (1 + R* (1 − exp(−R/R*))), where U are the unique tokens and R
//! the repetitions after the first pass; the same for parameters beyond those that U can use.
//!
//! Departure: the paper holds E, A, α, B, β at their fit to fresh data and fits R*_D and R*_N alone. Here
//! that is the start, and all seven are then fitted to all runs: an error of the five that is not
//! fitted again would be read as decay, and the intervals would miss it.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{need_points, need_positive, same_len};
use crate::interval::Interval;
use crate::optim::{Limits, minimise};

use super::robust::{self, LogLaw};
use super::{Chinchilla, PretrainOptions, Runs, fit};

const FORM: &str = "the law of repeated data";

/// The law of repeated data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Repeated {
    /// The law of fresh data.
    pub fresh: Chinchilla,
    /// R*_D: repetitions at which repeated data have lost most of their worth.
    pub data_decay: f64,
    /// R*_N: the same for parameters beyond those that the unique data can use.
    pub param_decay: f64,
}

/// `whole` = `unique` seen again and again: what it is worth in fresh units.
fn effective(unique: f64, whole: f64, decay: f64) -> f64 {
    let again = (whole / unique - 1.0).max(0.0);
    unique * (1.0 - decay * (-again / decay).exp_m1())
}

impl Repeated {
    /// D': what `tokens` seen of `unique` ones are worth in fresh tokens.
    pub fn effective_tokens(&self, tokens: f64, unique: f64) -> f64 {
        effective(unique.min(tokens), tokens, self.data_decay)
    }

    /// N': what `params` parameters are worth with `unique` tokens to learn from.
    pub fn effective_params(&self, params: f64, unique: f64) -> f64 {
        effective(usable_params(&self.fresh, unique).min(params), params, self.param_decay)
    }

    /// Loss of `params` parameters trained on `tokens` tokens, of which `unique` differ.
    pub fn loss(&self, params: f64, tokens: f64, unique: f64) -> f64 {
        self.fresh.loss(self.effective_params(params, unique), self.effective_tokens(tokens, unique))
    }

    /// What the next pass over the data is worth after `epochs` of them, against fresh data.
    pub fn worth_of_next_epoch(&self, epochs: f64) -> f64 {
        effective(1.0, epochs + 1.0, self.data_decay) - effective(1.0, epochs, self.data_decay)
    }
}

/// The size whose optimal number of tokens is `unique`.
fn usable_params(law: &Chinchilla, unique: f64) -> f64 {
    let sum = law.alpha + law.beta;
    let ln_g = (law.alpha.ln() + law.a.ln() - law.beta.ln() - law.b.ln()) / sum;
    // D* = (C/6)^(α/sum) / G, so C/6 = (D* G)^(sum/α), and N* = C/6 / D*.
    let ln_pairs = (unique.ln() + ln_g) * sum / law.alpha;
    (ln_pairs - unique.ln()).exp()
}

/// The law fitted, with its bootstrap draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepeatedFit {
    /// The best fit.
    pub law: Repeated,
    /// Sum of the Huber losses of log-loss residuals over all runs.
    pub objective: f64,
    /// Runs fitted.
    pub n: usize,
    /// Those of them on fresh data.
    pub fresh: usize,
    /// One fit for each bootstrap draw.
    pub draws: Vec<Repeated>,
    /// Level that the intervals claim.
    pub level: f64,
}

impl RepeatedFit {
    /// Percentile interval of any function of the law; `None` where no draws were asked for.
    pub fn interval(&self, f: impl Fn(&Repeated) -> f64) -> Option<Interval> {
        let values: Vec<f64> = self.draws.iter().map(f).collect();
        (!values.is_empty()).then(|| Interval::from_draws(&values, self.level))
    }
}

/// The runs, and for each the parameters that its unique data can use. Unknowns: the five of the law of
/// fresh data about the means of the logs, ln R*_D, ln R*_N.
struct Decays<'a> {
    runs: Runs<'a>,
    unique: &'a [f64],
    usable: Vec<f64>,
    mid_params: f64,
    mid_tokens: f64,
}

/// [`effective`] and its slope in ln decay.
fn with_slope(unique: f64, whole: f64, decay: f64) -> (f64, f64) {
    let x = (whole / unique - 1.0).max(0.0) / decay;
    (effective(unique, whole, decay), unique * decay * (-(-x).exp_m1() - x * (-x).exp()))
}

impl LogLaw<7> for Decays<'_> {
    fn predict(&self, p: &[f64; 7], run: usize) -> (f64, [f64; 7]) {
        let (params, tokens) = (self.runs.params[run], self.runs.tokens[run]);
        let (d, slope_d) = with_slope(self.unique[run].min(tokens), tokens, p[5].exp());
        let (n, slope_n) = with_slope(self.usable[run].min(params), params, p[6].exp());
        let (ln_n, ln_d) = (n.ln() - self.mid_params, d.ln() - self.mid_tokens);
        let (of_params, of_tokens, floor) = ((p[0] - p[1] * ln_n).exp(), (p[2] - p[3] * ln_d).exp(), p[4].exp());
        let sum = of_params + of_tokens + floor;
        let (np, dp) = (of_params / sum, of_tokens / sum);
        let of_decays = [-dp * p[3] * slope_d / d, -np * p[1] * slope_n / n];
        (sum.ln(), [np, -np * ln_n, dp, -dp * ln_d, floor / sum, of_decays[0], of_decays[1]])
    }
}

impl Decays<'_> {
    fn law(&self, p: &[f64; 7]) -> Repeated {
        let fresh = Chinchilla {
            floor: p[4].exp(),
            a: (p[0] + p[1] * self.mid_params).exp(),
            alpha: p[1],
            b: (p[2] + p[3] * self.mid_tokens).exp(),
            beta: p[3],
        };
        Repeated { fresh, data_decay: p[5].exp(), param_decay: p[6].exp() }
    }
}

/// Fits the law of repeated data; `unique` has the unique tokens of each run.
///
/// # Errors
///
/// As [`fit`] for the runs on fresh data (tokens not above unique ones), of which six are needed;
/// fewer than three runs that repeat; unique tokens that are not positive.
pub fn fit_repeated(runs: &Runs<'_>, unique: &[f64], options: PretrainOptions) -> Result<RepeatedFit, LawError> {
    let n = runs.loss.len();
    same_len("unique_tokens", unique.len(), "loss", n)?;
    same_len("params", runs.params.len(), "loss", n)?;
    same_len("tokens", runs.tokens.len(), "loss", n)?;
    need_positive("unique_tokens", unique)?;
    need_positive("params", runs.params)?;
    need_positive("tokens", runs.tokens)?;
    need_positive("loss", runs.loss)?;
    let is_fresh = |i: &usize| runs.tokens[*i] <= unique[*i] * (1.0 + 1e-6);
    let fresh: Vec<usize> = (0..n).filter(is_fresh).collect();
    need_points(FORM, 2, n - fresh.len())?;
    let pick = |column: &[f64], rows: &[usize]| -> Vec<f64> { rows.iter().map(|&i| column[i]).collect() };
    let columns = [pick(runs.params, &fresh), pick(runs.tokens, &fresh), pick(runs.loss, &fresh)];
    let no_draws = PretrainOptions { bootstraps: 0, ..options };
    let base = fit(&Runs { params: &columns[0], tokens: &columns[1], loss: &columns[2] }, no_draws)?.law;
    let ln_loss: Vec<f64> = runs.loss.iter().map(|l| l.ln()).collect();
    let (mid_params, mid_tokens) = (super::ln_centred(runs.params).1, super::ln_centred(runs.tokens).1);
    let usable =
        |law: &Chinchilla| -> Vec<f64> { (0..n).map(|i| usable_params(law, unique[i].min(runs.tokens[i]))).collect() };
    let mut decays = Decays { runs: *runs, unique, usable: usable(&base), mid_params, mid_tokens };
    let lost = LawError::NoConvergence { form: FORM, starts: 9 };
    let mut starts = Vec::new();
    for d in [0.0, 1.5, 3.0] {
        for p in [0.0, 1.5, 3.0] {
            let (a, b) = (base.a.ln() - base.alpha * mid_params, base.b.ln() - base.beta * mid_tokens);
            starts.push([a, base.alpha, b, base.beta, base.floor.ln(), d, p]);
        }
    }
    // What the unique data can use follows from the law: a few turns settle it.
    let mut found = robust::fit(&decays, &ln_loss, &starts, &no_draws).ok_or_else(|| lost.clone())?;
    for _ in 0..4 {
        decays.usable = usable(&decays.law(&found.best).fresh);
        found = robust::fit(&decays, &ln_loss, &[found.best], &no_draws).ok_or_else(|| lost.clone())?;
    }
    // Each draw has its own law, and so its own word on what the data can use.
    let limits = Limits { iterations: 200, gradient: 1e-7, relative: 1e-9 };
    let draws = (0..options.bootstraps as u64)
        .into_par_iter()
        .map(|draw| {
            let rows = robust::redrawn(options.seed, draw, n);
            let mut own = Decays { runs: *runs, unique, usable: decays.usable.clone(), mid_params, mid_tokens };
            let mut at = found.best;
            for _ in 0..4 {
                let f = |p: &[f64; 7]| robust::objective(&own, &ln_loss, &rows, options.huber_delta, p);
                at = minimise(f, at, limits).at;
                own.usable = usable(&own.law(&at).fresh);
            }
            own.law(&at)
        })
        .collect();
    Ok(RepeatedFit {
        law: decays.law(&found.best),
        objective: found.objective,
        n,
        fresh: fresh.len(),
        draws,
        level: options.level,
    })
}
