//! The counts of one problem.

use crate::{PoolProblem, VoteCount};
use outthink_core::Cost;
use outthink_law::LawError;
use outthink_law::estimate::{all_of_k, pass_at_k};
use outthink_law::vote::{WeightedBallots, weighted_maj_at_k};
use serde::{Deserialize, Serialize};

/// Draws of a weighted vote: its own standard error is at most 0.016 a problem.
const DRAWS: usize = 1_000;

/// One problem of an arm, counted: all that the arm's figures are made of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StudyProblem {
    /// Its name.
    pub id: String,
    /// Samples.
    pub samples: u64,
    /// Right samples.
    pub right: u64,
    /// The sum of all shares of right, where samples were judged partly right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<f64>,
    /// Generated tokens of all samples.
    #[serde(default)]
    pub tokens: f64,
    /// Prompt tokens of all samples.
    #[serde(default)]
    pub prompt_tokens: f64,
    /// What all samples cost, in billionths of a dollar; 0 where none is recorded.
    #[serde(default)]
    pub nano_usd: u64,
    /// Samples for each class of equal answers; what is missing to `samples` has no answer.
    #[serde(default)]
    pub votes: Vec<u64>,
    /// Right samples of each class.
    #[serde(default)]
    pub votes_right: Vec<u64>,
    /// The class of each sample in the order of the recording, where a verifier scored all that vote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Option<usize>>,
    /// The verifier's score of each of them, 0 where the sample does not vote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<f64>,
}

impl StudyProblem {
    /// Counts the samples of a problem. Answers are compared by the letter: pools hold those that mean the same in one
    /// wording.
    pub(super) fn of(problem: &PoolProblem) -> Self {
        let samples = &problem.samples;
        let sum = |of: fn(&crate::PoolSample) -> f64| samples.iter().map(of).sum::<f64>();
        let share = |s: &crate::PoolSample| s.credit.unwrap_or_else(|| f64::from(u8::from(s.correct)));
        let votes = if problem.vote_ok {
            VoteCount::of(samples.iter().map(|s| (s.answer.as_deref(), s.correct)), true)
        } else {
            VoteCount::default()
        };
        let scored = |(sample, class): (&crate::PoolSample, &Option<usize>)| match (class, sample.verifier_score) {
            (None, _) => Some(0.0),
            (Some(_), Some(score)) if score >= 0.0 => Some(score),
            _ => None,
        };
        let scores: Option<Vec<f64>> = samples.iter().zip(&votes.classes).map(scored).collect();
        let scores = scores.filter(|_| votes.classes.iter().any(Option::is_some)).unwrap_or_default();
        Self {
            id: problem.problem_id.clone(),
            samples: samples.len() as u64,
            right: samples.iter().filter(|s| s.correct).count() as u64,
            credit: samples.iter().any(|s| s.credit.is_some()).then(|| samples.iter().map(share).sum()),
            tokens: sum(|s| s.tokens),
            prompt_tokens: sum(|s| s.prompt_tokens),
            nano_usd: samples.iter().filter_map(|s| Cost::from_usd(s.usd)).map(Cost::nano).sum(),
            classes: if scores.is_empty() { Vec::new() } else { votes.classes.clone() },
            scores,
            votes: votes.counts,
            votes_right: votes.right,
        }
    }

    /// The share of right samples.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.samples.max(1) as f64
    }

    /// The mean share of right, partial credit included.
    pub fn mean_credit(&self) -> f64 {
        self.credit.unwrap_or(self.right as f64) / self.samples.max(1) as f64
    }

    /// Generated tokens of a sample.
    pub fn tokens_a_sample(&self) -> f64 {
        self.tokens / self.samples.max(1) as f64
    }

    /// pass@k.
    pub(super) fn coverage(&self, k: u64) -> Result<f64, LawError> {
        pass_at_k(self.samples, self.right, k)
    }

    /// pass^k.
    pub(super) fn all_right(&self, k: u64) -> Result<f64, LawError> {
        all_of_k(self.samples, self.right, k)
    }

    /// maj@k.
    pub(super) fn majority(&self, k: u64) -> Result<f64, LawError> {
        self.vote_count().maj_at_k(k)
    }

    /// maj@k of ever more samples like these.
    pub(super) fn majority_without_end(&self) -> f64 {
        self.vote_count().maj_without_end()
    }

    /// Weighted maj@k, by the verifier's scores; a class counts as right by the share of its samples that are.
    pub(super) fn weighted(&self, k: u64) -> Result<f64, LawError> {
        let mut sum = 0.0;
        for (class, (right, all)) in self.votes_right.iter().zip(&self.votes).enumerate().filter(|(_, v)| *v.0 > 0) {
            let ballots = WeightedBallots { classes: &self.classes, weights: &self.scores, correct: Some(class) };
            sum += *right as f64 / *all as f64 * weighted_maj_at_k(&ballots, k as usize, DRAWS, 0)?;
        }
        Ok(sum)
    }

    /// Whether a verifier scored all samples that vote.
    pub(super) fn is_scored(&self) -> bool {
        !self.scores.is_empty()
    }

    fn vote_count(&self) -> VoteCount {
        VoteCount {
            counts: self.votes.clone(),
            right: self.votes_right.clone(),
            blank: self.samples - self.votes.iter().sum::<u64>().min(self.samples),
            correct: self.right,
            ..VoteCount::default()
        }
    }

    /// What of it cannot be.
    pub(super) fn fault(&self) -> Option<String> {
        let number = |x: f64| x.is_finite() && x >= 0.0;
        let voted = self.votes.iter().try_fold(0_u64, |sum, n| sum.checked_add(*n));
        let pairs = || self.votes.iter().zip(&self.votes_right);
        let faults = [
            (self.samples == 0, "it has no samples"),
            (self.samples > 1_000_000, "it has more than a million samples"),
            (self.right > self.samples, "more samples are right than there are"),
            (voted.is_none_or(|n| n > self.samples), "more samples vote than there are"),
            (self.votes.len() != self.votes_right.len(), "`votes` and `votes_right` differ in length"),
            (
                pairs().any(|(all, right)| right > all || *all == 0),
                "a class has more right samples than samples, or none",
            ),
            (self.votes_right.iter().sum::<u64>() > self.right, "more votes are right than samples"),
            (!number(self.tokens) || !number(self.prompt_tokens), "its tokens are not a number of 0 or above"),
            (
                self.credit.is_some_and(|c| !(0.0..=self.samples as f64).contains(&c)),
                "its credit is not a sum of shares",
            ),
            (self.scores.len() != self.classes.len(), "`scores` and `classes` differ in length"),
            (!self.scores.is_empty() && self.scores.len() as u64 != self.samples, "not every sample has a score"),
            (self.scores.iter().any(|s| !number(*s)), "a score is not a number of 0 or above"),
            (
                self.classes.iter().flatten().any(|c| *c >= self.votes.len()),
                "a sample is of a class that `votes` does not count",
            ),
        ];
        faults.into_iter().find(|(fault, _)| *fault).map(|(_, words)| words.to_owned())
    }
}
