//! What the page says of one setting of a recording: its study, with verdict, forecasts and strategies.

use crate::error::CliError;
use outthink_eval::{ArmStudy, Pool, Recording, ReplayOptions, ReplayRow, Rung, VoteCount, replay};
use outthink_law::coverage::{self, CoverageFit, CoverageOptions, Forecast};
use outthink_law::estimate::Resampling;
use outthink_law::verdict::{Judgement, Outlook, Question};
use outthink_strategy::StrategySpec;
use std::collections::HashMap;

/// How far beyond the samples drawn coverage is forecast.
const AHEAD: u64 = 64;
/// Orders in which each problem is drawn when strategies are replayed.
const ORDERS: u32 = 20;

/// What a strategy reached on the recording.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StrategyRow {
    /// The strategy with its setting, in words.
    pub(crate) name: String,
    /// The strategy's family, which makes a line of the figure.
    pub(crate) family: &'static str,
    /// What it reached.
    pub(crate) row: ReplayRow,
}

/// The answers of one problem, counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Votes {
    /// The most frequent answer, if there is any.
    pub(crate) top: Option<String>,
    /// Whether it is right.
    pub(crate) top_right: bool,
    /// Samples that are right, and all.
    pub(crate) right: (u64, u64),
    /// Mean tokens of a sample.
    pub(crate) tokens: f64,
}

/// One setting of a recording.
#[derive(Debug, Clone)]
pub(crate) struct Chapter {
    /// The model's name and the setting's.
    pub(crate) label: String,
    /// 1, 2, 4, ... samples up to what every problem has.
    pub(crate) rungs: Vec<Rung>,
    /// Coverage beyond the samples drawn.
    pub(crate) forecasts: Vec<Forecast>,
    /// Why there are none, where there are none.
    pub(crate) no_forecast: Option<String>,
    /// Whether more samples still pay; `None` where answers cannot be compared.
    pub(crate) judgement: Option<Judgement>,
    /// What more thinking would bring, where the points carry a curve.
    pub(crate) outlook: Option<Outlook>,
    /// Strategies over the recording.
    pub(crate) strategies: Vec<StrategyRow>,
    /// Each problem by number; `None` where it was not sampled at this setting.
    pub(crate) votes: Vec<Option<Votes>>,
    /// Mean tokens of a sample.
    pub(crate) mean_tokens: f64,
}

impl Chapter {
    /// What is said of one setting: `arm` is the study of `pool`, the samples of the setting.
    pub(crate) fn of(
        recording: &Recording,
        setting: usize,
        (pool, arm): (&Pool, &ArmStudy),
        threshold: f64,
    ) -> Result<Self, CliError> {
        let failed = |e: outthink_eval::EvalError| CliError::failure(e.to_string());
        let most = arm.least_samples();
        let (forecasts, no_forecast) = forecasts(arm, most);
        let judged = arm.judge(Question { threshold, ..Question::default() }).map_err(failed)?;
        let (judgement, outlook) = judged.map_or((None, None), |(judgement, outlook)| (Some(judgement), outlook));
        let by_id: HashMap<&str, &outthink_eval::PoolProblem> =
            pool.problems.iter().map(|p| (p.problem_id.as_str(), p)).collect();
        let votes = |p: &outthink_eval::Problem| by_id.get(p.id.as_str()).map(|p| Votes::of(p));
        Ok(Self {
            label: recording.label(setting),
            rungs: arm.rungs(Resampling::default()).map_err(failed)?,
            forecasts,
            no_forecast,
            judgement,
            outlook,
            strategies: strategies(pool, if arm.vote_ok { most } else { 1 })?,
            votes: recording.problems.iter().map(votes).collect(),
            mean_tokens: arm.tokens_a_sample(),
        })
    }
}

impl Votes {
    fn of(problem: &outthink_eval::PoolProblem) -> Self {
        let samples = &problem.samples;
        let count = VoteCount::of(samples.iter().map(|s| (s.answer.as_deref(), s.correct)), true);
        let top = count.top().filter(|_| problem.vote_ok);
        Self {
            top: top.map(|class| count.texts[class].clone()),
            top_right: top.is_some_and(|class| 2 * count.right[class] >= count.counts[class]),
            right: (count.correct, count.samples()),
            tokens: samples.iter().map(|s| s.tokens).sum::<f64>() / samples.len().max(1) as f64,
        }
    }
}

/// `first`, twice that, and so on up to `last`.
fn doublings(first: u64, last: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(first), |k| k.checked_mul(2)).take_while(move |k| *k <= last)
}

fn forecasts(arm: &ArmStudy, most: u64) -> (Vec<Forecast>, Option<String>) {
    let ahead = |fit: CoverageFit| -> Result<Vec<Forecast>, outthink_law::LawError> {
        let end = most.saturating_mul(AHEAD);
        doublings(most, end).map(|k| fit.forecast(k)).collect()
    };
    match coverage::fit(&arm.successes(), CoverageOptions::default()).and_then(ahead) {
        Ok(forecasts) => (forecasts, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    }
}

fn strategies(pool: &outthink_eval::Pool, most: u64) -> Result<Vec<StrategyRow>, CliError> {
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    let spec = |name: &str, samples: u32, target: f64| StrategySpec {
        name: name.to_owned(),
        max_samples: samples,
        target_confidence: target,
        ..StrategySpec::for_effort(outthink_core::Effort::Medium)
    };
    let mut plans = vec![("single".to_owned(), "single", spec("single", 1, 0.9))];
    let mut n = 2;
    while n <= most && n <= 128 {
        plans.push((format!("self-consistency, {n} samples"), "self-consistency", spec("self-consistency", n, 0.9)));
        n *= 2;
    }
    if most >= 2 {
        for target in [0.7, 0.8, 0.9, 0.95, 0.99] {
            plans.push((format!("adaptive at {target}"), "adaptive", spec("adaptive", most, target)));
        }
    }
    let mut rows = Vec::new();
    for (name, family, spec) in plans {
        let options = ReplayOptions { samples: spec.max_samples, seeds: ORDERS, ..ReplayOptions::default() };
        let row = replay(pool, &spec, &options).map_err(|e| CliError::failure(e.to_string()))?;
        rows.push(StrategyRow { name, family, row });
    }
    Ok(rows)
}
