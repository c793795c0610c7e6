//! What a recording says, in numbers: computed here once, and read by `fit`, `report`, `plan`, `replay` and Python.
//!
//! A [`Study`] holds each problem's counts ([`StudyProblem`]) for each arm of a recording. All figures are made of them:
//! pass@k, pass^k, maj@k plain and weighted, costs, and the curve of a vote over more samples with the covariance of its
//! points over problems. It is saved and loaded as JSON with a schema version; a table of means would lose the
//! covariance, and with it what a verdict rests on.

mod arm;
mod counts;
mod curve;
mod estimates;
mod file;

pub use arm::ArmStudy;
pub use counts::StudyProblem;
pub use curve::{EffortCurve, MOST_VOTES, Rung, VoteCurve};
pub use estimates::Estimates;
pub use file::STUDY_SCHEMA;

use crate::{EvalError, Pool};
use outthink_law::LawError;
use outthink_law::estimate::{Estimate, Resampling, paired_difference};
use std::collections::HashMap;

/// The numbers of one recording, or of several.
///
/// ```
/// use outthink_eval::{Pool, PoolProblem, PoolSample, Study};
/// use outthink_law::estimate::Resampling;
///
/// let sample = |answer: &str, correct| PoolSample { answer: Some(answer.into()), correct, ..PoolSample::default() };
/// let problem = |id: &str| PoolProblem {
///     problem_id: id.into(),
///     samples: vec![sample("4", true), sample("4", true), sample("5", false)],
///     ..PoolProblem::default()
/// };
/// let pool = Pool { name: "sums".into(), problems: vec![problem("a"), problem("b")] };
/// let study = Study::of(&[pool])?;
/// let figures = study.arms[0].estimates(Resampling::default())?;
/// assert_eq!(figures.majority.last().map(|(k, e)| (*k, e.value)), Some((3, 1.0)));
/// # Ok::<(), outthink_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// The recordings' names.
    pub name: String,
    /// The arms: who drew the samples, and how.
    pub arms: Vec<ArmStudy>,
}

/// Two arms over the problems that both have.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The problems in both.
    pub problems: usize,
    /// The accuracy of each over these problems.
    pub means: (f64, f64),
    /// The second less the first, paired by problem; an error with fewer than two problems.
    pub estimate: Result<Estimate, LawError>,
}

impl Study {
    /// Counts recordings: one [`ArmStudy`] for each model, run and setting of each of them.
    ///
    /// # Errors
    /// If the counts make no curve, which only numbers that [`Pool::read`] refuses do.
    pub fn of(pools: &[Pool]) -> Result<Self, EvalError> {
        let mut arms = Vec::new();
        for pool in pools {
            arms.extend(arm::of_pool(pool)?);
        }
        let names: Vec<&str> = pools.iter().map(|p| p.name.as_str()).collect();
        Ok(Self { name: names.join(" + "), arms })
    }

    /// The curves of models that were run at three lengths or more over the same problems.
    ///
    /// # Errors
    /// As [`outthink_law::noise::Noise::from_problems`]: too few problems for so many arms.
    pub fn efforts(&self) -> Result<Vec<EffortCurve>, EvalError> {
        curve::efforts(&self.arms)
    }

    /// The accuracy of `other` less that of `this` over the problems that both have, paired by problem; `None` where
    /// they have none in common.
    pub fn difference(this: &ArmStudy, other: &ArmStudy, how: Resampling) -> Option<Difference> {
        let theirs: HashMap<&str, f64> = other.problems.iter().map(|p| (p.id.as_str(), p.accuracy())).collect();
        // In the order of the first, so that resampling is the same each time.
        let both: Vec<(f64, f64)> = (this.problems.iter())
            .filter_map(|p| theirs.get(p.id.as_str()).map(|theirs| (p.accuracy(), *theirs)))
            .collect();
        if both.is_empty() {
            return None;
        }
        let (left, right): (Vec<f64>, Vec<f64>) = both.iter().copied().unzip();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        Some(Difference {
            problems: both.len(),
            means: (mean(&left), mean(&right)),
            estimate: paired_difference(&right, &left, how),
        })
    }
}

#[cfg(test)]
mod tests;
