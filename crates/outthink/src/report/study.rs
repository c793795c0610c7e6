//! The numbers of a recording at one setting.

use super::Recording;
use crate::error::CliError;
use crate::votes;
use outthink_eval::{ReplayOptions, ReplayRow, SampleRecord, VoteCount, replay};
use outthink_law::coverage::{self, CoverageFit, CoverageOptions, Forecast, Successes};
use outthink_law::estimate::{Estimate, Resampling, mean_over_problems, pass_at_k};
use outthink_law::forms::Curve;
use outthink_law::noise::Noise;
use outthink_law::verdict::{self, Judgement, Outlook, Question, Subject};
use outthink_strategy::StrategySpec;

/// How far beyond the samples drawn coverage is forecast.
const AHEAD: u64 = 64;
/// Orders in which each problem is drawn when strategies are replayed.
const ORDERS: u32 = 20;

/// One number of samples a problem.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rung {
    /// Samples a problem.
    pub(crate) k: u64,
    /// Generated tokens of them, on average.
    pub(crate) tokens: f64,
    /// A vote among them is right.
    pub(crate) vote: Estimate,
    /// One of them is right.
    pub(crate) coverage: Estimate,
}

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

/// The numbers of a recording at one setting.
#[derive(Debug, Clone)]
pub(crate) struct Study {
    /// The model's name and the setting's.
    pub(crate) label: String,
    /// 1, 2, 4, ... samples up to what every problem has.
    pub(crate) rungs: Vec<Rung>,
    /// Coverage beyond the samples drawn.
    pub(crate) forecasts: Vec<Forecast>,
    /// Why there are none, where there are none.
    pub(crate) no_forecast: Option<String>,
    /// Whether more samples still pay.
    pub(crate) judgement: Judgement,
    /// What more thinking would bring, where the points carry a curve.
    pub(crate) outlook: Option<Outlook>,
    /// Strategies over the recording.
    pub(crate) strategies: Vec<StrategyRow>,
    /// Each problem by number; `None` where it was not sampled at this setting.
    pub(crate) votes: Vec<Option<Votes>>,
    /// Mean tokens of a sample.
    pub(crate) mean_tokens: f64,
}

impl Study {
    /// Studies one setting; `None` where it has no samples.
    pub(crate) fn of(recording: &Recording, setting: usize, threshold: f64) -> Result<Option<Self>, CliError> {
        let counted: Vec<Counted> = (0..recording.problems.len())
            .map(|number| Counted::of(&recording.of(number, setting).collect::<Vec<_>>()))
            .collect();
        let sampled: Vec<&Counted> = counted.iter().filter(|c| c.count.samples() > 0).collect();
        let Some(most) = sampled.iter().map(|c| c.count.samples()).min() else { return Ok(None) };
        let all: u64 = sampled.iter().map(|c| c.count.samples()).sum();
        let mean_tokens = sampled.iter().map(|c| c.tokens).sum::<f64>() / all as f64;
        let (rungs, votes_at) = rungs(&sampled, most, mean_tokens)?;
        let (forecasts, no_forecast) = forecasts(&sampled, most);
        let (judgement, outlook) = judge(&rungs, &votes_at, threshold)?;
        let classes: Vec<Vec<Option<String>>> = counted.iter().map(Counted::answers).collect();
        let strategies = strategies(&recording.pool(setting, &classes), most)?;
        Ok(Some(Self {
            label: recording.label(setting),
            rungs,
            forecasts,
            no_forecast,
            judgement,
            outlook,
            strategies,
            votes: counted.iter().map(Counted::votes).collect(),
            mean_tokens,
        }))
    }
}

/// One problem's answers in classes of equals, and their length.
struct Counted {
    count: VoteCount,
    tokens: f64,
}

impl Counted {
    fn of(samples: &[&SampleRecord]) -> Self {
        let judged = samples.iter().any(|s| s.judge.is_some());
        Self {
            count: VoteCount::of(samples.iter().map(|s| (s.answer.as_deref(), s.correct)), judged),
            tokens: samples.iter().map(|s| s.usage.completion as f64).sum(),
        }
    }

    /// The answer of each sample in the words of the first one of its class.
    fn answers(&self) -> Vec<Option<String>> {
        (0..self.count.classes.len()).map(|i| self.count.text_of(i).map(str::to_owned)).collect()
    }

    fn votes(&self) -> Option<Votes> {
        let count = &self.count;
        if count.samples() == 0 {
            return None;
        }
        let top = count.top();
        Some(Votes {
            top: top.map(|class| count.texts[class].clone()),
            top_right: top.is_some_and(|class| 2 * count.right[class] >= count.counts[class]),
            right: (count.correct, count.samples()),
            tokens: self.tokens / count.samples() as f64,
        })
    }
}

fn law_error(error: &outthink_law::LawError) -> CliError {
    CliError::failure(error.to_string())
}

/// `first`, twice that, and so on up to `last`.
fn doublings(first: u64, last: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(first), |k| k.checked_mul(2)).take_while(move |k| *k <= last)
}

/// The rungs, and each problem's chance that a vote is right at each of them.
fn rungs(sampled: &[&Counted], most: u64, tokens: f64) -> Result<(Vec<Rung>, Vec<Vec<f64>>), CliError> {
    let mut ks: Vec<u64> = doublings(1, most).collect();
    if ks.last() != Some(&most) {
        ks.push(most);
    }
    let mut rungs = Vec::new();
    let mut votes_at = Vec::new();
    for k in ks {
        let vote = |c: &&Counted| votes::of_k(&c.count, k);
        let votes: Vec<f64> = sampled.iter().map(vote).collect::<Result<_, _>>().map_err(|e| law_error(&e))?;
        let covered: Vec<f64> = sampled
            .iter()
            .map(|c| pass_at_k(c.count.samples(), c.count.correct, k))
            .collect::<Result<_, _>>()
            .map_err(|e| law_error(&e))?;
        let mean = |values: &[f64]| mean_over_problems(values, Resampling::default()).map_err(|e| law_error(&e));
        rungs.push(Rung { k, tokens: tokens * k as f64, vote: mean(&votes)?, coverage: mean(&covered)? });
        votes_at.push(votes);
    }
    Ok((rungs, votes_at))
}

fn forecasts(sampled: &[&Counted], most: u64) -> (Vec<Forecast>, Option<String>) {
    let samples: Vec<u64> = sampled.iter().map(|c| c.count.samples()).collect();
    let correct: Vec<u64> = sampled.iter().map(|c| c.count.correct).collect();
    let data = Successes { samples: &samples, correct: &correct };
    let ahead = |fit: CoverageFit| -> Result<Vec<Forecast>, outthink_law::LawError> {
        let end = most.saturating_mul(AHEAD);
        doublings(most, end).map(|k| fit.forecast(k)).collect()
    };
    match coverage::fit(&data, CoverageOptions::default()).and_then(ahead) {
        Ok(forecasts) => (forecasts, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    }
}

fn judge(rungs: &[Rung], votes_at: &[Vec<f64>], threshold: f64) -> Result<(Judgement, Option<Outlook>), CliError> {
    let compute: Vec<f64> = rungs.iter().map(|r| r.tokens.max(1.0)).collect();
    let accuracy: Vec<f64> = rungs.iter().map(|r| r.vote.value).collect();
    let curve = Curve { compute: &compute, accuracy: &accuracy };
    let noise = if let Ok(noise) = Noise::from_problems(votes_at) {
        noise
    } else {
        // Fewer problems than settings: their errors are as wide as the data say.
        let wide: Vec<f64> =
            rungs.iter().map(|r| ((r.vote.interval.high - r.vote.interval.low) / 3.92).max(0.01)).collect();
        Noise::stated(&wide, outthink_law::noise::USUAL_SHARED).map_err(|e| law_error(&e))?
    };
    let question = Question { threshold, subject: Subject::Voting, ..Question::default() };
    let judgement = verdict::judge(&curve, &noise, question).map_err(|e| law_error(&e))?;
    // Points that carry no verdict carry no outlook either.
    let told = judgement.verdict != verdict::Verdict::CannotBeTold;
    let outlook = told.then(|| Outlook::new(&curve, &noise, question).ok()).flatten();
    Ok((judgement, outlook))
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
