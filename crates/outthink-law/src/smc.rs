//! Sequential Monte Carlo (Del Moral, Doucet and Jasra 2006): a population drawn from the prior is
//! carried to the posterior through tempered likelihoods.
//!
//! It needs no gradient, no start and no tuning, follows several modes, and gives the evidence on the
//! way. The moves are the stretch moves of Goodman and Weare 2010, which do not care how the
//! parameters are scaled.

use crate::rng::Rng;

/// How much work to spend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Particles.
    pub(crate) particles: usize,
    /// Stretch moves of each particle at each temperature.
    pub(crate) moves: usize,
    /// Seed of all draws.
    pub(crate) seed: u64,
}

/// Draws from a posterior, all of the same weight.
#[derive(Debug, Clone)]
pub(crate) struct Posterior<const P: usize> {
    pub(crate) draws: Vec<[f64; P]>,
    /// ln of the evidence, up to the constant that `ln_likelihood` leaves out.
    pub(crate) ln_evidence: f64,
}

struct Particle<const P: usize> {
    at: [f64; P],
    ln_prior: f64,
    ln_likelihood: f64,
}

/// Samples the posterior of `ln_likelihood` under a prior that is given as draws and as a density.
///
/// The two must agree up to a constant. A likelihood that is not finite counts as impossible; `None`
/// where no draw of the prior is possible.
pub(crate) fn sample<const P: usize>(
    draw: impl Fn(&mut Rng) -> [f64; P],
    ln_prior: impl Fn(&[f64; P]) -> f64,
    mut ln_likelihood: impl FnMut(&[f64; P]) -> f64,
    effort: Effort,
) -> Option<Posterior<P>> {
    let mut rng = Rng::stream(effort.seed, 0x5ac);
    let mut place = |at: [f64; P]| {
        let ln_prior = ln_prior(&at);
        let possible = ln_prior > f64::NEG_INFINITY;
        let value = if possible { ln_likelihood(&at) } else { f64::NEG_INFINITY };
        let ln_likelihood = if value.is_finite() { value } else { f64::NEG_INFINITY };
        Particle { at, ln_prior, ln_likelihood }
    };
    let n = effort.particles.max(8) & !1;
    let mut crowd: Vec<Particle<P>> = (0..n).map(|_| place(draw(&mut rng))).collect();
    let (mut heat, mut ln_evidence) = (0.0, 0.0);
    for _ in 0..200 {
        let step = next_step(&crowd, 1.0 - heat)?;
        let top = crowd.iter().map(|p| p.ln_likelihood).fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = crowd.iter().map(|p| (step * (p.ln_likelihood - top)).exp()).collect();
        let sum: f64 = weights.iter().sum();
        ln_evidence += (sum / n as f64).ln() + step * top;
        crowd = resample(&crowd, &weights, sum, &mut rng);
        heat = (heat + step).min(1.0);
        let last = heat >= 1.0 - 1e-12;
        for _ in 0..if last { 3 * effort.moves } else { effort.moves } {
            stretch(&mut crowd, heat, &mut place, &mut rng);
        }
        if last {
            break;
        }
    }
    Some(Posterior { draws: crowd.into_iter().map(|p| p.at).collect(), ln_evidence })
}

/// The largest step in temperature that keeps half of the effective sample size.
fn next_step<const P: usize>(crowd: &[Particle<P>], left: f64) -> Option<f64> {
    let top = crowd.iter().map(|p| p.ln_likelihood).fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return None;
    }
    let share = |step: f64| {
        let (mut sum, mut squares) = (0.0, 0.0);
        for p in crowd {
            let w = (step * (p.ln_likelihood - top)).exp();
            sum += w;
            squares += w * w;
        }
        sum * sum / squares / crowd.len() as f64
    };
    if share(left) >= 0.5 {
        return Some(left);
    }
    let (mut low, mut high) = (0.0, left);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if share(middle) >= 0.5 { low = middle } else { high = middle }
    }
    // Where impossible particles are many, no step keeps half: drop them with a tiny one.
    Some(high.max(1e-6 * left))
}

/// Systematic resampling.
fn resample<const P: usize>(crowd: &[Particle<P>], weights: &[f64], sum: f64, rng: &mut Rng) -> Vec<Particle<P>> {
    let n = crowd.len();
    let offset = rng.uniform();
    let mut kept = Vec::with_capacity(n);
    let mut reached = 0.0;
    for (particle, weight) in crowd.iter().zip(weights) {
        reached += weight / sum * n as f64;
        while kept.len() < n && (kept.len() as f64 + offset) < reached {
            kept.push(Particle { ..*particle });
        }
    }
    while kept.len() < n {
        let last = crowd.iter().zip(weights).max_by(|x, y| x.1.total_cmp(y.1)).map(|p| p.0);
        kept.extend(last.map(|p| Particle { ..*p }));
    }
    // Neighbours are copies; the stretch move needs partners that are not.
    for i in (1..n).rev() {
        kept.swap(i, rng.below(i + 1));
    }
    kept
}

/// One sweep of stretch moves: each half is moved along lines through members of the other.
fn stretch<const P: usize>(
    crowd: &mut [Particle<P>],
    heat: f64,
    place: &mut impl FnMut([f64; P]) -> Particle<P>,
    rng: &mut Rng,
) {
    let half = crowd.len() / 2;
    for side in 0..2 {
        let (first, second) = crowd.split_at_mut(half);
        let (movers, partners) = if side == 0 { (first, second) } else { (second, first) };
        for mover in movers {
            let partner = partners[rng.below(partners.len())].at;
            // z has density 1/sqrt(z) between 1/2 and 2.
            let z = (1.0 + rng.uniform()).powi(2) / 2.0;
            let to = std::array::from_fn(|i| partner[i] + z * (mover.at[i] - partner[i]));
            let new = place(to);
            let ln_ratio = (P as f64 - 1.0) * z.ln() + new.ln_prior - mover.ln_prior
                + heat * (new.ln_likelihood - mover.ln_likelihood);
            if new.ln_likelihood > f64::NEG_INFINITY && rng.uniform().ln() < ln_ratio {
                *mover = new;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Normal prior and normal likelihood: posterior and evidence are known.
    #[test]
    fn a_conjugate_posterior_and_its_evidence() {
        let effort = Effort { particles: 2_000, moves: 10, seed: 3 };
        let got = sample(
            |rng| [rng.normal(), 2.0 * rng.normal()],
            |p| -0.5 * (p[0] * p[0] + p[1] * p[1] / 4.0),
            |p| -0.5 * ((p[0] - 1.0) / 0.1).powi(2) - 0.5 * ((p[1] + 2.0) / 0.5).powi(2),
            effort,
        )
        .unwrap();
        let n = got.draws.len() as f64;
        let mean = |i: usize| got.draws.iter().map(|d| d[i]).sum::<f64>() / n;
        let (a, b) = (mean(0), mean(1));
        assert!((a - 1.0 / 1.01).abs() < 0.01, "{a}");
        assert!((b + 2.0 * 4.0 / 4.25).abs() < 0.05, "{b}");
        let sd = (got.draws.iter().map(|d| (d[0] - a).powi(2)).sum::<f64>() / n).sqrt();
        assert!((sd - 0.1 / 1.01_f64.sqrt()).abs() < 0.01, "{sd}");
        // ∫ N(x; 0, s) exp(−(x−m)²/2t²) dx = t / sqrt(s²+t²) · exp(−m²/2(s²+t²)).
        let known = |m: f64, s: f64, t: f64| (t / s.hypot(t)).ln() - 0.5 * m * m / (s * s + t * t);
        let truth = known(1.0, 1.0, 0.1) + known(-2.0, 2.0, 0.5);
        assert!((got.ln_evidence - truth).abs() < 0.15, "{} {truth}", got.ln_evidence);
    }

    #[test]
    fn an_impossible_likelihood_gives_nothing() {
        let effort = Effort { particles: 50, moves: 2, seed: 0 };
        assert!(sample(|rng| [rng.normal()], |_| 0.0, |_| f64::NAN, effort).is_none());
    }
}
