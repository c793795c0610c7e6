//! A cheap run first, a dear one where it pays, over recordings of both.

use crate::{EvalError, Interval, Pool, PoolProblem, PoolSample, draw, yardstick::quantiles};
use outthink_core::{Answer, AnswerKind, Budget, ModelInfo, Price};
use outthink_strategy::simulate::{Ending, Recorded, RecordedArm, Recording, simulate};
use outthink_strategy::{DriveRequest, StrategySpec};
use outthink_verify::Comparison;
use serde::Serialize;

/// What a cascade reached at one setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CascadeRow {
    /// The price of a cheap sample, in probability.
    pub price: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Generated tokens a problem.
    pub tokens: f64,
    /// Accuracy less that of one dear sample on the same problems.
    pub above_dear: f64,
    /// 95 % interval of it: bootstrap over problems, paired.
    pub interval: Interval,
    /// Tokens over those of one dear sample.
    pub share_of_tokens: f64,
    /// Share of the problems that were escalated.
    pub escalated: f64,
}

/// Two runs of one set of problems and the frontier between them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cascade {
    /// The cheap run, as model and run.
    pub cheap: String,
    /// The dear one.
    pub dear: String,
    /// Problems that both hold.
    pub problems: u32,
    /// Accuracy of one sample of the cheap and of the dear run.
    pub accuracies: (f64, f64),
    /// Tokens of one sample of the cheap and of the dear run.
    pub tokens: (f64, f64),
    /// From cheap samples to dear ones.
    pub rows: Vec<CascadeRow>,
}

/// The problems of a run, by the run's name or by the model's where it has one run only.
fn run_of<'a>(pool: &'a Pool, name: &str) -> Vec<&'a PoolProblem> {
    let by_run: Vec<_> = pool.problems.iter().filter(|p| p.run.as_deref() == Some(name)).collect();
    if by_run.is_empty() { pool.problems.iter().filter(|p| p.model.as_deref() == Some(name)).collect() } else { by_run }
}

/// Replays `allocate` with two arms over two runs of a pool, each problem in `seeds` orders, for a
/// grid of prices. `most` bounds the samples a problem.
///
/// # Errors
/// If a run is not in the pool, or both share no problem.
pub fn cascade(pool: &Pool, cheap: &str, dear: &str, most: u32, seeds: u32) -> Result<Cascade, EvalError> {
    let (cheap_run, dear_run) = (run_of(pool, cheap), run_of(pool, dear));
    let pairs: Vec<(&PoolProblem, &PoolProblem)> = cheap_run
        .iter()
        .filter_map(|c| dear_run.iter().find(|d| d.problem_id == c.problem_id).map(|d| (*c, *d)))
        .collect();
    if pairs.is_empty() {
        let missing = if cheap_run.is_empty() { cheap } else { dear };
        return Err(EvalError::Run { pool: pool.name.clone(), run: missing.to_owned() });
    }
    let mean = |of: &dyn Fn(&PoolProblem) -> f64, which: usize| {
        pairs.iter().map(|p| of(if which == 0 { p.0 } else { p.1 })).sum::<f64>() / pairs.len() as f64
    };
    let right = |p: &PoolProblem| p.samples.iter().filter(|s| s.correct).count() as f64 / p.samples.len() as f64;
    let length = |p: &PoolProblem| p.samples.iter().map(|s| s.tokens).sum::<f64>() / p.samples.len() as f64;
    let tokens = (mean(&length, 0), mean(&length, 1));
    let mut rows = Vec::new();
    for step in (0..22).rev() {
        rows.push(one(&pairs, 1e-4 * 1.5f64.powi(step), tokens, &Frame { most, seeds })?);
    }
    let name = |problem: &PoolProblem, run: &str| match problem.model.as_deref() {
        Some(model) if model != run => format!("{model} {run}"),
        _ => run.to_owned(),
    };
    Ok(Cascade {
        cheap: name(pairs[0].0, cheap),
        dear: name(pairs[0].1, dear),
        problems: pairs.len() as u32,
        accuracies: (mean(&right, 0), mean(&right, 1)),
        tokens,
        rows,
    })
}

struct Frame {
    most: u32,
    seeds: u32,
}

fn one(
    pairs: &[(&PoolProblem, &PoolProblem)],
    price: f64,
    tokens: (f64, f64),
    frame: &Frame,
) -> Result<CascadeRow, EvalError> {
    // Prices in proportion to length, so that a token costs the same on both and the strategy sees
    // how much dearer a sample is.
    let priced = |name: &str, tokens: f64| ModelInfo {
        id: name.into(),
        context: None,
        price: Price { output: (tokens * 1_000.0) as u64, ..Price::default() },
    };
    let models = (priced("cheap", tokens.0), priced("dear", tokens.1));
    let mut spec = StrategySpec {
        name: "allocate".into(),
        max_samples: frame.most,
        ..StrategySpec::for_effort(outthink_core::Effort::Medium)
    };
    spec.settings.set("price", price);
    let (mut escalated, mut runs) = (0.0, 0.0);
    let mut problems: Vec<[f64; 3]> = Vec::new();
    for (index, (cheap, dear)) in pairs.iter().enumerate() {
        let mut sums = [0.0; 3];
        for seed in 0..frame.seeds {
            let stream = (index as u64) << 1;
            let (cheap, dear) = (ordered(cheap, seed, stream), ordered(dear, seed, stream | 1));
            let record = |s: &&PoolSample| Recorded {
                answer: s.answer.clone().map(|text| Answer { text, kind: AnswerKind::Literal }),
                tokens: s.tokens.max(0.0) as u64,
                ..Recorded::default()
            };
            let samples = (cheap.iter().map(record).collect::<Vec<_>>(), dear.iter().map(record).collect::<Vec<_>>());
            let recording = Recording {
                arms: vec![
                    RecordedArm { name: "cheap", model: &models.0, samples: &samples.0 },
                    RecordedArm { name: "dear", model: &models.1, samples: &samples.1 },
                ],
                comparison: Comparison::Literal,
                ending: Ending::InOrder,
            };
            let request = DriveRequest { budget: Budget::default(), ..DriveRequest::default() };
            let outcome = simulate(&request, spec.build()?.as_mut(), &recording);
            let place = outcome.chosen.and_then(|id| Recording::place_of(&outcome.samples, id));
            let chosen = place.and_then(|(arm, i)| if arm == 0 { cheap.get(i) } else { dear.get(i) });
            sums[0] += f64::from(u8::from(chosen.is_some_and(|s| s.correct)));
            sums[1] += dear.first().map_or(0.0, |s| f64::from(u8::from(s.correct)));
            sums[2] += outcome.usage.completion as f64;
            escalated += f64::from(u8::from(outcome.samples.iter().any(|s| s.arm == 1)));
            runs += 1.0;
        }
        problems.push(sums.map(|s| s / f64::from(frame.seeds.max(1))));
    }
    let mean = |chosen: &mut dyn Iterator<Item = usize>, of: &dyn Fn(&[f64; 3]) -> f64| {
        chosen.map(|i| of(&problems[i])).sum::<f64>() / problems.len() as f64
    };
    let all = || 0..problems.len();
    let above = |p: &[f64; 3]| p[0] - p[1];
    let mut resampled: Vec<f64> =
        (0..1_000).map(|r| mean(&mut draw::with_replacement(problems.len(), 2, r).into_iter(), &above)).collect();
    let spent = mean(&mut all(), &|p| p[2]);
    Ok(CascadeRow {
        price,
        accuracy: mean(&mut all(), &|p| p[0]),
        tokens: spent,
        above_dear: mean(&mut all(), &above),
        interval: quantiles(&mut resampled),
        share_of_tokens: spent / tokens.1,
        escalated: escalated / f64::max(runs, 1.0),
    })
}

/// The samples of a problem in a random order.
fn ordered(problem: &PoolProblem, seed: u32, stream: u64) -> Vec<&PoolSample> {
    draw::order(problem.samples.len(), u64::from(seed), stream).into_iter().map(|i| &problem.samples[i]).collect()
}
