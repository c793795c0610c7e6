//! `outthink train export`.

use super::train::{CHECKPOINT, train_error};
use crate::error::CliError;
use clap::Args;
use outthink_train::tasks::{CHAT_TEMPLATE, CharTokenizer};
use outthink_train::{Checkpoint, GgufOptions, write_gguf};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The folder of a run, or a checkpoint.
    run: PathBuf,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    gguf: PathBuf,
    /// The model's name [default: the file's].
    #[arg(long)]
    name: Option<String>,
}

pub(crate) fn run(args: &ExportArgs) -> Result<ExitCode, CliError> {
    let path = if args.run.is_dir() { args.run.join(CHECKPOINT) } else { args.run.clone() };
    let checkpoint = Checkpoint::read(&path).map_err(|e| train_error(&e))?;
    let stem = args.gguf.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // A model of generated tasks reads a question; one of text goes on with whatever it is given.
    let reasons = checkpoint.vocabulary == CharTokenizer.vocabulary();
    let options = GgufOptions {
        name: args.name.clone().unwrap_or(stem),
        chat_template: reasons.then(|| CHAT_TEMPLATE.to_owned()),
    };
    write_gguf(&args.gguf, &checkpoint.model, &checkpoint.vocabulary, &options).map_err(|e| train_error(&e))?;
    println!("{}  {} parameters", args.gguf.display(), checkpoint.model.config().parameters());
    Ok(ExitCode::SUCCESS)
}
