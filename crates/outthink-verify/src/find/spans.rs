//! Spans of a reply that may be an answer: sentences, delimited mathematics, and what reads as mathematics.

use crate::compare::is_mathematics;

/// Abbreviations after which a sentence goes on.
const ABBREVIATIONS: &[&str] = &[
    "dr", "mr", "mrs", "ms", "prof", "st", "mt", "approx", "no", "vs", "e.g", "i.e", "eq", "ca", "bzw", "z.b", "env",
    "jr", "sr", "ft", "cf", "etc", "fig", "a.m", "p.m", "u.s", "d.c", "inc", "ltd", "co", "rev", "gen", "sen", "capt",
    "lt", "col", "sgt", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "ph.d",
    "art", "nr", "st", "num", "p\u{e1}g", "sr", "sra", "rs", "vol",
];
/// Small words that make a text prose where they are read as products of letters.
const PROSE: &[&str] = &[
    "is", "so", "it", "we", "of", "to", "at", "in", "on", "by", "be", "an", "as", "if", "the", "for", "are", "has",
    "was", "its", "you", "us", "my", "he", "she", "get", "per", "et", "es", "la", "le", "de", "el", "un", "da", "ist",
    "der", "die", "das", "est", "que", "not", "no", "yes", "then", "with",
];

/// The first sentence of a line.
pub(super) fn sentence(line: &str) -> &str {
    line.get(..sentence_end(line)).unwrap_or(line)
}

/// Where the first sentence of a text ends.
fn sentence_end(line: &str) -> usize {
    for (at, c) in line.char_indices() {
        match c {
            '\u{3002}' | '\u{ff01}' | '\u{61f}' | '\u{964}' | '\u{ff1f}' => return at,
            '.' | '!' | '?' => {
                let after = line.get(at + 1..).unwrap_or_default();
                let ends = after.starts_with([' ', '\n', '\t']) || after.starts_with("**") || after.is_empty();
                if !ends || (c == '!' && after.trim_start().starts_with(['=', '+', '-', '/', '*', '^'])) {
                    continue;
                }
                let word = line.get(..at).unwrap_or_default().rsplit([' ', '(', '\u{a0}']).next().unwrap_or_default();
                // `J`, and `J.R.R`.
                let initial =
                    word.split('.').all(|part| part.len() == 1 && part.bytes().all(|b| b.is_ascii_uppercase()))
                        && after.len() > 2;
                let species = || line.get(at - 1..).is_some_and(crate::options::is_species);
                let name_follows = after.trim_start().starts_with(char::is_uppercase);
                let short = ABBREVIATIONS.contains(&word.to_ascii_lowercase().trim_start_matches('*'));
                let goes_on = after.trim_start().chars().next().is_some_and(|c| !c.is_uppercase());
                if c == '.'
                    && !after.is_empty()
                    && ((initial && (name_follows || species()))
                        || (short && (goes_on || name_follows && !matches!(word, "no" | "No" | "etc"))))
                {
                    continue;
                }
                return at
                    + usize::from(
                        c == '!' && line.get(..at).is_some_and(|b| b.ends_with(|c: char| c.is_ascii_digit())),
                    );
            }
            _ => {}
        }
    }
    line.len()
}

/// The sentences of a line.
pub(super) fn sentences(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = line;
    while !rest.is_empty() && out.len() < 64 {
        let end = sentence_end(rest);
        let (first, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if !first.trim().is_empty() {
            out.push(first.trim());
        }
        rest = after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
    }
    if !rest.trim().is_empty() {
        out.push(rest.trim());
    }
    out
}

/// The inside of mathematics with which a text begins, and what follows it.
pub(super) fn delimited(text: &str) -> Option<(String, &str)> {
    for (open, close) in [("$$", "$$"), ("\\(", "\\)"), ("\\[", "\\]"), ("$", "$")] {
        if let Some(rest) = text.strip_prefix(open) {
            let end = closing(rest, close)?;
            let (inside, after) = (rest.get(..end)?.trim(), rest.get(end + close.len()..)?);
            // "$5 and $6" is money, not mathematics.
            let money = open == "$"
                && inside.starts_with(|c: char| c.is_ascii_digit())
                && after.starts_with(|c: char| c.is_ascii_digit());
            return (!inside.is_empty() && !money).then(|| (inside.to_owned(), after));
        }
    }
    None
}

/// Where a delimiter closes; an escaped dollar closes nothing.
fn closing(text: &str, close: &str) -> Option<usize> {
    let escaped = |at: usize| {
        close == "$" && text.get(..at).is_some_and(|before| before.ends_with('\\') && !before.ends_with("\\\\"))
    };
    text.match_indices(close).map(|(at, _)| at).find(|&at| !escaped(at))
}

/// The last delimited span of mathematics in a text: where it begins, its inside and where it ends.
pub(super) fn last_span(text: &str) -> Option<(usize, String, usize)> {
    let mut at = 0;
    let mut last = None;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(['$', '\\'])) {
        let start = at + found;
        let rest = text.get(start..)?;
        if rest.starts_with("\\$") {
            at = start + 2;
            continue;
        }
        match delimited(rest) {
            Some((inside, after)) => {
                let end = text.len() - after.len();
                last = Some((start, inside, end));
                at = end;
            }
            None => at = start + 1,
        }
    }
    last
}

/// Whether a text, wrappers aside, is mathematics as a whole and not prose that happens to parse.
pub(super) fn reads(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.len() > 1_024 {
        return false;
    }
    let marks = |c: char| c.is_numeric() || "\\=<>()[]{}|\u{3c0}\u{221a}\u{221e}\u{221e}".contains(c);
    if text.trim_end_matches(['.', ' ']).ends_with(" a") || text.contains(" a ") {
        return false;
    }
    let single = text.trim_matches('$').trim().chars().count() == 1;
    if !single && !text.contains(marks) {
        return false;
    }
    let small = |word: &str| word.len() <= 4 && PROSE.iter().any(|small| word.eq_ignore_ascii_case(small));
    let prose = text.split(|c: char| !c.is_alphabetic() && c != '\\').any(small);
    // Commands such as `\in` are no prose, nor is the inside of `\text{}`.
    (!prose || text.contains("\\text") || text.ends_with(" in") || text.contains(" per ")) && is_mathematics(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_they_do() {
        for (text, first) in [
            ("Dr. Smith. He is.", "Dr. Smith"),
            ("J. K. Rowling.", "J. K. Rowling"),
            ("approx. 5.", "approx. 5"),
            ("3.5 cm. Then", "3.5 cm"),
            ("St. Louis", "St. Louis"),
            ("\u{4e94}\u{3002}\u{4e0d}", "\u{4e94}"),
            ("5! = 120. Good", "5! = 120"),
        ] {
            assert_eq!(sentence(text), first, "{text}");
        }
    }

    #[test]
    fn spans_of_mathematics() {
        assert_eq!(last_span("a $x$ and \\(y\\) b").map(|s| s.1).as_deref(), Some("y"));
        assert_eq!(last_span("is $\\$18$.").map(|s| s.1).as_deref(), Some("\\$18"));
        assert_eq!(last_span("costs $5 and $6"), None);
    }
}
