//! `outthink replay --baselines` and `--cascade`: the allocator against the published rules.

use super::replay::eval_error;
use crate::error::CliError;
use crate::plot::{Axis, Figure, Panel, Series};
use anyhow::Context;
use outthink_eval::{Cascade, CompareOptions, MethodRow, Pool, cascade_priced, compare, panel, votes_of};
use std::path::Path;

/// Prints how many samples each method needs for what a fixed vote reaches.
pub(super) fn baselines(
    pools: &[Pool],
    options: CompareOptions,
    json: bool,
    svg: Option<&Path>,
) -> Result<(), CliError> {
    let rows = compare(pools, options);
    if let Some(path) = svg {
        frontiers(pools, &rows).write(path)?;
    }
    if json {
        for row in &rows {
            println!("{}", serde_json::to_string(row).context("cannot write JSON")?);
        }
        return Ok(());
    }
    println!("N over the samples that reach the vote over N less 0.2 points, in {} orders a recording", options.seeds);
    for row in &rows {
        let y = &row.savings;
        println!("{}", row.method);
        println!(
            "  {:<28} {:>5.2} [{:.2}, {:.2}]  {:.2}x [{:.2}, {:.2}] adaptive-consistency",
            "geometric mean",
            y.ratio,
            y.interval.low,
            y.interval.high,
            y.times_reference,
            y.times_interval.low,
            y.times_interval.high
        );
        for pool in &y.pools {
            println!(
                "  {:<28} {:>5.2} [{:.2}, {:.2}]  N {}, {:.4} at {:.2} samples, {:.2} points below adaptive-consistency at most",
                pool.pool,
                pool.ratio,
                pool.interval.low,
                pool.interval.high,
                pool.n,
                pool.target,
                pool.samples,
                pool.worst_below_reference.max(0.0)
            );
        }
    }
    Ok(())
}

/// Accuracy against samples, one panel a pool.
fn frontiers(pools: &[Pool], rows: &[MethodRow]) -> Figure {
    let panel = |(index, pool): (usize, &Pool)| Panel {
        title: format!("{} (N = {})", pool.name, votes_of(pool)),
        x: Axis::log("samples a problem"),
        y: Axis::share("accuracy"),
        series: rows
            .iter()
            .enumerate()
            .map(|(colour, row)| {
                let mut points: Vec<(f64, f64)> =
                    row.frontiers[index].iter().map(|p| (p.samples, p.accuracy)).collect();
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                Series::line(row.method.clone(), colour, points)
            })
            .collect(),
    };
    Figure { title: "accuracy against samples".into(), panels: pools.iter().enumerate().map(panel).collect() }
}

/// Prints the frontier of a cascade over two recorded runs.
pub(super) fn cascades(
    pools: &[Pool],
    runs: &[String],
    usd: &[f64],
    (most, seeds): (u32, u32),
    json: bool,
) -> Result<(), CliError> {
    let usd = match *usd {
        [] => None,
        [first, second] if first > 0.0 && second > 0.0 => Some([first, second]),
        _ => {
            return Err(CliError::usage("prices of two arms are needed, each above 0")
                .hint("give --arm-usd FIRST,SECOND in dollars a million generated tokens"));
        }
    };
    let [small, large] = runs else {
        return Err(CliError::usage("a cascade takes two runs").hint("give --cascade SMALL,LARGE"));
    };
    for pool in pools {
        let found = cascade_priced(pool, [small, large], usd, most, seeds).map_err(|e| eval_error(&e))?;
        if json {
            println!("{}", serde_json::to_string(&found).context("cannot write JSON")?);
        } else {
            print_cascade(pool, &found);
        }
    }
    Ok(())
}

fn print_cascade(pool: &Pool, found: &Cascade) {
    println!("{} ({} problems)", pool.name, found.problems);
    println!(
        "  small  {}: {:.3} at {:.0} tokens, {:.3e} {} a sample",
        found.small, found.accuracies.0, found.tokens.0, found.costs.0, found.unit
    );
    println!(
        "  large  {}: {:.3} at {:.0} tokens, {:.3e} {} a sample",
        found.large, found.accuracies.1, found.tokens.1, found.costs.1, found.unit
    );
    if let Some(dominated) = &found.dominated {
        println!("  {dominated}");
    }
    println!("     price  accuracy  above the large run         tokens  of the large run's cost  escalated");
    let mut last = f64::NAN;
    for row in found.rows.iter().filter(|r| r.tokens.is_finite()) {
        if row.tokens == last {
            continue;
        }
        last = row.tokens;
        println!(
            "  {:>8.1e}  {:>8.3}  {:>+6.3} [{:+.3}, {:+.3}]  {:>8.0}  {:>22.0} %  {:>7.0} %",
            row.price,
            row.accuracy,
            row.above_large,
            row.interval.low,
            row.interval.high,
            row.tokens,
            100.0 * row.share_of_cost,
            100.0 * row.escalated
        );
    }
}

/// Prints votes over the arms of each recording, with what the arms are worth.
pub(super) fn panels(pools: &[Pool], json: bool) -> Result<(), CliError> {
    for pool in pools {
        let found = panel(pool).map_err(|e| eval_error(&e))?;
        if json {
            println!("{}", serde_json::to_string(&found).context("cannot write JSON")?);
            continue;
        }
        println!("{} ({} problems, {} arms; skills from other problems)", found.pool, found.problems, found.arms.len());
        for row in &found.rows {
            println!(
                "  {:<34} accuracy {:.3}  {:+.2} points [{:+.2}, {:+.2}]",
                row.rule,
                row.accuracy,
                100.0 * row.above_best,
                100.0 * row.interval.low,
                100.0 * row.interval.high
            );
        }
        println!("  arm                                 right  by agreement alone");
        for (arm, right, agreed) in &found.arms {
            println!("  {arm:<34}  {right:.3}  {agreed:.3}");
        }
    }
    Ok(())
}
