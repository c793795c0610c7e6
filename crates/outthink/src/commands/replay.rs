//! `outthink replay`: strategies compared over recorded samples, without an engine.

use super::baselines;
use super::recorded::pools;
use super::store::StoreArgs;
use crate::error::CliError;
use crate::plot::{Axis, Figure, Panel, Point, Series};
use anyhow::Context;
use clap::{Args, ValueEnum};
use outthink_core::{AllocationTable, Effort};
use outthink_eval::{
    CompareOptions, EvalError, Pool, ReplayOptions, ReplayRow, ReplayVerifier, learn_table, one_at_a_time, replay,
};
use outthink_strategy::{Settings, StrategySpec};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The reference that `outthink replay` knows beside the strategies: one sample after another until
/// the vote is decided, as in adaptive consistency (Aggarwal et al. 2023).
const ONE_AT_A_TIME: &str = "one-at-a-time";

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Recordings: files with one problem and its samples a line, gzipped or not, or runs of the store as
    /// store:RUN.
    #[arg(required = true, value_name = "RECORDING")]
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
    /// Several such limits; each makes a row of every strategy.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', conflicts_with = "samples")]
    budgets: Vec<u32>,
    /// Prices of a sample for `allocate`, in probability; each makes a row.
    #[arg(long, value_name = "PRICES", value_delimiter = ',')]
    prices: Vec<f64>,
    /// What stands in for a verifier: nothing, the recorded scores, or whether the sample is right.
    #[arg(long, value_name = "WHICH", default_value = "recorded")]
    verifier: VerifierChoice,
    /// Allocation table for `allocate`, as `outthink fit inference` writes it; `others` learns one for
    /// each recording from the other recordings given.
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Print how many samples the allocator and the published rules need for what a fixed vote
    /// reaches. The prior of each recording is learned from the others.
    #[arg(long, alias = "yardstick", conflicts_with_all = ["budgets", "prices", "table"])]
    baselines: bool,
    /// Print the frontier from the run of a small model to that of a larger one, of a recording that holds both; a run
    /// is named by its `run` or its `model`.
    #[arg(long, value_name = "SMALL,LARGE", value_delimiter = ',', conflicts_with = "baselines")]
    cascade: Vec<String>,
    /// Dollars a million generated tokens of both arms of the cascade, where the recording holds no dollars.
    #[arg(long, value_name = "FIRST,SECOND", value_delimiter = ',', requires = "cascade")]
    arm_usd: Vec<f64>,
    /// Compare votes over the first sample of every arm: plain, and weighed by how good the arms are.
    #[arg(long, conflicts_with_all = ["baselines", "cascade"])]
    panel: bool,
    /// Draw accuracy against samples into this file, .svg or .png.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
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

/// What stands in for a verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VerifierChoice {
    /// Nothing.
    None,
    /// The recorded scores, where there are any.
    Recorded,
    /// Whether the sample is right.
    Exact,
}

/// One strategy at one setting.
struct Plan {
    label: String,
    spec: Option<StrategySpec>,
    samples: u32,
    target: f64,
}

/// Runs the subcommand.
pub(crate) fn run(args: &ReplayArgs) -> Result<ExitCode, CliError> {
    if args.seeds == 0 || args.samples == 0 || args.budgets.contains(&0) {
        return Err(CliError::usage("0 seeds or 0 samples measure nothing").hint("give at least 1 of each"));
    }
    let plans = plans(args)?;
    let read: Result<Vec<_>, _> = args.pools.iter().map(|given| pools(given, &args.store)).collect();
    let pools: Vec<Pool> = read?.into_iter().flatten().collect();
    if args.baselines {
        let options = CompareOptions { seeds: args.seeds, first_seed: args.seed };
        baselines::baselines(&pools, options, args.json, args.svg.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.panel {
        baselines::panels(&pools, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !args.cascade.is_empty() {
        baselines::cascades(&pools, &args.cascade, &args.arm_usd, (args.samples, args.seeds), args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut panels = Vec::new();
    for (index, pool) in pools.iter().enumerate() {
        let table = table_for(args, &pools, index)?;
        if !args.json {
            let arms = match pool.arms() {
                0 | 1 => String::new(),
                arms => format!(", {arms} arms, each by itself: means over them"),
            };
            println!("{} ({} problems{arms}, {} orders)", pool.name, pool.distinct_problems(), args.seeds);
        }
        let mut rows: Vec<(&Plan, ReplayRow)> = Vec::new();
        for plan in &plans {
            let row = one(args, pool, plan, table.as_ref())?;
            let first = rows.iter().find(|r| r.0.samples == plan.samples).map(|r| &r.1);
            print_row(plan, &row, first, args.json)?;
            rows.push((plan, row));
        }
        panels.push(panel(pool, &rows, &args.strategies));
    }
    if let Some(path) = &args.svg {
        Figure { title: "accuracy against samples".into(), panels }.write(path)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn one(
    args: &ReplayArgs,
    pool: &Pool,
    plan: &Plan,
    table: Option<&Arc<AllocationTable>>,
) -> Result<ReplayRow, CliError> {
    let options = ReplayOptions {
        samples: plan.samples,
        seeds: args.seeds,
        first_seed: args.seed,
        verifier: match args.verifier {
            VerifierChoice::None => ReplayVerifier::None,
            VerifierChoice::Recorded => ReplayVerifier::Recorded,
            VerifierChoice::Exact => ReplayVerifier::Exact,
        },
    };
    match &plan.spec {
        Some(spec) => {
            let spec = StrategySpec { table: table.cloned(), ..spec.clone() };
            replay(pool, &spec, &options).map_err(|e| eval_error(&e))
        }
        None => Ok(one_at_a_time(pool, plan.target, &options)),
    }
}

/// The table that was asked for: a file, or one learned from the other pools.
fn table_for(args: &ReplayArgs, pools: &[Pool], index: usize) -> Result<Option<Arc<AllocationTable>>, CliError> {
    let Some(path) = &args.table else { return Ok(None) };
    if path.as_os_str() != "others" {
        return read_table(path).map(Some);
    }
    let others: Vec<&Pool> = pools.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, p)| p).collect();
    learn_table(&others).map(|table| Some(Arc::new(table))).ok_or_else(|| {
        CliError::usage("`--table others` needs another pool with answers to learn from").hint("give two pools or more")
    })
}

/// Reads an allocation table.
pub(super) fn read_table(path: &Path) -> Result<Arc<AllocationTable>, CliError> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let table = AllocationTable::from_json(&text).map_err(|e| CliError::usage(format!("{}: {e}", path.display())))?;
    Ok(Arc::new(table))
}

fn plans(args: &ReplayArgs) -> Result<Vec<Plan>, CliError> {
    let budgets = if args.budgets.is_empty() { vec![args.samples] } else { args.budgets.clone() };
    let mut plans = Vec::new();
    for &samples in &budgets {
        for name in &args.strategies {
            let aims = ["adaptive", "allocate", ONE_AT_A_TIME].contains(&name.as_str());
            let targets = if aims { &args.target[..] } else { &args.target[..1] };
            let prices: Vec<Option<f64>> = if name == "allocate" && !args.prices.is_empty() {
                args.prices.iter().copied().map(Some).collect()
            } else {
                vec![None]
            };
            for (&target, &price) in targets.iter().flat_map(|t| prices.iter().map(move |p| (t, p))) {
                let mut label = name.clone();
                if targets.len() > 1 {
                    label = format!("{label}@{target}");
                }
                if let Some(price) = price {
                    label = format!("{label}@{price:e}");
                }
                if budgets.len() > 1 {
                    label = format!("{label} of {samples}");
                }
                let spec = (name != ONE_AT_A_TIME).then(|| spec(name, samples, target, price));
                if let Some(spec) = &spec {
                    spec.build().map_err(|e| CliError::usage(e.to_string()))?;
                }
                plans.push(Plan { label, spec, samples, target });
            }
        }
    }
    Ok(plans)
}

fn spec(name: &str, samples: u32, target: f64, price: Option<f64>) -> StrategySpec {
    let mut settings = Settings::default();
    if let Some(price) = price {
        settings.set("price", price);
    }
    StrategySpec {
        name: name.to_owned(),
        max_samples: samples,
        target_confidence: target,
        settings,
        ..StrategySpec::for_effort(Effort::Medium)
    }
}

/// Accuracy against samples, one series a strategy.
fn panel(pool: &Pool, rows: &[(&Plan, ReplayRow)], strategies: &[String]) -> Panel {
    let of = |(colour, name): (usize, &String)| {
        let point =
            |r: &ReplayRow| Point { x: r.samples, y: r.accuracy, interval: Some((r.interval.low, r.interval.high)) };
        let mut points: Vec<Point> = rows.iter().filter(|r| &r.1.strategy == name).map(|r| point(&r.1)).collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        Series::points(name.clone(), colour, points)
    };
    Panel {
        title: pool.name.clone(),
        x: Axis::log("samples a problem"),
        y: Axis::share("accuracy"),
        series: strategies.iter().enumerate().map(of).collect(),
    }
}

fn print_row(plan: &Plan, row: &ReplayRow, first: Option<&ReplayRow>, json: bool) -> Result<(), CliError> {
    let above = first.map(|first| row.above(first));
    if json {
        let mut value = serde_json::to_value(row).context("cannot write JSON")?;
        value["target"] = plan.target.into();
        value["budget"] = plan.samples.into();
        if let Some((mean, interval)) = above {
            value["above_first"] = serde_json::json!({"mean": mean, "low": interval.low, "high": interval.high});
        }
        println!("{value}");
        return Ok(());
    }
    let paired = above.map_or_else(String::new, |(mean, i)| {
        format!("  {:+.2} points [{:+.2}, {:+.2}]", 100.0 * mean, 100.0 * i.low, 100.0 * i.high)
    });
    println!(
        "  {:<24} accuracy {:.3} [{:.3}, {:.3}]  samples {:>6.2}  tokens {:>9.0}{paired}",
        plan.label, row.accuracy, row.interval.low, row.interval.high, row.samples, row.tokens
    );
    Ok(())
}

/// A broken or missing file is a failure; its message says which line.
pub(crate) fn eval_error(error: &EvalError) -> CliError {
    CliError::failure(error.to_string())
}
