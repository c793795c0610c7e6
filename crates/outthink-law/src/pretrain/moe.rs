//! Mixtures of experts: loss against active parameters, tokens and how many parameters there are for each active one.
//!
//! L = E + A S^δ N^−(α + γ ln S) + B S^ω D^−(β + ζ ln S), with N the active parameters and S = total/active (Ludziejewski
//! et al. 2025, arXiv:2502.05172). Dense models have S = 1, for which it is Chinchilla's law, so dense and sparse
//! runs are fitted together.
//!
//! Departure: the paper's measure of sparsity is a transformed number of experts of one kind of layer; files of runs have
//! total and active parameters, and their ratio is taken in its place.

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::entry::LawEntry;
use crate::error::{check, need_positive, same_len};
use crate::interval::Interval;
use crate::rng::Rng;
use outthink_core::{Entry, Paper};

use super::robust::{self, LogLaw};
use super::{Chinchilla, Held, PretrainOptions, Runs, checked, fit, ln_centred};

/// How it is described.
pub const EXPERTS: LawEntry = LawEntry {
    entry: Entry {
        paper: Some(Paper::new("Ludziejewski et al. 2025", "https://arxiv.org/abs/2502.05172")),
        ..Entry::new("experts", "loss of mixtures of experts: N active parameters, S = total/active")
    },
    formula: "L = E + A S^δ N^−(α + γ ln S) + B S^ω D^−(β + ζ ln S)",
    fitted_to: "pretrain",
};

const FORM: &str = "the law of mixtures of experts";
/// Starts about the Chinchilla fit.
const STARTS: u64 = 24;

/// The law of mixtures of experts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Experts {
    /// The law of dense models, S = 1.
    pub dense: Chinchilla,
    /// δ: how the parameter term grows with S.
    pub delta: f64,
    /// γ: how its exponent grows with ln S.
    pub gamma: f64,
    /// ω: how the data term grows with S.
    pub omega: f64,
    /// ζ: how its exponent grows with ln S.
    pub zeta: f64,
}

impl Experts {
    /// Loss of `active` parameters of `total` ones after `tokens` fresh tokens.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::pretrain::{Chinchilla, Experts};
    /// let dense = Chinchilla { floor: 1.7, a: 400.0, alpha: 0.34, b: 1_200.0, beta: 0.35 };
    /// let law = Experts { dense, delta: 0.3, gamma: 0.03, omega: 0.0, zeta: 0.0 };
    /// // A dense model is the case in which all parameters are active.
    /// assert!((law.loss(1e9, 1e9, 2e10) - dense.loss(1e9, 2e10)).abs() < 1e-9);
    /// assert!(law.loss(16e9, 1e9, 2e10) < law.loss(1e9, 1e9, 2e10));
    /// ```
    pub fn loss(&self, total: f64, active: f64, tokens: f64) -> f64 {
        let (law, s) = (self.dense, (total / active).max(1.0).ln());
        let of_params = self.delta * s - (law.alpha + self.gamma * s) * active.ln();
        let of_tokens = self.omega * s - (law.beta + self.zeta * s) * tokens.ln();
        law.floor + law.a * of_params.exp() + law.b * of_tokens.exp()
    }

    /// Parameters of the dense model with this loss after the same tokens; infinite where none has it.
    pub fn dense_equivalent(&self, total: f64, active: f64, tokens: f64) -> f64 {
        let law = self.dense;
        let left = self.loss(total, active, tokens) - law.floor - law.b * tokens.powf(-law.beta);
        if left > 0.0 { (law.a / left).powf(law.alpha.recip()) } else { f64::INFINITY }
    }
}

/// The law fitted, with its bootstrap draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpertsFit {
    /// The best fit.
    pub law: Experts,
    /// Sum of the Huber losses of log-loss residuals.
    pub objective: f64,
    /// Runs fitted.
    pub n: usize,
    /// Those of them that are sparse.
    pub sparse: usize,
    /// One fit for each bootstrap draw.
    pub draws: Vec<Experts>,
    /// Level that the intervals claim.
    pub level: f64,
}

impl ExpertsFit {
    /// Percentile interval of any function of the law; `None` where no draws were asked for.
    pub fn interval(&self, f: impl Fn(&Experts) -> f64) -> Option<Interval> {
        let values: Vec<f64> = self.draws.iter().map(f).collect();
        (!values.is_empty()).then(|| Interval::from_draws(&values, self.level))
    }
}

/// Logarithms about their means, and ln S. Unknowns: (a, α, b, β, e) as for Chinchilla's law, then δ and ω at the means,
/// γ and ζ.
struct Logs {
    active: Vec<f64>,
    tokens: Vec<f64>,
    ln_sparsity: Vec<f64>,
    mid_active: f64,
    mid_tokens: f64,
}

impl LogLaw<9> for Logs {
    fn predict(&self, p: &[f64; 9], run: usize) -> (f64, [f64; 9]) {
        let (n, d, s) = (self.active[run], self.tokens[run], self.ln_sparsity[run]);
        let of_params = (p[0] + p[5] * s - (p[1] + p[7] * s) * n).exp();
        let of_tokens = (p[2] + p[6] * s - (p[3] + p[8] * s) * d).exp();
        let floor = p[4].exp();
        let sum = of_params + of_tokens + floor;
        let (np, dp) = (of_params / sum, of_tokens / sum);
        (sum.ln(), [np, -np * n, dp, -dp * d, floor / sum, np * s, dp * s, -np * n * s, -dp * d * s])
    }
}

impl Logs {
    fn law(&self, p: &[f64; 9]) -> Experts {
        Experts {
            dense: Chinchilla {
                floor: p[4].exp(),
                a: (p[0] + p[1] * self.mid_active).exp(),
                alpha: p[1],
                b: (p[2] + p[3] * self.mid_tokens).exp(),
                beta: p[3],
            },
            delta: p[5] + p[7] * self.mid_active,
            gamma: p[7],
            omega: p[6] + p[8] * self.mid_tokens,
            zeta: p[8],
        }
    }
}

/// Fits the law of mixtures of experts: `runs` has the total parameters, `active` those that a token passes.
///
/// # Errors
///
/// As [`super::fit`], with ten runs as the least; active parameters above the total ones, or the same share of them in
/// every run, so that nothing tells what sparsity does.
///
/// # Examples
///
/// ```
/// use outthink_law::pretrain::{fit_experts, Chinchilla, Experts, PretrainOptions, Runs};
///
/// let dense = Chinchilla { floor: 1.7, a: 400.0, alpha: 0.34, b: 1_200.0, beta: 0.35 };
/// let truth = Experts { dense, delta: 0.3, gamma: 0.03, omega: 0.02, zeta: 0.0 };
/// let (mut total, mut active, mut tokens, mut loss) = (vec![], vec![], vec![], vec![]);
/// for n in [1e8, 3e8, 1e9, 3e9] {
///     for d in [3e9, 1e10, 3e10] {
///         for s in [1.0, 4.0, 16.0] {
///             total.push(s * n);
///             active.push(n);
///             tokens.push(d);
///             loss.push(truth.loss(s * n, n, d));
///         }
///     }
/// }
/// let runs = Runs { params: &total, tokens: &tokens, loss: &loss };
/// let fit = fit_experts(&runs, &active, PretrainOptions { bootstraps: 0, ..Default::default() })?;
/// let next = fit.law.loss(8e10, 1e10, 1e11);
/// assert!((next / truth.loss(8e10, 1e10, 1e11) - 1.0).abs() < 2e-3);
/// assert!(fit.law.dense_equivalent(8e10, 1e10, 1e11) > 1.2e10);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn fit_experts(runs: &Runs<'_>, active: &[f64], options: PretrainOptions) -> Result<ExpertsFit, LawError> {
    checked(runs, &options, FORM, 9)?;
    same_len("active_params", active.len(), "loss", runs.loss.len())?;
    need_positive("active_params", active)?;
    let shares: Vec<f64> = active.iter().zip(runs.params).map(|(a, n)| a / n).collect();
    check("active_params", &shares, "at most the total parameters", |s| s <= 1.0 + 1e-9)?;
    let ln_sparsity: Vec<f64> = shares.iter().map(|s| -s.min(1.0).ln()).collect();
    let n = shares.len();
    if ln_sparsity.iter().all(|s| (s - ln_sparsity[0]).abs() < 1e-6) {
        return Err(LawError::OneValueOnly { what: "share of active parameters", points: n });
    }
    let plain = PretrainOptions { bootstraps: 0, held: Held::default(), ..options };
    let base = fit(&Runs { params: active, ..*runs }, plain)?.law;
    let (active, mid_active) = ln_centred(active);
    let (tokens, mid_tokens) = ln_centred(runs.tokens);
    let ln_loss: Vec<f64> = runs.loss.iter().map(|l| l.ln()).collect();
    let sparse = ln_sparsity.iter().filter(|s| **s > 1e-6).count();
    let logs = Logs { active, tokens, ln_sparsity, mid_active, mid_tokens };
    let start = |i: u64| {
        let mut rng = Rng::stream(options.seed ^ 0x0e0e, i);
        let off = if i == 0 { 0.0 } else { 1.0 };
        let mut near = |scale: f64| off * scale * rng.normal();
        [
            base.a.ln() - base.alpha * mid_active + near(0.2),
            (base.alpha + near(0.08)).max(0.02),
            base.b.ln() - base.beta * mid_tokens + near(0.2),
            (base.beta + near(0.08)).max(0.02),
            base.floor.ln() + near(0.05),
            near(0.15) - off * 0.1,
            near(0.1),
            near(0.02),
            near(0.02),
        ]
    };
    let starts: Vec<[f64; 9]> = (0..STARTS.min(options.starts.max(1) as u64)).map(start).collect();
    let Some(found) = robust::fit(&logs, &ln_loss, &starts, &options) else {
        return Err(LawError::NoConvergence { form: FORM, starts: starts.len() });
    };
    Ok(ExpertsFit {
        law: logs.law(&found.best),
        objective: found.objective,
        n,
        sparse,
        draws: found.draws.iter().map(|p| logs.law(p)).collect(),
        level: options.level,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_finite_differences() {
        let logs = Logs {
            active: vec![-0.7, 0.4],
            tokens: vec![0.3, -1.1],
            ln_sparsity: vec![0.0, 2.1],
            mid_active: 20.0,
            mid_tokens: 23.0,
        };
        let p = [-0.5, 0.3, -0.4, 0.35, 0.5, -0.1, 0.05, 0.02, -0.01];
        for run in 0..2 {
            let (_, slopes) = logs.predict(&p, run);
            for k in 0..9 {
                let mut q = p;
                q[k] += 1e-6;
                let up = logs.predict(&q, run).0;
                q[k] -= 2e-6;
                assert!((slopes[k] - (up - logs.predict(&q, run).0) / 2e-6).abs() < 1e-6, "unknown {k} of run {run}");
            }
        }
        let law = logs.law(&p);
        let (active, tokens) = ((20.4_f64).exp(), (21.9_f64).exp());
        let same = law.loss(active * 2.1_f64.exp(), active, tokens).ln();
        assert!((same - logs.predict(&p, 1).0).abs() < 1e-9, "the law is what is fitted");
    }

    #[test]
    fn what_says_nothing_of_sparsity_is_refused() {
        let params: Vec<f64> = (0..12).map(|i| 1e8 * 1.5_f64.powi(i)).collect();
        let tokens: Vec<f64> = (0..12).map(|i| 1e9 * 2_f64.powi(i % 5)).collect();
        let loss: Vec<f64> =
            params.iter().zip(&tokens).map(|(n, d)| 1.8 + 400.0 / n.powf(0.34) + 1e3 / d.powf(0.35)).collect();
        let runs = Runs { params: &params, tokens: &tokens, loss: &loss };
        let half: Vec<f64> = params.iter().map(|n| 0.5 * n).collect();
        let refused = fit_experts(&runs, &half, PretrainOptions::default()).unwrap_err();
        assert!(matches!(refused, LawError::OneValueOnly { .. }), "{refused}");
        let mut above = half.clone();
        above[3] = 3.0 * params[3];
        assert!(matches!(
            fit_experts(&runs, &above, PretrainOptions::default()),
            Err(LawError::BadValue { what: "active_params", row: 3, .. })
        ));
    }
}
