//! Where nothing is marked as the answer: the mathematics, or the number, that the last statement ends with.

use super::denial;
use super::spans::{last_span, reads, sentences};
use super::statement::{end_of_answer, is_negative};
use crate::normal::unwrap;
use crate::scan::last_number_at;
use crate::words::is_operator;
use outthink_core::AnswerKind;

/// Lines and sentences that are looked at, from the last one on.
const MOST_LINES: usize = 256;
/// Starts that are tried within a sentence.
const MOST_STARTS: usize = 12;

/// The mathematics or the number that the last statement ends with, apart from values that are denied.
pub(super) fn last(text: &str, mut denied: Vec<String>) -> Option<(String, AnswerKind)> {
    if let Some(inside) = closing_display(text) {
        return Some((inside, AnswerKind::LastExpression));
    }
    // Mathematics in a sentence does not go over a line: a delimiter alone is a span that is broken.
    if text.trim_end().ends_with(['$', ')'])
        && text.lines().next_back().is_some_and(|line| matches!(line.trim(), "$" | "\\)"))
    {
        return None;
    }
    let lines = text.lines().rev().map(str::trim).filter(|line| !line.is_empty()).take(MOST_LINES);
    lines
        .into_iter()
        .find_map(|line| sentences(line).into_iter().rev().find_map(|sentence| not_denied(sentence, &mut denied)))
}

/// What a sentence ends with, unless it or a later one denies it.
fn not_denied(sentence: &str, denied: &mut Vec<String>) -> Option<(String, AnswerKind)> {
    let mut sentence = sentence;
    for _ in 0..3 {
        let (text, kind) = of_sentence(sentence)?;
        let core = text.trim_start_matches('-');
        let Some(at) = sentence.rfind(core).filter(|_| !core.is_empty()) else {
            return (!super::is_among(&text, denied)).then_some((text, kind));
        };
        let (before, after) = (sentence.get(..at)?, sentence.get(at + core.len()..)?);
        if let Some(start) = denial::before(before) {
            sentence = before.get(..start)?.trim_end_matches([',', ' ', ';', '(', '\u{ff0c}']);
        } else if denial::after(after).is_some() {
            sentence = before;
        } else {
            return (!super::is_among(&text, denied)).then_some((text, kind));
        }
        denied.push(text);
    }
    None
}

/// The inside of a display that the reply ends with, over several lines too.
fn closing_display(text: &str) -> Option<String> {
    let text = text.trim_end().trim_end_matches('.');
    for (open, close) in [("\\[", "\\]"), ("$$", "$$")] {
        if let Some(before) = text.strip_suffix(close)
            && let Some((_, inside)) = before.rsplit_once(open)
        {
            let inside = inside.split_whitespace().collect::<Vec<_>>().join(" ");
            return (!inside.is_empty()).then_some(inside);
        }
    }
    None
}

fn of_sentence(sentence: &str) -> Option<(String, AnswerKind)> {
    if !sentence.contains(|c: char| c.is_numeric() || matches!(c, '\\' | '$' | '=')) {
        return None;
    }
    let sentence = without_citation(sentence);
    let plain = sentence.contains("**").then(|| sentence.replace("**", ""));
    let sentence = plain.as_deref().unwrap_or(sentence);
    let sentence = sentence.trim_start_matches(['#', '>', '*', ' '].as_slice()).trim_end_matches(['*', ' '].as_slice());
    let sentence = denial::corrected(sentence);
    let expression = |text: &str| Some((text.to_owned(), AnswerKind::LastExpression));
    if reads(sentence) {
        return Some(kind_of(unwrap(sentence)));
    }
    let last = last_span(sentence);
    let span = last.clone().map(|span| before_condition(sentence, span));
    if let Some((start, inside, _)) = &span
        && last.is_some_and(|last| last.0 != *start)
    {
        return expression(inside);
    }
    let from = span.as_ref().map_or(0, |span| span.2);
    if let Some((start, inside, end)) = span {
        let tail = sentence.get(end..).unwrap_or_default();
        let joined = sentence.get(start..).unwrap_or_default();
        if tail.len() < 40 && !tail.trim().is_empty() && !tail.starts_with('.') && reads(joined) {
            return expression(&joined.replace('$', "").replace("\\(", "").replace("\\)", ""));
        }
        if !tail.contains(|c: char| c.is_ascii_digit()) || !inside.contains(|c: char| c.is_ascii_alphabetic()) {
            return expression(&inside);
        }
        if tail.starts_with(',') {
            return expression(&inside);
        }
    }
    let rest = sentence.get(from..).unwrap_or(sentence);
    suffix(rest).map(kind_of).or_else(|| number(rest).map(|number| (number, AnswerKind::LastNumber)))
}

/// The span before the last one, where the last only says when: "is $3$, reached at $x = 2$".
fn before_condition(sentence: &str, last: (usize, String, usize)) -> (usize, String, usize) {
    let Some(before) = sentence.get(..last.0).and_then(last_span) else { return last };
    let between = sentence.get(before.2..last.0).unwrap_or_default();
    // "$2\\sqrt3$ cm, which is about $3.46$ cm": the exact value is meant.
    if super::statement::is_rounded(between) && !between.contains('.') {
        return before;
    }
    let words = between.trim_start_matches([',', ' ']);
    let condition =
        ["when ", "where ", "for ", "if ", "at ", "since ", "as ", "reached ", "attained ", "because ", "with "];
    let said = sentence
        .get(..before.0)
        .is_some_and(|text| [" is ", " are ", "equals ", "= ", "get "].iter().any(|w| text.ends_with(w)));
    if said && condition.iter().any(|word| words.starts_with(word)) { before } else { last }
}

/// A number is the weaker of the two kinds.
fn kind_of(text: &str) -> (String, AnswerKind) {
    let letters = text.contains(['\\', '=', '<', '>', '{', '[', '(', '^', '|']);
    let kind = if letters { AnswerKind::LastExpression } else { AnswerKind::LastNumber };
    (text.to_owned(), kind)
}

/// The longest end of a sentence that reads as mathematics.
fn suffix(sentence: &str) -> Option<&str> {
    let begins = |word: &str| {
        word.starts_with(|c: char| {
            c.is_numeric() || "-\u{2212}+\\([{|$\u{20ac}\u{a3}\u{a5}\u{20b9}.\u{221a}".contains(c)
        }) || (word.len() == 1 && word.chars().all(|c| c.is_ascii_alphabetic()) && !matches!(word, "a" | "A" | "I"))
            || word.contains('=')
    };
    let mut at = 0;
    let mut starts = Vec::new();
    for word in sentence.split_inclusive(' ') {
        if begins(word.trim()) {
            starts.push(at);
        }
        at += word.len();
    }
    let skip = starts.len().saturating_sub(MOST_STARTS);
    starts.iter().skip(skip).find_map(|&at| {
        let text = sentence.get(at..)?;
        let before = sentence.get(..at)?.trim_end();
        // "5 apples and 7 pears" in running text are no list.
        let listed = before.is_empty()
            || before.ends_with([':', '='])
            || [" are", " is", " be", " get"].iter().any(|w| before.ends_with(w));
        let spread = text.contains(" and ") || text.contains(" or ") || text.contains(", ");
        let number_before = before.ends_with(|c: char| c.is_ascii_digit() || "+-*/^(\u{d7}\u{f7}\u{2212}".contains(c));
        let bracketed = text.starts_with(['[', '(', '{', '\\']);
        let goes_on =
            || compound_start(sentence, at).is_some() || before.ends_with(" out of") || is_negative(before, "");
        ((listed || bracketed || !spread) && !number_before && !goes_on() && reads(text)).then(|| unwrap(text))
    })
}

/// The last number with the words that belong to it: those behind it, a word for its sign, the number of which it is
/// the whole.
pub(super) fn number(sentence: &str) -> Option<String> {
    let (at, end, number) = last_number_at(sentence)?;
    // "1 in 6", "2 hours and 30 minutes": the number before is a part of the answer.
    if let Some(start) = compound_start(sentence, at) {
        return Some(unwrap(sentence.get(start..)?).to_owned());
    }
    // "3 apples left out of 7".
    if let Some(before) = sentence.get(..at).and_then(|before| before.strip_suffix(" out of "))
        && before.contains(|c: char| c.is_ascii_digit())
    {
        return self::number(before);
    }
    let start = money_before(sentence, at);
    let after = sentence.get(end..).unwrap_or_default();
    if !number.starts_with('-') && is_negative(sentence.get(..start)?, after) {
        return Some(format!("-{}", with_words(sentence, (start, end), &number)));
    }
    Some(with_words(sentence, (start, end), &number))
}

/// Where the answer begins whose last part is the number at a place.
fn compound_start(sentence: &str, at: usize) -> Option<usize> {
    const LINKS: &[&str] = &["in", "out of", "of", "to", "per", "or", "oder", "ou", "o", "или", "od"];
    let before = sentence.get(..at)?;
    for link in LINKS {
        if let Some(head) = before.trim_end().strip_suffix(link).and_then(|head| head.strip_suffix(' '))
            && head.ends_with(|c: char| c.is_ascii_digit())
            && last_number_at(head).is_some_and(|(_, end, _)| end == head.len())
        {
            return last_number_at(head).map(|found| found.0).filter(|_| *link != "to" || !before.contains("from "));
        }
    }
    super::compound::measures(sentence, at)
}

fn with_words(sentence: &str, (start, end): (usize, usize), number: &str) -> String {
    let after = sentence.get(end..).unwrap_or_default();
    let mut best = number.to_owned();
    let mut stop = end;
    for word in after.split_inclusive(' ').take(4) {
        stop += word.len();
        let Some(text) = sentence.get(start..stop) else { break };
        if reads(text) {
            unwrap(text).clone_into(&mut best);
        } else if is_operator(word.trim()) {
            // "6 children and": what only joins is no part of it.
            let joins = matches!(word.trim(), "and" | "or" | "but" | "if" | "when" | "where" | "than" | "by");
            return if joins { best } else { text.trim().to_owned() };
        }
    }
    best
}

/// Where a sign of money before a number begins.
fn money_before(sentence: &str, start: usize) -> usize {
    let before = sentence.get(..start).unwrap_or_default();
    let kept = before.trim_end_matches(['$', '\\', '\u{20ac}', '\u{a3}', '\u{a5}', '\u{20b9}', '-', '\u{2212}']);
    if before.len() - kept.len() > 8 || !(kept.is_empty() || kept.ends_with([' ', '(', ':', '*', '='])) {
        start
    } else {
        kept.len()
    }
}

/// Without a reference such as `[1]` at the end.
fn without_citation(sentence: &str) -> &str {
    let trimmed = sentence.trim_end_matches(['.', ' '].as_slice());
    if let Some(before) = trimmed.strip_suffix(']')
        && let Some((text, number)) = before.rsplit_once('[')
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
        && text.ends_with(' ')
        && text.contains(|c: char| c.is_ascii_digit())
    {
        return text.trim_end();
    }
    sentence
}

/// Digits in words of East Asian writing.
const EAST_ASIAN: &str = "零一二三四五六七八九十百千万亿億分之点負负两";

/// The number in words that a reply without digits ends with: "There are twelve of them."
pub(super) fn number_in_words(text: &str) -> Option<(String, AnswerKind)> {
    if text.contains(|c: char| c.is_ascii_digit()) || text.len() > 4_096 {
        return None;
    }
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let sentence = sentences(line).pop()?;
    let number = |word: &&str| {
        let lower = word.to_lowercase();
        lower != "one" && lower != "hundred" && crate::numerals::number_word(&lower).is_some()
    };
    let trimmed = |word: &'_ str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let words: Vec<String> = sentence.split_whitespace().map(trimmed).collect();
    let mut numbers = words.iter().map(String::as_str).filter(number);
    if let (Some(one), None) = (numbers.next(), numbers.next()) {
        return Some((one.to_owned(), AnswerKind::LastNumber));
    }
    let ends = sentence.trim_end_matches(|c: char| !EAST_ASIAN.contains(c) && !c.is_alphanumeric());
    let start = ends.char_indices().rev().take_while(|(_, c)| EAST_ASIAN.contains(*c)).last()?.0;
    let before = ends.get(..start)?;
    let said = ["是", "为", "有", "得", "于"].iter().any(|word| before.ends_with(word));
    said.then(|| (ends.get(start..).unwrap_or_default().to_owned(), AnswerKind::LastNumber))
}

/// The name that a reply of one sentence ends with: "It will be Monday."
pub(super) fn name(text: &str) -> Option<(String, AnswerKind)> {
    let text = text.trim();
    if text.len() > 80 || text.contains('\n') || sentences(text).len() != 1 || text.contains(['?', '\u{ff1f}']) {
        return None;
    }
    let (_, name) = [" is ", " was ", " be ", " ist ", " est ", " es ", " \u{e9} "]
        .iter()
        .filter_map(|link| text.rsplit_once(link))
        .min_by_key(|(_, name)| name.len())?;
    let at = text.len() - name.len();
    let name = unwrap(name).trim_end_matches('!');
    let capital = |word: &str| word.starts_with(char::is_uppercase);
    let words = || name.split_whitespace();
    (denial::before(text.get(..at)?).is_none() && (1..=3).contains(&words().count()) && words().all(capital))
        .then(|| (name.to_owned(), AnswerKind::LastExpression))
}

/// Yes or no that a reply opens with and gives a reason for.
pub(super) fn opening_truth(text: &str) -> Option<(String, AnswerKind)> {
    let text = text.trim().trim_start_matches('*');
    let first = text.split([',', '.', ' ', '\u{ff0c}', '*', '\u{3001}', '!', ':']).next()?;
    crate::words::truth(&first.to_lowercase())?;
    let rest = text.get(first.len()..)?.trim_start_matches(['*', ' ']);
    let reason = rest.strip_prefix(", so").is_none() && end_of_answer(rest) == Some(0);
    (reason && !rest.starts_with(", which") && !rest.starts_with("; "))
        .then(|| (first.to_owned(), AnswerKind::LastExpression))
}

/// A reply that is, or opens with, yes, no, true or false, or that is one word of mathematics.
pub(super) fn short(text: &str) -> Option<(String, AnswerKind)> {
    let bare = unwrap(text);
    let mut words = bare.split_whitespace();
    let first =
        words.next()?.trim_end_matches([',', '.', '!', ':', '\u{3002}', '\u{ff0c}'].as_slice()).trim_matches('*');
    let alone = words.next().is_none();
    if crate::words::truth(&first.to_lowercase()).is_some()
        && (alone || bare.get(first.len()..)?.starts_with([',', '.', '!', '*', ':']))
    {
        let kind = if alone { AnswerKind::Stated } else { AnswerKind::LastExpression };
        return Some((first.to_owned(), kind));
    }
    let marked = text.trim().starts_with('$') || text.trim().starts_with("\\(");
    (alone && marked && !bare.is_empty()).then(|| (bare.to_owned(), AnswerKind::LastExpression))
}
