//! The figures of docs/allocator.md, over the recordings that they come from.

use crate::pools::{recording, spec};
use outthink_eval::{CompareOptions, ReplayOptions, ReplayVerifier, cascade, compare, replay};
use outthink_strategy::StrategySpec;

fn at(name: &str, samples: u32) -> StrategySpec {
    StrategySpec { max_samples: samples, ..spec(name) }
}

#[test]
fn a_verifier_that_is_fooled_by_many_samples_never_costs_accuracy() {
    let Some(pool) = recording("humaneval_codegen16b.jsonl.gz") else { return };
    let run = |name: &str, samples: u32| {
        let options = ReplayOptions { samples, seeds: 2, ..ReplayOptions::default() };
        replay(&pool, &at(name, samples), &options).expect("a known strategy")
    };
    let one = run("best-of-n", 1).accuracy;
    let rows: Vec<_> = [1, 4, 16, 100].map(|n| (n, run("allocate", n), run("best-of-n", n))).into();
    for (n, allocated, best) in &rows {
        println!("{n}: allocate {:.3} at {:.1}, best of n {:.3}", allocated.accuracy, allocated.samples, best.accuracy);
        assert!(allocated.accuracy >= one, "{n}: {} below {one}", allocated.accuracy);
    }
    let (_, allocated, best) = &rows[3];
    assert!(allocated.accuracy >= 0.34);
    assert!(best.accuracy < rows[1].2.accuracy, "the verifier is not fooled, and the test shows nothing");
}

#[test]
fn a_perfect_verifier_stops_at_the_first_right_answer() {
    let Some(pool) = recording("game24_gpt4_cot.jsonl.gz") else { return };
    let options = ReplayOptions { samples: 100, seeds: 1, verifier: ReplayVerifier::Exact, ..ReplayOptions::default() };
    let allocated = replay(&pool, &at("allocate", 100), &options).expect("a known strategy");
    // pass@100 of a recording of 100 samples: some sample is right.
    let solvable = pool.problems.iter().filter(|p| p.samples.iter().any(|s| s.correct)).count() as f64;
    let coverage = solvable / pool.problems.len() as f64;
    println!("{:.3} of {coverage:.3} at {:.1} samples", allocated.accuracy, allocated.samples);
    assert!((allocated.accuracy - coverage).abs() < 1e-9);
    let (each, fixed) = (allocated.samples / allocated.accuracy, 100.0 / coverage);
    assert!(each < 0.75 * fixed, "{each:.0} samples for each solved problem, {fixed:.0} without stopping");
}

#[test]
fn the_plan_needs_fewer_votes_than_the_published_rule_where_questions_are_hard() {
    let Some(pool) = recording("mot_date_llama2_13b.jsonl.gz") else { return };
    let rows = compare(&[pool], CompareOptions { seeds: 4, first_seed: 0 });
    let of = |method: &str| rows.iter().find(|r| r.method == method).expect("a known method").savings.clone();
    for row in &rows {
        println!("{}: {:.2}", row.method, row.savings.ratio);
    }
    let (published, plan) = (of("adaptive-consistency"), of("plan, even prior"));
    assert!(plan.ratio > published.ratio, "{} against {}", plan.ratio, published.ratio);
    assert!(plan.pools[0].worst_below_reference <= 0.2);
}

#[test]
fn a_cascade_lies_between_its_two_runs() {
    let Some(pool) = recording("epoch_otis_mock_aime.jsonl.gz") else { return };
    let mut runs: Vec<(String, f64)> = Vec::new();
    for problem in pool.problems.iter().filter(|p| p.model.as_deref().is_some_and(|m| m.contains("opus-4-5"))) {
        let run = problem.run.clone().unwrap_or_default();
        let tokens = problem.samples.iter().map(|s| s.tokens).sum::<f64>() / problem.samples.len() as f64;
        match runs.iter_mut().find(|r| r.0 == run) {
            Some((_, sum)) => *sum += tokens,
            None => runs.push((run, tokens)),
        }
    }
    runs.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (Some(small), Some(large)) = (runs.first(), runs.last()) else { panic!("no runs of that model") };
    let found = cascade(&pool, &small.0, &large.0, 9, 1).expect("two runs of the same problems");
    let rows: Vec<_> = found.rows.iter().filter(|r| r.tokens.is_finite()).collect();
    for row in &rows {
        println!(
            "{:.1e} {:.3} at {:.0}, {:.0} % escalated",
            row.price,
            row.accuracy,
            row.tokens,
            100.0 * row.escalated
        );
    }
    let (costliest, cheapest) = (
        rows.iter().max_by(|a, b| a.tokens.total_cmp(&b.tokens)),
        rows.iter().min_by(|a, b| a.tokens.total_cmp(&b.tokens)),
    );
    let (Some(costliest), Some(cheapest)) = (costliest, cheapest) else { panic!("no rows") };
    assert!(cheapest.escalated < costliest.escalated && cheapest.accuracy < costliest.accuracy);
    assert!(costliest.accuracy > found.accuracies.0);
}
