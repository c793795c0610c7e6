//! What it costs to solve problems by sampling until a right answer is seen.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{need_points, need_positive, same_len};
use crate::estimate::{Resampling, pass_at_k};
use crate::interval::Interval;
use crate::rng::Rng;

/// Expected samples of one problem when drawing stops at the first right one, or after `k`:
/// Σ_{j<k} (1 − pass@j), exact and unbiased for draws without replacement.
///
/// # Errors
///
/// As [`pass_at_k`].
///
/// # Examples
///
/// ```
/// // Every second sample is right: two are enough on average, and fewer where drawing ends after three.
/// let samples = outthink_law::cost::samples_until_solved(100, 50, 3)?;
/// assert!(samples > 1.7 && samples < 1.8);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn samples_until_solved(samples: u64, correct: u64, k: u64) -> Result<f64, LawError> {
    let mut sum = 1.0;
    pass_at_k(samples, correct, k)?;
    for j in 1..k {
        sum += 1.0 - pass_at_k(samples, correct, j)?;
    }
    Ok(sum)
}

/// The problems of one run.
#[derive(Debug, Clone, Copy)]
pub struct Solved<'a> {
    /// Samples drawn of each problem.
    pub samples: &'a [u64],
    /// How many of them were right.
    pub correct: &'a [u64],
    /// Mean cost of a sample of each problem: tokens, dollars, seconds.
    pub cost: &'a [f64],
}

/// Cost of each solved problem.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CostToSolve {
    /// Cap on the samples of a problem.
    pub k: u64,
    /// All that is spent, over the problems that are solved; infinite where none is.
    pub per_solved: f64,
    /// Interval by bootstrap over problems.
    pub interval: Interval,
    /// Share of problems solved, pass@k.
    pub solved: f64,
    /// Problems.
    pub n: usize,
}

/// Cost of each solved problem when each is sampled until a right answer is seen, `k` times at most.
///
/// What is spent on problems that stay unsolved is in it: a ratio of sums over problems, with a
/// bootstrap over problems.
///
/// # Errors
///
/// Columns of different length, fewer than two problems, a cost that is not positive, or `k` of 0 or
/// above some problem's samples.
///
/// # Examples
///
/// ```
/// use outthink_law::cost::{cost_to_solve, Solved};
/// use outthink_law::estimate::Resampling;
/// let run = Solved { samples: &[10, 10, 10], correct: &[5, 1, 0], cost: &[200.0, 300.0, 400.0] };
/// // More samples cost more for each problem that they solve.
/// let (few, many) = (cost_to_solve(&run, 1, Resampling::default())?, cost_to_solve(&run, 10, Resampling::default())?);
/// assert_eq!((few.k, many.k), (1, 10));
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn cost_to_solve(run: &Solved<'_>, k: u64, how: Resampling) -> Result<CostToSolve, LawError> {
    let n = run.samples.len();
    same_len("correct", run.correct.len(), "samples", n)?;
    same_len("cost", run.cost.len(), "samples", n)?;
    need_points("the cost to solve", 1, n)?;
    need_positive("cost", run.cost)?;
    let mut rows = Vec::with_capacity(n);
    for i in 0..n {
        let spent = samples_until_solved(run.samples[i], run.correct[i], k)? * run.cost[i];
        rows.push((spent, pass_at_k(run.samples[i], run.correct[i], k)?));
    }
    let ratio = |spent: f64, solved: f64| if solved > 0.0 { spent / solved } else { f64::INFINITY };
    let sum = |f: fn(&(f64, f64)) -> f64| rows.iter().map(f).sum::<f64>();
    let draws: Vec<f64> = (0..how.draws as u64)
        .into_par_iter()
        .map(|draw| {
            let mut rng = Rng::stream(how.seed, draw);
            let (mut spent, mut solved) = (0.0, 0.0);
            for _ in 0..n {
                let row = rows[rng.below(n)];
                spent += row.0;
                solved += row.1;
            }
            ratio(spent, solved)
        })
        .collect();
    Ok(CostToSolve {
        k,
        per_solved: ratio(sum(|r| r.0), sum(|r| r.1)),
        interval: Interval::from_draws(&draws, how.level),
        solved: sum(|r| r.1) / n as f64,
        n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_to_the_end_takes_n_plus_1_over_c_plus_1() {
        // The expected position of the first of c marked ones among n.
        for (n, c) in [(10, 1), (10, 4), (7, 7), (30, 3)] {
            let got = samples_until_solved(n, c, n).unwrap();
            assert!((got - (n + 1) as f64 / (c + 1) as f64).abs() < 1e-9, "{n} {c} {got}");
        }
        assert_eq!(samples_until_solved(10, 0, 10).unwrap(), 10.0);
    }

    #[test]
    fn the_unsolved_are_paid_for() {
        let run = Solved { samples: &[10, 10], correct: &[10, 0], cost: &[5.0, 5.0] };
        let got = cost_to_solve(&run, 4, Resampling::default()).unwrap();
        assert_eq!((got.per_solved, got.solved), (5.0 + 20.0, 0.5));
        assert!(cost_to_solve(&run, 11, Resampling::default()).is_err());
    }
}
