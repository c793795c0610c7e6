//! Votes: weighted majority at k, and where a vote ends with ever more samples.

use rayon::prelude::*;

use crate::LawError;
use crate::error::{check, same_len};
use crate::estimate::Ballots;
use crate::rng::Rng;

/// The recorded samples of one problem with the weight of each one's vote.
#[derive(Debug, Clone, Copy)]
pub struct WeightedBallots<'a> {
    /// Class of equal answers of each sample; `None` where it has no answer and does not vote.
    pub classes: &'a [Option<usize>],
    /// Weight of each sample's vote, 0 or above: a verifier's score, a mean probability.
    pub weights: &'a [f64],
    /// The class that is right; `None` where no sample gave the right answer.
    pub correct: Option<usize>,
}

/// Weighted maj@k of one problem: the chance that the right answer has the most weight among `k`
/// samples drawn without replacement, ties broken evenly (weighted self-consistency, Wang et al. 2023,
/// arXiv:2203.11171, table 1).
///
/// Resampled: the weights make the number of outcomes too large to sum. With `draws` draws its own
/// standard error is at most 1/(2 sqrt(draws)). All samples at once are counted and not drawn.
///
/// # Errors
///
/// Columns of different length, `k` of 0 or above the number of samples, no draws, or a weight that is
/// negative or not finite.
///
/// # Examples
///
/// ```
/// use outthink_law::vote::{weighted_maj_at_k, WeightedBallots};
/// // Two sure samples against three unsure ones.
/// let classes = [Some(0), Some(0), Some(1), Some(1), Some(1)];
/// let ballots = WeightedBallots { classes: &classes, weights: &[0.9, 0.8, 0.3, 0.2, 0.4], correct: Some(0) };
/// assert_eq!(weighted_maj_at_k(&ballots, 5, 100, 0)?, 1.0);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn weighted_maj_at_k(ballots: &WeightedBallots<'_>, k: usize, draws: usize, seed: u64) -> Result<f64, LawError> {
    let n = ballots.classes.len();
    same_len("weights", ballots.weights.len(), "classes", n)?;
    check("weight", ballots.weights, "a finite number, 0 or above", |w| w >= 0.0)?;
    for (what, value, bad) in [("k", k, k == 0 || k > n), ("draws", draws, draws == 0)] {
        if bad {
            let need = "at least 1, and k no more than there are samples";
            return Err(LawError::BadValue { what, row: 0, value: value as f64, need });
        }
    }
    let Some(right) = ballots.correct else { return Ok(0.0) };
    let classes = ballots.classes.iter().flatten().copied().max().map_or(0, |c| c + 1).max(right + 1);
    let wins = |order: &[usize]| {
        let mut weight = vec![0.0; classes];
        for &i in &order[..k] {
            if let Some(class) = ballots.classes[i] {
                weight[class] += ballots.weights[i];
            }
        }
        let top = weight.iter().copied().fold(0.0, f64::max);
        if top <= 0.0 || weight[right] < top {
            return 0.0;
        }
        1.0 / weight.iter().filter(|w| **w == top).count() as f64
    };
    if k == n {
        return Ok(wins(&(0..n).collect::<Vec<_>>()));
    }
    let total: f64 = (0..draws as u64)
        .into_par_iter()
        .map(|draw| {
            let mut rng = Rng::stream(seed, draw);
            let mut order: Vec<usize> = (0..n).collect();
            for i in 0..k {
                order.swap(i, i + rng.below(n - i));
            }
            wins(&order)
        })
        .collect::<Vec<f64>>()
        .iter()
        .sum();
    Ok(total / draws as f64)
}

/// Where maj@k of one problem ends as k grows without bound, going by the recorded votes: 1 where the
/// right answer is the modal one, a share where it ties, 0 otherwise.
///
/// Over problems its mean is the ceiling of voting: more samples never vote a problem right whose
/// modal answer is wrong.
///
/// # Examples
///
/// ```
/// use outthink_law::{estimate::Ballots, vote::maj_limit};
/// let wrong = Ballots { counts: &[3, 7], correct: Some(0), blank: 0 };
/// assert_eq!(maj_limit(&wrong), 0.0);
/// let tied = Ballots { counts: &[5, 5], correct: Some(0), blank: 2 };
/// assert_eq!(maj_limit(&tied), 0.5);
/// ```
pub fn maj_limit(ballots: &Ballots<'_>) -> f64 {
    let top = ballots.counts.iter().copied().max().unwrap_or(0);
    match ballots.correct.and_then(|i| ballots.counts.get(i)) {
        Some(&mine) if mine == top && top > 0 => 1.0 / ballots.counts.iter().filter(|&&c| c == top).count() as f64,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_weights_are_the_plain_vote() {
        let classes: Vec<Option<usize>> = [0, 0, 0, 1, 1].map(Some).to_vec();
        let ballots = WeightedBallots { classes: &classes, weights: &[1.0; 5], correct: Some(0) };
        let got = weighted_maj_at_k(&ballots, 3, 40_000, 1).unwrap();
        assert!((got - 0.7).abs() < 0.01, "{got}");
        assert_eq!(weighted_maj_at_k(&ballots, 5, 1, 1).unwrap(), 1.0);
        // A sure minority wins by weight.
        let heavy = WeightedBallots { weights: &[0.1, 0.1, 0.1, 0.9, 0.9], ..ballots };
        assert_eq!(weighted_maj_at_k(&heavy, 5, 1, 1).unwrap(), 0.0);
        assert!(weighted_maj_at_k(&ballots, 6, 10, 1).is_err());
        assert!(weighted_maj_at_k(&WeightedBallots { weights: &[-1.0; 5], ..ballots }, 2, 10, 1).is_err());
    }

    #[test]
    fn the_limit_is_the_modal_answer() {
        let of = |counts: &[u64], correct| maj_limit(&Ballots { counts, correct, blank: 3 });
        assert_eq!(of(&[3, 2], Some(0)), 1.0);
        assert_eq!(of(&[3, 2], Some(1)), 0.0);
        assert_eq!(of(&[3, 3], Some(1)), 0.5);
        assert_eq!(of(&[3, 2], None), 0.0);
        assert_eq!(of(&[], None), 0.0);
    }
}
