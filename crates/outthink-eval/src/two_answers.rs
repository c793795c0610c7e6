//! Stopping rules on two answers, exactly.

use outthink_core::AgreementPart;
use outthink_strategy::allocator::{Plan, Prior};
use outthink_strategy::stopping::posterior_leader;
use serde::Serialize;

/// What a rule loses against the vote over all N, and what it draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TwoAnswers {
    /// Probability that the vote over all N is right less that of the rule.
    pub loss: f64,
    /// Samples on average.
    pub samples: f64,
}

/// The outcome of a rule that looks after every sample, by the exact distribution of the votes: two
/// answers, the right one with probability `p`, at most `n` samples; a tie is right half the time.
pub fn two_answers(p: f64, n: u32, stops: impl Fn(u32, u32) -> bool) -> TwoAnswers {
    let right = |a: u32, b: u32| match a.cmp(&b) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    };
    // Probability to be at `a` right votes of all so far, with and without stopping.
    let (mut at, mut free) = (vec![1.0], vec![1.0]);
    let (mut accuracy, mut samples) = (0.0, 0.0);
    for drawn in 1..=n {
        let step = |from: &[f64]| {
            let mut to = vec![0.0; drawn as usize + 1];
            for (a, &mass) in from.iter().enumerate() {
                to[a + 1] += mass * p;
                to[a] += mass * (1.0 - p);
            }
            to
        };
        samples += at.iter().sum::<f64>();
        (at, free) = (step(&at), step(&free));
        for (a, mass) in (0u32..).zip(at.iter_mut()) {
            if drawn == n || stops(a.max(drawn - a), a.min(drawn - a)) {
                accuracy += *mass * right(a, drawn - a);
                *mass = 0.0;
            }
        }
    }
    let fixed: f64 = (0u32..).zip(&free).map(|(a, mass)| mass * right(a, n - a)).sum();
    TwoAnswers { loss: fixed - accuracy, samples }
}

/// One share of the right answer: the published rule and the plan beside it.
#[derive(Debug, Clone, Serialize)]
pub struct TwoAnswersRow {
    /// Share of the right answer.
    pub p: f64,
    /// Adaptive-Consistency at .95.
    pub published: TwoAnswers,
    /// The plan's loss at the same number of samples, interpolated between prices.
    pub loss_at_equal_samples: f64,
    /// The plan's samples at the same loss, interpolated between prices.
    pub samples_at_equal_loss: f64,
    /// The plan's frontier.
    pub frontier: Vec<TwoAnswers>,
}

/// The published rule at .95 and the plan over a grid of prices, for shares of the right answer.
///
/// The plan believes that there are two answers, of any share: a mixture of symmetric Beta priors
/// that is the same for every row.
pub fn two_answers_table(shares: &[f64], n: u32) -> Vec<TwoAnswersRow> {
    let part = |a: f64| AgreementPart { discount: -a, strength: 2.0 * a, weight: 1.0 };
    let prior = Prior::new([0.5, 1.0, 2.0, 5.0, 12.0].map(part).to_vec());
    let plans: Vec<Plan> = (0..56).map(|i| Plan::solve(&prior, 1e-5 * 1.16f64.powi(i), n, 0.0)).collect();
    let row = |&p: &f64| {
        let published = two_answers(p, n, |a, b| posterior_leader(a, b) >= 0.95);
        let mut frontier: Vec<TwoAnswers> = plans
            .iter()
            .map(|plan| {
                two_answers(p, n, |a, b| {
                    let counts = [a, b];
                    plan.advantage(if b == 0 { &counts[..1] } else { &counts }).is_none_or(|x| x <= 0.0)
                })
            })
            .collect();
        frontier.sort_by(|a, b| a.samples.total_cmp(&b.samples));
        let by = |x: fn(&TwoAnswers) -> f64, y: fn(&TwoAnswers) -> f64, at: f64| {
            let between =
                frontier.windows(2).find(|w| (x(&w[0]) - at) * (x(&w[1]) - at) <= 0.0 && x(&w[0]) != x(&w[1]));
            between.map_or(f64::NAN, |w| y(&w[0]) + (at - x(&w[0])) / (x(&w[1]) - x(&w[0])) * (y(&w[1]) - y(&w[0])))
        };
        TwoAnswersRow {
            p,
            published,
            loss_at_equal_samples: by(|t| t.samples, |t| t.loss, published.samples),
            samples_at_equal_loss: by(|t| t.loss, |t| t.samples, published.loss),
            frontier,
        }
    };
    shares.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_rule_loses_what_was_computed_before() {
        let expected = [(0.60, 2.2, 24.2), (0.65, 1.8, 19.7), (0.70, 1.1, 15.1), (0.80, 0.19, 8.7)];
        for (p, loss, samples) in expected {
            let got = two_answers(p, 40, |a, b| posterior_leader(a, b) >= 0.95);
            assert!((100.0 * got.loss - loss).abs() < 0.06 && (got.samples - samples).abs() < 0.06, "{p}: {got:?}");
        }
    }

    #[test]
    fn all_samples_lose_nothing() {
        let got = two_answers(0.6, 40, |_, _| false);
        assert!(got.loss.abs() < 1e-12 && (got.samples - 40.0).abs() < 1e-9);
    }

    #[test]
    fn the_plan_loses_less_at_equal_samples() {
        for row in two_answers_table(&[0.60, 0.65, 0.70, 0.80], 40) {
            println!(
                "p {}: {:.2} points at {:.2} samples; the plan {:.2} at as many, {:.2} samples for as much",
                row.p,
                100.0 * row.published.loss,
                row.published.samples,
                100.0 * row.loss_at_equal_samples,
                row.samples_at_equal_loss
            );
            assert!(row.loss_at_equal_samples < row.published.loss, "{row:?}");
            assert!(row.samples_at_equal_loss < row.published.samples);
        }
    }
}
