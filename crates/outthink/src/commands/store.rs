//! `outthink data import` and `export`: what goes into the sample store and out of it; and which store it is.

use super::replay::eval_error;
use super::runtime;
use crate::env;
use crate::error::CliError;
use clap::{Args, Subcommand, ValueEnum};
use outthink_eval::{ImportFormat, ImportOptions, Store, StoreError, read_import};
use std::path::PathBuf;
use std::process::ExitCode;

/// Which store of samples.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreArgs {
    /// Where samples are kept: a file, or <postgres://USER@HOST/NAME> [default: runs.db in outthink's
    /// folder of data].
    #[arg(long, value_name = "PLACE", env = env::STORE, hide_env_values = true)]
    pub(crate) store: Option<String>,
}

impl StoreArgs {
    /// Opens it.
    pub(crate) async fn open(&self) -> Result<Store, CliError> {
        let place = match &self.store {
            Some(place) => place.clone(),
            None => env::data_dir().join("runs.db").to_string_lossy().into_owned(),
        };
        Store::open(&place).await.map_err(|e| store_error(&e))
    }
}

/// What the user can mend is a wrong use; the rest is a failure.
pub(crate) fn store_error(error: &StoreError) -> CliError {
    match error {
        StoreError::Address { .. }
        | StoreError::NoRun { .. }
        | StoreError::Mismatch { .. }
        | StoreError::SamePrompt { .. }
        | StoreError::Caller(_) => CliError::usage(error.to_string()),
        _ => CliError::failure(error.to_string()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct StoreCommandArgs {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Take in recordings: files of recorded samples, and what other tools write (`inspect_ai`, lm-evaluation-harness,
    /// `LightEval`, Every Eval Ever, verifiers, batches of OpenAI, and more).
    Import(ImportArgs),
    /// Write samples to a file that other tools read.
    Export(ExportArgs),
}

/// A format of recordings.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatName {
    /// One problem with its samples a line.
    Pool,
    /// A log of `inspect_ai`.
    Inspect,
    /// A sample log of the lm-evaluation-harness.
    Harness,
    /// Details of `LightEval`.
    Lighteval,
    /// Instance-level results of Every Eval Ever.
    EveryEvalEver,
    /// `results.jsonl` of `verifiers`.
    Verifiers,
    /// Outputs of OpenAI's batch API, with --set.
    Batch,
    /// Samples of Large Language Monkeys.
    Monkeys,
    /// Traces of DeepConf, as JSON.
    Deepconf,
    /// A table with a row a sample.
    Table,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The recordings.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Their format [default: found by the file's content].
    #[arg(long, value_enum)]
    format: Option<FormatName>,
    /// The run's name, for one file [default: the file's].
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// The model's name, where the file does not say it or says it wrongly.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Which judgement counts, where a file has several: a scorer of `inspect_ai` or one of its scores, a metric of the
    /// other tools, an evaluation of Every Eval Ever.
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// Which filter of the lm-evaluation-harness, where a file has several.
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// The questions with their right answers, for outputs that hold neither.
    #[arg(long, value_name = "SET")]
    set: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The runs [default: all].
    #[arg(value_name = "RUN")]
    runs: Vec<String>,
    /// The Parquet file to write: one row a sample, of all runs.
    #[arg(long, value_name = "FILE", required_unless_present = "every_eval_ever")]
    parquet: Option<PathBuf>,
    /// Write each run in the schema of Every Eval Ever into this folder: a summary, and one line a sample.
    #[arg(long, value_name = "DIR")]
    every_eval_ever: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the subcommand.
pub(crate) fn run(command: &StoreCommand) -> Result<ExitCode, CliError> {
    match command {
        StoreCommand::Import(args) => import(args),
        StoreCommand::Export(args) => export(args),
    }
}

fn import(args: &ImportArgs) -> Result<ExitCode, CliError> {
    if args.run.is_some() && args.files.len() > 1 {
        return Err(CliError::usage("--run names one run and several files were given")
            .hint("import the files one by one, or leave --run out"));
    }
    let options = ImportOptions {
        format: args.format.map(|f| match f {
            FormatName::Pool => ImportFormat::Pool,
            FormatName::Inspect => ImportFormat::Inspect,
            FormatName::Harness => ImportFormat::Harness,
            FormatName::Lighteval => ImportFormat::LightEval,
            FormatName::EveryEvalEver => ImportFormat::EveryEvalEver,
            FormatName::Verifiers => ImportFormat::Verifiers,
            FormatName::Batch => ImportFormat::Batch,
            FormatName::Monkeys => ImportFormat::Monkeys,
            FormatName::Deepconf => ImportFormat::DeepConf,
            FormatName::Table => ImportFormat::Table,
        }),
        run: args.run.clone(),
        model: args.model.clone(),
        metric: args.metric.clone(),
        filter: args.filter.clone(),
        set: args.set.clone(),
    };
    runtime()?.block_on(async {
        let store = args.store.open().await?;
        for file in &args.files {
            for import in read_import(file, &options).map_err(|e| eval_error(&e))? {
                let added = store.import(&import).await.map_err(|e| store_error(&e))?;
                println!(
                    "{}: {added} samples added, {} in the file, of {} problems by {}",
                    import.spec.name,
                    import.samples.len(),
                    import.problems.len(),
                    import.spec.model
                );
                for note in &import.notes {
                    println!("{}: {note}", import.spec.name);
                }
            }
        }
        store.close().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn export(args: &ExportArgs) -> Result<ExitCode, CliError> {
    runtime()?.block_on(async {
        let store = args.store.open().await?;
        let runs = match args.runs.as_slice() {
            [] => {
                let all = store.runs().await.map_err(|e| store_error(&e))?;
                all.into_iter().map(|r| r.spec.name).collect()
            }
            given => given.to_vec(),
        };
        if runs.is_empty() {
            return Err(CliError::usage("the store holds no runs").hint("record one with `outthink data sweep`"));
        }
        if let Some(path) = &args.parquet {
            let rows = store.export(&runs, path).await.map_err(|e| store_error(&e))?;
            println!("{rows} samples of {} runs in {}", runs.len(), path.display());
        }
        if let Some(folder) = &args.every_eval_ever {
            for run in &runs {
                let (path, rows) = store.export_every_eval_ever(run, folder).await.map_err(|e| store_error(&e))?;
                println!("{rows} samples of {run} in {}", path.display());
            }
        }
        store.close().await;
        Ok(ExitCode::SUCCESS)
    })
}
