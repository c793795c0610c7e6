//! `outthink completions` and `outthink man`: what shells and `man` know of the command line, made from its
//! definitions.

use crate::error::CliError;
use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// How the help of `completions` ends.
pub(crate) const WHERE: &str = "\
bash  outthink completions bash > ~/.local/share/bash-completion/completions/outthink
zsh   outthink completions zsh > FOLDER/_outthink, for a FOLDER of $fpath
fish  outthink completions fish > ~/.config/fish/completions/outthink.fish";

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder to write them to; it is made where it is missing.
    #[arg(value_name = "DIR")]
    out: PathBuf,
}

/// Runs `outthink completions`.
pub(crate) fn run(args: &CompletionsArgs, mut cli: Command) -> Result<ExitCode, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut cli, "outthink", &mut text);
    io::stdout().write_all(&text).context("cannot write the completions")?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `outthink man`.
pub(crate) fn man(args: &ManArgs, cli: Command) -> Result<ExitCode, CliError> {
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    clap_mangen::generate_to(cli, &args.out)
        .with_context(|| format!("cannot write the pages to {}", args.out.display()))?;
    Ok(ExitCode::SUCCESS)
}
