//! `outthink demo`: what thinking buys the model `desk` on problems that it has not seen.

use super::bench::answer;
use super::engine::{EngineArgs, EngineKind};
use super::runtime;
use crate::defaults;
use crate::error::CliError;
use crate::plot::{Axis, Figure, Panel, Point, Series};
use anyhow::Context;
use clap::Args;
use futures_util::{StreamExt, stream};
use outthink_core::{Effort, Needs, Outcome, Prompt, derive_seed};
use outthink_eval::{Interval, wilson};
use outthink_runner::Runner;
use outthink_strategy::{DriveRequest, StrategySpec};
use outthink_train::tasks::{Problem, Split, problems, task};
use outthink_verify::is_correct;
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// What desk was taught, as `benches/desk.sh` has it.
const TASK: &str = "chain:11";
/// Operations of its problems.
const LEVELS: std::ops::RangeInclusive<u32> = 2..=3;
/// Questions at a time.
const PARALLEL: usize = 16;
/// Columns and rows of the plot.
const PLOT: (usize, usize) = (56, 12);

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Held-out problems.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    problems: u32,
    /// Efforts to compare.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "none,low,high")]
    efforts: Vec<Effort>,
    /// Seed of the problems and of the samples.
    #[arg(long, value_name = "N", default_value_t = defaults::SEED)]
    seed: u64,
    /// Threads of the embedded engine [default: the processors that are free].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Draw accuracy against tokens into this file, .svg or .png.
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What an effort reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Reached {
    effort: Effort,
    strategy: String,
    problems: u32,
    right: u32,
    accuracy: f64,
    /// 95 %, Wilson.
    interval: Interval,
    /// Means over the problems.
    samples: f64,
    tokens: f64,
    seconds: f64,
}

/// Runs the subcommand.
pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode, CliError> {
    let engine = EngineArgs {
        engine: Some(EngineKind::Llama),
        model: Some("desk".to_owned()),
        upstream: Vec::new(),
        dialect: None,
        protocol: None,
        api_key_file: None,
        threads: args.threads,
    };
    let file = engine.locate()?;
    let task = task(TASK).map_err(|e| CliError::failure(e.to_string()))?;
    let drawn = problems(&*task, &LEVELS, Split::HeldOut, (args.problems as usize, args.seed));
    let runtime = runtime()?;
    let reached = runtime.block_on(async {
        let runner = Runner::new(engine.connect(file, None, Needs::default()).await?);
        let mut reached = Vec::new();
        for &effort in &args.efforts {
            reached.push(measure(&runner, effort, &drawn, args.seed).await?);
        }
        Ok::<_, CliError>(reached)
    })?;
    runtime.shutdown_background();
    if args.json {
        let all = json!({ "schema": 1, "model": "desk", "version": env!("CARGO_PKG_VERSION"), "task": TASK,
            "levels": [LEVELS.start(), LEVELS.end()], "seed": args.seed, "efforts": reached });
        println!("{}", serde_json::to_string_pretty(&all).context("cannot write JSON")?);
    } else {
        print(&reached, &drawn);
    }
    if let Some(path) = &args.figure {
        figure(&reached, args.problems).write(path)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Accuracy against tokens with its intervals, one colour an effort.
fn figure(reached: &[Reached], problems: u32) -> Figure {
    let path: Vec<(f64, f64)> = reached.iter().map(|r| (r.tokens.max(1.0), r.accuracy)).collect();
    let mut series = vec![Series::line(String::new(), 0, path)];
    series.extend(reached.iter().enumerate().map(|(colour, r)| {
        let interval = Some((r.interval.low, r.interval.high));
        let point = Point { x: r.tokens.max(1.0), y: r.accuracy, interval };
        Series::points(format!("effort {}", r.effort), colour, vec![point])
    }));
    let panel = Panel {
        title: format!("built-in model, {problems} held-out problems"),
        x: Axis::log("generated tokens a problem"),
        y: Axis::share("accuracy, 95 % interval"),
        series,
    };
    Figure { title: "more thinking, better answers".into(), panels: vec![panel] }
}

/// One effort over all problems.
async fn measure(runner: &Runner, effort: Effort, drawn: &[Problem], seed: u64) -> Result<Reached, CliError> {
    let began = Instant::now();
    let spec = StrategySpec::for_effort(effort);
    let ask = |(index, problem)| one(runner, &spec, (problem, derive_seed(seed, index as u64)));
    let mut outcomes = stream::iter((0_usize..).zip(drawn).map(ask)).buffer_unordered(PARALLEL);
    let (mut right, mut samples, mut tokens) = (0_u32, 0, 0);
    while let Some(outcome) = outcomes.next().await {
        let (outcome, is_right) = outcome?;
        right += u32::from(is_right);
        samples += u64::from(outcome.samples_drawn);
        tokens += outcome.usage.generated();
    }
    let n = drawn.len() as f64;
    Ok(Reached {
        effort,
        strategy: spec.name.clone(),
        problems: drawn.len() as u32,
        right,
        accuracy: f64::from(right) / n,
        interval: wilson(f64::from(right), drawn.len() as u32),
        samples: samples as f64 / n,
        tokens: tokens as f64 / n,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// One problem: what came of it, and whether that is right.
async fn one(
    runner: &Runner,
    spec: &StrategySpec,
    (problem, seed): (&Problem, u64),
) -> Result<(Outcome, bool), CliError> {
    let request = DriveRequest {
        prompt: Prompt::user(&problem.question).into(),
        sampling: defaults::sampling(true, None, spec.draws_several()),
        seed,
        trace_id: format!("demo-{seed}"),
        ..DriveRequest::default()
    };
    let (outcome, error) = answer(runner, request, spec).await?;
    if let Some(error) = error {
        return Err(CliError::failure(error));
    }
    let right = outcome.answer.as_ref().is_some_and(|a| is_correct(&a.text, &problem.gold));
    Ok((outcome, right))
}

fn print(reached: &[Reached], drawn: &[Problem]) {
    println!(
        "desk, a transformer of a hundred thousand parameters that was trained from nothing (benches/desk.sh), on"
    );
    let example = drawn.first().map_or("", |p| p.question.as_str());
    println!("{} problems that it has not seen, such as {example}\n", drawn.len());
    println!("effort    right        accuracy [95 %]     samples  tokens a problem  seconds");
    for r in reached {
        println!(
            "{:<8}  {:>4} of {:<4} {:.3} [{:.3}, {:.3}]  {:>7.2}  {:>16.1}  {:>7.1}",
            r.effort.name(),
            r.right,
            r.problems,
            r.accuracy,
            r.interval.low,
            r.interval.high,
            r.samples,
            r.tokens,
            r.seconds
        );
    }
    println!("\n{}", plot(reached));
    println!("one of them by hand: outthink ask --model desk --effort high --trace {example:?}");
}

/// Accuracy against tokens on a logarithmic axis, the effort's name at each point.
fn plot(reached: &[Reached]) -> String {
    let (columns, rows) = PLOT;
    let bounds = reached.iter().map(|r| r.tokens.max(1.0).log2());
    let low = bounds.clone().fold(f64::INFINITY, f64::min).floor();
    let high = bounds.fold(low + 1.0, f64::max).ceil();
    let mut cells = vec![vec![' '; columns + 8]; rows + 1];
    for r in reached {
        let across = (r.tokens.max(1.0).log2() - low) / (high - low);
        let column = (across * (columns - 1) as f64).round() as usize;
        let row = rows - (r.accuracy * rows as f64).round() as usize;
        for (at, c) in "*".chars().chain([' ']).chain(r.effort.name().chars()).enumerate() {
            if let Some(cell) = cells[row].get_mut(column + at) {
                *cell = c;
            }
        }
    }
    let mut text = String::from("accuracy\n");
    for (row, line) in cells.iter().enumerate() {
        let share = (rows - row) as f64 / rows as f64;
        let label = if row.is_multiple_of(rows / 4) { format!("{share:.2}") } else { String::new() };
        let line: String = line.iter().collect();
        text.push_str(format!("{label:>6} |{line}").trim_end());
        text.push('\n');
    }
    let (left, right) = (low.exp2(), high.exp2());
    text + &format!("       +{}\n        {left:<28.0}{right:>28.0}  tokens a problem\n", "-".repeat(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_where_they_belong() {
        let at = |effort, accuracy: f64, tokens| Reached {
            effort,
            strategy: String::new(),
            problems: 100,
            right: (accuracy * 100.0) as u32,
            accuracy,
            interval: wilson(accuracy * 100.0, 100),
            samples: 1.0,
            tokens,
            seconds: 0.0,
        };
        insta::assert_snapshot!(plot(&[
            at(Effort::None, 0.25, 8.0),
            at(Effort::Low, 0.74, 64.0),
            at(Effort::High, 1.0, 256.0)
        ]));
        // One point, and points outside of every axis, are no reason to panic.
        for (accuracy, tokens) in [(0.0, 0.0), (1.0, 1e12)] {
            assert!(plot(&[at(Effort::Low, accuracy, tokens)]).contains("* low"));
        }
    }
}
