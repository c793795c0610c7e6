//! Exponentiated power laws of several models on one benchmark, each exponent read in the light of the
//! others.
//!
//! On published curves of one benchmark the exponent b falls as ln a grows: weak models gain less from
//! each doubling. The models' exponents are taken to scatter about a line in ln a with standard deviation
//! [`SCATTER`], and each model's (ln a, b) is drawn towards it by as much as its own samples leave open. How
//! much that is comes from halves of the samples drawn without replacement: their variance about the whole is
//! that of the whole about the truth (the delete-half jackknife, Shao and Wu 1989).

use crate::optim::solve;
use crate::rng::Rng;

use super::power::{Curves, ExponentiatedPower};

/// Scatter of the exponents about their line.
const SCATTER: f64 = 0.02;
/// Prior of the line's slope and its scale: b falls by a quarter for each unit of ln a.
const SLOPE: (f64, f64) = (-0.25, 0.1);
/// Halves of the samples drawn for the covariance.
const HALVES: u64 = 60;

/// (ln a, b).
type Pair = [f64; 2];

/// One model's fit with the covariance of what the luck of its samples did to it.
struct Measured {
    at: Pair,
    covariance: [Pair; 2],
    rms: f64,
}

fn pair(law: &ExponentiatedPower) -> Pair {
    [law.a.ln(), law.b]
}

/// How many of `k` of `n` samples, drawn without replacement, are among the `c` right ones.
fn right(rng: &mut Rng, n: u64, c: u64, k: u64) -> u64 {
    (0..k).fold(0, |hits, i| hits + u64::from(rng.uniform() * ((n - i) as f64) < (c - hits) as f64))
}

fn measured(counts: &[(u64, u64)], seed: u64) -> Option<Measured> {
    let whole = Curves::of_counts(counts).ok()?.fit_once().ok()?;
    let mut drawn: Vec<Pair> = Vec::new();
    for draw in 0..HALVES {
        let mut rng = Rng::stream(seed ^ 0x4a1f, draw);
        let half: Vec<(u64, u64)> =
            counts.iter().map(|&(s, c)| ((s / 2).max(1), right(&mut rng, s, c, (s / 2).max(1)))).collect();
        let fit = Curves::of_counts(&half).ok().and_then(|curves| curves.fit_once().ok());
        drawn.extend(fit.map(|law| pair(&law)).filter(|p| p.iter().all(|x| x.is_finite())));
    }
    // Too few halves with a right sample to say how sure the whole is: it is let go its own way.
    let n = drawn.len() as f64;
    if n < 10.0 {
        return None;
    }
    let mean: Pair = std::array::from_fn(|i| drawn.iter().map(|p| p[i]).sum::<f64>() / n);
    let of = |i: usize, j: usize| drawn.iter().map(|p| (p[i] - mean[i]) * (p[j] - mean[j])).sum::<f64>() / (n - 1.0);
    let covariance = std::array::from_fn(|i| std::array::from_fn(|j| of(i, j) + if i == j { 1e-8 } else { 0.0 }));
    Some(Measured { at: pair(&whole), covariance, rms: whole.rms })
}

/// The line b = height + slope · ln a, by weighted least squares with errors in both.
fn line(all: &[&Measured]) -> (f64, f64) {
    let (mut slope, mut height) = (SLOPE.0, 0.0);
    for _ in 0..50 {
        let weight = |m: &Measured| {
            let c = m.covariance;
            (c[1][1] - 2.0 * slope * c[0][1] + slope * slope * c[0][0] + SCATTER * SCATTER).recip()
        };
        let sum: f64 = all.iter().map(|m| weight(m)).sum();
        let mean = |i: usize| all.iter().map(|m| weight(m) * m.at[i]).sum::<f64>() / sum;
        let (x, y) = (mean(0), mean(1));
        let prior = SLOPE.1.powi(-2);
        let sxx: f64 = prior + all.iter().map(|m| weight(m) * (m.at[0] - x).powi(2)).sum::<f64>();
        let sxy: f64 = prior * SLOPE.0 + all.iter().map(|m| weight(m) * (m.at[0] - x) * (m.at[1] - y)).sum::<f64>();
        let next = sxy / sxx;
        let moved = (next - slope).abs();
        (slope, height) = (next, y - next * x);
        if moved < 1e-6 {
            break;
        }
    }
    (height, slope)
}

/// The law of each model; `None` where its samples give no curve.
pub(super) fn fit_pooled(models: &[Vec<(u64, u64)>], seed: u64) -> Vec<Option<ExponentiatedPower>> {
    let alone = |counts: &Vec<(u64, u64)>| Curves::of_counts(counts).ok().and_then(|c| c.fit_once().ok());
    let measured: Vec<Option<Measured>> =
        models.iter().enumerate().map(|(i, counts)| measured(counts, seed.wrapping_add(i as u64))).collect();
    let known: Vec<&Measured> = measured.iter().flatten().collect();
    if known.len() < 2 {
        return models.iter().map(alone).collect();
    }
    let (height, slope) = line(&known);
    (models.iter().zip(&measured))
        .map(|(counts, measured)| match measured {
            Some(m) => drawn_to(m, height, slope).or_else(|| alone(counts)),
            None => alone(counts),
        })
        .collect()
}

/// The posterior mean of (ln a, b): its own measurement, and b − slope · ln a about the line's height.
fn drawn_to(m: &Measured, height: f64, slope: f64) -> Option<ExponentiatedPower> {
    let own: [Pair; 2] = [solve(m.covariance, [1.0, 0.0])?, solve(m.covariance, [0.0, 1.0])?];
    let across = [-slope, 1.0];
    let tight = (SCATTER * SCATTER).recip();
    let precision = std::array::from_fn(|i| std::array::from_fn(|j| own[i][j] + tight * across[i] * across[j]));
    let pull = std::array::from_fn(|i| own[i][0] * m.at[0] + own[i][1] * m.at[1] + tight * across[i] * height);
    let [ln_a, b] = solve(precision, pull)?;
    Some(ExponentiatedPower { a: ln_a.exp(), b, rms: m.rms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_measured_model_keeps_its_exponent_and_a_thin_one_is_drawn_to_the_line() {
        let near =
            |at: Pair, error: f64| Measured { at, covariance: [[error * error, 0.0], [0.0, error * error]], rms: 0.0 };
        let all = [near([1.3, 0.36], 0.005), near([1.6, 0.285], 0.005), near([2.0, 0.05], 0.2)];
        let (height, slope) = line(&all.iter().collect::<Vec<_>>());
        let own = drawn_to(&all[0], height, slope).unwrap();
        assert!((own.b - 0.36).abs() < 0.01, "{own:?}");
        let thin = drawn_to(&all[2], height, slope).unwrap();
        assert!((thin.b - (height + slope * thin.a.ln())).abs() < 0.01 && thin.b > 0.12, "{thin:?}");
    }
}
