//! `outthink train`: models from nothing, on this machine.

use super::{export, pretrain};
use crate::error::CliError;
use clap::{Args, Subcommand};
use outthink_train::TrainError;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    #[command(subcommand)]
    command: TrainCommand,
}

#[derive(Debug, Subcommand)]
enum TrainCommand {
    /// Train a transformer from nothing on text.
    Pretrain(pretrain::PretrainArgs),
    /// Write a trained model as GGUF, for the embedded engine and llama.cpp.
    Export(export::ExportArgs),
}

/// The checkpoint of a run, in the run's folder.
pub(super) const CHECKPOINT: &str = "checkpoint.safetensors";

/// Runs the subcommand.
pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        TrainCommand::Pretrain(args) => pretrain::run(args),
        TrainCommand::Export(args) => export::run(args),
    }
}

/// A setting or a shape that cannot work is wrong use; all else is a failure.
pub(super) fn train_error(error: &TrainError) -> CliError {
    match error {
        TrainError::Setting { .. } => CliError::usage(error.to_string()),
        _ => CliError::failure(error.to_string()),
    }
}
