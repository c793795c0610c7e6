//! Estimators over recorded samples: pass@k, maj@k, means and paired differences over problems.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_points, same_len};
use crate::interval::Interval;
use crate::rng::Rng;
use crate::special::{ln_choose, normal_quantile};

/// An estimate with the number of units behind it and its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// Independent units behind it: problems, or samples for [`wilson`].
    pub n: usize,
    /// Where the true value lies, at the level asked for.
    pub interval: Interval,
    /// What the data cannot carry, in words for the reader; empty where all is well.
    pub warnings: Vec<String>,
}

/// Unbiased pass@k of one problem: the chance that at least one of `k` samples, drawn without
/// replacement from `samples` of which `correct` are right, is right.
///
/// 1 − C(n−c, k) / C(n, k) (Chen et al. 2021, arXiv:2107.03374, eq. 1), as a sum of logarithms,
/// so that neither large counts overflow nor small rates cancel.
///
/// # Errors
///
/// `correct > samples`, `k == 0` or `k > samples`.
///
/// # Examples
///
/// ```
/// let p = outthink_law::estimate::pass_at_k(5, 2, 2)?;
/// assert!((p - 0.7).abs() < 1e-12);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn pass_at_k(samples: u64, correct: u64, k: u64) -> Result<f64, LawError> {
    drawn("correct", correct, 0, samples)?;
    drawn("k", k, 1, samples)?;
    if samples - correct < k {
        return Ok(1.0);
    }
    // The product over the smaller of k and c factors: C(n-c,k)/C(n,k) is symmetric in the two.
    let (few, many) = (k.min(correct), k.max(correct));
    let ln_miss: f64 = (0..few).map(|i| (-(many as f64) / (samples - i) as f64).ln_1p()).sum();
    Ok(-ln_miss.exp_m1())
}

/// Unbiased pass^k of one problem: the chance that all of `k` samples, drawn without replacement from `samples` of which
/// `correct` are right, are right.
///
/// C(c, k) / C(n, k) (Yao et al. 2024, arXiv:2406.12045, tau-bench), as a product.
///
/// # Errors
///
/// `correct > samples`, `k == 0` or `k > samples`.
///
/// # Examples
///
/// ```
/// let p = outthink_law::estimate::all_of_k(4, 3, 2)?;
/// assert!((p - 0.5).abs() < 1e-12);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn all_of_k(samples: u64, correct: u64, k: u64) -> Result<f64, LawError> {
    drawn("correct", correct, 0, samples)?;
    drawn("k", k, 1, samples)?;
    if correct < k {
        return Ok(0.0);
    }
    Ok((0..k).map(|i| (correct - i) as f64 / (samples - i) as f64).product())
}

/// The recorded answers of one problem, counted.
#[derive(Debug, Clone, Copy)]
pub struct Ballots<'a> {
    /// Samples for each distinct answer.
    pub counts: &'a [u64],
    /// Which of them is right; `None` where no sample gave the right answer.
    pub correct: Option<usize>,
    /// Samples without an answer: they are drawn like the others and do not vote.
    pub blank: u64,
}

/// Unbiased maj@k of one problem: the chance that the right answer wins a plurality vote among
/// `k` samples drawn without replacement, ties broken evenly.
///
/// Exact at any size. The counts drawn are multivariate hypergeometric, which is the law of
/// independent binomials given their sum; a table over votes drawn and ties, for each number of
/// votes for the right answer, sums it in O(answers · k² log k) steps.
///
/// # Errors
///
/// `k == 0`, `k` above the number of samples, or `correct` out of range.
///
/// # Examples
///
/// ```
/// use outthink_law::estimate::{maj_at_k, Ballots};
/// // Three of five samples are right: a vote among all five is, one sample is with 0.6.
/// let ballots = Ballots { counts: &[3, 2], correct: Some(0), blank: 0 };
/// assert!((maj_at_k(&ballots, 1)? - 0.6).abs() < 1e-9 && (maj_at_k(&ballots, 5)? - 1.0).abs() < 1e-9);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn maj_at_k(ballots: &Ballots<'_>, k: u64) -> Result<f64, LawError> {
    let total = ballots.counts.iter().sum::<u64>() + ballots.blank;
    drawn("k", k, 1, total)?;
    let Some(right) = ballots.correct else {
        return Ok(0.0);
    };
    drawn("index of the correct answer", right as u64, 0, (ballots.counts.len() as u64).max(1) - 1)?;
    let rate = k as f64 / total as f64;
    let k = k as usize;
    let pmf = |n: u64| binomial_table(n, rate, k);
    let mine = pmf(ballots.counts[right]);
    let blank = pmf(ballots.blank);
    let others: Vec<Vec<f64>> =
        (ballots.counts.iter().enumerate()).filter(|&(i, &c)| i != right && c > 0).map(|(_, &c)| pmf(c)).collect();
    let whole = pmf(total)[k];
    let win: f64 =
        (1..mine.len()).filter(|&j| mine[j] > 0.0).map(|j| mine[j] * wins_with(j, k - j, &blank, &others)).sum();
    Ok((win / whole).clamp(0.0, 1.0))
}

/// Weight of the draws in which no other answer has more than `j` of the `rest` votes, each tie
/// counted at one over the number that tie.
fn wins_with(j: usize, rest: usize, blank: &[f64], others: &[Vec<f64>]) -> f64 {
    let most_ties = rest / j;
    // table[t][m]: weight with t answers tied at j and m samples drawn.
    let mut table = vec![vec![0.0; rest + 1]; most_ties + 1];
    for (m, &w) in blank.iter().enumerate().take(rest + 1) {
        table[0][m] = w;
    }
    for pmf in others {
        for t in (0..=most_ties).rev() {
            let mut row = vec![0.0; rest + 1];
            for (x, &w) in pmf.iter().enumerate().take(j.min(rest + 1)) {
                for m in x..=rest {
                    row[m] += w * table[t][m - x];
                }
            }
            if let (true, Some(&w)) = (t > 0, pmf.get(j)) {
                for m in j..=rest {
                    row[m] += w * table[t - 1][m - j];
                }
            }
            table[t] = row;
        }
    }
    (table.iter().enumerate()).map(|(t, row)| row[rest] / (t + 1) as f64).sum()
}

/// Binomial(n, p) probabilities of 0..=min(n, most).
fn binomial_table(n: u64, p: f64, most: usize) -> Vec<f64> {
    let last = (n as usize).min(most);
    if p >= 1.0 {
        return (0..=last).map(|x| f64::from(u8::from(x as u64 == n))).collect();
    }
    let n = n as f64;
    (0..=last)
        .map(|x| {
            let x = x as f64;
            (ln_choose(n, x) + x * p.ln() + (n - x) * (-p).ln_1p()).exp()
        })
        .collect()
}

/// A share of successes with its score interval (Wilson 1927; Brown, Cai and `DasGupta` 2001,
/// eq. 4), for independent trials.
///
/// For several samples of each of several problems use [`mean_over_problems`]: samples of one
/// problem are not independent.
///
/// # Errors
///
/// No trials, or more successes than trials.
///
/// # Examples
///
/// ```
/// let share = outthink_law::estimate::wilson(45, 50, 0.95)?;
/// assert!(share.interval.low > 0.78 && share.interval.high < 0.96);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn wilson(successes: u64, trials: u64, level: f64) -> Result<Estimate, LawError> {
    check("level", &[level], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)?;
    drawn("trials", trials, 1, u64::MAX)?;
    drawn("successes", successes, 0, trials)?;
    let n = trials as f64;
    let p = successes as f64 / n;
    let z = normal_quantile(f64::midpoint(1.0, level));
    let scale = 1.0 + z * z / n;
    let mid = (p + z * z / (2.0 * n)) / scale;
    let half = z / scale * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Ok(Estimate {
        value: p,
        n: trials as usize,
        interval: Interval { low: (mid - half).clamp(0.0, p), high: (mid + half).clamp(p, 1.0), level },
        warnings: small(trials as usize),
    })
}

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampling {
    /// Bootstrap draws.
    pub draws: usize,
    /// Seed of the streams: one stream a draw.
    pub seed: u64,
    /// Level of the interval.
    pub level: f64,
}

impl Default for Resampling {
    /// 2,000 draws, seed 0, level 0.95.
    fn default() -> Self {
        Self { draws: 2_000, seed: 0, level: 0.95 }
    }
}

/// The mean of one value a problem, with a percentile bootstrap over problems.
///
/// Give each problem's own estimate (its pass@k, maj@k or share right): resampling whole problems
/// keeps the samples of one together, which is the cluster bootstrap (Field and Welsh 2007). Where
/// all problems agree, resampling cannot vary; values all 0 or all 1 then get the Wilson interval.
///
/// # Errors
///
/// Fewer than two problems, or a value that is not finite.
///
/// # Examples
///
/// ```
/// use outthink_law::estimate::{mean_over_problems, Resampling};
/// let mean = mean_over_problems(&[1.0, 0.0, 0.5, 1.0, 0.25, 0.75], Resampling::default())?;
/// assert!(mean.interval.contains(mean.value));
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn mean_over_problems(values: &[f64], how: Resampling) -> Result<Estimate, LawError> {
    need_points("a mean over problems", 1, values.len())?;
    check("level", &[how.level], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)?;
    check("value", values, "a finite number", |_| true)?;
    let n = values.len();
    let first = values[0];
    if values.iter().all(|&v| v == first) && (first == 0.0 || first == 1.0) {
        return wilson(if first == 1.0 { n as u64 } else { 0 }, n as u64, how.level);
    }
    Ok(Estimate {
        value: values.iter().sum::<f64>() / n as f64,
        n,
        interval: bootstrap_mean(values, how),
        warnings: small(n),
    })
}

/// The mean of `left − right` over the same problems, with a paired bootstrap over problems.
///
/// Pairing takes out how hard each problem is, which is most of the variance between problems.
///
/// # Errors
///
/// Lengths that differ, fewer than two problems, or a value that is not finite.
///
/// # Examples
///
/// ```
/// use outthink_law::estimate::{paired_difference, Resampling};
/// // The same problems under two settings: what they have in common cancels.
/// let gain = paired_difference(&[0.9, 0.6, 0.3, 0.8], &[0.8, 0.5, 0.2, 0.7], Resampling::default())?;
/// assert!((gain.value - 0.1).abs() < 1e-9 && gain.interval.low > 0.0);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn paired_difference(left: &[f64], right: &[f64], how: Resampling) -> Result<Estimate, LawError> {
    same_len("left", left.len(), "right", right.len())?;
    need_points("a paired difference", 1, left.len())?;
    check("level", &[how.level], "a number between 0 and 1", |x| x > 0.0 && x < 1.0)?;
    check("left", left, "a finite number", |_| true)?;
    check("right", right, "a finite number", |_| true)?;
    let gaps: Vec<f64> = left.iter().zip(right).map(|(a, b)| a - b).collect();
    let interval = bootstrap_mean(&gaps, how);
    let mut warnings = small(gaps.len());
    if gaps.iter().all(|&g| g == gaps[0]) {
        warnings.push("every problem has the same difference: the interval says nothing".to_owned());
    } else if interval.contains(0.0) {
        warnings.push(format!("{} problems do not show that the difference is not 0", gaps.len()));
    }
    Ok(Estimate { value: gaps.iter().sum::<f64>() / gaps.len() as f64, n: gaps.len(), interval, warnings })
}

fn bootstrap_mean(values: &[f64], how: Resampling) -> Interval {
    let n = values.len();
    let draws: Vec<f64> = (0..how.draws as u64)
        .into_par_iter()
        .map(|i| {
            let mut rng = Rng::stream(how.seed, i);
            (0..n).map(|_| values[rng.below(n)]).sum::<f64>() / n as f64
        })
        .collect();
    Interval::from_draws(&draws, how.level)
}

fn small(n: usize) -> Vec<String> {
    if n >= 100 {
        return Vec::new();
    }
    vec![format!("{n} units only: one is worth {:.1} points, and smaller differences mean nothing", 100.0 / n as f64)]
}

fn drawn(what: &'static str, value: u64, least: u64, most: u64) -> Result<(), LawError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(LawError::BadValue {
        what,
        row: 0,
        value: value as f64,
        need: if value < least { "at least 1" } else { "no more than there are samples or answers" },
    })
}
