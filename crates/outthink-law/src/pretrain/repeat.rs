//! The data wall: loss when data are repeated (Muennighoff et al. 2023, arXiv:2305.16264, eq. 5-7).
//!
//! L = E + A/N'^α + B/D'^β with D' = U (1 + R* (1 − exp(−R/R*))), where U are the unique tokens and R
//! the repetitions after the first pass; the same for parameters beyond those that U can use.
//!
//! Departure: the paper holds E, A, α, B, β at their fit to fresh data and fits R*_D and R*_N alone. Here
//! that is the start, and all seven are then fitted to all runs: an error of the five that is not
//! fitted again would be read as decay, and the intervals would miss it.

use crate::entry::LawEntry;
use outthink_core::{Entry, Paper};
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{need_points, need_positive, same_len};
use crate::interval::Interval;

use super::robust::{self, LogLaw};
use super::{Chinchilla, PretrainOptions, Runs, fit};

/// How it is described.
pub const REPEATED: LawEntry = LawEntry {
    entry: Entry {
        paper: Some(Paper::new("Muennighoff et al. 2023", "https://arxiv.org/abs/2305.16264")),
        ..Entry::new("repeated-data", "loss when U unique tokens are passed over R more times")
    },
    formula: "L = E + A/N'^α + B/D'^β, D' = U (1 + R* (1 − exp(−R/R*)))",
    fitted_to: "pretrain",
};

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
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::pretrain::{Chinchilla, Repeated};
    /// let fresh = Chinchilla { floor: 1.8, a: 480.0, alpha: 0.35, b: 2_000.0, beta: 0.37 };
    /// let law = Repeated { fresh, data_decay: 15.4, param_decay: 5.3 };
    /// // Four passes over 1e11 tokens are worth nearly as many fresh ones; forty are not.
    /// assert!(law.effective_tokens(4e11, 1e11) > 3.6e11 && law.effective_tokens(4e12, 1e11) < 1.7e12);
    /// ```
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
    let p = [law.a.ln(), law.alpha, law.b.ln(), law.beta, 0.0, 0.0, 0.0];
    ln_usable(&p, unique, 0.0, 0.0).0.exp()
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

/// The runs. Unknowns: the five of the law of fresh data about the means of the logs, ln R*_D, ln R*_N.
struct Decays<'a> {
    runs: Runs<'a>,
    unique: &'a [f64],
    mid_params: f64,
    mid_tokens: f64,
}

/// [`effective`] with its slopes in ln decay and in ln unique.
fn with_slopes(unique: f64, whole: f64, decay: f64) -> (f64, f64, f64) {
    let x = (whole / unique - 1.0).max(0.0) / decay;
    let value = effective(unique, whole, decay);
    let of_decay = unique * decay * (-(-x).exp_m1() - x * (-x).exp());
    (value, of_decay, value - whole.max(unique) * (-x).exp())
}

/// ln of the size whose optimal number of tokens is `unique`, and its slopes in the first four unknowns.
///
/// N* D* = C/6 and α A N*^-α = β B D*^-β (Hoffmann et al. 2022, eq. 4), solved for N*.
fn ln_usable(p: &[f64; 7], unique: f64, mid_params: f64, mid_tokens: f64) -> (f64, [f64; 4]) {
    let (alpha, beta, ln_unique) = (p[1], p[3], unique.ln());
    let (ln_a, ln_b) = (p[0] + alpha * mid_params, p[2] + beta * mid_tokens);
    let value = (beta * ln_unique + alpha.ln() + ln_a - beta.ln() - ln_b) / alpha;
    let of_alpha = (alpha.recip() + mid_params - value) / alpha;
    let of_beta = (ln_unique - beta.recip() - mid_tokens) / alpha;
    (value, [alpha.recip(), of_alpha, -alpha.recip(), of_beta])
}

impl LogLaw<7> for Decays<'_> {
    fn predict(&self, p: &[f64; 7], run: usize) -> (f64, [f64; 7]) {
        if p[1] <= 0.0 || p[3] <= 0.0 {
            // A search that steps out is turned back: what data can use is not defined there.
            return (f64::NAN, [0.0; 7]);
        }
        let (params, tokens) = (self.runs.params[run], self.runs.tokens[run]);
        let unique = self.unique[run].min(tokens);
        let (d, of_decay_d, _) = with_slopes(unique, tokens, p[5].exp());
        let (ln_usable, slopes) = ln_usable(p, unique, self.mid_params, self.mid_tokens);
        let usable = ln_usable.exp().min(params);
        let (n, of_decay_n, of_usable) = with_slopes(usable, params, p[6].exp());
        let (ln_n, ln_d) = (n.ln() - self.mid_params, d.ln() - self.mid_tokens);
        let (of_params, of_tokens, floor) = ((p[0] - p[1] * ln_n).exp(), (p[2] - p[3] * ln_d).exp(), p[4].exp());
        let sum = of_params + of_tokens + floor;
        let (np, dp) = (of_params / sum, of_tokens / sum);
        // Where all parameters are of use the slope in what is usable is 0.
        let through = if usable < params { -np * p[1] * of_usable / n } else { 0.0 };
        let of_decays = [-dp * p[3] * of_decay_d / d, -np * p[1] * of_decay_n / n];
        (
            sum.ln(),
            [
                np + through * slopes[0],
                -np * ln_n + through * slopes[1],
                dp + through * slopes[2],
                -dp * ln_d + through * slopes[3],
                floor / sum,
                of_decays[0],
                of_decays[1],
            ],
        )
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
    let decays = Decays { runs: *runs, unique, mid_params, mid_tokens };
    let mut starts = Vec::new();
    for d in [0.0, 1.5, 3.0] {
        for p in [0.0, 1.5, 3.0] {
            let (a, b) = (base.a.ln() - base.alpha * mid_params, base.b.ln() - base.beta * mid_tokens);
            starts.push([a, base.alpha, b, base.beta, base.floor.ln(), d, p]);
        }
    }
    let lost = LawError::NoConvergence { form: FORM, starts: starts.len() };
    let found = robust::fit(&decays, &ln_loss, &starts, &options).ok_or(lost)?;
    Ok(RepeatedFit {
        law: decays.law(&found.best),
        objective: found.objective,
        n,
        fresh: fresh.len(),
        draws: found.draws.iter().map(|p| decays.law(p)).collect(),
        level: options.level,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_finite_differences() {
        let (params, tokens, unique) = ([2e7, 1e9, 3e9, 5e8], [4e9, 1.5e9, 6e10, 2e9], [1e8, 1.5e9, 4e8, 2e9]);
        let runs = Runs { params: &params, tokens: &tokens, loss: &[1.0; 4] };
        let decays = Decays { runs, unique: &unique, mid_params: 20.0, mid_tokens: 22.0 };
        let p = [-1.0, 0.35, -0.8, 0.37, 0.6, 2.7, 1.6];
        for run in 0..4 {
            let (_, slopes) = decays.predict(&p, run);
            for (i, slope) in slopes.into_iter().enumerate() {
                let at = |step: f64| {
                    let mut q = p;
                    q[i] += step;
                    decays.predict(&q, run).0
                };
                let wanted = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - wanted).abs() < 1e-6 * (1.0 + wanted.abs()), "{run} {i}: {slope} {wanted}");
            }
        }
    }

    #[test]
    fn usable_parameters_are_those_whose_best_data_are_the_unique_ones() {
        let law = Chinchilla { floor: 1.8, a: 480.0, alpha: 0.35, b: 2_000.0, beta: 0.37 };
        for unique in [1e8, 3e10] {
            let params = usable_params(&law, unique);
            let best = law.optimum(super::super::FLOP_PER_PARAM_TOKEN * params * unique);
            assert!((best.params / params - 1.0).abs() < 1e-9 && (best.tokens / unique - 1.0).abs() < 1e-9);
        }
    }
}
