//! Stopping with a guarantee that holds however often one looks.

use crate::stopping::posterior_leader;

/// Logarithm of the evidence that one answer is given more often than another after `v1` and `v2`
/// votes for them: the e-value of a bet.
///
/// A gambler who bets on each vote for one of the two, with the mean of a uniform belief over shares
/// above one half, has multiplied the stake by
/// `E = 2^(n+1) B(v1 + 1, v2 + 1) P(p > 1/2 | v1, v2)`, n = v1 + v2 (a mixture martingale; Ville 1939,
/// Robbins 1970, Waudby-Smith and Ramdas 2024). If the first answer is not the more frequent one,
/// each bet is unfavourable, and the probability that E *ever* reaches `1/alpha` is at most `alpha`.
pub fn log_evidence(v1: u32, v2: u32) -> f64 {
    let n = f64::from(v1) + f64::from(v2);
    // ln B(v1 + 1, v2 + 1) = -ln(n + 1) - ln C(n, v2).
    let choose: f64 = (0..v2.min(v1)).map(|i| ((n - f64::from(i)) / f64::from(i + 1)).ln()).sum();
    (n + 1.0) * std::f64::consts::LN_2 - (n + 1.0).ln() - choose + posterior_leader(v1, v2).ln()
}

/// Whether the leader is the model's most frequent answer, wrongly so with probability at most
/// `alpha` over the whole run, looking after every vote.
///
/// `v1` and `v2` are the votes of the leader and the runner-up, and `place` says as the how-many-th
/// class the leader was first seen, from 0. Its first vote made it a candidate and does not count;
/// the candidate in place j must gather evidence of `(j + 1)(j + 2) / alpha`, which sums to alpha over
/// all candidates there may ever be. No prior and no independence between problems is assumed, only
/// that the samples of this problem are drawn alike.
///
/// ```
/// use outthink_strategy::allocator::is_certain;
/// assert!(!is_certain(5, 0, 0, 0.05));
/// assert!(is_certain(9, 0, 0, 0.05));
/// ```
pub fn is_certain(v1: u32, v2: u32, place: u32, alpha: f64) -> bool {
    let needed = (f64::from(place) + 1.0) * (f64::from(place) + 2.0) / alpha;
    v1 > v2 && log_evidence(v1 - 1, v2) >= needed.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::derive_seed;

    /// Runs to `most` votes, looking after each; whether it stopped, with which class, after how many.
    fn run(shares: &[f64], alpha: f64, seed: u64, most: u32) -> Option<(usize, u32)> {
        let mut order: Vec<usize> = Vec::new();
        let mut counts = vec![0u32; shares.len()];
        for drawn in 0..most {
            let unit = (derive_seed(seed, u64::from(drawn)) >> 11) as f64 / (1u64 << 53) as f64;
            let mut left = unit;
            let class = shares.iter().position(|s| {
                left -= s;
                left < 0.0
            });
            let class = class.unwrap_or(shares.len() - 1);
            counts[class] += 1;
            if !order.contains(&class) {
                order.push(class);
            }
            let leader = *order.iter().max_by_key(|&&c| counts[c]).unwrap();
            let second = order.iter().filter(|&&c| c != leader).map(|&c| counts[c]).max().unwrap_or(0);
            let place = order.iter().position(|&c| c == leader).unwrap() as u32;
            if is_certain(counts[leader], second, place, alpha) {
                return Some((leader, drawn + 1));
            }
        }
        None
    }

    #[test]
    fn evidence_is_what_the_gambler_won() {
        // Unanimous votes: the stake after n is the product of 2 * (mean above one half).
        assert!((log_evidence(0, 0)).abs() < 1e-12);
        assert!((log_evidence(1, 0).exp() - 1.5).abs() < 1e-12);
        // E over all votes is 1 if both are equally likely.
        let mean: f64 =
            (0..=6u32).map(|a| [1., 6., 15., 20., 15., 6., 1.][a as usize] / 64.0 * log_evidence(a, 6 - a).exp()).sum();
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn it_is_wrong_no_more_often_than_it_says_under_continuous_looking() {
        let alpha = 0.1;
        for shares in [&[0.49f64, 0.51][..], &[0.3, 0.34, 0.36], &[0.2, 0.19, 0.21, 0.2, 0.2], &[0.45, 0.55]] {
            let most_frequent = (0..shares.len()).max_by(|&a, &b| shares[a].total_cmp(&shares[b])).unwrap();
            let runs = 2_000;
            let wrong = (0..runs).filter(|&r| run(shares, alpha, r, 300).is_some_and(|e| e.0 != most_frequent)).count();
            assert!(wrong as f64 <= alpha * runs as f64, "{shares:?}: {wrong} of {runs}");
            println!("{shares:?}: wrong in {wrong} of {runs}, allowed {}", alpha * runs as f64);
        }
    }

    #[test]
    fn a_clear_answer_is_found_soon() {
        let stopped: Vec<u32> = (0..200).filter_map(|r| run(&[0.8, 0.1, 0.1], 0.05, r, 100)).map(|e| e.1).collect();
        assert_eq!(stopped.len(), 200);
        let mean = stopped.iter().sum::<u32>() / 200;
        assert!((9..=25).contains(&mean), "{mean}");
    }
}
