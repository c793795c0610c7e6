//! `outthink data`: samples, from recording them to removing them.

use super::rescore::{self, RescoreArgs};
use super::runs::{self, RunsCommand};
use super::store::{self, StoreCommand};
use super::sweep::{self, SweepArgs};
use crate::error::CliError;
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

/// What is added to the enums within is a command of `data`, too.
#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Record samples of a set of questions, to be fitted, replayed and reported.
    Sweep(Box<SweepArgs>),
    /// Judge recorded samples again, without drawing them again.
    Rescore(Box<RescoreArgs>),
    #[command(flatten)]
    Store(StoreCommand),
    #[command(flatten)]
    Runs(RunsCommand),
}

/// Runs the subcommand.
pub(crate) fn run(args: &DataArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        DataCommand::Sweep(args) => sweep::run(args),
        DataCommand::Rescore(args) => rescore::run(args),
        DataCommand::Store(command) => store::run(command),
        DataCommand::Runs(command) => runs::run(command),
    }
}
