//! `outthink models probe`: what a server can do, found out by asking it.

use super::runtime;
use crate::env;
use crate::error::CliError;
use anyhow::Context;
use clap::Args;
use outthink_engine::openai::{Abilities, Dialect, OpenAiEngine, OpenAiOptions, Secret};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Finds out what a server can do.
///
/// Sends about a dozen requests of a few tokens each, and prints what the server can do, how that was found
/// out, and what it means for strategies.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProbeArgs {
    /// Address of a server with the OpenAI API, such as <http://127.0.0.1:8000/v1>.
    #[arg(value_name = "URL")]
    url: String,
    /// The model's name at the server [default: the first that it lists].
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// The dialect to ask in [default: guessed from the address and the list of models].
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// File that holds the server's key; else it is taken from the environment variable `OUTTHINK_API_KEY`.
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &ProbeArgs) -> Result<ExitCode, CliError> {
    let mut options = OpenAiOptions::new(&args.url);
    options.model.clone_from(&args.model);
    options.dialect = args.dialect.as_deref().map(Dialect::named).transpose()?;
    options.api_key = key(args)?.map(Secret::new);
    let found = runtime()?.block_on(async { OpenAiEngine::connect(options).await?.abilities().await })?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&*found).context("cannot write JSON")?);
    } else {
        print!("{}", table(&found));
    }
    Ok(ExitCode::SUCCESS)
}

fn key(args: &ProbeArgs) -> Result<Option<String>, CliError> {
    let Some(path) = &args.api_key_file else { return Ok(env::var(env::API_KEY)) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the key file {}", path.display()))?;
    Ok(Some(text.trim().to_owned()))
}

/// One line for each ability, and below it how it was found out.
fn table(found: &Abilities) -> String {
    let mut text = format!("{} (dialect {})\n", found.model, found.dialect);
    for finding in &found.findings {
        let way = finding.way.map(|way| format!("{}: ", way.name())).unwrap_or_default();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {:<19} {:<8} {}", finding.ability.name(), finding.verdict.name(), finding.meaning);
        let _ = writeln!(text, "  {:<28} {way}{}", "", finding.how);
    }
    text
}
