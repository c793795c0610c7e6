//! `IsoFLOP` parabolas (Hoffmann et al. 2022, approach 2): at each budget the loss is a parabola in ln N;
//! its lowest point is the best size, and the best sizes follow a power law in the budget.

use crate::entry::LawEntry;
use outthink_core::{Entry, Paper};
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::check;
use crate::interval::Interval;
use crate::rng::Rng;

use super::{FLOP_PER_PARAM_TOKEN, PretrainOptions, Runs, checked};

/// How it is described.
pub const ISOFLOP: LawEntry = LawEntry {
    entry: Entry {
        paper: Some(Paper::new("Hoffmann et al. 2022", "https://arxiv.org/abs/2203.15556")),
        ..Entry::new("isoflop", "the best size at each budget of compute")
    },
    formula: "L = loss + curvature (ln N − ln N*)², N* = k C^a",
    fitted_to: "pretrain",
};

const FORM: &str = "the IsoFLOP parabolas";
/// Runs that one parabola needs: it has three constants.
const LEAST_RUNS: usize = 4;

/// One budget's parabola: loss = `loss` + `curvature` (ln N − ln `params`)².
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parabola {
    /// Mean budget of its runs in floating-point operations.
    pub flops: f64,
    /// Best size N*.
    pub params: f64,
    /// D* = C / 6N*.
    pub tokens: f64,
    /// Loss there.
    pub loss: f64,
    /// Curvature, above 0.
    pub curvature: f64,
    /// Runs.
    pub n: usize,
}

/// Best sizes over budgets: N* = `scale` · C^`exponent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IsoflopFit {
    /// The parabolas used, by budget.
    pub parabolas: Vec<Parabola>,
    /// Groups of runs left out: fewer than four runs, or no lowest point among them.
    pub left_out: usize,
    /// Exponent of N*.
    pub exponent: f64,
    /// Interval of the exponent; `None` where no draws were asked for.
    pub exponent_interval: Option<Interval>,
    ln_scale: f64,
    draws: Vec<(f64, f64)>,
    level: f64,
}

impl IsoflopFit {
    /// N* at `flops`.
    pub fn params(&self, flops: f64) -> f64 {
        (self.ln_scale + self.exponent * flops.ln()).exp()
    }

    /// D*/N* at `flops`.
    pub fn tokens_per_param(&self, flops: f64) -> f64 {
        flops / FLOP_PER_PARAM_TOKEN / self.params(flops).powi(2)
    }

    /// Interval of N* at `flops`; `None` where no draws were asked for.
    pub fn params_interval(&self, flops: f64) -> Option<Interval> {
        let values: Vec<f64> = self.draws.iter().map(|(s, e)| (s + e * flops.ln()).exp()).collect();
        (!values.is_empty()).then(|| Interval::from_draws(&values, self.level))
    }
}

/// Least squares of loss on 1, x, x²; the lowest point, or `None` where there is none among the runs.
fn parabola(runs: &[(f64, f64)]) -> Option<(f64, f64, f64)> {
    let n = runs.len() as f64;
    let mid = runs.iter().map(|r| r.0).sum::<f64>() / n;
    let mut a = [[0.0; 4]; 3];
    for &(x, y) in runs {
        let x = x - mid;
        let powers = [1.0, x, x * x];
        for i in 0..3 {
            for j in 0..3 {
                a[i][j] += powers[i] * powers[j];
            }
            a[i][3] += powers[i] * y;
        }
    }
    for i in 0..3 {
        let pivot = (i..3).max_by(|&p, &q| a[p][i].abs().total_cmp(&a[q][i].abs()))?;
        a.swap(i, pivot);
        if a[i][i].abs() < 1e-12 {
            return None;
        }
        for j in 0..3 {
            if j != i {
                let share = a[j][i] / a[i][i];
                let from = a[i];
                for (to, from) in a[j].iter_mut().zip(from).skip(i) {
                    *to -= share * from;
                }
            }
        }
    }
    let [c0, c1, c2] = std::array::from_fn(|i| a[i][3] / a[i][i]);
    let low = runs.iter().map(|r| r.0).fold(f64::INFINITY, f64::min);
    let high = runs.iter().map(|r| r.0).fold(f64::NEG_INFINITY, f64::max);
    let at = mid - c1 / (2.0 * c2);
    (c2 > 0.0 && at >= low && at <= high).then(|| (at, c0 - c1 * c1 / (4.0 * c2), c2))
}

/// Intercept and slope of y on x.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let sxx: f64 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
    if points.len() < 2 || sxx < 1e-9 {
        return None;
    }
    let slope = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / sxx;
    Some((my - slope * mx, slope))
}

/// Fits the parabolas and the power law of their lowest points.
///
/// `flops` has the budget of each run; runs within a factor of 1 + `tolerance` of their neighbour
/// form a group.
///
/// # Errors
///
/// As [`super::fit`] for the columns; fewer than two groups with a lowest point among their runs.
pub fn fit_isoflop(
    runs: &Runs<'_>,
    flops: &[f64],
    tolerance: f64,
    options: PretrainOptions,
) -> Result<IsoflopFit, LawError> {
    checked(runs, &options, FORM, 7)?;
    crate::error::same_len("flops", flops.len(), "loss", runs.loss.len())?;
    crate::error::need_positive("flops", flops)?;
    check("tolerance", &[tolerance], "a number from 0 to 1", |x| (0.0..=1.0).contains(&x))?;
    let mut order: Vec<usize> = (0..flops.len()).collect();
    order.sort_by(|&i, &j| flops[i].total_cmp(&flops[j]));
    let groups: Vec<&[usize]> = order.chunk_by(|&i, &j| flops[j] <= flops[i] * (1.0 + tolerance)).collect();
    let at = |i: usize| (runs.params[i].ln(), runs.loss[i]);
    let mut parabolas = Vec::new();
    let mut used: Vec<Vec<(f64, f64)>> = Vec::new();
    for group in &groups {
        let points: Vec<(f64, f64)> = group.iter().map(|&i| at(i)).collect();
        let budget = (group.iter().map(|&i| flops[i].ln()).sum::<f64>() / group.len() as f64).exp();
        if points.len() < LEAST_RUNS {
            continue;
        }
        if let Some((x, loss, curvature)) = parabola(&points) {
            let params = x.exp();
            let tokens = budget / FLOP_PER_PARAM_TOKEN / params;
            parabolas.push(Parabola { flops: budget, params, tokens, loss, curvature, n: points.len() });
            used.push(points);
        }
    }
    let lowest: Vec<(f64, f64)> = parabolas.iter().map(|p| (p.flops.ln(), p.params.ln())).collect();
    let Some((ln_scale, exponent)) = line(&lowest) else {
        return Err(LawError::TooFewPoints { form: FORM, parameters: 1, points: parabolas.len(), need: 2 });
    };
    let mut draws = Vec::with_capacity(options.bootstraps);
    for draw in 0..options.bootstraps as u64 {
        let mut rng = Rng::stream(options.seed ^ 0x150, draw);
        let moved: Vec<(f64, f64)> = (used.iter().zip(&parabolas))
            .filter_map(|(points, p)| residual_draw(points, p, &mut rng).map(|x| (p.flops.ln(), x)))
            .collect();
        draws.extend(line(&moved));
    }
    let exponents: Vec<f64> = draws.iter().map(|d| d.1).collect();
    let exponent_interval = (!exponents.is_empty()).then(|| Interval::from_draws(&exponents, options.level));
    let left_out = groups.len() - parabolas.len();
    Ok(IsoflopFit { parabolas, left_out, exponent, exponent_interval, ln_scale, draws, level: options.level })
}

/// The lowest point after the residuals, scaled for the constants spent, are dealt out anew.
fn residual_draw(points: &[(f64, f64)], p: &Parabola, rng: &mut Rng) -> Option<f64> {
    let fitted = |x: f64| p.loss + p.curvature * (x - p.params.ln()).powi(2);
    let n = points.len();
    let scale = (n as f64 / (n as f64 - 3.0)).sqrt();
    let residuals: Vec<f64> = points.iter().map(|(x, y)| (y - fitted(*x)) * scale).collect();
    let moved: Vec<(f64, f64)> = points.iter().map(|(x, _)| (*x, fitted(*x) + residuals[rng.below(n)])).collect();
    parabola(&moved).map(|m| m.0)
}
