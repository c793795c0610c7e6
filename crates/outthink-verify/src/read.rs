//! What the text of an answer means: mathematics, a time of day, or words.

use crate::ast::Expr;
use crate::clock::time;
use crate::fold::folded;
use crate::glyphs::fold_all;
use crate::normal::{braced, fold_words, is_literal_shape, unwrap};
use crate::parser::{Parsed, parse, parse_with_units};

/// Longer answers are compared as text.
pub(crate) const MAX_LENGTH: usize = 4_096;

/// The meaning of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    Math(Parsed),
    /// Seconds after midnight.
    Time(u32),
    /// Words, in the form in which they are compared.
    Words(String),
}

/// The text of an answer without its wrappers and in ASCII where it can be.
pub(crate) fn plain(text: &str) -> String {
    let folded = fold_all(text);
    let mut text = undecorated(unwrap(&folded));
    for _ in 0..4 {
        let mut inner = None;
        for command in [
            "\\text",
            "\\mathrm",
            "\\textbf",
            "\\mbox",
            "\\mathbf",
            "\\textit",
            "\\textrm",
            "\\underline",
            "\\mathit",
            "\\emph",
            "\\textsf",
            "\\texttt",
            "\\mathsf",
        ] {
            if let Some(rest) = text.strip_prefix(command)
                && let Some(inside) = braced(rest.trim_start())
                && inside.len() + 2 == rest.trim_start().len()
            {
                inner = Some(unwrap(inside));
            }
        }
        match inner.filter(|inner| !inner.is_empty()) {
            Some(inner) => text = inner,
            None => break,
        }
    }
    // Backslashes that were escaped once too often; outside an environment there are no rows to end.
    let doubled =
        |at: usize| text.get(at + 2..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    if !text.contains("\\begin") && text.match_indices("\\\\").any(|(at, _)| doubled(at)) {
        return text.replace("\\\\", "\\");
    }
    text.to_owned()
}

/// Without the signs that lead to an answer or praise it, and without an environment around one line.
fn undecorated(text: &str) -> &str {
    let mut text = text;
    for _ in 0..4 {
        let before = text;
        for sign in ["\\therefore", "\\Rightarrow", "\\implies", "\\approx", "\\quad", "\\,"] {
            if let Some(rest) =
                text.strip_prefix(sign).filter(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
            {
                text = unwrap(rest.trim_start_matches("\\ "));
            }
        }
        for sign in ["\\checkmark", "\\square", "\\blacksquare", "\\Box", "\\quad", "\\qquad"] {
            if let Some(rest) = text.strip_suffix(sign).filter(|rest| !rest.is_empty()) {
                text = unwrap(rest);
            }
        }
        for environment in ["aligned", "align*", "align", "gathered", "split", "equation*", "equation"] {
            let inside = text
                .strip_prefix("\\begin{")
                .and_then(|rest| rest.strip_prefix(environment)?.strip_prefix('}'))
                .and_then(|rest| rest.strip_suffix('}')?.strip_suffix(environment)?.strip_suffix("\\end{"));
            if let Some(inside) = inside.filter(|inside| !inside.contains("\\\\") && !inside.contains("\\begin")) {
                text = unwrap(inside.trim_start_matches(['&', ' ']));
            }
        }
        if text == before {
            break;
        }
    }
    text
}

/// Reads an answer in plain form; `letters` takes single letters behind numbers for units.
pub(crate) fn read(text: &str, letters: bool) -> Reading {
    if let Some(seconds) = time(text) {
        return Reading::Time(seconds);
    }
    if let Some(expr) = crate::spoken::value(text, letters) {
        return Reading::Math(Parsed { expr, ambiguous: false });
    }
    mathematics(text, letters).map_or_else(|| Reading::Words(words(text)), Reading::Math)
}

/// The mathematics that a text in plain form is; words, dates and times are none.
pub(crate) fn mathematics(text: &str, letters: bool) -> Option<Parsed> {
    if is_literal_shape(text) || is_prose(text) {
        return None;
    }
    let spelled = spelled_out(text);
    let text = spelled.as_deref().unwrap_or(text);
    let parsed = if letters { parse_with_units(text) } else { parse(text) };
    parsed
        .filter(|parsed| !matches!(parsed.expr, Expr::Text(_)) && !is_sentence(&parsed.expr))
        .map(|parsed| Parsed { expr: folded(parsed.expr), ..parsed })
}

/// Whether words are among the factors of a value, so that it is no value.
fn is_sentence(expr: &Expr) -> bool {
    expr.any(&|part| matches!(part, Expr::Mul(items) | Expr::Add(items) if items.iter().any(|item| matches!(item, Expr::Text(_)))))
}

/// Whether a text is one word that is a word rather than a product of variables.
pub(crate) fn is_prose(text: &str) -> bool {
    if text.len() < 2 || !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return false;
    }
    if crate::parser_atoms::function(text).is_some()
        || matches!(text, "pi" | "infty" | "infinity" | "inf" | "oo" | "Infinity")
    {
        return false;
    }
    let capital = text.bytes().any(|byte| byte.is_ascii_uppercase());
    let vowels: &[u8] = if text.len() > 2 { b"aeiou" } else { b"eiou" };
    capital || text.len() > 3 || text.bytes().any(|byte| vowels.contains(&byte))
}

/// With words that compute as signs: "3 times x", "7 factorial", "2 to the power n". Nothing where there are none.
fn spelled_out(text: &str) -> Option<String> {
    const SIGNS: &[(&str, &str)] = &[
        (" times ", " * "),
        (" multiplied by ", " * "),
        (" plus ", " + "),
        (" minus ", " - "),
        (" divided by ", " / "),
        (" over ", " / "),
        (" to the power of ", "^"),
        (" to the power ", "^"),
        (" raised to ", "^"),
        (" factorial", "!"),
        (" modulo ", " \\bmod "),
        ("= minus ", "= -"),
        ("= negative ", "= -"),
        ("plus or minus ", "\\pm "),
        ("^{th}", ""),
        ("^{\\text{th}}", ""),
        (" choose ", " \\choose "),
        (" to the ", "^"),
    ];
    let french = text.starts_with(']') || text.ends_with('[');
    if text.len() > 256
        || !(french
            || text.contains(' ')
            || text.contains("th}")
            || text.contains("根")
            || text.contains("\\{")
            || text.contains("\\[")
            || text.contains("\\]")
            || text.contains("choose"))
    {
        return None;
    }
    let open = text.replace("\\]", "]").replace("\\[", "[");
    let mut out = french_brackets(&open).unwrap_or(open);
    if let Some(condition) = set_builder(&out) {
        out = condition;
    }
    if let Some(rooted) = roots(&out) {
        out = rooted;
    }
    if out.contains(' ') || out.contains("th}") {
        for (word, sign) in SIGNS {
            out = out.replace(word, sign);
        }
        for (word, sign) in [(" squared", "^2"), (" cubed", "^3")] {
            if let Some(before) = out.strip_suffix(word)
                && before.ends_with(|c: char| c.is_ascii_digit() || c == ')' || c == 'x')
            {
                out = format!("{before}{sign}");
            }
        }
    }
    if let Some(at) = out.find("\\choose") {
        let (top, bottom) = (out.get(..at)?, out.get(at + "\\choose".len()..)?);
        let (before, top) = top.rsplit_once('{').map_or(("", top), |(before, top)| (before, top));
        let (bottom, after) = bottom.split_once('}').unwrap_or((bottom, ""));
        out = format!("{before}\\binom{{{top}}}{{{bottom}}}{after}");
    }
    (out != text).then_some(out)
}

/// The condition of `\{x : 1 < x < 2\}` and `\{x \in \mathbb{R} \mid x > 2\}`.
fn set_builder(text: &str) -> Option<String> {
    let inside = text.strip_prefix("\\{")?.strip_suffix("\\}")?;
    let (name, condition) = ["\\mid", ":", "|"].iter().find_map(|mark| inside.split_once(mark))?;
    let name = name.trim();
    let letter = name.chars().next().filter(char::is_ascii_alphabetic)?;
    let rest: String = name.get(1..)?.chars().filter(|c| !matches!(c, ' ' | '{' | '}')).collect();
    let real = matches!(rest.as_str(), "" | "\\in\\mathbbR" | "\\inR" | "\u{2208}R" | "\u{2208}\u{211d}");
    let condition = condition.trim();
    let inequality =
        condition.contains(['<', '>']) || ["\\le", "\\ge", "\\ne"].iter().any(|rel| condition.contains(rel));
    (real && inequality && condition.contains(letter) && !condition.contains("\\{")).then(|| condition.to_owned())
}

/// "5 root 2", "the square root of 7", "2倍根号3" with the sign of a root.
fn roots(text: &str) -> Option<String> {
    for words in ["the square root of ", "square root of ", " root ", "倍根号", "倍根號", "根号", "根號"] {
        let Some((before, after)) = text.split_once(words) else { continue };
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (number, rest) = (after.get(..end).filter(|n| !n.is_empty())?, after.get(end..)?);
        return Some(format!("{before}\\sqrt{{{number}}}{rest}"));
    }
    None
}

/// `]0, 1[` as `(0, 1)`.
fn french_brackets(text: &str) -> Option<String> {
    let (opens, closes) = (text.starts_with(']'), text.ends_with('['));
    if !(opens || closes) || !text.ends_with(['[', ']', ')']) || !text.starts_with(['[', ']', '(']) {
        return None;
    }
    let inside = text.get(1..text.len().checked_sub(1)?)?;
    let first = if opens { '(' } else { text.chars().next()? };
    let last = if closes { ')' } else { text.chars().last()? };
    Some(format!("{first}{}{last}", inside.replace(';', ",")))
}

/// Words as they are compared: case, punctuation between words and articles at the start aside.
pub(crate) fn words(text: &str) -> String {
    let folded = fold_words(text);
    // "CO" is not "Co".
    let small = text.len() == 2
        && text.bytes().all(|b| b.is_ascii_alphabetic())
        && text.bytes().any(|b| b.is_ascii_uppercase());
    if small && crate::words::truth(&folded).is_none() {
        return text.to_owned();
    }
    if matches!(folded.as_str(), "dne" | "does not exist" | "doesn't exist" | "undefined" | "not defined") {
        return "undefined".to_owned();
    }
    // Genotypes and the like: `Aa` is not `AA`.
    let one = folded.chars().next();
    if text.len() > 1
        && text.len() < 8
        && text.chars().all(|c| c.is_ascii_alphabetic() && one == Some(c.to_ascii_lowercase()))
    {
        return text.to_owned();
    }
    if let Some(truth) = crate::words::truth(&folded) {
        return if truth { "yes" } else { "no" }.to_owned();
    }
    // "U.S." is "US".
    let initial = |part: &str| part.is_empty() || part.len() == 1 && part.bytes().all(|b| b.is_ascii_uppercase());
    if text.len() > 2 && text.contains('.') && text.split('.').all(|part| initial(part.trim())) {
        return words(&text.replace(['.', ' '], ""));
    }
    let spaced: Vec<&str> =
        folded.split_whitespace().map(|word| word.trim_end_matches([',', ';', '.'].as_slice())).collect();
    let joined = spaced.join(" ");
    if joined.is_empty() { folded } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_no_products() {
        for text in ["DNA", "cat", "war", "NW", "AB", "Aa", "no"] {
            assert!(is_prose(text), "{text}");
        }
        for text in ["xy", "ab", "pqr", "sin", "pi", "x"] {
            assert!(!is_prose(text), "{text}");
        }
    }
}
