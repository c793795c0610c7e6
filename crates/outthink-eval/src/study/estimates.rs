//! The figures of one arm with their intervals.

use super::{ArmStudy, StudyProblem};
use crate::EvalError;
use outthink_law::LawError;
use outthink_law::cost::{CostToSolve, Solved, cost_to_solve};
use outthink_law::estimate::{Estimate, Resampling, mean_over_problems};

/// What is estimated of one arm. Intervals are over problems.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimates {
    /// pass@1: the share of right samples.
    pub accuracy: Estimate,
    /// Mean share of right where samples were judged partly right, too.
    pub credit: Option<Estimate>,
    /// pass^k: all of k samples right.
    pub all_right: Vec<(u64, Estimate)>,
    /// maj@k; empty where answers cannot be compared.
    pub majority: Vec<(u64, Estimate)>,
    /// Weighted maj@k by a verifier's scores; empty where not every vote has one.
    pub weighted: Vec<(u64, Estimate)>,
    /// maj@k of ever more samples; `None` from one sample a problem, which does not say how often its answer comes.
    pub limit: Option<Estimate>,
    /// Tokens for a solved problem, stopping at the first right sample.
    pub cost: Vec<CostToSolve>,
}

impl ArmStudy {
    /// Its figures.
    ///
    /// # Errors
    /// Fewer than two problems, or a level that is no probability.
    pub fn estimates(&self, how: Resampling) -> Result<Estimates, EvalError> {
        let over = |each: Vec<f64>| mean_over_problems(&each, how);
        let all = |of: &dyn Fn(&StudyProblem) -> f64| over(self.problems.iter().map(of).collect());
        let some = |of: &dyn Fn(&StudyProblem) -> Result<f64, LawError>| {
            over(self.problems.iter().map(of).collect::<Result<_, _>>()?)
        };
        let least = self.least_samples();
        let partly = self.problems.iter().any(|p| p.credit.is_some());
        let mut all_right = Vec::new();
        for k in (2..=8).filter(|k| *k <= least) {
            all_right.push((k, some(&|p| p.all_right(k))?));
        }
        let (mut majority, mut weighted) = (Vec::new(), Vec::new());
        let scored = self.vote_ok && self.problems.iter().all(StudyProblem::is_scored);
        for (at, &k) in self.curve.ks.iter().enumerate().filter(|(_, k)| **k > 1) {
            if let Some(votes) = self.curve.votes.get(at) {
                majority.push((k, mean_over_problems(votes, how)?));
            }
            if scored {
                weighted.push((k, some(&|p| p.weighted(k))?));
            }
        }
        let limit = (self.vote_ok && least > 1).then(|| all(&StudyProblem::majority_without_end)).transpose()?;
        let tokens: Vec<f64> = self.problems.iter().map(StudyProblem::tokens_a_sample).collect();
        let mut cost = Vec::new();
        if tokens.iter().all(|t| *t > 0.0) {
            let solved = Solved { samples: &self.counts.0, correct: &self.counts.1, cost: &tokens };
            for k in [1, least] {
                cost.push(cost_to_solve(&solved, k, how)?);
            }
        }
        Ok(Estimates {
            accuracy: all(&StudyProblem::accuracy)?,
            credit: partly.then(|| all(&StudyProblem::mean_credit)).transpose()?,
            all_right,
            majority,
            weighted,
            limit,
            cost,
        })
    }
}
