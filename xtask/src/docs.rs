//! The documents: links between them lead somewhere, the book lists every page, and the words that our glossary
//! replaces stay out of the pages that were swept.

use crate::Finding;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Pages at the root that link to others.
const ROOT_PAGES: &[&str] =
    &["README.md", "COMPARE.md", "BENCHMARKS.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "deploy/README.md"];

/// The pages that were swept, and must stay so.
const SWEPT: &[&str] = &["COMPARE.md", "deploy/README.md", "docs/SUMMARY.md", "docs/deployment.md", "docs/python.md"];

/// The README fits a minute.
const README_LINES: usize = 120;

/// A word of the glossary's left column, and what stands for it.
const WORDS: &[(&str, &str)] = &[
    ("mend", "fix or hint"),
    ("mended", "fixed"),
    ("dear", "expensive"),
    ("dearer", "larger or more expensive"),
    ("books", "accounting or ledger"),
    ("anew", "again"),
    ("yardstick", "baseline"),
    ("reckon", "estimate"),
    ("wanted", "target"),
    ("told", "reported"),
    ("thoughts", "reasoning"),
];

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
        if SWEPT.contains(&page.as_str()) {
            findings.extend(words(page, &text));
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

/// The lines that are not in a code block, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((number, line))
    })
}

/// Words of the glossary's left column, outside of code.
fn words(page: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in prose(text) {
        // Every second part between backquotes is code.
        for part in line.split('`').step_by(2) {
            for word in part.split(|c: char| !c.is_alphanumeric()) {
                if let Some((_, better)) = WORDS.iter().find(|(left, _)| word.eq_ignore_ascii_case(left)) {
                    let place = format!("{page}:{number}");
                    findings.push(Finding::new(place, format!("write {better} in place of `{word}`")));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found_and_others_left_out() {
        let text = "[a](docs/a.md#part) [b](https://b.c) [c](#here)\n```\n[d](d.md)\n```\n![e](e.svg)";
        assert_eq!(links(text), [(1, "docs/a.md"), (5, "e.svg")]);
    }

    #[test]
    fn words_of_the_glossary_are_found_outside_of_code() {
        let found = words("p.md", "It is Dearer, `anew`.\n```\nmend\n```\nDo it anew.");
        let places: Vec<&str> = found.iter().map(|f| f.place.as_str()).collect();
        assert_eq!(places, ["p.md:1", "p.md:5"]);
        assert!(words("p.md", "A notebook recommends nothing retold.").is_empty());
    }
}
