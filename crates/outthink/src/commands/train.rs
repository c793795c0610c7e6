//! `outthink train`: models from nothing, on this machine.

use super::{demo, export, lab, pretrain, reason, recipe};
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
    /// Fine-tune a small model on worked solutions with a chain of thought.
    Sft(Box<reason::SftArgs>),
    /// Reinforcement learning with verifiable rewards (GRPO) from a fine-tuned model.
    Rl(Box<reason::RlArgs>),
    /// Write a recipe for TRL or verl that takes its reward from `outthink serve`.
    Recipe(recipe::RecipeArgs),
    /// See the three laws on one machine: pre-training, reinforcement learning, thinking.
    Lab(lab::LabArgs),
    /// See what thinking buys a small model that is part of this program, in under a minute.
    Demo(demo::DemoArgs),
    /// Write a trained model as GGUF or as a Hugging Face folder, for llama.cpp, vLLM and transformers.
    Export(export::ExportArgs),
}

/// The checkpoint of a run, in the run's folder.
pub(super) const CHECKPOINT: &str = "checkpoint.safetensors";

/// Runs the subcommand.
pub(crate) fn run(args: &TrainArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        TrainCommand::Pretrain(args) => pretrain::run(args),
        TrainCommand::Sft(args) => reason::sft(args),
        TrainCommand::Rl(args) => reason::rl(args),
        TrainCommand::Recipe(args) => recipe::run(args),
        TrainCommand::Lab(args) => lab::run(args),
        TrainCommand::Demo(args) => demo::run(args),
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
