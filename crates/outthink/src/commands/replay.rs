//! `outthink replay`: strategies compared over recorded samples, without an engine.

use super::store::{StoreArgs, pools};
use crate::error::CliError;
use anyhow::Context;
use clap::Args;
use outthink_core::Effort;
use outthink_eval::{EvalError, ReplayOptions, ReplayRow, one_at_a_time, replay};
use outthink_strategy::StrategySpec;
use std::path::PathBuf;
use std::process::ExitCode;

/// The reference that `outthink replay` knows beside the strategies: one sample after another until
/// the vote is decided, as in adaptive consistency (Aggarwal et al. 2023).
const ONE_AT_A_TIME: &str = "one-at-a-time";

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Recorded pools: files with one problem and its samples a line, gzipped or not, or runs of the
    /// store as store:RUN.
    #[arg(required = true, value_name = "POOL")]
    pools: Vec<PathBuf>,
    /// Strategies to compare; `one-at-a-time` is a reference that draws one sample after another.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "single,self-consistency,adaptive")]
    strategies: Vec<String>,
    /// Posteriors at which adaptive stops; each makes a row.
    #[arg(long, value_name = "P", value_delimiter = ',', default_value = "0.95")]
    target: Vec<f64>,
    /// Samples of a problem at most.
    #[arg(long, value_name = "N", default_value_t = 40)]
    samples: u32,
    /// Random orders in which each problem's samples are drawn.
    #[arg(long, value_name = "N", default_value_t = 20)]
    seeds: u32,
    /// The first of the seeds.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print JSON lines, one a row.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

/// One strategy at one setting.
struct Plan {
    label: String,
    spec: Option<StrategySpec>,
    target: f64,
}

/// Runs the subcommand.
pub(crate) fn run(args: &ReplayArgs) -> Result<ExitCode, CliError> {
    let plans = plans(args)?;
    if args.seeds == 0 || args.samples == 0 {
        return Err(CliError::usage("0 seeds or 0 samples measure nothing").hint("give at least 1 of each"));
    }
    let options = ReplayOptions { samples: args.samples, seeds: args.seeds, first_seed: args.seed };
    let pools: Result<Vec<_>, _> = args.pools.iter().map(|given| pools(given, &args.store)).collect();
    for pool in pools?.into_iter().flatten() {
        if !args.json {
            println!("{} ({} problems, {} orders)", pool.name, pool.problems.len(), args.seeds);
        }
        for plan in &plans {
            let row = match &plan.spec {
                Some(spec) => replay(&pool, spec, &options).map_err(|e| eval_error(&e))?,
                None => one_at_a_time(&pool, plan.target, &options),
            };
            print_row(plan, &row, args.json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn plans(args: &ReplayArgs) -> Result<Vec<Plan>, CliError> {
    let mut plans = Vec::new();
    for name in &args.strategies {
        let targets = if name == "adaptive" || name == ONE_AT_A_TIME { &args.target[..] } else { &args.target[..1] };
        for &target in targets {
            let mut label = name.clone();
            if targets.len() > 1 {
                label = format!("{name}@{target}");
            }
            if name == ONE_AT_A_TIME {
                plans.push(Plan { label, spec: None, target });
                continue;
            }
            let spec = StrategySpec {
                name: name.clone(),
                max_samples: args.samples,
                target_confidence: target,
                ..StrategySpec::for_effort(Effort::Medium)
            };
            spec.build().map_err(|e| CliError::usage(e.to_string()))?;
            plans.push(Plan { label, spec: Some(spec), target });
        }
    }
    Ok(plans)
}

fn print_row(plan: &Plan, row: &ReplayRow, json: bool) -> Result<(), CliError> {
    if json {
        let mut value = serde_json::to_value(row).context("cannot write JSON")?;
        value["target"] = plan.target.into();
        println!("{value}");
        return Ok(());
    }
    println!(
        "  {:<24} accuracy {:.3} [{:.3}, {:.3}]  samples {:>6.2}  tokens {:>9.0}",
        plan.label, row.accuracy, row.interval.low, row.interval.high, row.samples, row.tokens
    );
    Ok(())
}

/// A broken or missing file is a failure; its message says which line.
pub(crate) fn eval_error(error: &EvalError) -> CliError {
    CliError::failure(error.to_string())
}
