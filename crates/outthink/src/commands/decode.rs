//! `outthink bench decode`: tokens per second of the embedded engine, beside a bare loop over
//! llama.cpp.

use crate::error::CliError;
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    /// A model's name (`outthink models list`) or a GGUF file [default: the default model].
    model: Option<String>,
    /// Samples decoded at once; each number makes a row.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,4,16")]
    parallel: Vec<u32>,
    /// Threads that compute [default: the processors that are free].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// Runs the subcommand.
pub(crate) fn run(args: &DecodeArgs) -> Result<ExitCode, CliError> {
    if args.parallel.contains(&0) || args.threads == Some(0) {
        return Err(CliError::usage("0 samples or 0 threads measure nothing").hint("give at least 1"));
    }
    measure(args)
}

#[cfg(feature = "llama")]
fn measure(args: &DecodeArgs) -> Result<ExitCode, CliError> {
    use crate::models::{self, Progress};
    let model = models::locate(args.model.as_deref(), Progress::Shown)?;
    let threads = args.threads.unwrap_or_else(outthink_llama::free_threads);
    print!("{}", outthink_llama::bench(&model.path, threads, &args.parallel)?);
    Ok(ExitCode::SUCCESS)
}

#[cfg(not(feature = "llama"))]
fn measure(args: &DecodeArgs) -> Result<ExitCode, CliError> {
    let model = args.model.as_deref().unwrap_or("the default model");
    Err(CliError::usage(format!("{model} cannot be measured: this binary was built without the embedded engine"))
        .hint("build with the `llama` feature"))
}
