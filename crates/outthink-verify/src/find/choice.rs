//! Letters of a multiple-choice question.

use super::statement::ENDS;
use crate::normal::unwrap;
use regex::Regex;
use std::sync::LazyLock;

/// Words behind a letter that deny another one.
const DENIALS: &[&str] =
    &["not", "non", "no", "nicht", "pas", "\u{43d}\u{435}", "\u{4e0d}\u{662f}", "\u{800c}\u{4e0d}\u{662f}"];

/// Statements about a letter whose words follow it, and choices in the first person.
static SAID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:^|[\s*(])([A-J])[)*]*\s+(?:is|seems|appears|looks|must be|would be|should be)\s+(?:to be\s+)?(?:the\s+)?(?:most\s+)?(?:correct|right|best|true|answer|likely)\b",
        r"|\b(?:[Ii] (?:think|believe|guess)(?: that)?|so|thus|hence|therefore),? (?:it is|it's|it must be) (?:option )?\(?\**([A-J])\b",
        r"|\b(?:choose|chose|pick|select|go with|went with|choosing|opt for)\s+(?:(?:option|choice|answer|letter)\s+)?\(?\**([A-J])\b",
    ))
    .ok()
});

/// Whether [`SAID`] may match: a letter stands alone, and words are there that say of one that it is right.
fn may_be_said(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "correct",
        "right",
        "best",
        "true",
        "answer",
        "likely",
        "it is",
        "it's",
        "it must be",
        "choose",
        "chose",
        "pick",
        "select",
        "go with",
        "went with",
        "choosing",
        "opt for",
    ];
    let bytes = text.as_bytes();
    let alone = |(at, byte): (usize, &u8)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let joins = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        (b'A'..=b'J').contains(byte) && !before.is_some_and(joins) && !bytes.get(at + 1).is_some_and(joins)
    };
    bytes.iter().enumerate().any(alone) && WORDS.iter().any(|word| text.contains(word))
}

/// The letter of a choice with which a line begins: `(B)`, `B.`, `B) 5 apples`, `B - 36`, `B` alone.
pub(super) fn letter(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("**");
    let (bracketed, rest) = match line.strip_prefix(['(', '[', '\u{ff08}']) {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let c = rest.chars().next()?;
    let after = rest.get(1..).filter(|_| c.is_ascii())?;
    if bracketed {
        let closed = after.starts_with([')', ']', '\u{ff09}']);
        return (closed && ('A'..='J').contains(&c.to_ascii_uppercase())).then(|| c.to_ascii_uppercase().to_string());
    }
    if !('A'..='J').contains(&c) {
        return None;
    }
    let bare = after.trim_matches(['*', ' ', '.', '\u{3002}', '!', '`', '"', '\'', ')'].as_slice());
    if bare.is_empty() {
        return Some(c.to_string());
    }
    let ends = after.starts_with([')', '\u{3002}', '\u{ff1a}', '\u{ff09}', '\u{3001}'])
        || [". ", ".\n", ": ", "** ", "**.", "**,", "** (", " - ", " \u{2013} ", " \u{2014} ", "\u{2014}", " ("]
            .iter()
            .any(|end| after.starts_with(end))
        || (after.starts_with(", ") && !another(after.get(2..)?))
        || ENDS.find(after) == Some(0)
        || after.split_whitespace().next().is_some_and(|word| after.starts_with(' ') && DENIALS.contains(&word))
        || after.chars().next().is_some_and(is_east_asian)
        || (after.starts_with(' ') && bare.chars().next().is_some_and(is_east_asian))
        || bare.starts_with("\u{939}\u{948}");
    ends.then(|| c.to_string())
}

/// Whether a text begins with one more letter of a choice.
fn another(text: &str) -> bool {
    let text = text.strip_prefix("and ").unwrap_or(text);
    let mut chars = text.chars();
    matches!((chars.next(), chars.next()), (Some('A'..='J'), None | Some('.' | ',' | ' ')))
}

pub(super) fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{ff00}'..='\u{ffef}')
}

/// A choice that the reply opens with, that its last line is, or that it names as an option.
pub(super) fn choice(text: &str) -> Option<String> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let last = lines().next_back()?;
    let bare = unwrap(last);
    if bare.len() <= 3
        && let Some(letter) = letter(bare)
    {
        return Some(letter);
    }
    if let ([b'a'..=b'j'], true) = (bare.as_bytes(), lines().count() == 1) {
        return Some(bare.to_uppercase());
    }
    if let Some(found) = SAID.as_ref().filter(|_| may_be_said(text)).and_then(|said| said.captures_iter(text).last()) {
        return found.get(1).or_else(|| found.get(2)).or_else(|| found.get(3)).map(|letter| letter.as_str().to_owned());
    }
    for word in ["option ", "Option ", "choice ", "Choice "] {
        if let Some((_, rest)) = last.rsplit_once(word)
            && let Some(letter) = letter(rest)
        {
            return Some(letter);
        }
    }
    let end = last.trim_end_matches(['.', '!', '*', ' '].as_slice());
    if let Some(before) = end.strip_suffix(')')
        && let Some((before, letter)) = before.rsplit_once('(')
        && (before.is_empty() || before.ends_with([' ', '*']))
        && matches!(letter.as_bytes(), [b'A'..=b'J'])
    {
        return Some(letter.to_owned());
    }
    opening(text)
}

/// The letter that a reply opens with, as "D. It cannot be A" does; a list of options is none.
fn opening(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().and_then(letter)?;
    lines.take(12).filter_map(letter).all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_choices_where_they_stand_as_such() {
        for (text, expected) in [
            ("(b)", "B"),
            ("B. 4", "B"),
            ("B is correct. (A) is a common distractor.", "B"),
            ("I would go with option C, since it fits.", "C"),
            ("So it must be (D).", "D"),
            ("D. it can't be A or B", "D"),
            ("B\u{4e0d}\u{662f} A", "B"),
            ("**C**", "C"),
        ] {
            assert_eq!(choice(text).as_deref(), Some(expected), "{text}");
        }
        for text in
            ["P(A) = 2/3.", "Vitamin (D) intake: 20 mg", "A man walks 5 km", "A. 1\nB. 2", "area(D) = 3", "A = 5"]
        {
            assert_eq!(choice(text), None, "{text}");
        }
    }
}
