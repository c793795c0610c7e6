//! Strategies over a recording.

use crate::savings::quantiles;
use crate::{EvalError, Interval, Pool, PoolProblem, VoteCount, draw, wilson};
use outthink_core::{Answer, AnswerKind, Budget, ModelInfo, Outcome, Price, derive_seed};
use outthink_law::estimate::{Resampling, mean_over_problems};
use outthink_strategy::allocator::AgreementStream;
use outthink_strategy::simulate::{Ending, Recorded, Recording, simulate};
use outthink_strategy::stopping::posterior_leader;
use outthink_strategy::strategies::Allocate;
use outthink_strategy::{DriveRequest, StrategySpec};
use outthink_verify::Comparison;
use serde::Serialize;
use std::collections::HashMap;

/// How a recording is drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplayOptions {
    /// Samples of each problem at most; fewer where the recording holds fewer.
    pub samples: u32,
    /// Orders in which the samples of each problem are drawn, one for each seed.
    pub seeds: u32,
    /// The first of them.
    pub first_seed: u64,
    /// What stands in for a verifier.
    pub verifier: ReplayVerifier,
}

/// What stands in for a verifier in a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayVerifier {
    /// There is none.
    None,
    /// The recorded scores, where there are any.
    #[default]
    Recorded,
    /// Whether the sample is right: a perfect checker.
    Exact,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self { samples: 40, seeds: 20, first_seed: 0, verifier: ReplayVerifier::default() }
    }
}

/// What a strategy reached on a pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayRow {
    /// The pool.
    pub pool: String,
    /// The strategy.
    pub strategy: String,
    /// Problems, each counted once however many arms drew samples of it.
    pub problems: u32,
    /// Arms that drew samples; the figures are means over a problem's arms.
    pub arms: u32,
    /// Share of right answers, over problems and seeds; of `single` and `self-consistency` over all orders.
    pub accuracy: f64,
    /// 95 % interval over problems: what arms and seeds have in common is one draw.
    pub interval: Interval,
    /// Samples a problem, on average, cancelled ones included.
    pub samples: f64,
    /// Generated tokens a problem, on average, as recorded.
    pub tokens: f64,
    /// How often each reason to stop was given.
    pub stops: Vec<(String, u32)>,
    /// Right answers, samples and tokens of each problem, on average over the seeds.
    #[serde(skip)]
    pub by_problem: Vec<[f64; 3]>,
}

impl ReplayRow {
    /// By how much this row's accuracy lies above another's of the same pool, with the 95 % interval
    /// of the bootstrap over problems, paired.
    pub fn above(&self, other: &Self) -> (f64, Interval) {
        let n = self.by_problem.len().min(other.by_problem.len());
        let difference: Vec<f64> = (0..n).map(|i| self.by_problem[i][0] - other.by_problem[i][0]).collect();
        let mean =
            |chosen: &mut dyn Iterator<Item = usize>| chosen.map(|i| difference[i]).sum::<f64>() / n.max(1) as f64;
        let mut resampled: Vec<f64> =
            (0..1_000).map(|r| mean(&mut draw::with_replacement(n, 1, r).into_iter())).collect();
        (mean(&mut (0..n)), quantiles(&mut resampled))
    }
}

/// Runs a strategy over every problem of a pool, drawing without replacement in `seeds` orders.
///
/// # Errors
/// If the strategy cannot be built.
pub fn replay(pool: &Pool, spec: &StrategySpec, options: &ReplayOptions) -> Result<ReplayRow, EvalError> {
    let mut spec = spec.clone();
    spec.max_samples = spec.max_samples.min(options.samples);
    let compares = spec.name != "single";
    if let Some(problem) = pool.problems.iter().find(|p| compares && !p.vote_ok) {
        return Err(EvalError::NoVotes { pool: pool.name.clone(), problem: problem.problem_id.clone() });
    }
    let mut tally = RowTally::default();
    // A model for each order: what it learned from the problems before is known at the next one.
    let mut streams = streams(&spec, options);
    for (index, problem) in pool.problems.iter().enumerate() {
        tally.by_problem.push([0.0; 3]);
        for seed in 0..options.seeds {
            let order = draw_order(problem, options, index, seed);
            let stream = streams.get_mut(seed as usize);
            spec.agreement = stream.as_ref().map(|stream| {
                let dice = derive_seed(options.first_seed + u64::from(seed), index as u64);
                stream.context(problem.question.as_deref().unwrap_or_default(), dice)
            });
            let outcome = run(problem, &order, &spec, options)?;
            let chosen = outcome.chosen.and_then(|id| order.get(id as usize)).map(|&i| &problem.samples[i]);
            // What has no answer is not the answer of a vote, as in `VoteCount`.
            let right = chosen.is_some_and(|s| s.correct && (s.answer.is_some() || !compares));
            if let (Some(stream), Some(context)) = (stream.filter(|_| problem.vote_ok), &spec.agreement) {
                let most = options.samples.min(order.len() as u32);
                stream.learn(context, &outcome.samples, (Allocate::price_of(&spec), most));
            }
            tally.add(right, f64::from(outcome.samples_drawn), outcome.usage.completion as f64, stop_name(&outcome));
        }
        if let Some(right) = in_all_orders(problem, &spec)? {
            tally.all_orders(right, options.seeds);
        }
    }
    Ok(tally.row(pool, &spec.name, options))
}

/// How often one sample, or the vote of a fixed number, is right over all orders of the samples: pass@1 and maj@k, as a study
/// of the recording has them. `None` of strategies that look at what comes.
fn in_all_orders(problem: &PoolProblem, spec: &StrategySpec) -> Result<Option<f64>, EvalError> {
    let all = problem.samples.len();
    Ok(match spec.name.as_str() {
        "single" => Some(problem.samples.iter().filter(|s| s.correct).count() as f64 / all.max(1) as f64),
        "self-consistency" => {
            let votes = VoteCount::of(problem.samples.iter().map(|s| (s.answer.as_deref(), s.correct)), true);
            Some(votes.maj_at_k(u64::from(spec.max_samples).min(all as u64))?)
        }
        _ => None,
    })
}

/// An agreement model for each order, where the strategy weighs votes by it and no verifier scores them.
fn streams(spec: &StrategySpec, options: &ReplayOptions) -> Vec<AgreementStream> {
    let stream = AgreementStream::of(spec).filter(|_| options.verifier != ReplayVerifier::Exact);
    stream.map_or_else(Vec::new, |stream| vec![stream; options.seeds as usize])
}

/// The Adaptive-Consistency rule drawn one sample at a time: the baseline of the paper.
///
/// Samples without an answer do not vote but count.
pub fn one_at_a_time(pool: &Pool, target: f64, options: &ReplayOptions) -> ReplayRow {
    let mut tally = RowTally::default();
    for (index, problem) in pool.problems.iter().enumerate() {
        tally.by_problem.push([0.0; 3]);
        for seed in 0..options.seeds {
            let mut votes: Vec<(&str, u32, usize)> = Vec::new();
            let (mut drawn, mut tokens) = (0u32, 0.0);
            for &i in &draw_order(problem, options, index, seed) {
                let sample = &problem.samples[i];
                drawn += 1;
                tokens += sample.tokens;
                if let Some(answer) = sample.answer.as_deref() {
                    match votes.iter_mut().find(|v| v.0 == answer) {
                        Some(vote) => vote.1 += 1,
                        None => votes.push((answer, 1, i)),
                    }
                }
                let mut counts: Vec<u32> = votes.iter().map(|v| v.1).collect();
                counts.sort_unstable_by_key(|c| std::cmp::Reverse(*c));
                let at = |rank: usize| counts.get(rank).copied().unwrap_or(0);
                if at(0) > 0 && posterior_leader(at(0), at(1)) >= target {
                    break;
                }
            }
            let leader = votes.iter().rev().max_by_key(|v| v.1);
            tally.add(leader.is_some_and(|v| problem.samples[v.2].correct), f64::from(drawn), tokens, "rule".into());
        }
    }
    tally.row(pool, "one-at-a-time", options)
}

fn draw_order(problem: &PoolProblem, options: &ReplayOptions, index: usize, seed: u32) -> Vec<usize> {
    let mut order = draw::order(problem.samples.len(), options.first_seed + u64::from(seed), index as u64);
    order.truncate(options.samples as usize);
    order
}

fn run(
    problem: &PoolProblem,
    order: &[usize],
    spec: &StrategySpec,
    options: &ReplayOptions,
) -> Result<Outcome, EvalError> {
    let recorded: Vec<Recorded> = order
        .iter()
        .map(|&i| {
            let sample = &problem.samples[i];
            let answer = sample.answer.clone().map(|text| Answer { text, kind: AnswerKind::Literal });
            Recorded {
                answer,
                tokens: sample.tokens.max(0.0).round() as u64,
                prompt_tokens: 0,
                score: match options.verifier {
                    ReplayVerifier::None => None,
                    ReplayVerifier::Recorded => sample.verifier_score,
                    ReplayVerifier::Exact => Some(f64::from(u8::from(sample.correct))),
                },
                ..Recorded::default()
            }
        })
        .collect();
    let request = DriveRequest {
        budget: Budget { max_samples: Some(options.samples), ..Budget::default() },
        ..DriveRequest::default()
    };
    let model = ModelInfo { id: "recorded".into(), context: None, price: Price::default() };
    let mut strategy = spec.build()?;
    let mut recording = Recording::of(&model, &recorded, Comparison::Literal);
    if spec.name == "short-m" {
        // It lives by which samples end first.
        recording.ending = Ending::ByLength;
    }
    Ok(simulate(&request, strategy.as_mut(), &recording))
}

fn stop_name(outcome: &Outcome) -> String {
    serde_json::to_value(outcome.stop).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// One entry a problem, in the order in which they first come: the mean over the arms that drew samples of it.
fn of_distinct(pool: &Pool, rows: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut sums: Vec<([f64; 3], f64)> = Vec::new();
    for (problem, row) in pool.problems.iter().zip(rows) {
        let place = *places.entry(&problem.problem_id).or_insert_with(|| {
            sums.push(([0.0; 3], 0.0));
            sums.len() - 1
        });
        let (sum, count) = &mut sums[place];
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        *count += 1.0;
    }
    sums.into_iter().map(|(sum, count)| sum.map(|x| x / count)).collect()
}

#[derive(Default)]
struct RowTally {
    runs: f64,
    samples: f64,
    tokens: f64,
    stops: HashMap<String, u32>,
    by_problem: Vec<[f64; 3]>,
}

impl RowTally {
    fn add(&mut self, right: bool, samples: f64, tokens: f64, stop: String) {
        self.runs += 1.0;
        self.samples += samples;
        self.tokens += tokens;
        *self.stops.entry(stop).or_default() += 1;
        if let Some(problem) = self.by_problem.last_mut() {
            for (sum, x) in problem.iter_mut().zip([f64::from(u8::from(right)), samples, tokens]) {
                *sum += x;
            }
        }
    }

    /// Puts what holds over all orders in the place of what the seeds drew.
    fn all_orders(&mut self, right: f64, seeds: u32) {
        if let Some(problem) = self.by_problem.last_mut() {
            problem[0] = right * f64::from(seeds);
        }
    }

    fn row(mut self, pool: &Pool, strategy: &str, options: &ReplayOptions) -> ReplayRow {
        let runs = self.runs.max(1.0);
        for x in self.by_problem.iter_mut().flatten() {
            *x /= f64::from(options.seeds.max(1));
        }
        let by_problem = of_distinct(pool, &self.by_problem);
        let problems = by_problem.len() as u32;
        let right: Vec<f64> = by_problem.iter().map(|problem| problem[0]).collect();
        let sum: f64 = right.iter().sum();
        // The seeds and arms of one problem are not independent draws: problems are resampled, as in a study.
        let interval = mean_over_problems(&right, Resampling::default())
            .map_or_else(|_| wilson(sum, problems), |e| Interval { low: e.interval.low, high: e.interval.high });
        let mut stops: Vec<(String, u32)> = self.stops.into_iter().collect();
        stops.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        ReplayRow {
            pool: pool.name.clone(),
            strategy: strategy.to_owned(),
            problems,
            arms: pool.arms() as u32,
            accuracy: sum / f64::from(problems.max(1)),
            interval,
            samples: self.samples / runs,
            tokens: self.tokens / runs,
            stops,
            by_problem,
        }
    }
}
