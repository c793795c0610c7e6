//! Laws from recorded samples: a run of the store, a file of recorded samples, or a saved study of them.

use super::coverage::{self, Counts};
use super::inference::{self, InferenceArgs};
use super::{Group, brackets, print_json};
use crate::commands::recorded;
use crate::commands::store::StoreArgs;
use crate::error::CliError;
use anyhow::Context;
use outthink_eval::{ArmStudy, EffortCurve, Estimates, Pool, learn_table};
use outthink_law::estimate::{Estimate, Resampling};
use outthink_law::verdict::Subject;
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn run(args: &InferenceArgs) -> Result<(), CliError> {
    let given = args.data.only()?;
    if let Some(path) = &args.out {
        write_table(&recorded::pools(given, &args.store)?, path)?;
    }
    let study = recorded::study(given, &args.store)?;
    if let Some(path) = &args.study {
        study.save(path).map_err(|e| CliError::failure(e.to_string()))?;
        eprintln!("study of {} arms written to {}", study.arms.len(), path.display());
    }
    let counts: Vec<Counts> = study.arms.iter().map(counts_of).collect();
    if args.asked()?.subsample.is_some() {
        return coverage::run(&args.data, &counts, &args.asked()?);
    }
    let how = Resampling { seed: args.data.seed, level: args.data.level, ..Resampling::default() };
    let estimates: Vec<Estimates> = (study.arms.iter())
        .map(|arm| arm.estimates(how).map_err(|e| CliError::usage(format!("{}: {e}", arm.name))))
        .collect::<Result<_, _>>()?;
    if !args.data.json {
        for (arm, figures) in study.arms.iter().zip(&estimates) {
            println!("{} ({} problems)", arm.name, arm.problems.len());
            print(arm, figures);
        }
        print_coverage(args, counts, &estimates)?;
    }
    let votes = study.arms.iter().filter_map(|arm| vote_curve(arm).transpose()).collect::<Result<Vec<_>, _>>()?;
    let votes = inference::of_recording(args, "a vote over more samples", votes, Subject::Voting)?;
    let efforts = study.efforts().map_err(|e| CliError::usage(e.to_string()))?.into_iter().map(effort_curve).collect();
    let heading = "accuracy against tokens, paired by problem";
    let efforts = inference::of_recording(args, heading, efforts, Subject::Thinking)?;
    if args.data.json {
        let rows: Vec<Value> = (study.arms.iter().zip(&estimates))
            .map(|(arm, e)| json!({ "run": arm.name, "problems": arm.problems.len(), "estimates": to_json(e) }))
            .collect();
        print_json(&json!({ "schema": 1, "law": "pool", "runs": rows, "votes": votes, "efforts": efforts }));
    }
    Ok(())
}

/// The curve of recorded samples that a plan goes by: the lengths of a model where it was run at three or more, else a
/// vote over more samples.
pub(crate) fn groups(given: &Path, store: &StoreArgs) -> Result<Vec<Group>, CliError> {
    let study = recorded::study(given, store)?;
    if let Some(arm) = study.arms.iter().find(|arm| arm.tokens_a_sample() <= 0.0) {
        return Err(CliError::usage(format!("`{}` counts no tokens, and a plan is in tokens", arm.name))
            .hint("record it again with an engine that reports usage"));
    }
    let efforts: Vec<EffortCurve> = study.efforts().map_err(|e| CliError::usage(e.to_string()))?;
    if !efforts.is_empty() {
        return Ok(efforts.into_iter().map(effort_curve).collect());
    }
    let votes: Vec<Group> =
        study.arms.iter().filter_map(|arm| vote_curve(arm).transpose()).collect::<Result<_, _>>()?;
    if votes.iter().all(|g| g.settings() < 3) {
        return Err(CliError::usage(format!("{} does not say what more thinking brings", given.display()))
            .hint("a plan needs 4 or more samples of each problem, or a model at three lengths (`sweep --efforts`)"));
    }
    Ok(votes)
}

fn write_table(pools: &[Pool], path: &Path) -> Result<(), CliError> {
    let all: Vec<&Pool> = pools.iter().collect();
    let Some(table) = learn_table(&all) else {
        return Err(CliError::usage("no two samples of a problem can be compared, so there is nothing to learn from")
            .hint("give recordings with answers"));
    };
    let text = serde_json::to_string_pretty(&table).context("cannot write the table")?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("allocation table of {} problems written to {}", table.problems, path.display());
    Ok(())
}

/// maj@k against tokens with the covariance of its points; `None` where answers cannot be compared.
fn vote_curve(arm: &ArmStudy) -> Result<Option<Group>, CliError> {
    let noise = arm.curve.errors().map_err(|e| CliError::usage(format!("{}: {e}", arm.name)))?;
    Ok(noise.map(|noise| Group {
        name: arm.name.clone(),
        compute: arm.curve.axis(),
        accuracy: arm.curve.accuracy.clone(),
        stderr: None,
        shared: Vec::new(),
        paired: Some(noise),
    }))
}

fn effort_curve(curve: EffortCurve) -> Group {
    Group {
        name: curve.model,
        compute: curve.tokens,
        accuracy: curve.accuracy,
        stderr: None,
        shared: Vec::new(),
        paired: Some(curve.noise),
    }
}

fn counts_of(arm: &ArmStudy) -> Counts {
    let counts = arm.successes();
    Counts {
        benchmark: String::new(),
        model: arm.name.clone(),
        samples: counts.samples.to_vec(),
        correct: counts.correct.to_vec(),
    }
}

/// Coverage of the arms that can tell it.
fn print_coverage(args: &InferenceArgs, counts: Vec<Counts>, figures: &[Estimates]) -> Result<(), CliError> {
    // One sample a problem says whether it was right, and nothing of how often it would be.
    let (told, once): (Vec<_>, Vec<_>) = (counts.into_iter().zip(figures))
        .filter(|(c, _)| c.correct.len() > 3 && c.correct.iter().any(|x| *x > 0))
        .partition(|(c, _)| c.samples.iter().any(|n| *n > 1));
    for (c, figures) in once {
        println!(
            "\n{}: coverage of more samples lies between {:.3}, the low end of pass@1, and 1, and one sample a problem \
             cannot say where",
            c.model, figures.accuracy.interval.low
        );
    }
    let told: Vec<Counts> = told.into_iter().map(|(counts, _)| counts).collect();
    if !told.is_empty() {
        println!("\ncoverage");
        coverage::run(&args.data, &told, &args.asked()?)?;
    }
    Ok(())
}

fn print(arm: &ArmStudy, figures: &Estimates) {
    let line = |name: &str, e: &Estimate| println!("  {name:<22} {:.3} {}", e.value, brackets(e.interval, 3));
    line("pass@1", &figures.accuracy);
    if let Some(e) = &figures.credit {
        line("mean credit", e);
    }
    for (name, all) in
        [("pass^", &figures.all_right), ("maj@", &figures.majority), ("weighted maj@", &figures.weighted)]
    {
        for (k, e) in all {
            line(&format!("{name}{k}"), e);
        }
    }
    if let Some(e) = &figures.limit {
        line("maj@k, without end", e);
    }
    for c in &figures.cost {
        if !c.per_solved.is_finite() {
            println!("  tokens a solved problem: none was solved in {} samples, so there is no such number", c.k);
            continue;
        }
        println!(
            "  tokens a solved problem {:.0} {} stopping at the first right one, {} samples at most",
            c.per_solved,
            brackets(c.interval, 0),
            c.k
        );
    }
    if arm.usd_a_sample() > 0.0 {
        println!("  dollars a sample        {:.6}", arm.usd_a_sample());
    }
    for warning in &figures.accuracy.warnings {
        println!("  warning: {warning}");
    }
}

fn to_json(figures: &Estimates) -> Value {
    let at =
        |all: &[(u64, Estimate)]| -> Vec<Value> { all.iter().map(|(k, e)| json!({ "k": k, "estimate": e })).collect() };
    json!({ "pass_at_1": figures.accuracy, "credit": figures.credit, "pass_hat": at(&figures.all_right),
        "maj": at(&figures.majority), "weighted_maj": at(&figures.weighted), "maj_limit": figures.limit,
        "cost_to_solve": figures.cost })
}
