//! What recorded pools tell the allocator.

use crate::frontier::{all_counts, all_votes, even_prior};
use crate::{Pool, PoolProblem};
use outthink_core::{AllocationTable, Isotonic, TokenTable, VerifierTable};
use outthink_strategy::allocator::{Prior, learn_form};
use std::collections::HashMap;

/// Learns an allocation table from recorded pools, each with the same weight, however many problems
/// it holds.
///
/// The prior of agreement needs no labels; the calibrations do. Rows whose answers cannot be compared
/// do not take part in the agreement. `None` without a problem that votes.
pub fn learn_table(pools: &[&Pool]) -> Option<AllocationTable> {
    let mut agreement: Vec<outthink_core::AgreementPart> = Vec::new();
    let mut taken = 0.0;
    for pool in pools {
        let counts: Vec<Vec<u32>> = all_counts(pool).into_iter().filter(|c| !c.is_empty()).collect();
        if counts.is_empty() {
            continue;
        }
        let learned = even_prior().learn(&counts, 1.0, 200);
        taken += 1.0;
        if agreement.is_empty() {
            agreement = learned.parts().to_vec();
        } else {
            for (sum, part) in agreement.iter_mut().zip(learned.parts()) {
                sum.weight += part.weight;
            }
        }
    }
    if taken == 0.0 {
        return None;
    }
    for part in &mut agreement {
        part.weight /= taken;
    }
    let prior = Prior::new(agreement.clone());
    let shares: Vec<(f64, f64)> = pools.iter().flat_map(|pool| shares(pool, &prior)).collect();
    Some(AllocationTable {
        schema: AllocationTable::SCHEMA,
        learned_from: pools.iter().map(|p| p.name.clone()).collect(),
        problems: pools.iter().map(|p| p.problems.len() as u64).sum(),
        agreement,
        share_to_correct: Isotonic::fit(&shares),
        verifier: verifier(pools),
        form: learn_form(&pools.iter().map(|pool| all_votes(pool)).collect::<Vec<_>>()),
        tokens: tokens(pools),
    })
}

/// Expected share of the leader and whether it is right, after few and after many of a problem's
/// samples.
fn shares(pool: &Pool, prior: &Prior) -> Vec<(f64, f64)> {
    pool.problems.iter().filter(|p| p.vote_ok).flat_map(|problem| shares_of(problem, prior)).collect()
}

/// The same of one problem.
pub(crate) fn shares_of(problem: &PoolProblem, prior: &Prior) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut votes: Vec<(&str, u32, bool)> = Vec::new();
    for (drawn, sample) in (1u32..).zip(&problem.samples) {
        if let Some(answer) = sample.answer.as_deref() {
            match votes.iter_mut().find(|v| v.0 == answer) {
                Some(vote) => vote.1 += 1,
                None => votes.push((answer, 1, sample.correct)),
            }
        }
        if drawn.is_power_of_two() || drawn as usize == problem.samples.len() {
            let counts: Vec<u32> = votes.iter().map(|v| v.1).collect();
            if let Some(leader) = votes.iter().rev().max_by_key(|v| v.1) {
                points.push((prior.after(&counts).share(leader.1), f64::from(u8::from(leader.2))));
            }
        }
    }
    points
}

fn verifier(pools: &[&Pool]) -> Option<VerifierTable> {
    let scored: Vec<_> = pools.iter().flat_map(|p| &p.problems).map(|p| &p.samples).collect();
    let points: Vec<(f64, f64)> = scored
        .iter()
        .flat_map(|s| s.iter())
        .filter_map(|s| s.verifier_score.map(|score| (score, f64::from(u8::from(s.correct)))))
        .collect();
    let calibration = Isotonic::fit(&points)?;
    // Accuracy of the best of N, in the closed form over all choices of N of the recorded samples.
    let most = scored.iter().map(|s| s.len()).min().unwrap_or(0).max(1);
    let mut sizes: Vec<usize> = std::iter::successors(Some(1), |n| Some(n * 2)).take_while(|n| *n < most).collect();
    sizes.push(most);
    let accuracy = |n: usize| scored.iter().map(|s| best_of(s, n)).sum::<f64>() / scored.len().max(1) as f64;
    let curve: Vec<f64> = sizes.iter().map(|&n| accuracy(n)).collect();
    let best = (0..curve.len()).max_by(|&a, &b| curve[a].total_cmp(&curve[b]).then(b.cmp(&a)))?;
    let falls = curve.last().is_some_and(|&last| last < curve[best] - 0.01);
    Some(VerifierTable { calibration, best_of_at_most: falls.then(|| sizes[best] as u32) })
}

/// Probability that the best-scored of `n` samples drawn without replacement is right; equal scores
/// are as likely to be chosen.
fn best_of(samples: &[crate::PoolSample], n: usize) -> f64 {
    let mut groups: HashMap<u64, (f64, f64)> = HashMap::new();
    let mut order: Vec<f64> = Vec::new();
    for sample in samples {
        let score = sample.verifier_score.unwrap_or(0.0);
        let group = groups.entry(score.to_bits()).or_insert_with(|| {
            order.push(score);
            (0.0, 0.0)
        });
        group.0 += 1.0;
        group.1 += f64::from(u8::from(sample.correct));
    }
    order.sort_by(f64::total_cmp);
    let total = samples.len() as f64;
    // P(all of n drawn are among the lowest m) by a product.
    let all_within = |m: f64| (0..n).map(|i| ((m - i as f64) / (total - i as f64)).max(0.0)).product::<f64>();
    let (mut below, mut sum) = (0.0, 0.0);
    for score in order {
        let (count, right) = groups[&score.to_bits()];
        sum += (all_within(below + count) - all_within(below)) * right / count;
        below += count;
    }
    sum
}

fn tokens(pools: &[&Pool]) -> Option<TokenTable> {
    let mut all: Vec<f64> = pools
        .iter()
        .flat_map(|p| &p.problems)
        .flat_map(|p| &p.samples)
        .map(|s| s.tokens)
        .filter(|t| *t > 0.0)
        .collect();
    if all.is_empty() {
        return None;
    }
    all.sort_by(f64::total_cmp);
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    Some(TokenTable { mean, p90: all[(0.9 * (all.len() - 1) as f64).round() as usize] })
}
