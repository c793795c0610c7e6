//! The repository's own rules, checked by the repository: `cargo run -p xtask -- tidy`.
//!
//! It reads files and nothing else: it builds nothing, changes nothing and asks no network.

mod edges;
mod sources;

use anyhow::{Context, Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// Where, relative to the root; a line number may follow.
    place: String,
    /// What is wrong, and the mend.
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
    if words != ["tidy"] {
        eprintln!("usage: cargo run -p xtask -- tidy");
        return ExitCode::from(2);
    }
    match tidy(&root()) {
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
    if !findings.is_empty() {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        bail!("{}\ntidy: {} to mend", lines.join("\n"), findings.len());
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

    #[test]
    fn the_readme_names_what_an_effort_buys() {
        let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
        for effort in outthink_core::Effort::ALL {
            let name = format!("| `{effort}` |");
            let row = readme.lines().find(|l| l.starts_with(&name)).unwrap();
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let plan = effort.plan();
            assert_eq!(cells[3], plan.max_samples.to_string(), "{row}");
            assert_eq!(cells[4].replace(',', ""), plan.max_tokens_per_sample.to_string(), "{row}");
            if plan.max_samples > 1 {
                assert_eq!(cells[5].parse(), Ok(plan.target_confidence), "{row}");
            }
        }
    }
}
