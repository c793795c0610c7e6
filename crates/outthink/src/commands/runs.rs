//! `outthink data list`, `show`, `diff`, `curves` and `rm`: what a store holds.

use super::curves::{self, CurvesArgs};
use super::runtime;
use super::store::{StoreArgs, store_error};
use crate::error::CliError;
use crate::render::sweep;
use anyhow::Context;
use clap::{Args, Subcommand};
use outthink_eval::{Interval, Pool, RunSummary, Store, StoreError, Study};
use outthink_law::estimate::Resampling;
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    pub(crate) command: RunsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List the runs, the newest first.
    List(ListArgs),
    /// Show one run and what each problem came to.
    Show(ShowArgs),
    /// Compare two runs: what was set, and how they did on the problems that they share.
    Diff(DiffArgs),
    /// List and show the curves that training wrote.
    Curves(CurvesArgs),
    /// Remove runs with all their samples, and curves.
    Rm(RmArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON lines, one a run.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The run.
    run: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// A run.
    a: String,
    /// Another one.
    b: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The runs, and curves by their folders.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the subcommand.
pub(crate) fn run(command: &RunsCommand) -> Result<ExitCode, CliError> {
    let runtime = runtime()?;
    match command {
        RunsCommand::List(args) => runtime.block_on(list(args)),
        RunsCommand::Show(args) => runtime.block_on(show(args)),
        RunsCommand::Diff(args) => runtime.block_on(diff(args)),
        RunsCommand::Curves(args) => runtime.block_on(curves::show(args)),
        RunsCommand::Rm(args) => runtime.block_on(rm(args)),
    }?;
    Ok(ExitCode::SUCCESS)
}

async fn list(args: &ListArgs) -> Result<(), CliError> {
    let store = args.store.open().await?;
    let runs = store.runs().await.map_err(|e| store_error(&e))?;
    if args.json {
        for run in &runs {
            println!("{}", serde_json::to_string(run).context("cannot write JSON")?);
        }
    } else if runs.is_empty() {
        println!("no runs yet: record one with `outthink data sweep`, or take one in with `outthink data import`");
    } else {
        let width = runs.iter().map(|r| r.spec.name.chars().count()).max().unwrap_or(3).max(3);
        println!(
            "{:<width$}  {:>8}  {:>8}  {:>6}  {:>10}  {:>11}  model",
            "run", "problems", "samples", "right", "tokens", "cost"
        );
        for run in &runs {
            println!(
                "{:<width$}  {:>8}  {:>8}  {:>6}  {:>10}  {:>11}  {}",
                run.spec.name,
                run.problems,
                run.samples,
                sweep::share(run),
                run.tokens,
                sweep::money(run.cost + run.lost),
                run.spec.model
            );
        }
    }
    store.close().await;
    Ok(())
}

async fn show(args: &ShowArgs) -> Result<(), CliError> {
    let store = args.store.open().await?;
    let run = store.run(&args.run).await.map_err(|e| store_error(&e))?;
    let problems = store.problems(&args.run).await.map_err(|e| store_error(&e))?;
    let cells = store.cells(&args.run).await.map_err(|e| store_error(&e))?;
    store.close().await;
    let mut counts: HashMap<u32, (u32, u32)> = HashMap::new();
    for (cell, correct) in cells {
        let count = counts.entry(cell.problem).or_default();
        *count = (count.0 + u32::from(correct), count.1 + 1);
    }
    let of = |number: usize| counts.get(&(number as u32)).copied().unwrap_or_default();
    if args.json {
        let mut value = serde_json::to_value(&run).context("cannot write JSON")?;
        let row = |(number, p): (usize, &outthink_eval::Problem)| json!({"id": p.id, "gold": p.gold, "right": of(number).0, "samples": of(number).1});
        value["per_problem"] = problems.iter().enumerate().map(row).collect();
        println!("{value}");
        return Ok(());
    }
    sweep::summary(&run, None);
    println!();
    for (number, problem) in problems.iter().enumerate() {
        let (right, all) = of(number);
        let question = problem.question.as_deref().unwrap_or_default();
        println!("{right:>4} of {all:<4} {:<12} {}", problem.id, crate::render::short(question, 70));
    }
    Ok(())
}

/// Two runs side by side.
struct Comparison {
    problems: usize,
    means: (f64, f64),
    difference: Option<(f64, Interval)>,
    warnings: Vec<String>,
}

async fn diff(args: &DiffArgs) -> Result<(), CliError> {
    let store = args.store.open().await?;
    let (a, b) = (load(&store, &args.a).await?, load(&store, &args.b).await?);
    store.close().await;
    let differing = differing(&a.0, &b.0);
    let comparison = compare(a.1, b.1)?;
    if args.json {
        let fields: serde_json::Map<String, serde_json::Value> =
            differing.into_iter().map(|(what, a, b)| (what.to_owned(), json!([a, b]))).collect();
        let value = json!({
            "a": args.a, "b": args.b, "differ": fields, "shared_problems": comparison.problems,
            "accuracy": [comparison.means.0, comparison.means.1],
            "difference": comparison.difference.map(|d| d.0), "interval": comparison.difference.map(|d| d.1),
            "warnings": comparison.warnings,
        });
        println!("{value}");
        return Ok(());
    }
    for (what, a, b) in differing {
        println!("{what:<12} {}  |  {}", crate::render::short(&a, 48), crate::render::short(&b, 48));
    }
    println!("problems     {} in both", comparison.problems);
    println!("accuracy     {:.3}  |  {:.3}", comparison.means.0, comparison.means.1);
    if let Some((difference, interval)) = comparison.difference {
        println!(
            "difference   {difference:+.3} [{:+.3}, {:+.3}] (second less first, paired, 95 %)",
            interval.low, interval.high
        );
    }
    for warning in comparison.warnings {
        println!("warning      {warning}");
    }
    Ok(())
}

async fn load(store: &Store, name: &str) -> Result<(RunSummary, Pool), CliError> {
    let run = store.run(name).await.map_err(|e| store_error(&e))?;
    Ok((run, store.pool(name).await.map_err(|e| store_error(&e))?))
}

/// What was not the same, with both values.
fn differing(a: &RunSummary, b: &RunSummary) -> Vec<(&'static str, String, String)> {
    let settings = |r: &RunSummary| r.settings.iter().map(outthink_eval::Setting::label).collect::<Vec<_>>().join(" ");
    let facts = |r: &RunSummary| {
        let spec = &r.spec;
        [
            ("dataset", spec.dataset.clone()),
            ("file", spec.dataset_sha256.clone()),
            ("model", spec.model.clone()),
            ("engine", spec.engine.clone()),
            ("settings", settings(r)),
            ("sampling", spec.sampling.clone()),
            ("seed", spec.seed.to_string()),
            ("version", spec.version.clone()),
            ("samples", r.samples.to_string()),
        ]
    };
    facts(a).into_iter().zip(facts(b)).filter(|(a, b)| a.1 != b.1).map(|(a, b)| (a.0, a.1, b.1)).collect()
}

fn compare(a: Pool, b: Pool) -> Result<Comparison, CliError> {
    let refused = |e: outthink_eval::EvalError| CliError::usage(e.to_string());
    let study = Study::of(&[a, b]).map_err(refused)?;
    let [a, b] = study.arms.as_slice() else {
        return Err(CliError::failure("a run of the store is one arm, and one of these has several"));
    };
    let Some(both) = Study::difference(a, b, Resampling::default()) else {
        return Err(CliError::usage("the runs share no problem").hint("compare runs over the same question set"));
    };
    let (difference, warnings) = match both.estimate {
        Ok(e) => (Some((e.value, Interval { low: e.interval.low, high: e.interval.high })), e.warnings),
        Err(error) => (None, vec![error.to_string()]),
    };
    Ok(Comparison { problems: both.problems, means: both.means, difference, warnings })
}

async fn rm(args: &RmArgs) -> Result<(), CliError> {
    let store = args.store.open().await?;
    // All of them are there, or none is removed.
    let mut found = Vec::with_capacity(args.runs.len());
    for run in &args.runs {
        let curve = match store.run(run).await {
            Ok(_) => None,
            Err(no_run @ StoreError::NoRun { .. }) => match curves::find(&store, Path::new(run)).await {
                Ok(curve) => Some(curve.spec.name),
                Err(_) => return Err(store_error(&no_run)),
            },
            Err(error) => return Err(store_error(&error)),
        };
        found.push((run, curve));
    }
    for (run, curve) in found {
        match curve {
            None => store.remove(run).await,
            Some(curve) => store.remove_curve(&curve).await,
        }
        .map_err(|e| store_error(&e))?;
        println!("removed {run}");
    }
    store.close().await;
    Ok(())
}
