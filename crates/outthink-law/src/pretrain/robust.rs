//! The fit that all laws of the loss share: Huber on the residual of ln loss, many starts, and a
//! bootstrap over runs.

use rayon::prelude::*;

use crate::optim::{Limits, minimise};
use crate::rng::Rng;

use super::PretrainOptions;

/// Keeps the optimiser's tolerances meaningful: the objective itself is about 1e-3.
pub(super) const SCALE: f64 = 1e3;

/// A law of ln loss: for each run the prediction and its slopes in the unknowns.
pub(super) trait LogLaw<const P: usize>: Sync {
    fn predict(&self, unknowns: &[f64; P], run: usize) -> (f64, [f64; P]);
}

/// The best fit and one fit for each bootstrap draw.
pub(super) struct Robust<const P: usize> {
    pub(super) best: [f64; P],
    pub(super) objective: f64,
    pub(super) agreeing: usize,
    pub(super) draws: Vec<[f64; P]>,
}

/// Σ w Huber(residual) and its gradient, both times [`SCALE`].
pub(super) fn objective<const P: usize>(
    law: &impl LogLaw<P>,
    ln_loss: &[f64],
    rows: &[(u32, f64)],
    delta: f64,
    p: &[f64; P],
) -> (f64, [f64; P]) {
    let mut value = 0.0;
    let mut g = [0.0; P];
    for &(row, weight) in rows {
        let i = row as usize;
        let (ln, slopes) = law.predict(p, i);
        let r = ln - ln_loss[i];
        let clipped = r.clamp(-delta, delta);
        value += weight * clipped * (r - 0.5 * clipped);
        for (g, s) in g.iter_mut().zip(slopes) {
            *g += weight * clipped * s;
        }
    }
    (value * SCALE, g.map(|v| v * SCALE))
}

/// Every row once.
pub(super) fn once(n: usize) -> Vec<(u32, f64)> {
    (0..n as u32).map(|i| (i, 1.0)).collect()
}

/// Rows drawn with replacement, with their numbers.
pub(super) fn redrawn(seed: u64, draw: u64, n: usize) -> Vec<(u32, f64)> {
    let counts = Rng::stream(seed ^ 0xb007, draw).resample(n);
    (0..).zip(&counts).filter(|&(_, &c)| c > 0).map(|(i, &c)| (i, f64::from(c))).collect()
}

/// Fits from `starts`, then each bootstrap draw from the best; `None` where no start converged.
pub(super) fn fit<const P: usize>(
    law: &impl LogLaw<P>,
    ln_loss: &[f64],
    starts: &[[f64; P]],
    options: &PretrainOptions,
) -> Option<Robust<P>> {
    let n = ln_loss.len();
    let rows = once(n);
    let delta = options.huber_delta;
    let rough = Limits { iterations: 200, gradient: 1e-7, relative: 1e-7 };
    let ends: Vec<_> = (starts.par_iter())
        .map(|start| minimise(|p| objective(law, ln_loss, &rows, delta, p), *start, rough))
        .filter(|end| end.value.is_finite() && end.at.iter().all(|v| v.is_finite()))
        .collect();
    let best = ends.iter().min_by(|x, y| x.value.total_cmp(&y.value))?;
    let best = minimise(|p| objective(law, ln_loss, &rows, delta, p), best.at, Limits::default());
    let draws = (0..options.bootstraps as u64)
        .into_par_iter()
        .map(|i| {
            let rows = redrawn(options.seed, i, n);
            let limits = Limits { relative: 1e-9, ..rough };
            minimise(|p| objective(law, ln_loss, &rows, delta, p), best.at, limits).at
        })
        .collect();
    let agreeing = ends.iter().filter(|end| end.value <= best.value * 1.001 + 1e-12).count();
    Some(Robust { best: best.at, objective: best.value / SCALE, agreeing, draws })
}
