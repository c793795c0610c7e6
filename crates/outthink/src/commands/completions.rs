//! `outthink completions` and `outthink man`: what shells and `man` are told of the command line, made from its
//! definitions.

use crate::error::CliError;
use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Prints a script that completes commands, flags and their values.
///
/// Bash: outthink completions bash > ~/.local/share/bash-completion/completions/outthink
///
/// Zsh: outthink completions zsh > FOLDER/_outthink, for a FOLDER of $fpath
///
/// Fish: outthink completions fish > ~/.config/fish/completions/outthink.fish
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Writes a man page for each command.
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
