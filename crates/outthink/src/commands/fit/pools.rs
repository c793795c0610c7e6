//! Laws from recorded samples: a pool, or a run of the store.

use super::coverage::Counts;
use super::inference::{self, InferenceArgs};
use super::{Group, brackets, coverage, law_error, print_json};
use crate::commands::store;
use crate::error::CliError;
use crate::votes;
use anyhow::Context;
use outthink_eval::{Pool, PoolProblem, VoteCount, learn_table};
use outthink_law::cost::{Solved, cost_to_solve};
use outthink_law::estimate::{Estimate, Resampling, all_of_k, mean_over_problems};
use outthink_law::noise::Noise;
use outthink_law::verdict::Subject;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One model's run over the problems.
struct Recorded<'a> {
    name: String,
    model: String,
    problems: Vec<&'a PoolProblem>,
}

pub(super) fn run(args: &InferenceArgs) -> Result<(), CliError> {
    let pools = store::pools(args.data.only()?, &args.store)?;
    if let Some(path) = &args.out {
        let all: Vec<&Pool> = pools.iter().collect();
        let Some(table) = learn_table(&all) else {
            return Err(CliError::usage(
                "no two samples of a problem can be compared, so there is nothing to learn from",
            )
            .hint("give recordings with answers"));
        };
        let text = serde_json::to_string_pretty(&table).context("cannot write the table")?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("allocation table of {} problems written to {}", table.problems, path.display());
    }
    let runs = runs(&pools);
    let counts: Vec<Counts> = runs.iter().map(counts_of).collect();
    if args.asked()?.subsample.is_some() {
        return coverage::run(&args.data, &counts, &args.asked()?);
    }
    let groups = effort_curves(&runs)?;
    let how = Resampling { seed: args.data.seed, level: args.data.level, ..Resampling::default() };
    let estimates: Vec<Estimates> = runs.iter().map(|r| estimates(r, how)).collect::<Result<_, _>>()?;
    if args.data.json {
        let rows: Vec<Value> = (runs.iter().zip(&estimates))
            .map(|(r, e)| json!({ "run": r.name, "problems": r.problems.len(), "estimates": e.to_json() }))
            .collect();
        print_json(&json!({ "schema": 1, "law": "pool", "runs": rows }));
        return Ok(());
    }
    for (run, e) in runs.iter().zip(&estimates) {
        println!("{} ({} problems)", run.name, run.problems.len());
        e.print();
    }
    // One sample a problem says whether it was right, and nothing of how often it would be.
    let (told, once): (Vec<Counts>, Vec<Counts>) = (counts.into_iter())
        .filter(|c| c.correct.len() > 3 && c.correct.iter().any(|x| *x > 0))
        .partition(|c| c.samples.iter().any(|n| *n > 1));
    for c in once {
        let share = c.correct.iter().sum::<u64>() as f64 / c.samples.len() as f64;
        println!(
            "\n{}: coverage of more samples lies between {share:.3} and 1, and one sample a problem cannot say where",
            c.model
        );
    }
    if !told.is_empty() {
        println!("\ncoverage");
        coverage::run(&args.data, &told, &args.asked()?)?;
    }
    if !groups.is_empty() {
        println!("\naccuracy against tokens, paired by problem");
        inference::curves(args, (&pools[0].name, &[]), groups, Subject::Thinking)?;
    }
    Ok(())
}

/// Splits recordings by run; one without names is one run.
fn runs(pools: &[Pool]) -> Vec<Recorded<'_>> {
    let mut all: Vec<Recorded<'_>> = Vec::new();
    for pool in pools {
        let mut by_run: BTreeMap<(&str, &str), Vec<&PoolProblem>> = BTreeMap::new();
        for p in &pool.problems {
            let key = (p.model.as_deref().unwrap_or(""), p.run.as_deref().unwrap_or(""));
            by_run.entry(key).or_default().push(p);
        }
        for ((model, run), problems) in by_run {
            let name: Vec<&str> = [pool.name.as_str(), model, run].into_iter().filter(|s| !s.is_empty()).collect();
            all.push(Recorded { name: name.join(" / "), model: model.to_owned(), problems });
        }
    }
    all
}

fn counts_of(run: &Recorded<'_>) -> Counts {
    Counts {
        benchmark: String::new(),
        model: run.name.clone(),
        samples: run.problems.iter().map(|p| p.samples.len() as u64).collect(),
        correct: run.problems.iter().map(|p| p.samples.iter().filter(|s| s.correct).count() as u64).collect(),
    }
}

/// The votes of one problem. The answers of a recording are compared by the letter: those of the store have been put into
/// one form by then.
fn count(problem: &PoolProblem) -> VoteCount {
    VoteCount::of(problem.samples.iter().map(|s| (s.answer.as_deref(), s.correct)), true)
}

/// What is estimated of one run.
struct Estimates {
    accuracy: Estimate,
    /// Mean share of right where samples were judged partly right, too.
    credit: Option<Estimate>,
    /// All of k samples right, pass^k.
    all_right: Vec<(u64, Estimate)>,
    majority: Vec<(u64, Estimate)>,
    limit: Option<Estimate>,
    cost: Vec<outthink_law::cost::CostToSolve>,
}

fn estimates(run: &Recorded<'_>, how: Resampling) -> Result<Estimates, CliError> {
    let refuse = |e: outthink_law::LawError| law_error(&e);
    let shares: Vec<f64> = (run.problems.iter())
        .map(|p| p.samples.iter().filter(|s| s.correct).count() as f64 / p.samples.len() as f64)
        .collect();
    let accuracy = mean_over_problems(&shares, how).map_err(refuse)?;
    let least = run.problems.iter().map(|p| p.samples.len()).min().unwrap_or(1) as u64;
    let partly = run.problems.iter().flat_map(|p| &p.samples).any(|s| s.credit.is_some());
    let credit = partly.then(|| {
        let of = |s: &outthink_eval::PoolSample| s.credit.unwrap_or_else(|| f64::from(u8::from(s.correct)));
        let shares: Vec<f64> =
            run.problems.iter().map(|p| p.samples.iter().map(of).sum::<f64>() / p.samples.len() as f64).collect();
        mean_over_problems(&shares, how).map_err(refuse)
    });
    let mut all_right = Vec::new();
    for k in (2..=8).filter(|k| *k <= least) {
        let each: Vec<f64> = (run.problems.iter())
            .map(|p| all_of_k(p.samples.len() as u64, p.samples.iter().filter(|s| s.correct).count() as u64, k))
            .collect::<Result<_, _>>()
            .map_err(refuse)?;
        all_right.push((k, mean_over_problems(&each, how).map_err(refuse)?));
    }
    let counts: Vec<VoteCount> = run.problems.iter().filter(|p| p.vote_ok).map(|p| count(p)).collect();
    let mut majority = Vec::new();
    let mut limit = None;
    if counts.len() == run.problems.len() {
        for k in [1, 4, 16, 64, least].into_iter().filter(|k| *k > 1 && *k <= least) {
            let each: Vec<f64> =
                counts.iter().map(|count| votes::of_k(count, k)).collect::<Result<_, _>>().map_err(refuse)?;
            if majority.last().is_none_or(|(last, _)| *last != k) {
                majority.push((k, mean_over_problems(&each, how).map_err(refuse)?));
            }
        }
        majority.sort_by_key(|(k, _)| *k);
        majority.dedup_by_key(|(k, _)| *k);
        let ends: Vec<f64> = counts.iter().map(votes::without_end).collect();
        // One sample a problem does not say how often its answer comes.
        limit = (least > 1).then(|| mean_over_problems(&ends, how).map_err(refuse)).transpose()?;
    }
    let tokens: Vec<f64> = (run.problems.iter())
        .map(|p| p.samples.iter().map(|s| s.tokens).sum::<f64>() / p.samples.len() as f64)
        .collect();
    let mut cost = Vec::new();
    if tokens.iter().all(|t| *t > 0.0) {
        let counts = counts_of(run);
        let solved = Solved { samples: &counts.samples, correct: &counts.correct, cost: &tokens };
        for k in [1, least] {
            cost.push(cost_to_solve(&solved, k, how).map_err(refuse)?);
        }
    }
    Ok(Estimates { accuracy, credit: credit.transpose()?, all_right, majority, limit, cost })
}

impl Estimates {
    fn print(&self) {
        let line = |name: &str, e: &Estimate| println!("  {name:<22} {:.3} {}", e.value, brackets(e.interval, 3));
        line("pass@1", &self.accuracy);
        if let Some(e) = &self.credit {
            line("mean credit", e);
        }
        for (k, e) in &self.all_right {
            line(&format!("pass^{k}"), e);
        }
        for (k, e) in &self.majority {
            line(&format!("maj@{k}"), e);
        }
        if let Some(e) = &self.limit {
            line("maj@k, without end", e);
        }
        for c in &self.cost {
            println!(
                "  tokens a solved problem {:.0} {} stopping at the first right one, {} samples at most",
                c.per_solved,
                brackets(c.interval, 0),
                c.k
            );
        }
        for warning in &self.accuracy.warnings {
            println!("  warning: {warning}");
        }
    }

    fn to_json(&self) -> Value {
        let majority: Vec<Value> = self.majority.iter().map(|(k, e)| json!({ "k": k, "estimate": e })).collect();
        let all_right: Vec<Value> = self.all_right.iter().map(|(k, e)| json!({ "k": k, "estimate": e })).collect();
        json!({ "pass_at_1": self.accuracy, "credit": self.credit, "pass_hat": all_right, "maj": majority, "maj_limit": self.limit, "cost_to_solve": self.cost })
    }
}

/// Curves of models with three runs or more over the same problems at different lengths.
fn effort_curves(runs: &[Recorded<'_>]) -> Result<Vec<Group>, CliError> {
    let mut by_model: BTreeMap<&str, Vec<&Recorded<'_>>> = BTreeMap::new();
    for run in runs.iter().filter(|r| !r.model.is_empty()) {
        by_model.entry(&run.model).or_default().push(run);
    }
    let mut groups = Vec::new();
    for (model, mut runs) in by_model {
        let mean = |r: &Recorded<'_>, f: fn(&PoolProblem) -> f64| {
            r.problems.iter().map(|p| f(p)).sum::<f64>() / r.problems.len() as f64
        };
        let tokens = |p: &PoolProblem| p.samples.iter().map(|s| s.tokens).sum::<f64>() / p.samples.len() as f64;
        runs.retain(|r| mean(r, tokens) > 0.0);
        if runs.len() < 3 {
            continue;
        }
        runs.sort_by(|x, y| mean(x, tokens).total_cmp(&mean(y, tokens)));
        let share = |p: &PoolProblem| p.samples.iter().filter(|s| s.correct).count() as f64 / p.samples.len() as f64;
        let ids: Vec<&str> = (runs[0].problems.iter().map(|p| p.problem_id.as_str()))
            .filter(|id| runs.iter().all(|r| r.problems.iter().any(|p| p.problem_id == *id)))
            .collect();
        let results: Vec<Vec<f64>> = (runs.iter())
            .map(|r| {
                ids.iter().filter_map(|id| r.problems.iter().find(|p| p.problem_id == *id)).map(|p| share(p)).collect()
            })
            .collect();
        let paired = Noise::from_problems(&results).map_err(|e| law_error(&e))?;
        groups.push(Group {
            name: model.to_owned(),
            compute: runs.iter().map(|r| mean(r, tokens)).collect(),
            accuracy: results.iter().map(|r| r.iter().sum::<f64>() / r.len() as f64).collect(),
            stderr: None,
            shared: Vec::new(),
            paired: Some(paired),
        });
    }
    Ok(groups)
}
