//! What stands behind words such as "the answer is".

use super::choice::{Named, is_east_asian, named};
use super::compound::goes_on;
use super::denial;
use super::language::{pattern, texts};
use super::spans::{delimited, last_span, reads, sentence};
use crate::json::answer_value;
use crate::normal::unwrap;
use crate::scan::{last_number, last_number_at, leading_number};
use crate::words::is_operator;
use outthink_core::AnswerKind;
use regex::Regex;
use std::sync::LazyLock;

/// Where an answer in running text ends.
static ENDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let ends: Vec<String> = texts(|language| language.ends).map(regex::escape).collect();
    Regex::new(&ends.join("|")).ok()
});
/// Words that only lead to an answer.
static HEDGES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let hedges: Vec<String> = texts(|language| language.hedges).map(regex::escape).collect();
    Regex::new(&format!(r"(?i)^(?:(?:{})\s*){{1,3}}", hedges.join("|"))).ok()
});
/// What makes a bound of a number or turns its sign, before it.
static BOUND: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(|l| l.bound, |words| format!(r"(?:{words})[是为\s]*$")));
static MINUS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(|l| l.minus, |words| format!(r"(?:^|[^\p{{Latin}}])(?:{words})[\s*$]*$")));
static ABOUT: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(|l| l.about, |words| format!(r"(?:^|[^\p{{Latin}}])(?:{words})[\s*$\\(]*$")));
static BELOW_ZERO: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(|l| l.below_zero, |words| format!(r"^[\s*$°]*(?:\p{{L}}+\s+){{0,2}}?(?:{words})(?:[^\p{{L}}]|$)"))
});
/// What makes a bound of a number, behind it.
const BOUNDS_BEHIND: &[&str] = &["以上", "以下", "未満", "未满", "より", "이상", "이하", "미만", "초과", "보다"];

/// Where the reason or the rest of the sentence behind an answer begins; a semicolon before a number is one of a list.
pub(super) fn end_of_answer(text: &str) -> Option<usize> {
    let is_list = |found: &regex::Match<'_>| {
        let after = text.get(found.end()..).unwrap_or_default().trim_start_matches(['$', '-', '(', ' ']);
        found.as_str().starts_with(';') && after.starts_with(|c: char| c.is_ascii_digit())
    };
    ENDS.as_ref()?.find_iter(text).find(|found| !is_list(found)).map(|found| found.start())
}

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
/// Words that say of something else that it is right or wrong.
const VERDICTS: &[&str] = &[
    "correct",
    "right",
    "wrong",
    "incorrect",
    "true",
    "false",
    "richtig",
    "falsch",
    "korrekt",
    "correcta",
    "correcto",
    "incorrecta",
    "correcte",
    "juste",
    "exacte",
    "fausse",
    "correta",
    "correto",
    "incorreta",
    "certa",
    "errada",
    "corretta",
    "giusta",
    "sbagliata",
    "верно",
    "верный",
    "верна",
    "неверный",
    "правильный",
    "неправильный",
    "正确",
    "错误",
    "正しい",
    "सही",
    "गलत",
];
/// Stated answers of more words are no answers, unless a number is among them.
const MAX_WORDS: usize = 24;

/// What a text behind a marker says.
#[derive(Debug)]
pub(super) enum Said {
    Value(String, AnswerKind),
    /// A value is named that the answer is not.
    Denied(String),
    Nothing,
}

impl Said {
    fn of(value: Option<(String, AnswerKind)>) -> Self {
        value.map_or(Self::Nothing, |(text, kind)| Self::Value(text, kind))
    }
}

/// What a marker and the text behind it say.
pub(super) fn said(marker: &str, rest: &str) -> Said {
    let Some(line) = line(rest) else { return Said::Nothing };
    if denial::within(marker) {
        return denied_line(line);
    }
    if let Some(found) = denial::start(line).and_then(|at| line.get(at..)) {
        let denied = denied_line(found);
        // "not clear" denies no value.
        let is_value =
            |text: &str| reads(text) || text.chars().next().is_some_and(|c| !(c.is_lowercase() && c.is_alphabetic()));
        match &denied {
            Said::Denied(text) if !is_value(text) => {}
            Said::Nothing => {}
            _ => return denied,
        }
    }
    if let Some(said) = denied_at_the_end(line) {
        return said;
    }
    match value(line) {
        Some((text, kind)) => match denial::after(behind(line, &text)) {
            Some(after) if after.goes_on => Said::of(value(after.rest)),
            Some(after) => match denial::instead(after.rest).and_then(value) {
                Some(value) => Said::of(Some(value)),
                None => Said::Denied(text),
            },
            None => Said::Value(text, kind),
        },
        None => Said::Nothing,
    }
}

/// What is denied where the verb stands last: "5ではありません".
fn denied_at_the_end(line: &str) -> Option<Said> {
    if line.is_ascii() {
        return None;
    }
    let clause = line.split(['、', '，', ',', '。', '।', ';', '.']).next()?;
    let (head, tail) = line.split_at_checked(denial::at_the_end(clause)?)?;
    let (text, _) = value(head)?;
    let head = head.trim_end().trim_end_matches(['$', ')', '*', ']', '」']);
    if !(head.ends_with(&text) || head.ends_with(text.trim_end_matches(')'))) {
        return None;
    }
    let after = denial::after(tail)?;
    let rest = after.rest.trim_start_matches(['、', '，', ',', ' ', '।', '。']);
    let right = if after.goes_on { Some(rest) } else { denial::instead(after.rest) };
    Some(right.and_then(value).map_or(Said::Denied(text), |(text, kind)| Said::Value(text, kind)))
}

/// What a text says behind a marker that denies.
pub(super) fn denied(rest: &str) -> Said {
    line(rest).map_or(Said::Nothing, denied_line)
}

/// What is denied with which a text begins, or what stands for it behind "but".
fn denied_line(line: &str) -> Said {
    // "not 5 but 6".
    if let Some((head, tail)) = denial::correction(line)
        && let (Some(_), Some((text, kind))) = (value(head), value(tail))
    {
        return Said::Value(text, kind);
    }
    let Some((text, _)) = value(line) else { return Said::Nothing };
    match denial::instead(behind(line, &text)).and_then(value) {
        Some((text, kind)) => Said::Value(text, kind),
        None => Said::Denied(text),
    }
}

/// What follows a part of a text.
pub(super) fn behind<'a>(text: &'a str, part: &str) -> &'a str {
    text.find(part).and_then(|at| text.get(at + part.len()..)).unwrap_or_default()
}

/// The line behind a marker that holds the answer, without what only leads to it.
fn line(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches([' ', '*', ':']).strip_prefix("\\\"").unwrap_or(rest);
    let marks = [':', '\u{ff1a}', '*', '=', ' ', '\t', '_', '}', '>', '\u{3000}', ',', '】', '」'];
    let kept = rest.trim_start_matches(marks.as_slice());
    let skipped = rest.get(..rest.len() - kept.len())?;
    let bold = skipped.contains("**");
    let line = kept
        .lines()
        .map(|line| line.trim().trim_start_matches(['*', ':', ' ', '>', '#'].as_slice()))
        .find(|line| !line.is_empty() && !matches!(*line, "$$" | "\\[" | "\\]" | "```" | "---"))?;
    let line = if bold { line.split("**").next().unwrap_or(line) } else { line };
    Some(line)
}

/// The answer with which a line begins.
pub(super) fn value(line: &str) -> Option<(String, AnswerKind)> {
    let line = after_hedges(line.trim_start_matches("**"));
    match named(line) {
        Some(Named::Letters(letters)) => return Some((letters, AnswerKind::Choice)),
        Some(Named::Alternatives(text)) => return Some((text.to_owned(), AnswerKind::Stated)),
        None => {}
    }
    if let Some(found) = line.starts_with('{').then(|| answer_value(line)).flatten() {
        return Some((found, AnswerKind::Tagged));
    }
    let mut clause = sentence(line);
    clause = clause.get(..end_of_answer(clause).unwrap_or(clause.len()))?;
    if let Some((before, _)) = clause.trim_start_matches("**").split_once("**") {
        clause = before;
    }
    for verb in texts(|language| language.verbs) {
        clause = clause.trim_end().strip_suffix(verb).unwrap_or(clause);
    }
    let clause = clause.trim().trim_end_matches("\\\"").trim_matches(['「', '」', '『', '』', '«', '»']);
    let stated = |text: &str| Some((text.to_owned(), AnswerKind::Stated));
    if let Some(number) = circled(clause) {
        return stated(&number);
    }
    let clause = without_remark(clause);
    if reads(clause) {
        return stated(tidy(clause));
    }
    if let Some((inside, _)) = delimited(clause) {
        return stated(&inside);
    }
    match longest_reading(clause) {
        Reading::Part(text) => return stated(tidy(text)),
        Reading::Whole => return stated(tidy(clause)),
        Reading::None => {}
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

/// The number in a circle that a text is, as East Asian tests number their options: `③`, `③번`.
pub(crate) fn circled(text: &str) -> Option<String> {
    let mut chars = text.trim().chars();
    let c = chars.next()?;
    let number = u32::from(c).checked_sub(0x2460).filter(|n| *n < 20)? + 1;
    matches!(chars.as_str().trim(), "" | "번" | "番" | "号").then(|| number.to_string())
}

/// LaTeX without delimiters amid words: "each is (\frac{2}{5}) tons".
fn bare_latex(clause: &str) -> Option<&str> {
    let start = clause.find('\\')?;
    // The word that it stands in, whole: `x\bmod 3`.
    let start = clause.get(..start)?.rfind([' ', '\u{ff0c}', '\u{3002}', '：']).unwrap_or(0);
    let start = start + clause.get(start..)?.find(|c: char| c.is_ascii() && c != ' ')?;
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
    if text.is_empty() || (REFUSED.iter().any(|word| lower.starts_with(word)) && !is_title(text)) {
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
    if text
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .all(|word| VERDICTS.contains(&word.to_lowercase().as_str()))
        && text.chars().all(|c| c.is_alphabetic() || c.is_whitespace())
        && !matches!(lower.as_str(), "true" | "false")
    {
        return None;
    }
    // A sentence about a number: "Jane started 3 hours ago".
    if let Some(number) = sole_number(text) {
        return Some((number, AnswerKind::Stated));
    }
    // Which of several numbers is meant nobody says.
    if text.split_whitespace().count() > 8
        && let Some(number) = last_number(text)
    {
        return Some((number, AnswerKind::LastNumber));
    }
    (text.split_whitespace().count() <= MAX_WORDS).then(|| (text.to_owned(), AnswerKind::Stated))
}

/// Whether a text is a title in capitals: "To Kill a Mockingbird".
fn is_title(text: &str) -> bool {
    let capitals = text.split_whitespace().filter(|word| word.starts_with(char::is_uppercase)).count();
    let n = text.split_whitespace().count();
    text.starts_with(char::is_uppercase) && capitals >= 2 && n <= 8 && capitals * 2 >= n
}

/// Without a remark in brackets at its end: "5 (n = 7 works too)".
fn without_remark(clause: &str) -> &str {
    let Some((before, remark)) =
        clause.trim_end_matches(['.', ' ']).strip_suffix(')').and_then(|c| c.rsplit_once(" ("))
    else {
        return clause;
    };
    let words = remark.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().count() >= 3).count();
    if words >= 2 && !remark.contains(['\\', '$']) && reads(before) { before } else { clause }
}

/// The number of a sentence that holds no other one: five words or more, or East Asian writing. A bound is no number.
fn sole_number(text: &str) -> Option<String> {
    let (start, end, _) = last_number_at(text)?;
    let (before, after) = (text.get(..start)?, text.get(end..)?);
    let others = |part: &str| part.contains(|c: char| c.is_ascii_digit());
    let sentence = text.split_whitespace().count() >= 5 || before.contains(is_east_asian);
    let computes = after.split_whitespace().next().is_some_and(is_operator);
    let is_bound = BOUND.as_ref().is_some_and(|bound| bound.is_match(before))
        || BOUNDS_BEHIND.iter().any(|bound| after.contains(bound));
    if !sentence || computes || is_bound || others(before) || others(after) || text.contains('\\') {
        return None;
    }
    if before.contains(is_east_asian) && goes_on(after) {
        return None;
    }
    super::last::number(text)
}

/// Whether words make a number negative: `minus` before it or `below zero` behind it.
pub(super) fn is_negative(before: &str, after: &str) -> bool {
    MINUS.as_ref().is_some_and(|minus| minus.is_match(before))
        || BELOW_ZERO.as_ref().is_some_and(|below| below.is_match(after))
}

/// Whether a text says that what stands behind it is rounded.
pub(super) fn is_rounded(text: &str) -> bool {
    text.contains('≈') || ABOUT.as_ref().is_some_and(|about| about.is_match(text))
}

/// How much of a clause is the answer with which it begins.
enum Reading<'a> {
    /// The beginning, which reads as mathematics.
    Part(&'a str),
    /// All of it: what begins as mathematics goes on behind it.
    Whole,
    None,
}

/// The longest beginning of a clause that is mathematics, up to a soft end or a word that does not compute. An answer
/// is not cut where it goes on: "2 hours 30 minutes", "3 out of 4".
fn longest_reading(clause: &str) -> Reading<'_> {
    let mut ends: Vec<usize> = SOFT_ENDS.iter().flat_map(|end| clause.match_indices(end).map(|(at, _)| at)).collect();
    ends.extend(clause.match_indices(is_east_asian).map(|(at, _)| at).take(8));
    ends.sort_unstable();
    let by_end = ends.iter().rev().take(16).filter_map(|&end| clause.split_at_checked(end));
    let part = by_end.into_iter().find(|(text, _)| reads(text)).or_else(|| by_words(clause));
    match part {
        Some((_, rest)) if goes_on(rest) => Reading::Whole,
        // A word of which nothing is known may be a magnitude.
        Some((text, rest))
            if text.ends_with(|c: char| c.is_ascii_digit())
                && rest.trim_start().starts_with(|c: char| !c.is_ascii() && !is_east_asian(c)) =>
        {
            Reading::Whole
        }
        // "3rd Street" is a name and no number.
        Some((text, rest)) if is_ordinal(text) && rest.trim_start().starts_with(char::is_alphabetic) => Reading::Whole,
        Some((text, _)) => Reading::Part(text),
        None => Reading::None,
    }
}

/// Whether a number is written as a place in a row: "3rd".
fn is_ordinal(text: &str) -> bool {
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| text.trim_end().strip_suffix(end));
    digits.is_some_and(|digits| digits.ends_with(|c: char| c.is_ascii_digit()))
}

/// "18 eggs that are left": the number with as many of its words as make sense, and the rest.
fn by_words(clause: &str) -> Option<(&str, &str)> {
    leading_number(clause.trim_start_matches(['$', '\\', '\u{20ac}', '\u{a3}']))?;
    let spaces = clause.match_indices(' ').map(|(at, _)| at).take(8).collect::<Vec<_>>();
    spaces.iter().rev().filter_map(|&end| clause.split_at_checked(end)).find(|(text, rest)| {
        let next = rest.split_whitespace().next();
        next.is_some_and(|next| !is_operator(next)) && reads(text)
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
    match HEDGES.as_ref().and_then(|hedges| hedges.find(line)) {
        Some(found) => line.get(found.end()..).unwrap_or(line),
        None => line,
    }
}
