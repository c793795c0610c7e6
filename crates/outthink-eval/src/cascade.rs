//! A cheaper arm first, a more expensive one where it is worth it, over recordings of both.

use crate::{EvalError, Interval, Pool, PoolProblem, PoolSample, draw, savings::quantiles};
use outthink_core::{AllocationTable, Answer, AnswerKind, Budget, Isotonic, ModelInfo, Price};
use outthink_strategy::allocator::Prior;
use outthink_strategy::simulate::{Ending, Recorded, RecordedArm, Recording, simulate};
use outthink_strategy::{DriveRequest, StrategySpec};
use outthink_verify::Comparison;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// What a cascade reached at one setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CascadeRow {
    /// The price of a cheap sample, in probability.
    pub price: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Generated tokens a problem.
    pub tokens: f64,
    /// Accuracy less that of one expensive sample on the same problems.
    pub above_large: f64,
    /// 95 % interval of it: bootstrap over problems, paired.
    pub interval: Interval,
    /// Tokens over those of one expensive sample.
    pub share_of_tokens: f64,
    /// What a problem costs, in the unit of [`Cascade::unit`].
    pub cost: f64,
    /// That over the cost of one expensive sample.
    pub share_of_cost: f64,
    /// Share of the problems that were escalated.
    pub escalated: f64,
}

/// Two runs of one set of problems and the frontier between them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cascade {
    /// The run of the cheaper model, as model and run.
    pub small: String,
    /// The more expensive one.
    pub large: String,
    /// Problems that both hold.
    pub problems: u32,
    /// Accuracy of one sample of the cheaper and of the more expensive run.
    pub accuracies: (f64, f64),
    /// Tokens of one sample of the cheaper and of the more expensive run.
    pub tokens: (f64, f64),
    /// What one sample of the cheaper and of the more expensive run costs.
    pub costs: (f64, f64),
    /// What costs are in: `USD` where the recording or the caller says what samples cost, else `tokens`.
    pub unit: &'static str,
    /// That the run which costs more is the worse one, where that is so: there is nothing to escalate to.
    pub dominated: Option<String>,
    /// From cheap samples to expensive ones.
    pub rows: Vec<CascadeRow>,
}

/// The problems of a run, by the run's name or by the model's where it has one run only.
fn run_of<'a>(pool: &'a Pool, name: &str) -> Vec<&'a PoolProblem> {
    let by_run: Vec<_> = pool.problems.iter().filter(|p| p.run.as_deref() == Some(name)).collect();
    if by_run.is_empty() { pool.problems.iter().filter(|p| p.model.as_deref() == Some(name)).collect() } else { by_run }
}

/// [`cascade_priced`] with what the recording says of costs.
///
/// # Errors
/// As [`cascade_priced`].
pub fn cascade(pool: &Pool, small: &str, large: &str, most: u32, seeds: u32) -> Result<Cascade, EvalError> {
    cascade_priced(pool, [small, large], None, most, seeds)
}

/// Parts that the problems are dealt into: each is decided by the skills that the others showed.
const FOLDS: usize = 5;

/// Replays `allocate` with two arms over two runs of a pool, each problem in `seeds` orders, for a grid of prices.
/// `most` bounds the samples a problem.
///
/// Which run is the more expensive one is decided by what a sample costs: the dollars that were recorded; without them the
/// generated tokens at `usd` dollars a million, first run first; without either the tokens alone. How good an arm
/// is, and how far agreement of the smaller one can be trusted, is learned on the other four fifths of the problems.
///
/// # Errors
/// If a run is not in the pool, or both share no problem.
pub fn cascade_priced(
    pool: &Pool,
    runs: [&str; 2],
    usd: Option<[f64; 2]>,
    most: u32,
    seeds: u32,
) -> Result<Cascade, EvalError> {
    let found = runs.map(|run| run_of(pool, run));
    let by_id: HashMap<&str, &PoolProblem> = found[1].iter().map(|p| (p.problem_id.as_str(), *p)).collect();
    let mut pairs: Vec<[&PoolProblem; 2]> =
        found[0].iter().filter_map(|c| by_id.get(c.problem_id.as_str()).map(|d| [*c, *d])).collect();
    if pairs.is_empty() {
        let missing = if found[0].is_empty() { runs[0] } else { runs[1] };
        return Err(EvalError::Run { pool: pool.name.clone(), run: missing.to_owned() });
    }
    let recorded = pairs.iter().all(|p| p.iter().all(|p| p.samples.iter().any(|s| s.usd > 0.0)));
    let (mut rates, unit) = match usd {
        _ if recorded => ([0.0; 2], "USD"),
        Some(usd) => (usd.map(|u| u / 1e6), "USD"),
        None => ([1.0; 2], "tokens"),
    };
    let cost = |s: &PoolSample, rate: f64| if recorded { s.usd } else { s.tokens * rate };
    let over = |which: usize, of: &dyn Fn(&PoolSample) -> f64, pairs: &[[&PoolProblem; 2]]| {
        let one = |p: &PoolProblem| p.samples.iter().map(of).sum::<f64>() / p.samples.len() as f64;
        pairs.iter().map(|p| one(p[which])).sum::<f64>() / pairs.len() as f64
    };
    let mut names = runs;
    let costs_of =
        |rates: [f64; 2], pairs: &[[&PoolProblem; 2]]| [0, 1].map(|i| over(i, &|s| cost(s, rates[i]), pairs));
    let mut costs = costs_of(rates, &pairs);
    if costs[0] > costs[1] && unit == "USD" {
        // The larger arm is the one that costs more, whichever was named first.
        (names, rates) = ([names[1], names[0]], [rates[1], rates[0]]);
        for pair in &mut pairs {
            pair.swap(0, 1);
        }
        costs = costs_of(rates, &pairs);
    }
    let right = |s: &PoolSample| f64::from(u8::from(s.correct));
    let accuracies = [0, 1].map(|i| over(i, &right, &pairs));
    let tokens = [0, 1].map(|i| over(i, &|s| s.tokens, &pairs));
    let frame = Frame { most, seeds, costs, rates, recorded, tokens, skills: skills(&pairs) };
    let rows = (0..22).rev().map(|step| one(&pairs, 1e-4 * 1.5f64.powi(step), &frame)).collect::<Result<_, _>>()?;
    let name = |problem: &PoolProblem, run: &str| match problem.model.as_deref() {
        Some(model) if model != run => format!("{model} {run}"),
        _ => run.to_owned(),
    };
    let dominated = (accuracies[1] <= accuracies[0] && costs[1] >= costs[0]).then(|| {
        format!(
            "{} costs {:.1}x as much as {} and is right no more often ({:.3}, {:.3}): leave it out",
            names[1],
            costs[1] / costs[0],
            names[0],
            accuracies[1],
            accuracies[0]
        )
    });
    Ok(Cascade {
        small: name(pairs[0][0], names[0]),
        large: name(pairs[0][1], names[1]),
        problems: pairs.len() as u32,
        accuracies: accuracies.into(),
        tokens: tokens.into(),
        costs: costs.into(),
        unit,
        dominated,
        rows,
    })
}

/// What the problems outside of a fold show of both arms.
struct ArmSkills {
    /// How often a sample of the larger arm is right.
    large: f64,
    /// From votes of the smaller arm to how often its leader is right.
    table: Arc<AllocationTable>,
}

/// Of each fold.
fn skills(pairs: &[[&PoolProblem; 2]]) -> Vec<ArmSkills> {
    let prior = Prior::default();
    let of = |fold: usize| {
        let others: Vec<&[&PoolProblem; 2]> =
            pairs.iter().enumerate().filter(|(i, _)| i % FOLDS != fold).map(|(_, p)| p).collect();
        let rate = |p: &PoolProblem| p.samples.iter().filter(|s| s.correct).count() as f64 / p.samples.len() as f64;
        // As if one more problem were half right.
        let large = (others.iter().map(|p| rate(p[1])).sum::<f64>() + 0.5) / (others.len() as f64 + 1.0);
        let points: Vec<(f64, f64)> = others.iter().flat_map(|p| crate::learn::shares_of(p[0], &prior)).collect();
        ArmSkills {
            large,
            table: Arc::new(AllocationTable {
                schema: AllocationTable::SCHEMA,
                learned_from: Vec::new(),
                problems: others.len() as u64,
                agreement: prior.parts().to_vec(),
                share_to_correct: Isotonic::fit(&points),
                verifier: None,
                form: None,
                tokens: None,
            }),
        }
    };
    (0..FOLDS).map(of).collect()
}

struct Frame {
    most: u32,
    seeds: u32,
    costs: [f64; 2],
    /// Cost of a token of each arm, where no dollars were recorded.
    rates: [f64; 2],
    recorded: bool,
    tokens: [f64; 2],
    skills: Vec<ArmSkills>,
}

impl Frame {
    fn cost(&self, sample: &PoolSample, arm: usize) -> f64 {
        if self.recorded { sample.usd } else { sample.tokens * self.rates[arm] }
    }
}

fn one(pairs: &[[&PoolProblem; 2]], price: f64, frame: &Frame) -> Result<CascadeRow, EvalError> {
    // Prices of a token in proportion to what a sample costs, so that the strategy sees how much more expensive one is.
    let priced = |name: &str, cost: f64| ModelInfo {
        id: name.into(),
        context: None,
        price: Price { output: (cost / frame.costs[0].max(f64::MIN_POSITIVE) * 1e6) as u64, ..Price::default() },
    };
    let models = (priced("small", frame.costs[0]), priced("large", frame.costs[1]));
    let mut spec = StrategySpec {
        name: "allocate".into(),
        max_samples: frame.most,
        ..StrategySpec::for_effort(outthink_core::Effort::Medium)
    };
    spec.settings.set("price", price);
    let (mut escalated, mut runs) = (0.0, 0.0);
    let mut problems: Vec<[f64; 4]> = Vec::new();
    for (index, pair) in pairs.iter().enumerate() {
        let mut sums = [0.0; 4];
        let skills = &frame.skills[index % FOLDS];
        spec.settings.set("large_right", skills.large);
        spec.table = Some(Arc::clone(&skills.table));
        for seed in 0..frame.seeds {
            let stream = (index as u64) << 1;
            let drawn = [ordered(pair[0], seed, stream), ordered(pair[1], seed, stream | 1)];
            let record = |s: &&PoolSample| Recorded {
                answer: s.answer.clone().map(|text| Answer { text, kind: AnswerKind::Literal }),
                tokens: s.tokens.max(0.0) as u64,
                ..Recorded::default()
            };
            let samples = drawn.each_ref().map(|d| d.iter().map(record).collect::<Vec<_>>());
            let recording = Recording {
                arms: vec![
                    RecordedArm { name: "small", model: &models.0, samples: &samples[0] },
                    RecordedArm { name: "large", model: &models.1, samples: &samples[1] },
                ],
                comparison: Comparison::Literal,
                ending: Ending::InOrder,
            };
            let request = DriveRequest { budget: Budget::default(), ..DriveRequest::default() };
            let outcome = simulate(&request, spec.build()?.as_mut(), &recording);
            let of = |id| {
                let (arm, at) = Recording::place_of(&outcome.samples, id)?;
                drawn.get(arm as usize)?.get(at).map(|s| (arm as usize, *s))
            };
            sums[0] += f64::from(u8::from(outcome.chosen.and_then(of).is_some_and(|(_, s)| s.correct)));
            sums[1] += drawn[1].first().map_or(0.0, |s| f64::from(u8::from(s.correct)));
            sums[2] += outcome.usage.completion as f64;
            sums[3] += outcome.samples.iter().filter_map(|s| of(s.id)).map(|(arm, s)| frame.cost(s, arm)).sum::<f64>();
            escalated += f64::from(u8::from(outcome.samples.iter().any(|s| s.arm == 1)));
            runs += 1.0;
        }
        problems.push(sums.map(|s| s / f64::from(frame.seeds.max(1))));
    }
    let mean = |chosen: &mut dyn Iterator<Item = usize>, of: &dyn Fn(&[f64; 4]) -> f64| {
        chosen.map(|i| of(&problems[i])).sum::<f64>() / problems.len() as f64
    };
    let all = || 0..problems.len();
    let above = |p: &[f64; 4]| p[0] - p[1];
    let mut resampled: Vec<f64> =
        (0..1_000).map(|r| mean(&mut draw::with_replacement(problems.len(), 2, r).into_iter(), &above)).collect();
    let (spent, cost) = (mean(&mut all(), &|p| p[2]), mean(&mut all(), &|p| p[3]));
    Ok(CascadeRow {
        price,
        accuracy: mean(&mut all(), &|p| p[0]),
        tokens: spent,
        above_large: mean(&mut all(), &above),
        interval: quantiles(&mut resampled),
        share_of_tokens: spent / frame.tokens[1],
        cost,
        share_of_cost: cost / frame.costs[1],
        escalated: escalated / f64::max(runs, 1.0),
    })
}

/// The samples of a problem in a random order.
fn ordered(problem: &PoolProblem, seed: u32, stream: u64) -> Vec<&PoolSample> {
    draw::order(problem.samples.len(), u64::from(seed), stream).into_iter().map(|i| &problem.samples[i]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two arms of one sample a problem: one right `small` times of ten, the other `large` times.
    fn made(small: u32, large: u32, usd: [f64; 2]) -> Pool {
        let row = |run: &str, i: u32, right: u32, usd: f64| PoolProblem {
            problem_id: i.to_string(),
            run: Some(run.into()),
            samples: vec![PoolSample {
                answer: Some(if i % 10 < right { "1".to_owned() } else { run.to_owned() }),
                correct: i % 10 < right,
                tokens: 50.0,
                usd,
                ..PoolSample::default()
            }],
            ..PoolProblem::default()
        };
        let rows = (0..60).flat_map(|i| [row("small", i, small, usd[0]), row("large", i, large, usd[1])]);
        Pool { name: "made".into(), problems: rows.collect() }
    }

    #[test]
    fn one_sample_an_arm_reaches_the_larger_model() {
        // In either order of naming: the larger one is the one that costs more.
        for runs in [["small", "large"], ["large", "small"]] {
            let found = cascade(&made(0, 10, [1e-5, 1e-4]), runs[0], runs[1], 2, 1).unwrap();
            assert!(found.small.contains("small") && found.dominated.is_none(), "{found:?}");
            let best = found.rows.iter().map(|r| r.accuracy).fold(0.0, f64::max);
            assert_eq!(best, 1.0);
            let last = found.rows.last().unwrap();
            assert!(last.accuracy == 1.0 && last.price < found.rows[0].price, "a lower price is no worse: {last:?}");
            assert!((last.cost - 1.1e-4).abs() < 1e-9, "{last:?}");
        }
    }

    #[test]
    fn an_arm_that_costs_more_and_is_worse_is_named_and_not_asked() {
        let found = cascade(&made(8, 5, [1e-5, 1e-4]), "small", "large", 2, 1).unwrap();
        assert!(found.dominated.as_deref().is_some_and(|d| d.contains("large costs 10.0x")), "{found:?}");
        assert!(found.rows.iter().all(|r| r.escalated == 0.0 && (r.accuracy - 0.8).abs() < 1e-9));
    }
}
