//! Kaplan's joint form: L(N, D) = ((Nc/N)^(αN/αD) + Dc/D)^αD (Kaplan et al. 2020, arXiv:2001.08361,
//! eq. 1.5). It has no irreducible loss.

use crate::entry::LawEntry;
use outthink_core::{Entry, Paper};
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::interval::Interval;
use crate::rng::Rng;

use super::robust::{self, LogLaw};
use super::{FLOP_PER_PARAM_TOKEN, Optimum, PretrainOptions, Runs, checked, ln_centred};

/// How it is described.
pub const KAPLAN: LawEntry = LawEntry {
    entry: Entry {
        paper: Some(Paper::new("Kaplan et al. 2020", "https://arxiv.org/abs/2001.08361")),
        ..Entry::new("kaplan", "as chinchilla, without an irreducible loss")
    },
    formula: "L(N, D) = ((Nc/N)^(αN/αD) + Dc/D)^αD",
    fitted_to: "pretrain",
};

const FORM: &str = "Kaplan's law ((Nc/N)^(alphaN/alphaD) + Dc/D)^alphaD";

/// L(N, D) = ((`n_c`/N)^(`alpha_n`/`alpha_d`) + `d_c`/D)^`alpha_d`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Kaplan {
    /// Scale of the parameters.
    pub n_c: f64,
    /// Exponent of the parameters.
    pub alpha_n: f64,
    /// Scale of the tokens.
    pub d_c: f64,
    /// Exponent of the tokens.
    pub alpha_d: f64,
}

impl Kaplan {
    /// Loss of a model of `params` parameters trained on `tokens` fresh tokens.
    pub fn loss(&self, params: f64, tokens: f64) -> f64 {
        let of_params = (self.alpha_n / self.alpha_d) * (self.n_c / params).ln();
        (of_params.exp() + self.d_c / tokens).powf(self.alpha_d)
    }

    /// Best N and D under C = 6 N D, where the slope of the bracket in N vanishes.
    pub fn optimum(&self, flops: f64) -> Optimum {
        let r = self.alpha_n / self.alpha_d;
        let pairs = (flops / FLOP_PER_PARAM_TOKEN).ln();
        let params = ((r.ln() + r * self.n_c.ln() + pairs - self.d_c.ln()) / (r + 1.0)).exp();
        let tokens = flops / FLOP_PER_PARAM_TOKEN / params;
        Optimum { flops, params, tokens, loss: self.loss(params, tokens) }
    }
}

/// The law fitted, with its bootstrap draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KaplanFit {
    /// The best fit.
    pub law: Kaplan,
    /// Sum of the Huber losses of log-loss residuals.
    pub objective: f64,
    /// Runs fitted.
    pub n: usize,
    /// One fit for each bootstrap draw.
    pub draws: Vec<Kaplan>,
    /// Level that the intervals claim.
    pub level: f64,
}

impl KaplanFit {
    /// Percentile interval of any function of the law; `None` where no draws were asked for.
    pub fn interval(&self, f: impl Fn(&Kaplan) -> f64) -> Option<Interval> {
        let values: Vec<f64> = self.draws.iter().map(f).collect();
        (!values.is_empty()).then(|| Interval::from_draws(&values, self.level))
    }
}

/// Logs about their means. The unknowns are ln Nc and ln Dc about the same means, ln αN, ln αD.
struct Logs {
    params: Vec<f64>,
    tokens: Vec<f64>,
}

impl LogLaw<4> for Logs {
    fn predict(&self, p: &[f64; 4], run: usize) -> (f64, [f64; 4]) {
        let (alpha_n, alpha_d) = (p[2].exp(), p[3].exp());
        let ratio = alpha_n / alpha_d;
        let (u, v) = (ratio * (p[0] - self.params[run]), p[1] - self.tokens[run]);
        let top = u.max(v);
        let ln_sum = top + ((u - top).exp() + (v - top).exp()).ln();
        let (of_params, of_tokens) = ((u - ln_sum).exp(), (v - ln_sum).exp());
        let slopes =
            [alpha_n * of_params, alpha_d * of_tokens, alpha_d * of_params * u, alpha_d * (ln_sum - of_params * u)];
        (alpha_d * ln_sum, slopes)
    }
}

/// Fits Kaplan's joint form.
///
/// # Errors
///
/// As [`super::fit`], with five runs as the least.
///
/// # Examples
///
/// ```
/// use outthink_law::pretrain::{fit_kaplan, Kaplan, PretrainOptions, Runs};
/// let truth = Kaplan { n_c: 6.4e13, alpha_n: 0.076, d_c: 1.8e13, alpha_d: 0.103 };
/// let (mut params, mut tokens, mut loss) = (vec![], vec![], vec![]);
/// for n in [1e7, 1e8, 1e9] {
///     for d in [1e9, 1e10, 1e11] {
///         params.push(n);
///         tokens.push(d);
///         loss.push(truth.loss(n, d));
///     }
/// }
/// let runs = Runs { params: &params, tokens: &tokens, loss: &loss };
/// let fit = fit_kaplan(&runs, PretrainOptions { bootstraps: 0, ..Default::default() })?;
/// assert!((fit.law.alpha_n - 0.076).abs() < 1e-3);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn fit_kaplan(runs: &Runs<'_>, options: PretrainOptions) -> Result<KaplanFit, LawError> {
    checked(runs, &options, FORM, 4)?;
    let (params, mid_params) = ln_centred(runs.params);
    let (tokens, mid_tokens) = ln_centred(runs.tokens);
    let ln_loss: Vec<f64> = runs.loss.iter().map(|l| l.ln()).collect();
    let logs = Logs { params, tokens };
    let level = ln_loss.iter().sum::<f64>() / ln_loss.len() as f64;
    let starts: Vec<[f64; 4]> = (0..options.starts.max(1) as u64)
        .map(|i| {
            let mut rng = Rng::stream(options.seed, i);
            let (alpha_n, alpha_d) = (rng.between(0.02, 0.4), rng.between(0.02, 0.4));
            let share = rng.between(0.1, 0.9);
            // The bracket at the middle of the data is loss^(1/αD): split between the two terms.
            let whole = level / alpha_d;
            [(whole + share.ln()) * alpha_d / alpha_n, whole + (1.0 - share).ln(), alpha_n.ln(), alpha_d.ln()]
        })
        .collect();
    let Some(found) = robust::fit(&logs, &ln_loss, &starts, &options) else {
        return Err(LawError::NoConvergence { form: FORM, starts: options.starts });
    };
    let law = |p: &[f64; 4]| Kaplan {
        n_c: (p[0] + mid_params).exp(),
        d_c: (p[1] + mid_tokens).exp(),
        alpha_n: p[2].exp(),
        alpha_d: p[3].exp(),
    };
    Ok(KaplanFit {
        law: law(&found.best),
        objective: found.objective,
        n: ln_loss.len(),
        draws: found.draws.iter().map(law).collect(),
        level: options.level,
    })
}
