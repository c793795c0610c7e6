//! `outthink fit`: scaling laws from one's own measurements.

mod columns;
mod coverage;
mod curves;
mod figure;
mod filter;
mod inference;
mod pools;
mod pretrain;
mod pretrain_show;
mod rl;
mod source;
mod task;
mod words;

pub(crate) use columns::Table;
pub(crate) use curves::{Errors, Group, read_groups};
pub(crate) use pools::groups as recorded_groups;
pub(crate) use pretrain::fresh_law;
pub(crate) use rl::{as_run as rl_run, begun as rl_points, fall as rl_fall};
pub(crate) use words::Words;

use super::store::StoreArgs;
use crate::error::CliError;
use clap::{Args, Subcommand};
use outthink_law::{Interval, LawError};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct FitArgs {
    #[command(subcommand)]
    law: Law,
}

#[derive(Debug, Subcommand)]
enum Law {
    /// Loss against parameters and tokens: Chinchilla, Kaplan, IsoFLOP, repeated data.
    Pretrain(pretrain::PretrainArgs),
    /// Accuracy against reinforcement-learning compute, jointly over sizes.
    Rl(rl::RlArgs),
    /// Accuracy against thinking tokens, or coverage against samples, and whether there is a wall.
    Inference(inference::InferenceArgs),
    /// Accuracy of a task against parameters and tokens, by way of the loss.
    Task(task::TaskArgs),
}

/// Where the numbers come from, and how they are shown; the same for all laws.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// CSV, JSON, JSON lines, Parquet, a `trainer_state.json`, a run tracker's export or a trainer's console; several
    /// files, or a folder of them, are read as one table with a column `file`.
    #[arg(value_name = "DATA", required = true)]
    pub(crate) data: Vec<PathBuf>,
    /// A column by another name, as `loss=final_loss`; may be given several times.
    #[arg(long = "map", value_name = "NAME=COLUMN")]
    pub(crate) maps: Vec<String>,
    /// Rows to keep, as `model=gpt-5` or `params>=1e8` (= != < <= > >=); all that are given must hold.
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    pub(crate) filters: Vec<String>,
    /// A column in another unit, as `params=1e9` for billions; a name such as `Model Size (B)` says it itself.
    #[arg(long = "scale", value_name = "NAME=FACTOR")]
    pub(crate) scales: Vec<String>,
    /// Level of the intervals.
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    pub(crate) level: f64,
    /// Seed of starts and draws.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw the figure to a file that ends in .svg or .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

impl DataArgs {
    /// The one input, where several cannot be read as one.
    pub(crate) fn only(&self) -> Result<&std::path::Path, CliError> {
        match &self.data[..] {
            [one] => Ok(one),
            _ => Err(CliError::usage("recorded samples are read from one input").hint("give one file or one run")),
        }
    }

    /// Reads the table.
    pub(crate) fn read(&self) -> Result<Table, CliError> {
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(CliError::usage(format!("a level of {} is not a probability", self.level))
                .hint("give one between 0 and 1, such as 0.95"));
        }
        Table::read_all(&self.data, &self.maps, &self.filters, &self.scales)
    }
}

/// Runs the subcommand.
pub(crate) fn run(args: &FitArgs) -> Result<ExitCode, CliError> {
    match &args.law {
        Law::Pretrain(args) => pretrain::run(args)?,
        Law::Rl(args) => rl::run(args)?,
        Law::Inference(args) => inference::run(args)?,
        Law::Task(args) => task::run(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A refusal of the numbers: what was given can be mended, so it is a wrong use.
pub(crate) fn law_error(error: &LawError) -> CliError {
    CliError::usage(error.to_string())
}

/// An interval in brackets; ends beyond a million in powers of ten, for they have no such digits.
pub(crate) fn brackets(interval: Interval, digits: usize) -> String {
    format!("[{}, {}]", fixed(interval.low, digits), fixed(interval.high, digits))
}

/// A number with so many digits after the point; beyond a million in powers of ten.
pub(crate) fn fixed(x: f64, digits: usize) -> String {
    if x.abs() < 1e6 || !x.is_finite() { format!("{x:.digits$}") } else { format!("{x:.2e}") }
}

/// An interval in brackets, in powers of ten.
pub(crate) fn brackets_e(interval: Interval) -> String {
    format!("[{:.3e}, {:.3e}]", interval.low, interval.high)
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &serde_json::Value) {
    println!("{value:#}");
}

/// The columns of pre-training runs, for a plan.
pub(crate) fn pretrain_columns(table: &Table) -> Result<pretrain::Columns, CliError> {
    pretrain::Columns::of(table.clone(), 0)
}

/// Notes on what was read, for people; JSON has them as `notes`.
pub(crate) fn print_notes(notes: &[String]) {
    for note in notes {
        println!("note: {note}");
    }
}

/// The curves of reinforcement learning, for a plan.
pub(crate) fn rl_curves(table: &Table, problems: Option<u64>) -> Result<Vec<Group>, CliError> {
    rl::read(table, &[], Errors { problems, shared: None })
}
