//! `outthink models`: what there is, what is here, and bringing it.

use super::probe;
use crate::env;
use crate::error::CliError;
use crate::models::{self, Manifest, Model, Progress};
use crate::render::bytes;
use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Show the models that have names, and which of them are here.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model, check it, and print where it is.
    Pull {
        /// A name from `outthink models list`.
        #[arg(default_value = "qwen2.5-coder-0.5b")]
        name: String,
        /// Show no progress.
        #[arg(long, short)]
        quiet: bool,
    },
    /// Print where a model's file is, or check that a file is a model.
    Path {
        /// A name from `outthink models list`, or the path of a GGUF file.
        model: String,
    },
    /// Find out what a server can do, and what that means for strategies.
    Probe(probe::ProbeArgs),
}

/// Runs the subcommand.
pub(crate) fn run(args: ModelsArgs) -> Result<ExitCode, CliError> {
    let manifest = Manifest::embedded()?;
    match args.command {
        ModelsCommand::List { json } => list(&manifest, json)?,
        ModelsCommand::Pull { name, quiet } => {
            let progress = if quiet { Progress::Hidden } else { Progress::Shown };
            let model = manifest.find(&name)?;
            let path = models::fetch(model, &env::models_dir(), progress)?;
            println!("{}", path.display());
        }
        ModelsCommand::Path { model } => println!("{}", path(&manifest, &model)?),
        ModelsCommand::Probe(args) => return probe::run(&args),
    }
    Ok(ExitCode::SUCCESS)
}

fn path(manifest: &Manifest, model: &str) -> Result<String, CliError> {
    if models::is_path(model) {
        let file = models::local_file(Path::new(model))?;
        let full = file.canonicalize().context("cannot resolve the path")?;
        return Ok(full.display().to_string());
    }
    let entry = manifest.find(model)?;
    let dir = env::models_dir();
    if !models::is_present(entry, &dir) {
        return Err(CliError::failure(format!("the model {model} is not here"))
            .hint(format!("fetch it with `outthink models pull {model}`"))
            .hint(format!("or put the file at {}", entry.path_in(&dir).display())));
    }
    // A model that is part of the program is unpacked by this.
    Ok(models::fetch(entry, &dir, Progress::Hidden)?.display().to_string())
}

fn list(manifest: &Manifest, json: bool) -> Result<(), CliError> {
    let dir = env::models_dir();
    if json {
        let rows: Vec<_> = manifest.models.iter().map(|m| row(m, &dir)).collect();
        let text = serde_json::to_string_pretty(&rows).context("cannot write JSON")?;
        println!("{text}");
        return Ok(());
    }
    println!("in {}", dir.display());
    for model in &manifest.models {
        println!(
            "  {:<20} {:>9}  {:<8} {}",
            model.name,
            model.size.map_or_else(|| "?".into(), bytes),
            if models::is_present(model, &dir) { "here" } else { "-" },
            model.about
        );
    }
    Ok(())
}

fn row(model: &Model, dir: &Path) -> serde_json::Value {
    json!({
        "name": model.name,
        "default": model.default,
        "about": model.about,
        "present": models::is_present(model, dir),
        "path": model.path_in(dir),
        "size": model.size,
        "sha256": model.sha256,
        "unpinned": model.unpinned,
        "context": model.context,
        "sources": model.sources,
    })
}
