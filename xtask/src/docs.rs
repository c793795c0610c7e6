//! The documents: links between them lead somewhere, the book lists every page, and the words that our glossary
//! replaces stay out of them.

use crate::words::prose;
use crate::{Finding, words};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Pages at the root that link to others.
const ROOT_PAGES: &[&str] =
    &["README.md", "COMPARE.md", "BENCHMARKS.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "deploy/README.md"];

/// The README fits a minute.
const README_LINES: usize = 120;

/// Checks all documents under `root`.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut pages: Vec<String> = ROOT_PAGES.iter().map(|p| (*p).to_owned()).collect();
    for entry in fs::read_dir(root.join("docs")).context("docs")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|e| e == "md") {
            pages.push(format!("docs/{name}"));
        }
    }
    pages.sort();
    let mut findings = Vec::new();
    let summary = fs::read_to_string(root.join("docs/SUMMARY.md")).context("docs/SUMMARY.md")?;
    for page in &pages {
        let text = fs::read_to_string(root.join(page)).with_context(|| page.clone())?;
        let folder = root.join(page).parent().unwrap_or(root).to_path_buf();
        for (line, target) in links(&text) {
            if !folder.join(target).exists() {
                findings.push(Finding::new(format!("{page}:{line}"), format!("the link to `{target}` leads nowhere")));
            }
        }
        let listed =
            page.strip_prefix("docs/").is_none_or(|n| n == "SUMMARY.md" || summary.contains(&format!("({n})")));
        if !listed {
            findings.push(Finding::new(page, "the book does not list it: add it to docs/SUMMARY.md"));
        }
        if page == "README.md" && text.lines().count() > README_LINES {
            findings.push(Finding::new(page, format!("it is longer than {README_LINES} lines: move details to docs/")));
        }
    }
    findings.extend(words::check(root, &pages)?);
    Ok(findings)
}

/// The files that a page links to, with the line of each; code blocks, addresses and places within the page left out.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line, part) in prose(text) {
        for rest in part.split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !file.contains(' ') {
                found.push((line, file));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found_and_others_left_out() {
        let text = "[a](docs/a.md#part) [b](https://b.c) [c](#here)\n```\n[d](d.md)\n```\n![e](e.svg)";
        assert_eq!(links(text), [(1, "docs/a.md"), (5, "e.svg")]);
    }
}
