//! `outthink strategies` and `outthink verifiers`: what can be named, from the entries beside the code;
//! and the lists at the end of the help texts.

use crate::error::CliError;
use clap::Args;
use outthink_core::{DefaultValue, Effort, Entry};
use outthink_engine::openai::Dialect;
use outthink_strategy::registry::{self, Draws, StrategyEntry, Takes};
use outthink_verify::spec::{self, NamedBy, VerifierEntry};
use std::fmt::Write;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct ReferenceArgs {
    /// The one to describe with its settings [default: all of them, a line each].
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Runs `outthink strategies`.
pub(crate) fn strategies(args: &ReferenceArgs) -> Result<ExitCode, CliError> {
    let text = match &args.name {
        Some(name) => strategy(registry::find(name).map_err(|e| CliError::usage(e.to_string()))?),
        None => lines(registry::REGISTRY.iter().map(|s| (s.entry.name.to_owned(), s.entry.line))),
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// Runs `outthink verifiers`.
pub(crate) fn verifiers(args: &ReferenceArgs) -> Result<ExitCode, CliError> {
    let text = match &args.name {
        Some(name) => verifier(spec::find(name).map_err(|e| CliError::usage(e.to_string()))?),
        None => lines(spec::REGISTRY.iter().map(|v| (v.form(), v.entry.line))),
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// What `outthink ask --help` ends with.
pub(crate) fn for_ask() -> String {
    format!(
        "{}\n{}\n{}\n{}",
        section("Efforts", Effort::ALL.iter().map(|e| (e.name().to_owned(), e.entry().line))),
        for_replay(),
        section("Verifiers", spec::REGISTRY.iter().map(|v| (v.form(), v.entry.line))),
        dialects(),
    )
}

/// What the help of commands ends with that take efforts and strategies.
pub(crate) fn for_serve() -> String {
    for_ask()
}

/// What the help of commands ends with that take strategies alone.
pub(crate) fn for_replay() -> String {
    let all = registry::REGISTRY.iter().map(|s| (s.entry.name.to_owned(), s.entry.line));
    section("Strategies (`outthink strategies NAME` describes one with its settings)", all)
}

/// The dialects, which are entries of the engine crate.
fn dialects() -> String {
    section("Dialects", Dialect::ENTRIES.iter().map(|d| (d.name.to_owned(), d.line)))
}

fn section<'a>(title: &str, rows: impl Iterator<Item = (String, &'a str)>) -> String {
    let mut text = format!("{title}:\n");
    for line in lines(rows).lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// Names and what they are, in two columns.
fn lines<'a>(rows: impl Iterator<Item = (String, &'a str)>) -> String {
    let rows: Vec<(String, &str)> = rows.collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for (name, line) in &rows {
        let _ = writeln!(text, "{name:width$}  {line}");
    }
    text
}

fn strategy(strategy: &StrategyEntry) -> String {
    let entry = &strategy.entry;
    let mut text = head(entry);
    let _ = writeln!(text, "  stops   {}", strategy.stops);
    let draws = match strategy.draws {
        Draws::One => "one sample",
        Draws::Any => "one sample or more, up to --samples",
        Draws::Several => "several samples, up to --samples",
    };
    let _ = writeln!(text, "  draws   {draws}");
    for taken in strategy.takes {
        let flags = match taken {
            Takes::Arms => "further models and prompts (--arm, --escalate-to)",
            Takes::Target => "a target (--target-confidence)",
            Takes::Thinking => "limits on the reasoning (--thinking-floor, --thinking-cap)",
            Takes::Table => "an allocation table (--table)",
        };
        let _ = writeln!(text, "  takes   {flags}");
    }
    settings(&mut text, entry);
    text
}

fn verifier(kind: &VerifierEntry) -> String {
    let mut text = head(&kind.entry);
    let _ = writeln!(text, "  write   --verifier {}", kind.example);
    match (kind.key, kind.named_by) {
        ("", NamedBy::Operator) => {
            text.push_str("  request by the name that the gateway's operator gives it\n");
        }
        ("", NamedBy::Anyone) => {
            let _ = writeln!(text, "  request \"verifiers\": [\"{}\"]", kind.entry.name);
        }
        (key, _) => {
            let _ = writeln!(text, "  request \"verifiers\": [{{\"{key}\": ...}}]");
        }
    }
    let _ = writeln!(text, "  costs   {}", kind.costs.words());
    text
}

fn head(entry: &Entry) -> String {
    let mut text = format!("{}: {}\n", entry.name, entry.line);
    if let Some(paper) = entry.paper {
        let _ = writeln!(text, "  from    {}, {}", paper.cite, paper.url);
    }
    if !entry.needs.is_empty() {
        let _ = writeln!(text, "  needs   {}", entry.needs);
    }
    text
}

fn settings(text: &mut String, entry: &Entry) {
    if entry.settings.is_empty() {
        return;
    }
    text.push_str("settings (--set KEY=VALUE):\n");
    let row = |s: &outthink_core::Setting| {
        let default = match (s.default, s.default.words()) {
            (DefaultValue::Derived(words), _) => format!("default: {words}"),
            (_, Some(words)) => format!("default: {words}"),
            (_, None) => "no default".to_owned(),
        };
        format!("{}; {}; {default}", s.about, s.kind.takes())
    };
    let rows: Vec<(String, String)> = entry.settings.iter().map(|s| (s.name.to_owned(), row(s))).collect();
    for line in lines(rows.iter().map(|(name, row)| (name.clone(), row.as_str()))).lines() {
        let _ = writeln!(text, "  {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_entry() {
        let text = for_ask();
        let names =
            registry::names().chain(Effort::ALL.map(Effort::name)).chain(spec::REGISTRY.iter().map(|v| v.entry.name));
        for name in names {
            assert!(text.contains(&format!("\n  {name}")), "{name}");
        }
    }

    #[test]
    fn a_strategy_is_described_with_its_settings() {
        let text = strategy(registry::find("esc").unwrap());
        assert!(text.starts_with("esc: windows of samples"), "{text}");
        assert!(text.contains("  window  samples of a window; a whole number from 2 to 1000; default: 5\n"), "{text}");
    }
}
