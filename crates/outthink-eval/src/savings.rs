//! How many samples a rule needs for what a fixed vote reaches.

use crate::{FrontierPoint, Interval, draw};
use serde::Serialize;

/// By how much the accuracy of the fixed vote may be missed.
pub const SLACK: f64 = 0.002;

/// Samples that a rule needs for the accuracy of the vote over N samples less [`SLACK`], linearly
/// interpolated on its own frontier, as N over samples: the larger, the better.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Savings {
    /// Pools by name, with N, the accuracy to reach, the samples needed and N over them.
    pub pools: Vec<PoolSavings>,
    /// Geometric mean over the pools of N over samples.
    pub ratio: f64,
    /// 95 % interval of it: bootstrap over the problems of each pool.
    pub interval: Interval,
    /// Geometric mean over the pools of the reference's samples over the rule's, on the same problems.
    pub times_reference: f64,
    /// 95 % interval of it, over the same resamples for both.
    pub times_interval: Interval,
}

/// [`Savings`] of one pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolSavings {
    /// The pool.
    pub pool: String,
    /// Samples of the fixed vote.
    pub n: u32,
    /// The accuracy to reach.
    pub target: f64,
    /// Samples needed for it; N where the frontier does not reach it.
    pub samples: f64,
    /// N over samples.
    pub ratio: f64,
    /// 95 % interval of the ratio: bootstrap over problems.
    pub interval: Interval,
    /// The reference's samples over the rule's.
    pub times_reference: f64,
    /// By how much the rule's accuracy lies below that of the reference at equal samples, at most
    /// over the reference's frontier, in points of 100; negative where it lies above everywhere.
    pub worst_below_reference: f64,
}

/// What a rule did on one pool.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The pool's name.
    pub pool: &'a str,
    /// Samples of the fixed vote.
    pub n: u32,
    /// The fixed vote over N samples.
    pub fixed: &'a FrontierPoint,
    /// The rule's frontier.
    pub frontier: &'a [FrontierPoint],
    /// The frontier of the rule that it must not fall behind.
    pub reference: &'a [FrontierPoint],
}

/// Resamples of the bootstrap.
const RESAMPLES: u64 = 400;

/// Measures a rule over pools.
pub fn savings(runs: &[Run<'_>]) -> Savings {
    let mut resampled = vec![0.0; RESAMPLES as usize];
    let mut pools = Vec::with_capacity(runs.len());
    let mut log = 0.0;
    let (mut times, mut times_log) = (vec![0.0; RESAMPLES as usize], 0.0);
    for (number, run) in runs.iter().enumerate() {
        let whole: Vec<usize> = (0..run.fixed.problems.len()).collect();
        let n = f64::from(run.n);
        let samples = needed(run, &whole);
        let mut ratios: Vec<f64> = Vec::with_capacity(resampled.len());
        let reference = Run { frontier: run.reference, ..*run };
        let compared = needed(&reference, &whole) / samples;
        times_log += compared.ln() / runs.len() as f64;
        for (i, (sum, times)) in resampled.iter_mut().zip(&mut times).enumerate() {
            let chosen = draw::with_replacement(whole.len(), number as u64, i as u64);
            let own = needed(run, &chosen);
            *times += (needed(&reference, &chosen) / own).ln() / runs.len() as f64;
            let ratio = n / own;
            *sum += ratio.ln() / runs.len() as f64;
            ratios.push(ratio);
        }
        log += (n / samples).ln() / runs.len() as f64;
        pools.push(PoolSavings {
            pool: run.pool.to_owned(),
            n: run.n,
            target: run.fixed.accuracy - SLACK,
            samples,
            ratio: n / samples,
            times_reference: compared,
            interval: quantiles(&mut ratios),
            worst_below_reference: 100.0 * below(run.frontier, run.reference),
        });
    }
    for x in resampled.iter_mut().chain(&mut times) {
        *x = x.exp();
    }
    Savings {
        pools,
        ratio: log.exp(),
        interval: quantiles(&mut resampled),
        times_reference: times_log.exp(),
        times_interval: quantiles(&mut times),
    }
}

/// The middle 95 % of values.
pub(crate) fn quantiles(values: &mut [f64]) -> Interval {
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values.get((q * values.len().saturating_sub(1) as f64).round() as usize).copied().unwrap_or(0.0);
    Interval { low: at(0.025), high: at(0.975) }
}

/// Samples for the accuracy to reach over a choice of problems.
fn needed(run: &Run<'_>, chosen: &[usize]) -> f64 {
    let target = mean(run.fixed, chosen, 0) - SLACK;
    let mut points: Vec<(f64, f64)> = run.frontier.iter().map(|p| (mean(p, chosen, 1), mean(p, chosen, 0))).collect();
    // A rule that never stops is the fixed vote: every frontier ends there.
    points.push((f64::from(run.n), mean(run.fixed, chosen, 0)));
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    crossing(&points, target).unwrap_or(f64::from(run.n)).min(f64::from(run.n))
}

/// Where a frontier sorted by samples first reaches an accuracy.
fn crossing(points: &[(f64, f64)], target: f64) -> Option<f64> {
    let first = points.first()?;
    if first.1 >= target {
        return Some(first.0);
    }
    points.windows(2).find(|w| w[1].1 >= target).map(|w| {
        let part = (target - w[0].1) / (w[1].1 - w[0].1);
        w[0].0 + part * (w[1].0 - w[0].0)
    })
}

fn mean(point: &FrontierPoint, chosen: &[usize], what: usize) -> f64 {
    chosen.iter().map(|&i| point.problems[i][what]).sum::<f64>() / chosen.len().max(1) as f64
}

/// How far `frontier` lies below `reference` at the same samples, at most.
fn below(frontier: &[FrontierPoint], reference: &[FrontierPoint]) -> f64 {
    let mut own: Vec<(f64, f64)> = frontier.iter().map(|p| (p.samples, p.accuracy)).collect();
    own.sort_by(|a, b| a.0.total_cmp(&b.0));
    // More samples than the frontier's last point can always be bought and thrown away.
    let at = |samples: f64| {
        let above = own.partition_point(|p| p.0 <= samples);
        match (above.checked_sub(1).and_then(|i| own.get(i)), own.get(above)) {
            (Some(a), Some(b)) => Some(a.1 + (samples - a.0) / (b.0 - a.0) * (b.1 - a.1)),
            (Some(a), None) => Some(a.1),
            _ => None,
        }
    };
    reference.iter().filter_map(|p| at(p.samples).map(|own| p.accuracy - own)).fold(f64::MIN, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(samples: f64, accuracy: f64) -> FrontierPoint {
        FrontierPoint { setting: 0.0, problems: vec![[accuracy, samples, 0.0]; 4], accuracy, samples, tokens: 0.0 }
    }

    #[test]
    fn samples_are_interpolated_on_the_frontier() {
        let fixed = point(40.0, 0.802);
        let frontier = [point(2.0, 0.7), point(4.0, 0.9)];
        let run = Run { pool: "p", n: 40, fixed: &fixed, frontier: &frontier, reference: &frontier };
        let y = savings(&[run]);
        assert!((y.pools[0].samples - 3.0).abs() < 1e-9, "{y:?}");
        assert!((y.ratio - 40.0 / 3.0).abs() < 1e-9);
        assert!(y.interval.low <= y.ratio + 1e-9 && y.ratio <= y.interval.high + 1e-9);
        assert!(y.pools[0].worst_below_reference.abs() < 1e-9);
    }

    #[test]
    fn a_frontier_that_falls_short_goes_on_to_the_fixed_vote() {
        let fixed = point(40.0, 0.95);
        let frontier = [point(2.0, 0.7), point(4.0, 0.9)];
        let better = [point(3.0, 0.81)];
        let run = Run { pool: "p", n: 40, fixed: &fixed, frontier: &frontier, reference: &better };
        let y = savings(&[run]);
        // From 4 samples at .9 to 40 at .95, up to .948.
        assert!((y.pools[0].samples - (4.0 + 36.0 * 0.96)).abs() < 1e-9);
        assert!(y.times_reference > 1.0 && y.times_interval.low <= y.times_reference);
        assert!((y.pools[0].worst_below_reference - 1.0).abs() < 1e-9);
    }
}
