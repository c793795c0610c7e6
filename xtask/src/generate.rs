//! What the docs say of strategies, verifiers, efforts, dialects and laws, written from their entries:
//! `cargo run -p xtask -- generate`.
//!
//! A generated part of a page stands between two comments,
//! `<!-- generated: NAME -->` and `<!-- end of NAME -->`. Tidy compares them with the entries.

use crate::Finding;
use anyhow::{Context, Result, bail};
use outthink_core::{DefaultValue, Effort, Entry, Setting};
use outthink_engine::native::Protocol;
use outthink_engine::openai::{Continuation, Dialect};
use outthink_strategy::{StrategySpec, registry};
use outthink_verify::spec;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A generated part of a page.
struct Part {
    page: &'static str,
    name: &'static str,
    text: fn() -> String,
}

const PARTS: &[Part] = &[
    Part { page: "docs/strategies.md", name: "strategies", text: strategies },
    Part { page: "docs/strategies.md", name: "settings", text: settings },
    Part { page: "docs/strategies.md", name: "verifiers", text: verifiers },
    Part { page: "docs/strategies.md", name: "efforts", text: efforts },
    Part { page: "docs/laws.md", name: "laws", text: laws },
    Part { page: "docs/engines.md", name: "dialects", text: dialects },
    Part { page: "docs/engines.md", name: "protocols", text: protocols },
];

/// What makes it again, for messages.
const AGAIN: &str = "run `cargo run -p xtask -- generate`";

/// Writes all parts; says which pages changed.
pub(crate) fn write(root: &Path) -> Result<Vec<&'static str>> {
    let mut changed = Vec::new();
    for (page, old, new) in pages(root)? {
        if old != new {
            fs::write(root.join(page), new).with_context(|| format!("cannot write {page}"))?;
            changed.push(page);
        }
    }
    Ok(changed)
}

/// Compares all parts with the pages.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (page, old, new) in pages(root)? {
        if let Some(line) = first_difference(&old, &new) {
            findings
                .push(Finding::new(format!("{page}:{line}"), format!("a generated part is not up to date: {AGAIN}")));
        }
    }
    Ok(findings)
}

/// The number of the first line that differs.
fn first_difference(old: &str, new: &str) -> Option<usize> {
    if old == new {
        return None;
    }
    let same = old.lines().zip(new.lines()).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}

/// Each page with its text as it is and as it should be.
fn pages(root: &Path) -> Result<Vec<(&'static str, String, String)>> {
    let mut pages: Vec<(&str, String, String)> = Vec::new();
    for part in PARTS {
        if !pages.iter().any(|p| p.0 == part.page) {
            let text = fs::read_to_string(root.join(part.page)).with_context(|| part.page.to_owned())?;
            pages.push((part.page, text.clone(), text));
        }
        for page in pages.iter_mut().filter(|p| p.0 == part.page) {
            page.2 = replaced(&page.2, part.name, &(part.text)()).with_context(|| part.page.to_owned())?;
        }
    }
    Ok(pages)
}

/// The page with a part put in.
fn replaced(page: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end of {name} -->"));
    let Some((before, rest)) = page.split_once(&begin) else { bail!("the line `{}` is missing", begin.trim()) };
    let Some((_, after)) = rest.split_once(&end) else { bail!("the line `{end}` is missing") };
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim()))
}

fn strategies() -> String {
    let mut table = String::from("| name | what it buys | when it stops | needs | from |\n|---|---|---|---|---|\n");
    for strategy in registry::REGISTRY {
        let Entry { name, line, needs, .. } = strategy.entry;
        row(&mut table, &[&code(name), &text(line), &text(strategy.stops), &text(needs), &paper(&strategy.entry)]);
    }
    table
}

fn settings() -> String {
    let mut table = String::from("| strategy | setting | takes | default | meaning |\n|---|---|---|---|---|\n");
    for strategy in registry::REGISTRY {
        for (i, setting) in strategy.entry.settings.iter().enumerate() {
            let name = if i == 0 { code(strategy.entry.name) } else { String::new() };
            row(
                &mut table,
                &[&name, &code(setting.name), &text(&setting.kind.takes()), &default(setting), &text(setting.about)],
            );
        }
    }
    table
}

fn verifiers() -> String {
    let mut table =
        String::from("| `--verifier` | in a request | score | costs | needs | from |\n|---|---|---|---|---|---|\n");
    for kind in spec::REGISTRY {
        let request = match (kind.key, kind.named_by) {
            ("", spec::NamedBy::Anyone) => code(&format!("\"{}\"", kind.entry.name)),
            ("", spec::NamedBy::Operator) => "by the name that the operator gives it".to_owned(),
            (key, _) => code(&format!("{{\"{key}\": …}}")),
        };
        let entry = &kind.entry;
        row(
            &mut table,
            &[&code(&kind.form()), &request, &text(entry.line), kind.costs.words(), &text(entry.needs), &paper(entry)],
        );
    }
    table
}

fn efforts() -> String {
    let mut table = String::from("| effort | meaning | strategy | samples at most | target |\n|---|---|---|---|---|\n");
    for effort in Effort::ALL {
        let (plan, spec) = (effort.plan(), StrategySpec::for_effort(effort));
        let target = if plan.max_samples > 1 { plan.target_confidence.to_string() } else { String::new() };
        let entry = effort.entry();
        row(
            &mut table,
            &[&code(entry.name), &text(entry.line), &code(&spec.name), &plan.max_samples.to_string(), &target],
        );
    }
    table
}

fn dialects() -> String {
    let mut table = String::from(
        "| `dialect` | server | effort | budget | seed | continues a beginning by | documented |\n|---|---|---|---|---|---|---|\n",
    );
    for (entry, dialect) in Dialect::ENTRIES.iter().zip(Dialect::all()) {
        let yes = |has: bool| if has { "yes" } else { "" };
        let continuation = match dialect.continuation {
            Continuation::None => "",
            Continuation::ContinueFinalMessage => "`continue_final_message`",
            Continuation::TrailingAssistant => "a last message of the assistant",
            Continuation::Rendered => "the rendered prompt",
        };
        let seed = dialect.seed.as_ref().map(|seed| format!("{}, {} bits", code(&seed.field), seed.bits));
        row(
            &mut table,
            &[
                &code(entry.name),
                &text(entry.line),
                yes(!dialect.length.efforts.is_empty()),
                yes(!dialect.length.budget.is_empty()),
                &seed.unwrap_or_default(),
                continuation,
                &paper(entry),
            ],
        );
    }
    table
}

fn protocols() -> String {
    let mut table = String::from("| `protocol` | API | documented |\n|---|---|---|\n");
    for entry in &Protocol::ENTRIES {
        row(&mut table, &[&code(entry.name), &text(entry.line), &paper(entry)]);
    }
    table
}

fn laws() -> String {
    let mut table = String::from("| law | of | formula | `outthink fit` | from |\n|---|---|---|---|---|\n");
    for law in outthink_law::REGISTRY {
        let entry = &law.entry;
        row(
            &mut table,
            &[&code(entry.name), &text(entry.line), &code(law.formula), &code(law.fitted_to), &paper(entry)],
        );
    }
    table
}

fn row(table: &mut String, cells: &[&str]) {
    for cell in cells {
        let _ = if cell.is_empty() { write!(table, "| ") } else { write!(table, "| {cell} ") };
    }
    table.push_str("|\n");
}

/// A text in a cell.
fn text(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A text as it is typed, in a cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn default(setting: &Setting) -> String {
    match (setting.default, setting.default.words()) {
        (DefaultValue::Derived(words), _) => text(words),
        (_, Some(words)) => code(&words),
        (_, None) => String::new(),
    }
}

fn paper(entry: &Entry) -> String {
    entry.paper.map(|p| format!("[{}]({})", p.cite, p.url)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = "a\n<!-- generated: x -->\nold\n<!-- end of x -->\nb\n";
        let new = replaced(page, "x", "| new |\n").unwrap();
        assert_eq!(new, "a\n<!-- generated: x -->\n\n| new |\n\n<!-- end of x -->\nb\n");
        assert_eq!(replaced(&new, "x", "| new |").unwrap(), new, "twice is once");
        assert!(replaced(page, "y", "").unwrap_err().to_string().contains("generated: y"));
        assert_eq!(first_difference(page, &new), Some(3));
    }

    #[test]
    fn a_stale_page_is_found_and_written() {
        let folder = tempfile::tempdir().unwrap();
        for part in PARTS {
            let path = folder.path().join(part.page);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let old = fs::read_to_string(&path).unwrap_or_default();
            let name = part.name;
            fs::write(&path, format!("{old}<!-- generated: {name} -->\n<!-- end of {name} -->\n")).unwrap();
        }
        let pages = ["docs/strategies.md", "docs/laws.md", "docs/engines.md"];
        assert_eq!(check(folder.path()).unwrap().len(), pages.len());
        assert_eq!(write(folder.path()).unwrap(), pages);
        assert!(check(folder.path()).unwrap().is_empty());
        let text = fs::read_to_string(folder.path().join(pages[0])).unwrap();
        for name in registry::names() {
            assert!(text.contains(&format!("\n| `{name}` | ")), "{name}");
        }
    }
}
