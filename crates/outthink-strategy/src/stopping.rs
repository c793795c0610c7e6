//! When to stop voting, and how many samples to draw before looking again.

/// Probability that the leader stays ahead of the runner-up however many samples are drawn.
///
/// The Adaptive-Consistency rule (Aggarwal et al. 2023, Beta criterion): with a uniform prior on the
/// share p of the leader among the two, P(p > 1/2 | v1, v2) is the regularised incomplete beta
/// function, which for whole counts is a binomial tail:
/// `P = 2^-(v1+v2+1) * sum_{j=0..v1} C(v1+v2+1, j)`.
///
/// It speaks of the vote, not of the truth, and it is Bayesian: looking after every sample is
/// allowed under the prior, but the rate of errors under repeated looks is not bounded by `1 - P`.
///
/// ```
/// use outthink_strategy::stopping::posterior_leader;
/// assert_eq!(posterior_leader(0, 0), 0.5);
/// assert!((posterior_leader(4, 0) - 31.0 / 32.0).abs() < 1e-12);
/// ```
pub fn posterior_leader(v1: u32, v2: u32) -> f64 {
    let n = f64::from(v1) + f64::from(v2) + 1.0;
    // The shorter tail, by ratios of neighbouring terms from its largest one: no factorials and no
    // cancellation.
    let (tail_top, complement) = if v1 >= v2 { (v2, true) } else { (v1, false) };
    let tail = binomial_half_lower_tail(n, tail_top);
    if complement { 1.0 - tail } else { tail }
}

/// The same for weights that are not whole: linear between the whole counts around them.
///
/// ```
/// use outthink_strategy::stopping::{posterior_leader, posterior_of};
/// assert_eq!(posterior_of(3.0, 1.0), posterior_leader(3, 1));
/// assert!(posterior_of(1.5, 0.0) > posterior_leader(1, 0));
/// ```
pub fn posterior_of(v1: f64, v2: f64) -> f64 {
    // Above so many votes the next one changes nothing that a double can hold.
    let split = |v: f64| {
        let v = v.clamp(0.0, 1e6);
        (v.floor() as u32, v.fract())
    };
    let ((a, x), (b, y)) = (split(v1), split(v2));
    let at = |i, j| posterior_leader(a + i, b + j);
    let row = |j| (1.0 - x) * at(0, j) + if x > 0.0 { x * at(1, j) } else { 0.0 };
    (1.0 - y) * row(0) + if y > 0.0 { y * row(1) } else { 0.0 }
}

/// P(X <= k) for X ~ Binomial(n, 1/2) and k below n/2.
fn binomial_half_lower_tail(n: f64, k: u32) -> f64 {
    let k = f64::from(k);
    let mut log_term = -n * std::f64::consts::LN_2;
    let mut j = 0.0;
    while j < k {
        log_term += ((n - j) / (j + 1.0)).ln();
        j += 1.0;
    }
    let mut term = log_term.exp();
    let mut sum = term;
    while j > 0.0 && term > sum * 1e-18 {
        term *= j / (n - j + 1.0);
        sum += term;
        j -= 1.0;
    }
    sum.min(1.0)
}

/// The fewest votes with which a leader passes `target` against a runner-up of `v2`; `None` if more
/// than `most`.
pub fn votes_needed(v2: u32, target: f64, most: u32) -> Option<u32> {
    (v2..=most).find(|&v1| posterior_leader(v1, v2) >= target)
}

/// The fewest further samples after which the rule could stop: if all of them went to the leader.
///
/// A wave of this size draws nothing that drawing one at a time would have saved.
pub fn samples_to_decision(v1: u32, v2: u32, target: f64, most: u32) -> u32 {
    votes_needed(v2, target, v1.saturating_add(most))
        .map_or(most, |needed| needed.saturating_sub(v1))
        .clamp(1, most.max(1))
}

/// Whether the runner-up can no longer pass or draw level with the leader in `left` more samples.
pub const fn cannot_be_overtaken(v1: u32, v2: u32, left: u32) -> bool {
    v1 > v2.saturating_add(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn votes_needed_are_those_of_the_published_rule() {
        let at = |target: f64| (0..=10).map(|v2| votes_needed(v2, target, 100).unwrap()).collect::<Vec<_>>();
        assert_eq!(at(0.95), [4, 6, 8, 9, 11, 12, 14, 15, 17, 18, 19]);
        assert_eq!(at(0.99), [6, 9, 11, 13, 14, 16, 18, 19, 21, 23, 24]);
    }

    #[test]
    fn the_closed_form_equals_the_sum() {
        for v1 in 0..30u32 {
            for v2 in 0..30u32 {
                let n = f64::from(v1 + v2 + 1);
                let (mut term, mut sum) = (0.5f64.powf(n), 0.0);
                for j in 0..=v1 {
                    sum += term;
                    term *= (n - f64::from(j)) / f64::from(j + 1);
                }
                assert!((posterior_leader(v1, v2) - sum).abs() < 1e-12, "{v1} {v2}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_two_sides_add_up_to_one(v1 in 0u32..5_000, v2 in 0u32..5_000) {
            let sum = posterior_leader(v1, v2) + posterior_leader(v2, v1);
            prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }

        #[test]
        fn a_vote_for_the_leader_never_lowers_it(v1 in 0u32..2_000, v2 in 0u32..2_000) {
            prop_assert!(posterior_leader(v1 + 1, v2) >= posterior_leader(v1, v2) - 1e-12);
        }

        #[test]
        fn no_decision_is_possible_before_the_wave_ends(v2 in 0u32..40, extra in 0u32..8, target in 0.9f64..0.995) {
            let v1 = v2 + extra;
            prop_assume!(posterior_leader(v1, v2) < target);
            let wave = samples_to_decision(v1, v2, target, 500);
            prop_assert!(posterior_leader(v1 + wave - 1, v2) < target);
            prop_assert!(posterior_leader(v1 + wave, v2) >= target);
        }
    }
}
