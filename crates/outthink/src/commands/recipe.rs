//! `outthink train recipe`: training of real models on the engines that do it, with our verifier as the
//! reward.

use crate::error::CliError;
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Who trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Trainer {
    /// Hugging Face TRL: one process, one machine, also without a GPU.
    Trl,
    /// verl: vLLM for the replies, many GPUs.
    Verl,
}

#[derive(Debug, Args)]
pub(crate) struct RecipeArgs {
    /// Who trains.
    #[arg(long = "for", value_name = "NAME")]
    trainer: Trainer,
    /// The model to begin with: a name on the hub or a folder.
    #[arg(long, value_name = "NAME", default_value = "Qwen/Qwen2.5-0.5B-Instruct")]
    model: String,
    /// Questions with known answers: JSON lines as in GSM8K, MATH or SVAMP.
    #[arg(long, value_name = "FILE", default_value = "questions.jsonl")]
    data: String,
    /// Where `outthink serve` listens.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    gateway: String,
    /// The folder to write; it must not hold a recipe yet.
    #[arg(long, value_name = "DIR", default_value = "recipe")]
    out: PathBuf,
}

/// A file's name, its text with places to fill in, and how strings are quoted in it.
type File = (&'static str, &'static str, fn(&str) -> String);

const REWARDS: File = ("rewards.py", include_str!("../recipes/rewards.py"), python);
const QUESTIONS: File = ("questions.py", include_str!("../recipes/questions.py"), python);
const TRL: &[File] = &[REWARDS, QUESTIONS, ("train.py", include_str!("../recipes/trl.py"), python)];
const VERL: &[File] = &[
    REWARDS,
    QUESTIONS,
    ("reward.py", include_str!("../recipes/verl_reward.py"), python),
    ("prepare.py", include_str!("../recipes/verl_prepare.py"), python),
    ("run.sh", include_str!("../recipes/verl_run.sh"), shell),
];

/// A text as Python reads it: JSON's strings are Python's.
fn python(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text as a shell reads it.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Runs the subcommand.
pub(crate) fn run(args: &RecipeArgs) -> Result<ExitCode, CliError> {
    if !args.gateway.starts_with("http://") && !args.gateway.starts_with("https://") {
        return Err(CliError::usage(format!("`{}` is not the address of a gateway", args.gateway))
            .hint("give one such as http://127.0.0.1:8080"));
    }
    let rewards = format!("{}/v1/rewards", args.gateway.trim_end_matches('/').trim_end_matches("/v1"));
    let files = match args.trainer {
        Trainer::Trl => TRL,
        Trainer::Verl => VERL,
    };
    // All is known to be free before anything is written.
    for (name, ..) in files {
        let path = args.out.join(name);
        if path.exists() {
            return Err(CliError::usage(format!("{} is there already", path.display()))
                .hint("give another folder with --out, or take the old recipe away"));
        }
    }
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    for (name, text, quote) in files {
        let path = args.out.join(name);
        let filled = text
            .replace("@REWARDS@", &quote(&rewards))
            .replace("@MODEL@", &quote(&args.model))
            .replace("@DATA@", &quote(&args.data));
        fs::write(&path, filled).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    let next = match args.trainer {
        Trainer::Trl => "outthink serve & python train.py",
        Trainer::Verl => "outthink serve & python prepare.py && bash run.sh",
    };
    eprintln!("next, in {}: {next}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_for_their_language() {
        assert_eq!(python("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(shell("it's"), r"'it'\''s'");
    }
}
