//! What more samples are worth: a knowledge gradient over the two leading answers.

use outthink_core::Tally;

/// Prior mass of an answer once it was seen.
const SEEN: f64 = 1.0;
/// Prior mass of all answers that were not seen.
const UNSEEN: f64 = 2.0;

/// The gain in the expected share of the chosen answer for each sample bought, at the best number
/// of samples up to `most`.
///
/// Under a Dirichlet belief with mean shares `a >= b` of the two leaders and total mass `T`, the
/// difference after m more samples has standard deviation `s = sqrt(v m / (T + m))` with
/// `v = (a + b - (a - b)^2) / (T + 1)`; choosing the better of the two afterwards gains
/// `s phi(d/s) - d Phi(-d/s)` on average (Frazier, Powell and Dayanik 2009, correlated knowledge
/// gradient for two alternatives), divided here by m.
pub fn gain_per_sample(tally: &Tally, most: u32) -> f64 {
    let counts: Vec<f64> = tally.classes.iter().map(|c| f64::from(c.1)).collect();
    gain_of_counts(&counts, most)
}

/// [`gain_per_sample`] of votes that may be parts of one, as when a verifier's score weighs them.
/// `counts` holds the votes of each class, most first.
pub fn gain_of_counts(counts: &[f64], most: u32) -> f64 {
    let leaders = Leaders::new(counts);
    (1..=most).map(|m| leaders.gain(f64::from(m)) / f64::from(m)).fold(0.0, f64::max)
}

/// The gain of the best purchase of up to `most` samples less its price; below 0 where none pays.
pub fn net_gain(counts: &[f64], most: u32, price: f64) -> f64 {
    let leaders = Leaders::new(counts);
    (1..=most).map(|m| leaders.gain(f64::from(m)) - f64::from(m) * price).fold(-price, f64::max)
}

/// The two leaders under the Dirichlet belief.
struct Leaders {
    difference: f64,
    /// Variance of the difference.
    variance: f64,
    total: f64,
}

impl Leaders {
    fn new(counts: &[f64]) -> Self {
        let total = counts.iter().sum::<f64>() + SEEN * counts.len() as f64 + UNSEEN;
        // A runner-up that was not seen is one of the unseen answers, at a seen answer's mass.
        let [a, b] = [0, 1].map(|rank| (counts.get(rank).copied().unwrap_or(0.0) + SEEN) / total);
        let d = a - b;
        Self { difference: d, variance: (a + b - d * d) / (total + 1.0), total }
    }

    /// What `m` more samples gain in the expected share of the chosen answer.
    fn gain(&self, m: f64) -> f64 {
        let s = (self.variance * m / (self.total + m)).sqrt();
        let z = self.difference / s;
        s * density(z) - self.difference * upper_tail(z)
    }
}

fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// P(Z > z) for a standard normal and z >= 0 (Abramowitz and Stegun 26.2.17, error below 7.5e-8).
fn upper_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let poly = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    density(z) * poly.iter().rev().fold(0.0, |sum, c| (sum + c) * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(counts: &[u32]) -> Tally {
        Tally { classes: counts.iter().enumerate().map(|(i, &c)| (i as u32, c)).collect(), blank: 0 }
    }

    #[test]
    fn a_clear_lead_is_worth_less_than_a_tie() {
        assert!(gain_per_sample(&tally(&[9, 1]), 20) < gain_per_sample(&tally(&[5, 5]), 20));
        assert!(gain_per_sample(&tally(&[30, 0]), 40) < 1e-4);
    }

    #[test]
    fn telling_apart_small_shares_is_worth_little() {
        assert!(gain_per_sample(&tally(&[2, 2, 2, 2, 2, 2, 2, 2]), 20) < gain_per_sample(&tally(&[8, 8]), 20));
    }

    #[test]
    fn the_normal_tail_is_right() {
        assert!((upper_tail(0.0) - 0.5).abs() < 1e-7);
        assert!((upper_tail(1.959_964) - 0.025).abs() < 1e-7);
    }
}
