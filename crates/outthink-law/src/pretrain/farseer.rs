//! Farseer: the exponent and the scale of the data term depend on the size (Li et al. 2025, arXiv:2506.10972).
//!
//! L(N, D) = exp(a3 N^γ + b3) + exp(a2 N^β + b2) · D^(−exp(a1 N^α + b1)). Chinchilla's law is the case in which the
//! exponent of D is the same at every size.
//!
//! Departures: each stretched exponential a N^p + b is written c + s (e^(p t) − 1)/p with t = ln N about the middle of
//! the data, so that its value c and slope s there are well told and p → 0 is a power law; p lies within −1 and 1. The
//! paper fits differences of the loss stage by stage; here all nine constants are fitted at once, by the loss of
//! [`super::fit`], from the Chinchilla fit and neighbours of it.

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::entry::LawEntry;
use crate::rng::Rng;
use outthink_core::{Entry, Paper};

use super::robust::{self, LogLaw};
use super::{FLOP_PER_PARAM_TOKEN, Held, Optimum, PretrainOptions, Runs, checked, fit, ln_centred};

/// How it is described.
pub const FARSEER: LawEntry = LawEntry {
    entry: Entry {
        paper: Some(Paper::new("Li et al. 2025", "https://arxiv.org/abs/2506.10972")),
        ..Entry::new("farseer", "as chinchilla, with an exponent of the tokens that depends on the size")
    },
    formula: "L(N, D) = exp(a3 N^γ + b3) + exp(a2 N^β + b2) D^(−exp(a1 N^α + b1))",
    fitted_to: "pretrain",
};

const FORM: &str = "the Farseer law of nine constants";
/// Starts about the Chinchilla fit.
const STARTS: u64 = 24;

/// c + s (e^(p t) − 1)/p of t = ln N about the middle of the data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stretched {
    /// Value at the middle.
    pub value: f64,
    /// Slope there, for each e-fold of N.
    pub slope: f64,
    /// Power p, within −1 and 1; 0 for a straight line in ln N.
    pub power: f64,
}

impl Stretched {
    fn at(&self, t: f64) -> f64 {
        self.value + self.slope * bent(t, self.power).0
    }
}

/// (e^(p t) − 1)/p with its slope in p.
fn bent(t: f64, p: f64) -> (f64, f64) {
    if p.abs() < 1e-4 {
        return (t + 0.5 * p * t * t, 0.5 * t * t + p * t * t * t / 3.0);
    }
    let grown = (p * t).exp_m1();
    (grown / p, (t * (grown + 1.0) - grown / p) / p)
}

/// The law of Farseer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Farseer {
    /// ln N at the middle of the data.
    pub mid_ln_params: f64,
    /// ln of the loss that no data lower.
    pub of_params: Stretched,
    /// ln of the scale of the data term.
    pub of_tokens: Stretched,
    /// ln of the exponent of the tokens.
    pub exponent: Stretched,
}

impl Farseer {
    /// Loss of a model of `params` parameters trained on `tokens` fresh tokens.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::pretrain::{Farseer, Stretched};
    /// // A constant exponent of 0.37 and a floor that falls with the size.
    /// let flat = |value: f64| Stretched { value, slope: 0.0, power: 0.0 };
    /// let law = Farseer {
    ///     mid_ln_params: 1e9_f64.ln(),
    ///     of_params: Stretched { value: 0.7, slope: -0.03, power: 0.0 },
    ///     of_tokens: flat(2_000_f64.ln()),
    ///     exponent: flat(0.37_f64.ln()),
    /// };
    /// assert!(law.loss(1e10, 1e11) < law.loss(1e9, 1e11) && law.loss(1e9, 1e11) < law.loss(1e9, 1e10));
    /// ```
    pub fn loss(&self, params: f64, tokens: f64) -> f64 {
        let t = params.ln() - self.mid_ln_params;
        let data = self.of_tokens.at(t) - self.exponent.at(t).exp() * tokens.ln();
        self.of_params.at(t).exp() + data.exp()
    }

    /// Best N and D under C = 6 N D, by golden sections in ln N within a factor of a million about the square root.
    pub fn optimum(&self, flops: f64) -> Optimum {
        let pairs = (flops / FLOP_PER_PARAM_TOKEN).ln();
        let loss = |ln: f64| self.loss(ln.exp(), (pairs - ln).exp());
        let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
        let (mut low, mut high) = (0.5 * pairs - 13.8, 0.5 * pairs + 13.8);
        for _ in 0..80 {
            let (left, right) = (high - golden * (high - low), low + golden * (high - low));
            if loss(left) <= loss(right) { high = right } else { low = left }
        }
        let ln = f64::midpoint(low, high);
        Optimum { flops, params: ln.exp(), tokens: (pairs - ln).exp(), loss: loss(ln) }
    }
}

/// The law fitted, with its bootstrap draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FarseerFit {
    /// The best fit.
    pub law: Farseer,
    /// Sum of the Huber losses of log-loss residuals.
    pub objective: f64,
    /// Runs fitted.
    pub n: usize,
    /// One fit for each bootstrap draw.
    pub draws: Vec<Farseer>,
}

/// ln N about its mean and ln D. Unknowns: value, slope and atanh of the power of ln U, of ln B and of ln A. Value and
/// slope of ln B are held at the middle of ln D, which takes most of their correlation with those of ln A away.
struct Logs {
    params: Vec<f64>,
    ln_tokens: Vec<f64>,
    mid_params: f64,
    mid_tokens: f64,
}

impl Logs {
    fn law(&self, p: &[f64; 9]) -> Farseer {
        let moved = p[6].exp() * self.mid_tokens;
        let of = |value: f64, slope: f64, power: f64| Stretched { value, slope, power: power.tanh() };
        Farseer {
            mid_ln_params: self.mid_params,
            of_params: of(p[0], p[1], p[2]),
            of_tokens: of(p[3] + moved, p[4] + moved * p[7], p[5]),
            exponent: of(p[6], p[7], p[8]),
        }
    }
}

impl LogLaw<9> for Logs {
    fn predict(&self, p: &[f64; 9], run: usize) -> (f64, [f64; 9]) {
        let (t, ln_d) = (self.params[run], self.ln_tokens[run]);
        let powers = [p[2].tanh(), p[5].tanh(), p[8].tanh()];
        let [u, b, a] = powers.map(|power| bent(t, power));
        let inner = |power: f64| 1.0 - power * power;
        let moved = p[6].exp() * self.mid_tokens;
        let exponent = (p[6] + p[7] * a.0).exp();
        let slope = p[4] + moved * p[7];
        let (ln_u, ln_data) = (p[0] + p[1] * u.0, p[3] + moved + slope * b.0 - exponent * ln_d);
        let top = ln_u.max(ln_data);
        let ln = top + ((ln_u - top).exp() + (ln_data - top).exp()).ln();
        let (np, dp) = ((ln_u - ln).exp(), (ln_data - ln).exp());
        let slopes = [
            np,
            np * u.0,
            np * p[1] * u.1 * inner(powers[0]),
            dp,
            dp * b.0,
            dp * slope * b.1 * inner(powers[1]),
            dp * (moved * (1.0 + p[7] * b.0) - exponent * ln_d),
            dp * (moved * b.0 - exponent * ln_d * a.0),
            -dp * exponent * ln_d * p[7] * a.1 * inner(powers[2]),
        ];
        (ln, slopes)
    }
}

/// Fits Farseer's law.
///
/// # Errors
///
/// As [`super::fit`], with ten runs as the least.
pub fn fit_farseer(runs: &Runs<'_>, options: PretrainOptions) -> Result<FarseerFit, LawError> {
    checked(runs, &options, FORM, 9)?;
    let plain = PretrainOptions { bootstraps: 0, held: Held::default(), ..options };
    let base = fit(runs, plain)?.law;
    let (params, mid_params) = ln_centred(runs.params);
    let ln_tokens: Vec<f64> = runs.tokens.iter().map(|d| d.ln()).collect();
    let mid_tokens = ln_tokens.iter().sum::<f64>() / ln_tokens.len() as f64;
    let ln_loss: Vec<f64> = runs.loss.iter().map(|l| l.ln()).collect();
    let logs = Logs { params, ln_tokens, mid_params, mid_tokens };
    let of_params = base.a * (-base.alpha * mid_params).exp();
    let whole = base.floor + of_params;
    let start = |i: u64| {
        let mut rng = Rng::stream(options.seed ^ 0xfa25, i);
        let off = if i == 0 { 0.0 } else { 1.0 };
        let mut near = |scale: f64| off * scale * rng.normal();
        [
            whole.ln() + near(0.05),
            -base.alpha * of_params / whole + near(0.02),
            (-base.alpha).clamp(-0.9, 0.9).atanh() + near(0.2),
            base.b.ln() - base.beta * mid_tokens + near(0.1),
            near(0.05),
            near(0.3),
            base.beta.ln() + near(0.2),
            near(0.05),
            near(0.3),
        ]
    };
    let starts: Vec<[f64; 9]> = (0..STARTS.min(options.starts.max(1) as u64)).map(start).collect();
    let Some(found) = robust::fit(&logs, &ln_loss, &starts, &options) else {
        return Err(LawError::NoConvergence { form: FORM, starts: starts.len() });
    };
    Ok(FarseerFit {
        law: logs.law(&found.best),
        objective: found.objective,
        n: ln_loss.len(),
        draws: found.draws.iter().map(|p| logs.law(p)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: Farseer = Farseer {
        mid_ln_params: 20.0,
        of_params: Stretched { value: 0.75, slope: -0.05, power: -0.2 },
        of_tokens: Stretched { value: 9.0, slope: 0.4, power: 0.1 },
        exponent: Stretched { value: -0.9, slope: 0.04, power: -0.1 },
    };

    fn made() -> [Vec<f64>; 3] {
        let mut columns = [vec![], vec![], vec![]];
        for i in 0..7 {
            for j in 0..6 {
                let (n, d) = (4e7 * 2.2_f64.powi(i), 1e9 * 2.5_f64.powi(j));
                columns[0].push(n);
                columns[1].push(d);
                columns[2].push(TRUTH.loss(n, d));
            }
        }
        columns
    }

    #[test]
    fn slopes_are_those_of_finite_differences() {
        let [params, tokens, _] = made();
        let (params, mid_params) = ln_centred(&params);
        let ln_tokens: Vec<f64> = tokens.iter().map(|d| d.ln()).collect();
        let logs = Logs { params, ln_tokens, mid_params, mid_tokens: 23.0 };
        let p = [0.7, -0.06, -0.3, -0.4, 0.05, 0.2, -1.0, 0.03, 0.1];
        for run in [0, 11, 40] {
            let (_, slopes) = logs.predict(&p, run);
            for k in 0..9 {
                let mut q = p;
                q[k] += 1e-6;
                let up = logs.predict(&q, run).0;
                q[k] -= 2e-6;
                let down = logs.predict(&q, run).0;
                assert!((slopes[k] - (up - down) / 2e-6).abs() < 1e-6, "unknown {k} of run {run}");
            }
            let [params, tokens, _] = made();
            let same = logs.law(&p).loss(params[run], tokens[run]).ln();
            assert!((same - logs.predict(&p, run).0).abs() < 1e-9, "the law is what is fitted");
        }
    }

    /// Made by a law whose exponent of the tokens grows with the size: Chinchilla's law misses it, this one forecasts it.
    #[test]
    fn an_exponent_that_grows_with_the_size_is_found() {
        let [params, tokens, loss] = made();
        let runs = Runs { params: &params, tokens: &tokens, loss: &loss };
        let options = PretrainOptions { bootstraps: 0, starts: 60, ..PretrainOptions::default() };
        let (bent, plain) = (fit_farseer(&runs, options).unwrap(), fit(&runs, options).unwrap());
        assert!(bent.objective < 0.2 * plain.objective, "{} {}", bent.objective, plain.objective);
        let (n, d) = (2e10, 1e12);
        let gap = |loss: f64| (loss / TRUTH.loss(n, d)).ln().abs();
        assert!(gap(bent.law.loss(n, d)) < 0.5 * gap(plain.law.loss(n, d)), "{bent:?}");
        let best = bent.law.optimum(1e21);
        for step in [0.8, 1.25] {
            assert!(bent.law.loss(best.params * step, best.tokens / step) > best.loss);
        }
        let few = Runs { params: &params[..9], tokens: &tokens[..9], loss: &loss[..9] };
        assert!(fit_farseer(&few, options).is_err());
    }
}
