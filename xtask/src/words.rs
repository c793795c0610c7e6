//! The words that our glossary replaces, kept out of what people read: the documents, the help texts and the messages
//! in the sources.

use crate::Finding;
use crate::sources::collect;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// A word or phrase of the glossary's left column, lower case, and what stands for it.
const WORDS: &[(&str, &str)] = &[
    ("mend", "fix or hint"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("mending", "fixing"),
    ("wanted", "target or expected"),
    ("told", "reported or said"),
    ("tells", "reports or says"),
    ("books", "accounting, usage or ledger"),
    ("dear", "expensive"),
    ("dearer", "larger or more expensive"),
    ("dearest", "largest or most expensive"),
    ("thoughts", "reasoning"),
    ("a thought", "reasoning"),
    ("the thought", "the reasoning"),
    ("whose thought", "whose reasoning"),
    ("pools of samples", "recordings"),
    ("pool of samples", "recorded samples"),
    ("recorded pool", "recording"),
    ("recorded pools", "recordings"),
    ("patience", "timeout"),
    ("yardstick", "baseline"),
    ("yardsticks", "baselines"),
    ("hurry", "answer only"),
    ("hurries", "answers only"),
    ("slip", "label noise"),
    ("slips", "label noise"),
    ("come to its end", "finish"),
    ("comes to its end", "finishes"),
    ("came to its end", "finished"),
    ("anew", "again"),
    ("beside it", "next to it"),
    ("at one time", "at once"),
    ("reckon", "estimate"),
    ("reckons", "estimates"),
    ("reckoned", "estimated"),
    ("reckoning", "estimate"),
];

/// Where a word is right, or stays for a reason: the place's beginning, the word (`*` for all), the reason.
const RIGHT: &[(&str, &str, &str)] = &[
    ("CHANGELOG.md", "*", "what was released keeps its words"),
    ("docs/LOG.md", "*", "entries of the log keep their words"),
];

/// Whether a word may stand at a place.
fn right(place: &str, word: &str) -> bool {
    RIGHT.iter().any(|(beginning, allowed, _)| place.starts_with(beginning) && (*allowed == "*" || *allowed == word))
}

/// Checks the pages given, the help texts and the messages under `root`.
pub(crate) fn check(root: &Path, pages: &[String]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for page in pages {
        let text = fs::read_to_string(root.join(page)).with_context(|| page.clone())?;
        for (number, line) in prose(&text) {
            report(page, number, &without_code(line), &mut findings);
        }
    }
    let snapshots = root.join("crates/outthink/tests/it/snapshots");
    let mut helps: Vec<_> = fs::read_dir(&snapshots).context("the snapshots of the help")?.collect::<Result<_, _>>()?;
    helps.sort_by_key(fs::DirEntry::file_name);
    for entry in helps {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains("__help_") {
            let text = fs::read_to_string(entry.path()).with_context(|| name.clone())?;
            for (line, number) in text.lines().zip(1..) {
                report(&format!("crates/outthink/tests/it/snapshots/{name}"), number, line, &mut findings);
            }
        }
    }
    let mut sources = Vec::new();
    collect(&root.join("crates"), &mut sources)?;
    sources.sort();
    for path in sources {
        let place = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if !place.contains("/src/") || place.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| place.clone())?;
        for (number, message) in messages(&text) {
            report(&place, number, &without_arguments(&without_code(message)), &mut findings);
        }
    }
    let text = fs::read_to_string(root.join(SCHEMA)).context(SCHEMA)?;
    for (number, description) in messages(&text) {
        report(SCHEMA, number, &without_code(description), &mut findings);
    }
    let text = fs::read_to_string(root.join(EXAMPLE)).context(EXAMPLE)?;
    for (line, number) in text.lines().zip(1..) {
        report(EXAMPLE, number, &without_code(line.split_once('#').map_or("", |l| l.1)), &mut findings);
    }
    Ok(findings)
}

/// The schema of the configuration, whose descriptions are read in editors.
const SCHEMA: &str = "docs/outthink.schema.json";

/// The configuration that `outthink config example` prints; its comments are read.
const EXAMPLE: &str = "crates/outthink-serve/src/config/example.toml";

/// A line with `_` for each part between backquotes: every second part is code.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" _ ")
}

/// A message with `_` for each argument of `format!`, whose name is an identifier.
fn without_arguments(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        text.push_str(" _ ");
        rest = after.split_once('}').map_or("", |a| a.1);
    }
    text + rest
}

/// Adds what is found in one line.
fn report(place: &str, number: usize, line: &str, findings: &mut Vec<Finding>) {
    let figure = figure_without_zero(line).map(|_| (FIGURE, "0.5"));
    let noun = negated_noun(line).map(|_| (NOUN, "`is not a …` or `unknown …`"));
    for (word, better) in found(line).into_iter().chain(figure).chain(noun) {
        if !right(place, word) {
            findings.push(Finding::new(format!("{place}:{number}"), format!("write {better} in place of `{word}`")));
        }
    }
}

/// What a figure without its zero is called in a finding.
const FIGURE: &str = ".5";

/// What the negation of a noun is called in a finding.
const NOUN: &str = "is no …";

/// Words after "is no" that make an adverb or a comparison of it.
const NO_NOUN: [&str; 8] = ["better", "worse", "longer", "more", "less", "larger", "other", "further"];

/// Where a figure begins with its point, such as `.442`.
fn figure_without_zero(line: &str) -> Option<usize> {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        let digit = line[at + c.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        if c == '.' && digit && !before.is_alphanumeric() && !matches!(before, '.' | '/' | '_' | ')' | ']' | '}') {
            return Some(at);
        }
        before = c;
    }
    None
}

/// A word without what stands around it.
fn plain(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// Where a noun is negated, such as in "`foo` is no verifier"; "there is no verifier" is right.
fn negated_noun(line: &str) -> Option<usize> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(3).enumerate().find_map(|(at, three)| {
        let no = matches!(three[0], "is" | "are") && three[1] == "no";
        let there = at > 0 && plain(words[at - 1]).eq_ignore_ascii_case("there");
        (no && !there && !NO_NOUN.contains(&plain(three[2]))).then_some(at)
    })
}

/// The words of the left column in a line of prose.
fn found(line: &str) -> Vec<(&'static str, &'static str)> {
    // Words with one blank between and around, so that a phrase is found as a word is.
    let mut text = String::from(" ");
    for word in line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').filter(|w| !w.is_empty()) {
        text.push_str(&word.to_lowercase());
        text.push(' ');
    }
    WORDS.iter().filter(|(word, _)| text.contains(&format!(" {word} "))).copied().collect()
}

/// The lines that are not in a code block, numbered from 1.
pub(crate) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((number, line))
    })
}

/// The texts of several words between quotes in a source, up to its tests, with their lines.
fn messages(source: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line, number) in source.lines().zip(1..) {
        let code = line.trim_start();
        if code.starts_with("#[cfg(test)]") {
            break;
        }
        if code.starts_with("//") {
            continue;
        }
        let mut rest = code;
        while let Some((_, after)) = rest.split_once('"') {
            let end = quote(after);
            let (text, behind) = after.split_at(end);
            if text.contains(' ') {
                found.push((number, text));
            }
            rest = behind.get(1..).unwrap_or_default();
        }
    }
    found
}

/// Where the next quote is that no backslash stands before, or the end.
fn quote(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return at,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_phrases_are_found_whole() {
        let words = |line: &str| found(line).into_iter().map(|f| f.0).collect::<Vec<_>>();
        assert_eq!(words("It is Dearer, and drawn at one time."), ["dearer", "at one time"]);
        assert!(words("A notebook recommends nothing retold; one --mended flag.").is_empty());
        assert!(words("a pool of servers").is_empty());
        assert_eq!(words("a pool of samples"), ["pool of samples"]);
    }

    #[test]
    fn messages_end_where_tests_begin() {
        let source =
            "// say \"it anew\"\nfail(\"start \\\"it\\\" anew\", \"word\");\n#[cfg(test)]\nlet a = \"done anew\";";
        assert_eq!(messages(source), [(2, "start \\\"it\\\" anew")]);
    }

    #[test]
    fn code_in_prose_is_passed_over() {
        let lines: Vec<usize> = prose("one\n```\ntwo\n```\nthree").map(|l| l.0).collect();
        assert_eq!(lines, [1, 5]);
    }

    #[test]
    fn figures_have_their_zero() {
        assert_eq!(figure_without_zero("it gains .442 [0.1, 0.9]"), Some(9));
        assert_eq!(figure_without_zero("[-.1, 0.9]"), Some(2));
        assert_eq!(figure_without_zero("0.5, 1.2.3, v.2, ../2, and so on. 5 of them"), None);
    }

    #[test]
    fn nouns_are_not_negated() {
        assert_eq!(negated_noun("`foo` is no verifier"), Some(1));
        assert_eq!(negated_noun("(There is no verifier), and none is no better, so it is no longer used"), None);
    }

    #[test]
    fn identifiers_in_messages_are_passed_over() {
        let words =
            |text: &str| found(&without_arguments(&without_code(text))).into_iter().map(|f| f.0).collect::<Vec<_>>();
        assert!(words("{wanted} of `patience` and {told:>3}").is_empty());
        assert_eq!(words("{wanted} is wanted, {told} was told"), ["wanted", "told"]);
    }

    /// An exception for what no longer occurs goes.
    #[test]
    fn every_exception_is_for_something() {
        let root = crate::root();
        for (beginning, _, reason) in RIGHT {
            assert!(root.join(beginning).exists(), "{beginning} ({reason}) is not there");
        }
    }
}
