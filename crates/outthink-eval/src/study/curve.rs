//! Curves of a study: a vote over more samples, and one model at several lengths, each with the covariance of its points.

use super::{ArmStudy, StudyProblem};
use crate::EvalError;
use outthink_law::estimate::{Estimate, Resampling, mean_over_problems};
use outthink_law::noise::{Noise, USUAL_SHARED};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Votes that are computed exactly at most; a recording with more samples a problem has its curve up to here.
pub const MOST_VOTES: u64 = 512;

/// Standard errors from one end of a 95 % interval to the other.
const WIDTH: f64 = 3.92;

/// One number of samples a problem.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rung {
    /// Samples a problem.
    pub k: u64,
    /// Generated tokens of them, a mean over problems.
    pub tokens: f64,
    /// A vote among them is right, maj@k; `None` where answers cannot be compared.
    pub vote: Option<Estimate>,
    /// One of them is right, pass@k.
    pub coverage: Estimate,
}

/// A vote over 1, 2, 4, … samples, up to what every problem has.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VoteCurve {
    /// Samples a problem.
    pub ks: Vec<u64>,
    /// Generated tokens of them, a mean over problems.
    pub tokens: Vec<f64>,
    /// maj@k; empty where answers cannot be compared.
    pub accuracy: Vec<f64>,
    /// pass@k.
    pub coverage: Vec<f64>,
    /// The covariance of `accuracy` over problems; `None` with fewer problems than points and one.
    pub noise: Option<Noise>,
    /// maj@k of each problem, by point.
    #[serde(skip)]
    pub(super) votes: Vec<Vec<f64>>,
}

impl VoteCurve {
    pub(super) fn of(problems: &[StudyProblem], vote_ok: bool) -> Result<Self, EvalError> {
        let least = problems.iter().map(|p| p.samples).min().unwrap_or(0).min(MOST_VOTES);
        let mut ks: Vec<u64> = std::iter::successors(Some(1), |k| Some(k * 2)).take_while(|k| *k <= least).collect();
        if least > 0 && ks.last() != Some(&least) {
            ks.push(least);
        }
        let n = problems.len().max(1) as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
        let a_sample = problems.iter().map(StudyProblem::tokens_a_sample).sum::<f64>() / n;
        let mut curve = Self { tokens: ks.iter().map(|k| a_sample * *k as f64).collect(), ..Self::default() };
        for &k in &ks {
            let covered: Vec<f64> = problems.iter().map(|p| p.coverage(k)).collect::<Result<_, _>>()?;
            curve.coverage.push(mean(&covered));
            if vote_ok {
                let votes: Vec<f64> = problems.iter().map(|p| p.majority(k)).collect::<Result<_, _>>()?;
                curve.accuracy.push(mean(&votes));
                curve.votes.push(votes);
            }
        }
        if vote_ok && problems.len() > ks.len() {
            curve.noise = Noise::from_problems(&curve.votes).ok();
        }
        curve.ks = ks;
        Ok(curve)
    }

    /// What the curve is over: tokens, or samples where no tokens are recorded.
    pub fn axis(&self) -> Vec<f64> {
        if self.tokens.iter().all(|t| *t > 0.0) {
            self.tokens.clone()
        } else {
            self.ks.iter().map(|k| *k as f64).collect()
        }
    }

    /// The errors of its points: their covariance over problems, or, with fewer problems than points, as wide as the
    /// intervals say. `None` where answers cannot be compared.
    ///
    /// # Errors
    /// Fewer than two problems.
    pub fn errors(&self) -> Result<Option<Noise>, EvalError> {
        noise(self)
    }
}

/// See [`VoteCurve::errors`].
pub(super) fn noise(curve: &VoteCurve) -> Result<Option<Noise>, EvalError> {
    if curve.votes.is_empty() {
        return Ok(None);
    }
    if let Some(noise) = &curve.noise {
        return Ok(Some(noise.clone()));
    }
    let mut wide = Vec::with_capacity(curve.votes.len());
    for votes in &curve.votes {
        let interval = mean_over_problems(votes, Resampling::default())?.interval;
        wide.push(((interval.high - interval.low) / WIDTH).max(0.01));
    }
    Ok(Some(Noise::stated(&wide, USUAL_SHARED)?))
}

/// One model at several lengths, over the problems that all of its arms have.
#[derive(Debug, Clone, PartialEq)]
pub struct EffortCurve {
    /// The model.
    pub model: String,
    /// Its arms by their number in the study, the shortest first.
    pub arms: Vec<usize>,
    /// Problems in all of them.
    pub problems: usize,
    /// Generated tokens of a sample of each arm.
    pub tokens: Vec<f64>,
    /// Accuracy of one sample of each.
    pub accuracy: Vec<f64>,
    /// Their covariance over problems.
    pub noise: Noise,
}

/// See [`super::Study::efforts`].
pub(super) fn efforts(arms: &[ArmStudy]) -> Result<Vec<EffortCurve>, EvalError> {
    let mut by_model: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, arm) in arms.iter().enumerate() {
        if let Some(model) = arm.model.as_deref().filter(|m| !m.is_empty())
            && arm.tokens_a_sample() > 0.0
        {
            by_model.entry(model).or_default().push(number);
        }
    }
    let mut curves = Vec::new();
    for (model, numbers) in by_model.into_iter().filter(|(_, numbers)| numbers.len() >= 3) {
        let by_id: Vec<HashMap<&str, &StudyProblem>> =
            numbers.iter().map(|&n| arms[n].problems.iter().map(|p| (p.id.as_str(), p)).collect()).collect();
        let common: Vec<&str> = (arms[numbers[0]].problems.iter().map(|p| p.id.as_str()))
            .filter(|id| by_id.iter().all(|arm| arm.contains_key(id)))
            .collect();
        if common.is_empty() {
            continue;
        }
        let each = |arm: &HashMap<&str, &StudyProblem>, of: fn(&StudyProblem) -> f64| {
            common.iter().filter_map(|id| arm.get(id)).map(|p| of(p)).collect::<Vec<f64>>()
        };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let mut rows: Vec<(usize, f64, Vec<f64>)> = (numbers.iter().zip(&by_id))
            .map(|(&n, arm)| (n, mean(&each(arm, StudyProblem::tokens_a_sample)), each(arm, StudyProblem::accuracy)))
            .collect();
        rows.sort_by(|x, y| x.1.total_cmp(&y.1));
        let results: Vec<Vec<f64>> = rows.iter().map(|r| r.2.clone()).collect();
        curves.push(EffortCurve {
            model: model.to_owned(),
            arms: rows.iter().map(|r| r.0).collect(),
            problems: common.len(),
            tokens: rows.iter().map(|r| r.1).collect(),
            accuracy: results.iter().map(|r| mean(r)).collect(),
            noise: Noise::from_problems(&results)?,
        });
    }
    Ok(curves)
}
