//! Letters of a multiple-choice question.

use super::denial;
use super::language::{LANGUAGES, pattern};
use super::statement::{behind, end_of_answer};
use crate::normal::unwrap;
use crate::options::{is_species, letter_of_alphabet};
use regex::Regex;
use std::sync::LazyLock;

/// One letter with its brackets.
const LETTER: &str = r"[(\[（「]?\*{0,2}\(?[A-J]\)?\*{0,2}[)\]）」]?";

/// Mentions that are looked at, from the last one on.
const MOST: usize = 64;

/// What one letter and another are joined by.
fn joint() -> String {
    let words = |spaced: bool| {
        let rows = LANGUAGES.iter().filter(move |row| row.spaced == spaced);
        let words = rows.flat_map(|row| [row.and, row.or]).filter(|words| !words.is_empty());
        words.collect::<Vec<_>>().join("|")
    };
    let (spaced, close) = (words(true), words(false));
    format!(
        r"(?:[ \t]*[,、，&/;][ \t]*(?:(?i:{spaced})[ \t]+)?|[ \t]+(?i:{spaced})[ \t]+|[ \t]*(?:{close})[ \t]*|[ \t]*و[ \t]*)"
    )
}

/// Letters with which a text begins: one with brackets, or several that are joined.
static SEVERAL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!("^{LETTER}(?:{}{LETTER})+", joint())).ok());
/// Words between alternatives.
static OR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(|language| language.or, |words| format!(r"[A-J)*\]）][ \t]*(?:{words}|/)[ \t]*[(\[（*]*[A-J]"))
});
/// What may stand before the letter of a statement.
static LEAD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        |language| language.option,
        |nouns| format!(r"^(?:(?:la|el|die|der|a|o|the|le|л|l['’])[ \t]+)?(?:(?:{nouns})[ \t]*[:：]?[ \t]*)?"),
    )
});
/// Letters that are called right.
static RIGHT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let letters = format!("(?-i:{LETTER}(?:{}{LETTER})*)", joint());
    pattern(|language| language.right, |words| format!(r"(?:^|[^A-Za-z0-9_'.])({letters})[ \t]*(?:{words})"))
});
/// Letters that are chosen.
static CHOSEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let letters = format!("(?-i:[A-J]{{2,6}}|{LETTER}(?:{}{LETTER})*)", joint());
    let nouns: Vec<&str> = LANGUAGES.iter().map(|row| row.option).filter(|words| !words.is_empty()).collect();
    let nouns = nouns.join("|");
    pattern(
        |language| language.choose,
        |words| {
            format!(
                r"(?:{words})[ \t]*(?:(?:{nouns})[ \t]*)?({letters})|([A-J])[ \t]*(?:를|을|को|を)[ \t]*(?:선택|고르|고른|चुन|選)"
            )
        },
    )
});
/// A letter behind a pronoun with its verb, at the end of a line.
static COPULA: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:(?i:\b(?:it's|it is|that's|that is|must be|select|probably|c'est(?: la)?|es ist|es la|é a|это))[ \t:]+|[我就]?[是选])",
        r"[(*]*([A-J])[)*]*[.!。]*$"
    ))
    .ok()
});
/// Nouns for an option, with the letter behind them.
static OPTION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(|language| language.option, |nouns| format!(r"(?:^|[^\p{{Latin}}])(?:{nouns})[ \t]*[:：]?[ \t]*"))
});

/// What a line begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// A letter, or several that are all right: `A, B`.
    Letters(String),
    /// Letters of which one is right.
    Alternatives(&'a str),
}

/// The letters with which a line begins, behind an article and a noun such as "option".
pub(super) fn named(line: &str) -> Option<Named<'_>> {
    let lead = LEAD.as_ref().and_then(|lead| lead.find(line)).map_or(0, |found| found.end());
    let bare = line.get(lead..)?;
    let (text, lead) =
        if lead > 0 && bare.starts_with(['(', '[', '（', '*', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J']) {
            (bare, true)
        } else {
            (line, false)
        };
    if let Some(several) = several(text) {
        return Some(several);
    }
    letter(text).or_else(|| lead.then(|| plain_letter(text)).flatten()).map(Named::Letters)
}

/// A letter behind a noun for an option that a sentence goes on behind: "option B of the list".
fn plain_letter(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['(', '[', '*']);
    let c = text.chars().next().filter(|c| ('A'..='J').contains(c))?;
    let after = text.get(1..)?.chars().next();
    after.is_none_or(|c| matches!(c, ' ' | ',' | '.' | ')' | '*' | ';' | ':' | '!')).then(|| c.to_string())
}

/// Several letters with which a text begins.
fn several(text: &str) -> Option<Named<'_>> {
    let text = text.trim_start_matches("**");
    let found = SEVERAL.as_ref()?.find(text)?;
    let mut end = found.end();
    let rest = text.get(end..)?;
    let joined = |c: char| c.is_alphanumeric() && !is_east_asian(c);
    // "A, I think", "B, A is too small": what stands behind the last comma is the next sentence.
    let next_sentence = rest.starts_with(|c: char| c == '\'' || c == '\u{2019}' || joined(c))
        || [
            " is ", " would ", " has ", " think", " believe", " am ", " was ", " are ", " chose", " ist ", " est ",
            " es ",
        ]
        .iter()
        .any(|verb| rest.starts_with(verb));
    if next_sentence {
        end = found.as_str().rfind([',', ';', '，'])?;
    }
    let part = text.get(..end)?;
    let letters = letters_in(part);
    if letters.len() < 2 || rest.trim_start().starts_with(['=', '+', '^', '\\']) {
        return None;
    }
    if OR.as_ref().is_some_and(|or| or.is_match(part)) {
        return Some(Named::Alternatives(part));
    }
    Some(Named::Letters(listed(letters)))
}

fn letters_in(text: &str) -> Vec<char> {
    text.chars().filter(|c| ('A'..='J').contains(c)).collect()
}

/// Letters in their order, each once.
fn listed(mut letters: Vec<char>) -> String {
    letters.sort_unstable();
    letters.dedup();
    letters.iter().map(char::to_string).collect::<Vec<_>>().join(", ")
}

/// The letter of a choice with which a line begins: `(B)`, `B.`, `B) 5 apples`, `B - 36`, `B` alone.
pub(super) fn letter(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("**");
    let (bracketed, rest) = match line.strip_prefix(['(', '[', '\u{ff08}']) {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let c = rest.chars().next()?;
    let after = rest.get(c.len_utf8()..)?;
    let closed = after.starts_with([')', ']', '\u{ff09}']);
    if !c.is_ascii() {
        let ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', '.', '\u{3002}', '\u{964}', '*']);
        return (closed && letter_of_alphabet(c) && ends(after.get(1..).unwrap_or_default())).then(|| c.to_string());
    }
    if bracketed {
        return (closed && ('A'..='J').contains(&c.to_ascii_uppercase())).then(|| c.to_ascii_uppercase().to_string());
    }
    if !('A'..='J').contains(&c) || is_species(rest) {
        return None;
    }
    let bare = after.trim_matches(['*', ' ', '.', '\u{3002}', '\u{ff0e}', '!', '`', '"', '\'', ')'].as_slice());
    if bare.is_empty() {
        return Some(c.to_string());
    }
    let ends = after.starts_with([')', '\u{3002}', '\u{ff1a}', '\u{ff09}', '\u{3001}', '\u{ff0e}'])
        || [". ", ".\n", ": ", "** ", "**.", "**,", "** (", " - ", " \u{2013} ", " \u{2014} ", "\u{2014}", " ("]
            .iter()
            .any(|end| after.starts_with(end))
        || after.starts_with(", ")
        || end_of_answer(after) == Some(0)
        || denial::start(after).is_some_and(|_| after.starts_with([' ', '\u{4e0d}', '\u{800c}']))
        || denial::after(after).is_some()
        || after.chars().next().is_some_and(is_east_asian)
        || (after.starts_with(' ') && bare.chars().next().is_some_and(is_east_asian))
        || bare.starts_with("\u{939}\u{948}");
    ends.then(|| c.to_string())
}

pub(super) fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{ff00}'..='\u{ffef}')
}

/// A choice that the reply opens with, that its last line is, or that it names as an option.
pub(super) fn choice(text: &str) -> Option<String> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let last = lines().next_back()?;
    let bare = unwrap(last.trim_start_matches(['>', '-', ' ']));
    if bare.chars().count() <= 3
        && let Some(letter) = letter(bare)
    {
        return Some(letter);
    }
    if let ([b'a'..=b'j'], true) = (bare.as_bytes(), lines().count() == 1) {
        return Some(bare.to_uppercase());
    }
    said(text).or_else(|| option(last)).or_else(|| copula(last)).or_else(|| in_brackets(last)).or_else(|| opening(text))
}

/// The last letters of which the text says that they are right or chosen.
fn said(text: &str) -> Option<String> {
    if !stands_alone(text) {
        return None;
    }
    let found = [&RIGHT, &CHOSEN].into_iter().filter_map(|said| {
        let captures = said.as_ref()?.captures_iter(text);
        let letters = captures.filter_map(|found| found.get(1).or_else(|| found.get(2)));
        let letters: Vec<regex::Match<'_>> = letters.collect();
        letters.into_iter().rev().take(MOST).find(|letters| is_meant(text, letters.start(), letters.end()))
    });
    let letters = found.max_by_key(regex::Match::start)?.as_str();
    let alternatives = OR.as_ref().is_some_and(|or| or.is_match(letters));
    (!alternatives).then(|| listed(letters_in(letters)))
}

/// Whether letters at a place are neither part of a word nor denied.
fn is_meant(text: &str, start: usize, end: usize) -> bool {
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let latin = |c: char| c.is_alphanumeric() && (c as u32) < 0x370;
    !after.starts_with(latin)
        && !before.ends_with(latin)
        && denial::before(before).is_none()
        && denial::after(after).is_none()
}

/// Whether a letter stands alone, beside words that may say of one that it is right.
fn stands_alone(text: &str) -> bool {
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
        "going with",
        "richtig",
        "korrekt",
        "hle",
        "hme",
        "tippe",
        "hois",
        "just",
        "exact",
        "bonne",
        "lecc",
        "elij",
        "esco",
        "marco",
        "opto",
        "certa",
        "giusta",
        "vera",
        "zutreffend",
    ];
    let bytes = text.as_bytes();
    let alone = |(at, byte): (usize, &u8)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let joins = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        (b'A'..=b'J').contains(byte)
            && !before.is_some_and(joins)
            && !bytes.get(at + 1).is_some_and(|next| joins(next) && !(b'A'..=b'J').contains(next))
    };
    bytes.iter().enumerate().any(alone) && (!text.is_ascii() || WORDS.iter().any(|word| text.contains(word)))
}

/// The letter behind the last noun for an option in a line.
fn option(line: &str) -> Option<String> {
    let found = OPTION.as_ref()?.find_iter(line).last()?;
    let rest = line.get(found.end()..)?;
    match named(rest)? {
        Named::Letters(letters) => {
            let first = letters.get(..1).unwrap_or_default();
            let after = if letters.len() == 1 { behind(rest, first) } else { "" };
            let after = after.trim_start_matches([')', ']', '*']);
            let denied = denial::before(line.get(..found.end())?).is_some() || denial::after(after).is_some();
            (!denied).then_some(letters)
        }
        Named::Alternatives(_) => None,
    }
}

/// The letter that a line ends with behind words such as "it is".
fn copula(line: &str) -> Option<String> {
    let letter = COPULA.as_ref()?.captures(line)?.get(1)?;
    denial::before(line.get(..letter.start())?).is_none().then(|| letter.as_str().to_owned())
}

/// The letter in brackets that a line ends with.
fn in_brackets(line: &str) -> Option<String> {
    let end = line.trim_end_matches(['.', '!', '*', ' ', '\u{3002}', '\u{964}'].as_slice());
    let verbs = super::language::texts(|language| language.verbs);
    let end = verbs.into_iter().find_map(|verb| end.strip_suffix(verb)).unwrap_or(end);
    let (before, letter) = end.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    let stands = before.is_empty() || before.ends_with([' ', '*']);
    (stands && matches!(letter.as_bytes(), [b'A'..=b'J']) && denial::before(before).is_none())
        .then(|| letter.to_owned())
}

/// The letter that a reply opens with, as "D. It cannot be A" does; a list of options is none.
fn opening(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first_line = lines.next()?;
    // "A: 5" is the answer of a transcript.
    if first_line.starts_with("A: ") {
        return None;
    }
    let first = match named(first_line)? {
        Named::Letters(letters) => letters,
        Named::Alternatives(_) => return None,
    };
    if first.len() == 1 && denial::after(behind(first_line, &first)).is_some() {
        return None;
    }
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
