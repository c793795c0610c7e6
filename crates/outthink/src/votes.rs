//! What a vote reaches over recorded answers: the figure of `fit` and of `report`, and what `replay` comes to over all
//! orders.

use outthink_eval::VoteCount;
use outthink_law::LawError;
use outthink_law::estimate::{Ballots, maj_at_k};
use outthink_law::vote::maj_limit;

/// Each class with right samples: how right it is, and the ballots in which it is the one that counts.
fn right_classes(votes: &VoteCount) -> impl Iterator<Item = (f64, Ballots<'_>)> {
    let of = |class| {
        let ballots = Ballots { counts: &votes.counts, correct: Some(class), blank: votes.blank };
        (votes.share(class), ballots)
    };
    (0..votes.counts.len()).filter(|class| votes.right[*class] > 0).map(of)
}

/// maj@k: the chance that the vote of `k` of the samples is right.
///
/// # Errors
/// As [`maj_at_k`].
pub(crate) fn of_k(votes: &VoteCount, k: u64) -> Result<f64, LawError> {
    right_classes(votes).try_fold(0.0, |sum, (share, ballots)| Ok(sum + share * maj_at_k(&ballots, k)?))
}

/// The same of ever more samples like these.
pub(crate) fn without_end(votes: &VoteCount) -> f64 {
    right_classes(votes).map(|(share, ballots)| share * maj_limit(&ballots)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::Effort;
    use outthink_eval::{Pool, PoolProblem, PoolSample, ReplayOptions, replay};
    use outthink_strategy::StrategySpec;

    /// Answers that are right in two forms, wrong ones, and none at all: what `fit` and `report` compute is what `replay`
    /// finds over many orders.
    #[test]
    fn a_vote_has_one_figure() {
        let answers = ["1/2", "0.5", "3", "0.5", "4", "3", "", "1/2", "3", "5"];
        let sample = |text: &str| PoolSample {
            answer: (!text.is_empty()).then(|| text.to_owned()),
            correct: matches!(text, "1/2" | "0.5"),
            tokens: 1.0,
            ..PoolSample::default()
        };
        let problem = |id: usize| PoolProblem {
            problem_id: id.to_string(),
            samples: answers.iter().cycle().skip(id).take(10 - id).map(|text| sample(text)).collect(),
            ..PoolProblem::default()
        };
        let pool = Pool { name: "p".into(), problems: (0..4).map(problem).collect() };
        for k in [1_u32, 3, 6] {
            let exact: f64 = pool
                .problems
                .iter()
                .map(|p| {
                    let votes = VoteCount::of(p.samples.iter().map(|s| (s.answer.as_deref(), s.correct)), true);
                    of_k(&votes, u64::from(k)).unwrap()
                })
                .sum::<f64>()
                / 4.0;
            let spec = StrategySpec {
                name: "self-consistency".into(),
                max_samples: k,
                ..StrategySpec::for_effort(Effort::Medium)
            };
            let options = ReplayOptions { samples: k, seeds: 4_000, ..ReplayOptions::default() };
            let found = replay(&pool, &spec, &options).unwrap().accuracy;
            // Four standard errors of 16,000 draws.
            assert!((exact - found).abs() < 0.016, "{k}: {exact} {found}");
        }
    }
}
