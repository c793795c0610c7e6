//! A stream of simulated problems of drifting difficulty under a soft target.

use outthink_core::derive_seed;
use outthink_strategy::allocator::{Plan, PriceController, Prior};
use serde::Serialize;

/// A stream and what it may spend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamOptions {
    /// Problems.
    pub problems: u32,
    /// Samples a problem on average.
    pub target: f64,
    /// Samples of one problem at most.
    pub most: u32,
    /// Generated tokens of one problem at most.
    pub most_tokens: u64,
    /// Of the problems and their samples.
    pub seed: u64,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { problems: 10_000, target: 6.0, most: 40, most_tokens: 12_000, seed: 0 }
    }
}

/// How a stream went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamReport {
    /// Samples a problem on average.
    pub samples: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Share of right answers of the vote over a fixed number of samples, the target rounded.
    pub fixed_accuracy: f64,
    /// Mean samples of each thousand problems in turn.
    pub thousands: Vec<f64>,
    /// The largest relative error of the average over any 1,000 problems in a row, in per cent.
    pub worst_window: f64,
    /// Most samples of one problem.
    pub most_samples: u32,
    /// Most tokens of one problem.
    pub most_tokens: u64,
    /// Samples of the tenth of the problems with the smallest share of the right answer, on average.
    pub hard_samples: f64,
    /// The same for the largest.
    pub easy_samples: f64,
    /// Lowest and highest price.
    pub prices: (f64, f64),
}

/// Width of the windows whose average is held.
const WINDOW: usize = 1_000;

/// One problem of a stream.
#[derive(Debug, Clone, Copy)]
struct Spent {
    samples: u32,
    tokens: u64,
    share: f64,
}

/// Runs a stream: every problem is answered with the plan at the price of the moment.
pub fn stream(options: &StreamOptions) -> StreamReport {
    let prior = Prior::default();
    let mut controller = PriceController::new(options.target, 1e-3);
    let fixed = options.target.round().max(1.0) as u32;
    let mut spent: Vec<Spent> = Vec::new();
    let (mut right, mut fixed_right) = (0u32, 0u32);
    let mut prices = (f64::MAX, 0f64);
    for number in 0..u64::from(options.problems) {
        let price = controller.price();
        prices = (prices.0.min(price), prices.1.max(price));
        let plan = Plan::of(&prior, price, options.most);
        let share = difficulty(options, number);
        let (class, one) = answer(options, &plan, share, number);
        right += u32::from(class == Some(0));
        fixed_right += u32::from(vote(options, share, number, fixed) == Some(0));
        controller.observe(f64::from(one.samples));
        spent.push(one);
    }
    let n = spent.len().max(1) as f64;
    let mean = |part: &[Spent]| part.iter().map(|s| f64::from(s.samples)).sum::<f64>() / part.len().max(1) as f64;
    let worst = spent.windows(WINDOW).map(|w| (mean(w) / options.target - 1.0).abs()).fold(0.0, f64::max);
    let mut by_share = spent.clone();
    by_share.sort_by(|a, b| a.share.total_cmp(&b.share));
    let tenth = by_share.len().div_ceil(10).min(by_share.len());
    StreamReport {
        samples: mean(&spent),
        accuracy: f64::from(right) / n,
        fixed_accuracy: f64::from(fixed_right) / n,
        thousands: spent.chunks(WINDOW).map(mean).collect(),
        worst_window: 100.0 * worst,
        most_samples: spent.iter().map(|s| s.samples).max().unwrap_or(0),
        most_tokens: spent.iter().map(|s| s.tokens).max().unwrap_or(0),
        hard_samples: mean(&by_share[..tenth]),
        easy_samples: mean(&by_share[by_share.len() - tenth..]),
        prices,
    }
}

fn unit(seed: u64, stream: u64, index: u64) -> f64 {
    (derive_seed(derive_seed(seed, stream), index) >> 11) as f64 / (1u64 << 53) as f64
}

/// The share of the right answer: easy and hard problems mixed, in proportions that drift slowly and
/// jump half-way.
fn difficulty(options: &StreamOptions, number: u64) -> f64 {
    let phase = number as f64 / f64::from(options.problems.max(1));
    let wave = 0.5 + 0.4 * (phase * 3.0 * std::f64::consts::TAU).sin();
    let easy = if phase > 0.5 { 1.0 - wave } else { wave };
    let [kind, place] = [0, 1].map(|i| unit(options.seed, number, 1 << 40 | i));
    if kind < easy { 0.85 + 0.15 * place } else { 0.15 + 0.6 * place }
}

/// The class and the tokens of a sample: class 0 is right, wrong answers fall on ever rarer classes.
fn draw(options: &StreamOptions, share: f64, number: u64, index: u32) -> (u32, u64) {
    let mut u = unit(options.seed, number, u64::from(index) * 2);
    let tokens = 100.0 + 400.0 * unit(options.seed, number, u64::from(index) * 2 + 1);
    let class = if u < share {
        0
    } else {
        u = (u - share) / (1.0 - share);
        1 + (-(1.0 - u).max(1e-9).ln() / std::f64::consts::LN_2) as u32
    };
    (class, tokens as u64)
}

/// Answers one problem by a plan within the caps; the class chosen, and what was spent.
fn answer(options: &StreamOptions, plan: &Plan, share: f64, number: u64) -> (Option<u32>, Spent) {
    let mut votes: Vec<(u32, u32)> = Vec::new();
    let mut spent = Spent { samples: 0, tokens: 0, share };
    while spent.samples < options.most {
        let mut counts: Vec<u32> = votes.iter().map(|v| v.1).collect();
        counts.sort_unstable_by_key(|c| std::cmp::Reverse(*c));
        if !counts.is_empty() && plan.advantage(&counts).is_none_or(|a| a <= 0.0) {
            break;
        }
        // A sample is reserved at its longest before it is drawn.
        if spent.tokens + LONGEST > options.most_tokens {
            break;
        }
        let (class, tokens) = draw(options, share, number, spent.samples);
        spent.samples += 1;
        spent.tokens += tokens;
        count(&mut votes, class);
    }
    (leader(&votes), spent)
}

/// The longest sample of a stream, in tokens.
const LONGEST: u64 = 500;

fn vote(options: &StreamOptions, share: f64, number: u64, samples: u32) -> Option<u32> {
    let mut votes = Vec::new();
    for index in 0..samples {
        count(&mut votes, draw(options, share, number, index).0);
    }
    leader(&votes)
}

fn count(votes: &mut Vec<(u32, u32)>, class: u32) {
    match votes.iter_mut().find(|v| v.0 == class) {
        Some(vote) => vote.1 += 1,
        None => votes.push((class, 1)),
    }
}

fn leader(votes: &[(u32, u32)]) -> Option<u32> {
    votes.iter().rev().max_by_key(|v| v.1).map(|v| v.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_thousand_problems_meet_the_target_and_hard_ones_get_many_times_more() {
        let report = stream(&StreamOptions::default());
        println!("{report:#?}");
        assert!(report.worst_window < 2.0, "{report:?}");
        assert!(report.hard_samples > 3.0 * report.easy_samples, "{report:?}");
        assert!(report.accuracy > report.fixed_accuracy);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn caps_are_never_broken(
            target in 1.0f64..30.0, most in 1u32..30, most_tokens in 500u64..6_000, seed in 0u64..1_000,
        ) {
            let report = stream(&StreamOptions { problems: 60, target, most, most_tokens, seed });
            prop_assert!(report.most_samples <= most);
            prop_assert!(report.most_tokens <= most_tokens);
        }
    }
}
