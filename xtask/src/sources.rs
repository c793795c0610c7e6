//! What may stand in a source file, and how long it may be.

use crate::Finding;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a file should have at most.
pub(crate) const AIM: usize = 400;

/// Lines that a file has at most, unless it is in [`LONG`].
const LIMIT: usize = 800;

/// Files above [`LIMIT`], each with the reason.
const LONG: &[(&str, &str)] = &[];

/// Traces of unfinished work, put together here so that this file does not hold them.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!("),
    concat!("un", "implemented!("),
    concat!("db", "g!("),
    concat!("// TO", "DO"),
    concat!("// FIX", "ME"),
];

/// Crates whose sources do no input or output and read no clock.
const PURE: &[&str] = &["outthink-core", "outthink-verify", "outthink-strategy", "outthink-law"];

/// What they would need for it.
const IMPURE: &[&str] = &["std::fs", "std::net", "std::process", "std::thread", "Instant::now", "SystemTime"];

/// The places that may start programs, each with the reason. Tests may anywhere.
const STARTS_PROGRAMS: &[(&str, &str)] = &[
    ("crates/outthink-engine/src/sandbox/", "code that a model wrote runs in a sandbox, or not at all"),
    ("crates/outthink/src/models/pypi.rs", "pip fetches the packages that carry models"),
    ("xtask/", "the repository's own tools"),
];

/// What starts one.
const STARTING: &[&str] = &["process::Command", "Command::new("];

/// What was found in the sources.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Broken rules.
    pub(crate) findings: Vec<Finding>,
    /// Files that were read.
    pub(crate) files: usize,
    /// Files above [`AIM`], with their lines: allowed, but to be watched.
    pub(crate) long: Vec<String>,
}

/// Checks all Rust sources under `root`.
pub(crate) fn check(root: &Path) -> Result<Survey> {
    let mut paths = Vec::new();
    for folder in ["crates", "xtask"] {
        collect(&root.join(folder), &mut paths)?;
    }
    paths.sort();
    let mut survey = Survey::default();
    for path in paths {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let place = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
        survey.files += 1;
        let lines = text.lines().count();
        if lines > AIM {
            survey.long.push(format!("{place} ({lines})"));
        }
        survey.findings.extend(check_one(&place, &text, LONG));
    }
    for (place, _) in LONG {
        if !root.join(place).is_file() {
            survey.findings.push(Finding::new(*place, "is listed as long and does not exist"));
        }
    }
    Ok(survey)
}

/// Collects the Rust files under `folder`, build output and hidden folders left out.
pub(crate) fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                collect(&path, into)?;
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
    Ok(())
}

/// Checks one file.
fn check_one(place: &str, text: &str, long: &[(&str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    match (lines > LIMIT, long.iter().any(|l| l.0 == place)) {
        (true, false) => findings.push(Finding::new(
            place,
            format!("{lines} lines, at most {LIMIT}: split it, or list it with a reason in xtask/src/sources.rs"),
        )),
        (false, true) => {
            findings
                .push(Finding::new(place, format!("is listed as long and has {lines} lines: take it off the list")));
        }
        _ => {}
    }
    if (place.ends_with("src/lib.rs") || place.ends_with("src/main.rs")) && !text.starts_with("//!") {
        findings.push(Finding::new(place, "does not open with `//!`: what it is, and what it never does"));
    }
    let pure = PURE.iter().any(|c| place.starts_with(&format!("crates/{c}/src/")));
    let mut in_tests = false;
    for (index, line) in text.lines().enumerate() {
        let here = || format!("{place}:{}", index + 1);
        in_tests |= line.trim() == "#[cfg(test)]";
        for word in UNFINISHED.iter().filter(|w| line.contains(**w)) {
            findings.push(Finding::new(here(), format!("`{word}` may not stay: finish it, or open an issue")));
        }
        let ships = place.contains("/src/") && !in_tests && !STARTS_PROGRAMS.iter().any(|s| place.starts_with(s.0));
        if ships && let Some(word) = STARTING.iter().find(|w| line.contains(**w)) {
            findings.push(Finding::new(here(), format!("`{word}` outside the sandbox: nothing else starts programs")));
        }
        if pure && !in_tests && !line.trim_start().starts_with("//") {
            for word in IMPURE.iter().filter(|w| line.contains(**w)) {
                findings.push(Finding::new(here(), format!("`{word}` in a crate that does no I/O and reads no clock")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> String {
        "fn f() {}\n".repeat(count)
    }

    #[test]
    fn the_limit_is_the_last_length_that_passes() {
        assert!(check_one("a.rs", &lines(LIMIT), &[]).is_empty());
        assert_eq!(check_one("a.rs", &lines(LIMIT + 1), &[]).len(), 1);
    }

    #[test]
    fn a_reason_excuses_a_long_file_and_only_a_long_one() {
        let long = &[("a.rs", "a table")];
        assert!(check_one("a.rs", &lines(LIMIT + 1), long).is_empty());
        assert_eq!(check_one("a.rs", &lines(3), long).len(), 1);
    }

    #[test]
    fn unfinished_work_is_found_with_its_line() {
        for word in UNFINISHED {
            let found = check_one("a.rs", &format!("fn f() {{}}\n    {word}\"later\")\n"), &[]);
            assert_eq!(found.len(), 1, "{word}");
            assert_eq!(found[0].place, "a.rs:2");
        }
    }

    #[test]
    fn only_the_sandbox_starts_programs() {
        let text = "use tokio::process::Command;\n";
        assert_eq!(check_one("crates/outthink-serve/src/a.rs", text, &[]).len(), 1);
        assert!(check_one("crates/outthink-engine/src/sandbox/mod.rs", text, &[]).is_empty());
        assert!(check_one("crates/outthink-serve/tests/a.rs", text, &[]).is_empty());
    }

    #[test]
    fn pure_crates_read_no_files_and_no_clock_outside_tests() {
        let text = "use std::fs;\n";
        assert_eq!(check_one("crates/outthink-law/src/fit.rs", text, &[]).len(), 1);
        assert!(check_one("crates/outthink-eval/src/store.rs", text, &[]).is_empty());
        let test = "#[cfg(test)]\nmod tests { use std::fs; }\n";
        assert!(check_one("crates/outthink-law/src/fit.rs", test, &[]).is_empty());
        let comment = "/// Unlike `std::fs` it stays here.\n";
        assert!(check_one("crates/outthink-law/src/fit.rs", comment, &[]).is_empty());
    }

    #[test]
    fn a_crate_says_what_it_is() {
        assert_eq!(check_one("crates/a/src/lib.rs", "mod a;\n", &[]).len(), 1);
        assert!(check_one("crates/a/src/lib.rs", "//! A.\nmod a;\n", &[]).is_empty());
    }

    #[test]
    fn only_sources_are_collected() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["src", "target/debug", ".git", "node_modules/x"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join("a.rs"), "").unwrap();
        }
        fs::write(root.path().join("src/a.txt"), "").unwrap();
        let mut found = Vec::new();
        collect(root.path(), &mut found).unwrap();
        assert_eq!(found, [root.path().join("src/a.rs")]);
    }
}
