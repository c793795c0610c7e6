//! The fit that all laws of the loss share: Huber on the residual of ln loss, many starts, and a
//! bootstrap over runs.

use rayon::prelude::*;

use crate::optim::{Limits, Minimum, minimise, solve};
use crate::rng::Rng;

use super::PretrainOptions;

/// Keeps the optimiser's tolerances meaningful: the objective itself is about 1e-3.
pub(super) const SCALE: f64 = 1e3;

/// A law of ln loss: for each run the prediction and its slopes in the unknowns.
pub(super) trait LogLaw<const P: usize>: Sync {
    fn predict(&self, unknowns: &[f64; P], run: usize) -> (f64, [f64; P]);

    /// Descends from `start` roughly, to tell the starts apart.
    fn descend(&self, task: &Task<'_>, start: [f64; P]) -> Minimum<P> {
        let rough = Limits { iterations: 200, gradient: 1e-7, relative: 1e-7 };
        minimise(|p| objective(self, task, p), start, rough)
    }

    /// Descends from `start` to the bottom.
    fn settle(&self, task: &Task<'_>, start: [f64; P]) -> Minimum<P> {
        let found = minimise(|p| objective(self, task, p), start, Limits { relative: 1e-10, ..Limits::default() });
        let at = polished(self, task, found.at);
        Minimum { at, value: objective(self, task, &at).0 }
    }
}

/// What a law is fitted to.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) ln_loss: &'a [f64],
    /// Runs with their weights.
    pub(super) rows: &'a [(u32, f64)],
    pub(super) delta: f64,
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
    law: &(impl LogLaw<P> + ?Sized),
    task: &Task<'_>,
    p: &[f64; P],
) -> (f64, [f64; P]) {
    let Task { ln_loss, rows, delta } = *task;
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

/// Goes on from a point near the minimum by Gauss-Newton steps on the weighted squares that the Huber
/// losses are there (iteratively reweighted least squares, Holland and Welsch 1977), damped after
/// Marquardt (1963).
///
/// With a delta below the noise the objective has a kink at nearly every run, and along a valley of
/// unlike slopes a quasi-Newton search stops early on them.
fn polished<const P: usize>(law: &(impl LogLaw<P> + ?Sized), task: &Task<'_>, start: [f64; P]) -> [f64; P] {
    let Task { ln_loss, rows, delta } = *task;
    let (mut at, mut damping) = (start, 1e-3);
    let (mut value, _) = objective(law, task, &at);
    let mut still = 0;
    for _ in 0..60 {
        let (mut normal, mut slope) = ([[0.0; P]; P], [0.0; P]);
        for &(row, weight) in rows {
            let (ln, s) = law.predict(&at, row as usize);
            let r = ln - ln_loss[row as usize];
            let w = weight * (delta / r.abs()).min(1.0);
            for i in 0..P {
                slope[i] += w * r * s[i];
                for j in 0..P {
                    normal[i][j] += w * s[i] * s[j];
                }
            }
        }
        let mut lower = false;
        while damping < 1e6 {
            let mut damped = normal;
            for (i, row) in damped.iter_mut().enumerate() {
                // An unknown that is held has no slope anywhere.
                row[i] = if row[i] == 0.0 { 1.0 } else { row[i] * (1.0 + damping) };
            }
            if let Some(step) = solve(damped, slope) {
                let next: [f64; P] = std::array::from_fn(|i| at[i] - step[i]);
                let (there, _) = objective(law, task, &next);
                if there < value {
                    still = if value - there <= 1e-7 * value { still + 1 } else { 0 };
                    (at, value, damping, lower) = (next, there, (damping * 0.2).max(1e-9), true);
                    break;
                }
            }
            damping *= 4.0;
        }
        if !lower || still >= 3 {
            break;
        }
    }
    at
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
    let task = Task { ln_loss, rows: &rows, delta: options.huber_delta };
    let ends: Vec<_> = (starts.par_iter())
        .map(|start| law.descend(&task, *start))
        .filter(|end| end.value.is_finite() && end.at.iter().all(|v| v.is_finite()))
        .collect();
    let best = ends.iter().min_by(|x, y| x.value.total_cmp(&y.value))?;
    let Minimum { at: best, value: lowest } = law.settle(&task, best.at);
    let draws = (0..options.bootstraps as u64)
        .into_par_iter()
        .map(|i| law.settle(&Task { rows: &redrawn(options.seed, i, n), ..task }, best).at)
        .collect();
    let agreeing = ends.iter().filter(|end| end.value <= lowest * 1.001 + 1e-12).count();
    Some(Robust { best, objective: lowest / SCALE, agreeing, draws })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y = p0 + p1 x, at x = 0, 1, 2, ...
    struct Line;

    impl LogLaw<2> for Line {
        fn predict(&self, p: &[f64; 2], run: usize) -> (f64, [f64; 2]) {
            let x = run as f64;
            (p[0] + p[1] * x, [1.0, x])
        }
    }

    #[test]
    fn polishing_finds_the_line_that_most_points_lie_on() {
        let y: Vec<f64> = (0..20).map(|i| 1.0 + 0.5 * f64::from(i) + if i % 7 == 3 { 9.0 } else { 0.0 }).collect();
        let at = polished(&Line, &Task { ln_loss: &y, rows: &once(20), delta: 1e-3 }, [0.0, 0.0]);
        assert!((at[0] - 1.0).abs() < 1e-2 && (at[1] - 0.5).abs() < 1e-2, "{at:?}");
    }
}
