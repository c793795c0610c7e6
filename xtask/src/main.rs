//! The repository's own rules, checked by the repository: `cargo run -p xtask -- tidy`; and the parts of
//! the docs that are made from the code: `cargo run -p xtask -- generate`.
//!
//! Tidy reads files and nothing else; generate writes pages of the docs. Neither asks a network.

mod docs;
mod edges;
mod generate;
mod routes;
mod sources;
mod words;

use anyhow::{Context, Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// Where, relative to the root; a line number may follow.
    place: String,
    /// What is wrong, and how to fix it.
    message: String,
}

impl Finding {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["tidy"] => tidy(&root()),
        ["generate"] => generate::write(&root()).map(|changed| match changed.len() {
            0 => "generate: all pages are up to date".to_owned(),
            _ => format!("generate: wrote {}", changed.join(", ")),
        }),
        _ => {
            eprintln!("usage: cargo run -p xtask -- tidy|generate");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root: the folder above this crate's.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Checks all rules.
///
/// # Errors
/// With all findings, if there are any.
fn tidy(root: &Path) -> Result<String> {
    let mut findings = edges::check(root).context("reading the manifests")?;
    let survey = sources::check(root).context("reading the sources")?;
    findings.extend(survey.findings);
    findings.extend(docs::check(root).context("reading the documents")?);
    findings.extend(routes::check(root).context("reading the gateway's routes")?);
    findings.extend(generate::check(root).context("comparing the docs with the code")?);
    if !findings.is_empty() {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        bail!("{}\ntidy: {} to fix", lines.join("\n"), findings.len());
    }
    let long = match survey.long.len() {
        0 => String::new(),
        count => format!("; {count} above {} lines: {}", sources::AIM, survey.long.join(", ")),
    };
    Ok(format!("tidy: {} source files in order{long}", survey.files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        tidy(&root()).unwrap();
    }
}
