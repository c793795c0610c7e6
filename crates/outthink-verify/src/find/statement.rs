//! What stands behind words such as "the answer is".

use super::choice::{is_east_asian, letter};
use super::spans::{delimited, last_span, reads, sentence};
use crate::Phrases;
use crate::normal::unwrap;
use crate::scan::{last_number, last_number_at, leading_number};
use crate::words::is_operator;
use outthink_core::AnswerKind;

/// Where an answer in running text ends.
pub(super) static ENDS: Phrases = Phrases::new(&[
    " because",
    " since ",
    " as ",
    ", so",
    ", which",
    ", where",
    ", because",
    ", since",
    ", as ",
    ", not ",
    "; ",
    " which ",
    " weil ",
    ", weil ",
    ", denn ",
    ", da ",
    " car ",
    ", car ",
    ", puisque",
    " parce que",
    " porque ",
    ", porque ",
    ", ya que",
    ", pois ",
    ", \u{442}\u{430}\u{43a} \u{43a}\u{430}\u{43a}",
    ", \u{43f}\u{43e}\u{442}\u{43e}\u{43c}\u{443}",
    "\u{ff0c}\u{56e0}",
    "\u{ff0c}\u{6240}\u{4ee5}",
    "\u{56e0}\u{4e3a}",
    " \u{644}\u{623}\u{646}",
    ", perch\u{e9}",
    " \u{915}\u{94d}\u{92f}\u{94b}\u{902}\u{915}\u{93f}",
]);
/// Where it ends if what stands before is mathematics, or if nothing else is.
const SOFT_ENDS: &[&str] =
    &[" (", ", ", " when ", " if ", " for ", " where ", " with ", " - ", "\u{ff0c}", "\u{ff08}", " und ", " et "];
/// With these an answer does not begin.
const REFUSED: &[&str] = &[
    "not ",
    "unclear",
    "unknown yet",
    "that ",
    "to ",
    "as follows",
    "given by",
    "below",
    "above",
    "found by",
    "in the ",
];
/// Words that only lead to an answer.
const HEDGES: &[&str] = &[
    "about ",
    "approximately ",
    "approx. ",
    "approx ",
    "roughly ",
    "exactly ",
    "equal to ",
    "therefore ",
    "simply ",
    "clearly ",
    "for sure ",
    "definitely ",
    "probably ",
    "most likely ",
    "i think it is ",
    "i think it's ",
    "i think ",
    "i believe it is ",
    "i believe ",
    "it is ",
    "it's ",
    "indeed ",
    "just ",
    "only ",
    "option ",
    "choice ",
    "letter ",
    "answer ",
    "also ",
    "daher ",
    "etwa ",
    "ungef\u{e4}hr ",
    "genau ",
    "donc ",
    "environ ",
    "aproximadamente ",
    "entonces ",
    "igual a ",
    "cerca de ",
    "circa ",
    "la opci\u{f3}n ",
    "opci\u{f3}n ",
    "l'option ",
    "a op\u{e7}\u{e3}o ",
    "die option ",
    "\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}\u{43d}\u{43e} ",
    "\u{432}\u{430}\u{440}\u{438}\u{430}\u{43d}\u{442} ",
    "\u{7ea6}\u{4e3a}",
    "\u{7ea6}",
    "\u{9009}\u{9879}",
    "\u{9009}",
];
/// What ends a statement in languages whose verb stands last.
const VERBS: &[&str] = &[
    "\u{c785}\u{b2c8}\u{b2e4}",
    "\u{c774}\u{b2e4}",
    "\u{c608}\u{c694}",
    "\u{c774}\u{c5d0}\u{c694}",
    "\u{3067}\u{3059}",
    "\u{3067}\u{3042}\u{308b}",
    "\u{3060}",
    "\u{306b}\u{306a}\u{308a}\u{307e}\u{3059}",
    "\u{3068}\u{306a}\u{308a}\u{307e}\u{3059}",
    " \u{939}\u{948}",
    " \u{939}\u{948}\u{902}",
    " \u{939}\u{94b}\u{917}\u{93e}",
];
/// Stated answers of more words are no answers, unless a number is among them.
const MAX_WORDS: usize = 24;

/// The answer with which a text behind a marker begins.
pub(super) fn statement(rest: &str) -> Option<(String, AnswerKind)> {
    let rest = rest.trim_start_matches([' ', '*', ':']).strip_prefix("\\\"").unwrap_or(rest);
    let marks = [':', '\u{ff1a}', '*', '=', ' ', '\t', '_', '}', '>', '\u{3000}', ','];
    let kept = rest.trim_start_matches(marks.as_slice());
    let skipped = rest.get(..rest.len() - kept.len())?;
    let bold = skipped.contains("**");
    let line = kept
        .lines()
        .map(|line| line.trim().trim_start_matches(['*', ':', ' ', '>', '#'].as_slice()))
        .find(|line| !line.is_empty() && !matches!(*line, "$$" | "\\[" | "\\]" | "```" | "---"))?;
    let line = if bold { line.split("**").next().unwrap_or(line) } else { line };
    let line = after_hedges(line.trim_start_matches("**"));
    if let Some(letter) = letter(line) {
        return Some((letter, AnswerKind::Choice));
    }
    let mut clause = sentence(line);
    let end = ENDS.find(clause);
    clause = clause.get(..end.unwrap_or(clause.len()))?;
    if let Some((before, _)) = clause.trim_start_matches("**").split_once("**") {
        clause = before;
    }
    for verb in VERBS {
        clause = clause.trim_end().strip_suffix(verb).unwrap_or(clause);
    }
    let clause = clause.trim().trim_end_matches("\\\"");
    let stated = |text: &str| Some((text.to_owned(), AnswerKind::Stated));
    if reads(clause) {
        return stated(tidy(clause));
    }
    if let Some((inside, _)) = delimited(clause) {
        return stated(&inside);
    }
    if let Some(text) = longest_reading(clause) {
        return stated(tidy(text));
    }
    if let Some((_, inside, _)) = last_span(clause).filter(|span| reads(&span.1)) {
        return stated(&inside);
    }
    if clause.contains('\\')
        && let Some(text) = bare_latex(clause)
    {
        return stated(text);
    }
    words(clause)
}

/// LaTeX without delimiters amid words: "each is (\frac{2}{5}) tons".
fn bare_latex(clause: &str) -> Option<&str> {
    let start = clause.find('\\')?;
    let start = clause.get(..start)?.trim_end_matches(['(', '[', '-']).len();
    let text = clause.get(start..)?;
    let ends =
        text.match_indices([' ', '\u{ff0c}', '\u{3002}']).map(|(at, _)| at).chain([text.len()]).collect::<Vec<_>>();
    ends.iter().rev().take(12).filter_map(|&end| text.get(..end)).find(|text| reads(text)).map(tidy)
}

/// Words as an answer; where there are too many of them, the last number among them.
fn words(clause: &str) -> Option<(String, AnswerKind)> {
    let end = SOFT_ENDS.iter().take(1).filter_map(|end| clause.find(end)).min();
    let text = unwrap(clause.get(..end.unwrap_or(clause.len()))?);
    let lower = text.to_ascii_lowercase();
    if text.is_empty() || REFUSED.iter().any(|word| lower.starts_with(word)) {
        return None;
    }
    // "simple: patience, and about 3 weeks" only leads to what follows.
    if text.split_once(": ").is_some_and(|(before, after)| {
        before.chars().all(|c| c.is_alphabetic() || c == ' ')
            && before.starts_with(char::is_lowercase)
            && after.trim_start().starts_with(char::is_alphabetic)
    }) {
        return None;
    }
    // A sentence about a number: "Jane started 3 hours ago".
    if let Some(number) = sole_number(text) {
        return Some((number, AnswerKind::Stated));
    }
    if text.split_whitespace().count() > 8
        && let Some(number) = last_number(text)
    {
        return Some((number, AnswerKind::Stated));
    }
    (text.split_whitespace().count() <= MAX_WORDS).then(|| (text.to_owned(), AnswerKind::Stated))
}

/// The number of a sentence that holds no other one: five words or more, or East Asian writing.
fn sole_number(text: &str) -> Option<String> {
    let (start, end, _) = last_number_at(text)?;
    let before = text.get(..start)?;
    let others = |part: &str| part.contains(|c: char| c.is_ascii_digit());
    let sentence = text.split_whitespace().count() >= 5 || before.contains(is_east_asian);
    let computes = text.get(end..)?.split_whitespace().next().is_some_and(is_operator);
    if !sentence || computes || others(before) || others(text.get(end..)?) || text.contains('\\') {
        return None;
    }
    super::last::number(text)
}

/// The longest beginning of a clause that is mathematics, up to a soft end or a word that does not compute.
fn longest_reading(clause: &str) -> Option<&str> {
    let mut ends: Vec<usize> = SOFT_ENDS.iter().flat_map(|end| clause.match_indices(end).map(|(at, _)| at)).collect();
    ends.extend(clause.match_indices(is_east_asian).map(|(at, _)| at).take(8));
    ends.sort_unstable();
    let by_end = ends.iter().rev().take(16).filter_map(|&end| clause.get(..end));
    if let Some(found) = by_end.into_iter().find(|text| reads(text)) {
        return Some(found);
    }
    // "18 eggs that are left": the number with as many of its words as make sense.
    leading_number(clause.trim_start_matches(['$', '\\', '\u{20ac}', '\u{a3}']))?;
    let spaces: Vec<usize> = clause.match_indices(' ').map(|(at, _)| at).take(8).collect();
    spaces.iter().rev().find_map(|&end| {
        let next = clause.get(end..)?.split_whitespace().next()?;
        clause.get(..end).filter(|text| !is_operator(next) && reads(text))
    })
}

/// Without what surrounds an answer, but for a sign of money.
fn tidy(text: &str) -> &str {
    let plain = unwrap(text);
    if plain.is_empty() { text } else { plain }
}

/// Without what only leads to the answer: "about 3.5", "the total is 42".
pub(super) fn after_hedges(line: &str) -> &str {
    let mut line = line;
    if let Some((before, after)) = line.split_once(" is ")
        && (before.starts_with("The ") || before.starts_with("the "))
    {
        line = after.trim_start();
    }
    for _ in 0..3 {
        let before = line;
        for hedge in HEDGES {
            if let Some(head) = line.get(..hedge.len())
                && head.to_lowercase() == *hedge
            {
                line = line.get(hedge.len()..).unwrap_or(line).trim_start();
            }
        }
        if line == before {
            break;
        }
    }
    line
}
