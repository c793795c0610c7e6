//! `outthink train export`.

use super::train::{CHECKPOINT, train_error};
use crate::error::CliError;
use clap::Args;
use outthink_train::tasks::{CHAT_TEMPLATE, CharTokenizer};
use outthink_train::{Checkpoint, GgufOptions, read_gguf, write_gguf, write_hf};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The folder of a run, a checkpoint, or a GGUF file that this command wrote.
    run: PathBuf,
    /// The GGUF file to write, for the embedded engine and llama.cpp.
    #[arg(long, value_name = "FILE", required_unless_present = "hf")]
    gguf: Option<PathBuf>,
    /// The Hugging Face folder to write, for vLLM, SGLang and transformers.
    #[arg(long, value_name = "DIR")]
    hf: Option<PathBuf>,
    /// The model's name in the GGUF file [default: the file's].
    #[arg(long)]
    name: Option<String>,
}

pub(crate) fn run(args: &ExportArgs) -> Result<ExitCode, CliError> {
    let path = if args.run.is_dir() { args.run.join(CHECKPOINT) } else { args.run.clone() };
    let gguf = path.extension().is_some_and(|ending| ending == "gguf");
    let read = if gguf { read_gguf(&path) } else { Checkpoint::read(&path) };
    let checkpoint = read.map_err(|e| train_error(&e))?;
    let (model, vocabulary) = (&checkpoint.model, &checkpoint.vocabulary);
    // A model of generated tasks reads a question; one of text goes on with whatever it is given.
    let template = (*vocabulary == CharTokenizer.vocabulary()).then_some(CHAT_TEMPLATE);
    if let Some(path) = &args.gguf {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = args.name.clone().unwrap_or(stem);
        let options = GgufOptions { name, chat_template: template.map(str::to_owned) };
        write_gguf(path, model, vocabulary, &options).map_err(|e| train_error(&e))?;
        println!("{}  {} parameters", path.display(), model.config().parameters());
    }
    if let Some(folder) = &args.hf {
        write_hf(folder, model, vocabulary, template).map_err(|e| train_error(&e))?;
        println!("{}  {} parameters", folder.display(), model.config().parameters());
    }
    Ok(ExitCode::SUCCESS)
}
