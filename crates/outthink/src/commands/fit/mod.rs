//! `outthink fit`: scaling laws from one's own measurements.

mod columns;
mod coverage;
mod curves;
mod figure;
mod inference;
mod pools;
mod pretrain;
mod rl;

pub(crate) use columns::Table;
pub(crate) use curves::{Errors, Group, read_groups};

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
}

/// Where the numbers come from, and how they are shown; the same for all laws.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// CSV, JSON, JSON lines or Parquet.
    #[arg(value_name = "DATA")]
    pub(crate) data: PathBuf,
    /// A column by another name, as `loss=final_loss`; may be given several times.
    #[arg(long = "map", value_name = "NAME=COLUMN")]
    pub(crate) maps: Vec<String>,
    /// Rows to keep, as `model=gpt-5`; all that are given must hold.
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    pub(crate) filters: Vec<String>,
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
    /// Reads the table.
    pub(crate) fn read(&self) -> Result<Table, CliError> {
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(CliError::usage(format!("a level of {} is no probability", self.level))
                .hint("give one between 0 and 1, such as 0.95"));
        }
        Table::read(&self.data, &self.maps, &self.filters)
    }
}

/// Runs the subcommand.
pub(crate) fn run(args: &FitArgs) -> Result<ExitCode, CliError> {
    match &args.law {
        Law::Pretrain(args) => pretrain::run(args)?,
        Law::Rl(args) => rl::run(args)?,
        Law::Inference(args) => inference::run(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A refusal of the numbers: what was given can be mended, so it is a wrong use.
pub(crate) fn law_error(error: &LawError) -> CliError {
    CliError::usage(error.to_string())
}

/// An interval in brackets.
pub(crate) fn brackets(interval: Interval, digits: usize) -> String {
    format!("[{:.digits$}, {:.digits$}]", interval.low, interval.high)
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
    pretrain::Columns::of(table, 0)
}

/// The curves of reinforcement learning, for a plan.
pub(crate) fn rl_curves(table: &Table, problems: Option<u64>) -> Result<Vec<Group>, CliError> {
    rl::read(table, &[], Errors { problems, shared: None })
}
