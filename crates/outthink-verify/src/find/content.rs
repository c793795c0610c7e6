//! What of the inside of a box, a tag or a field is the answer.

use super::choice::{Named, named};
use super::markers::{Marker, markers};
use super::statement::{Said, after_hedges, said};
use crate::json::answer_value;
use crate::normal::{braced, unwrap};
use crate::{Equality, equivalent_by};

/// Signs around an answer that are none of it.
const SIGNS: &[&str] = &[
    "\\checkmark",
    "\\square",
    "\\blacksquare",
    "\\Box",
    "\\qed",
    "\\quad",
    "\\qquad",
    "\\ ",
    "\\,",
    "\\;",
    "\\!",
    "~",
    "\u{2713}",
    "\u{2714}",
    "\u{2705}",
    "\u{25a1}",
    "\u{25a0}",
    "\u{220e}",
    "\u{1f389}",
];
/// Signs before an answer that are none of it.
const LEADS: &[&str] = &[
    "\\therefore",
    "\\implies",
    "\\Rightarrow",
    "\\Longrightarrow",
    "\\rightarrow",
    "\\approx",
    "\\to",
    "\u{2234}",
    "\u{2248}",
    "\u{21d2}",
    "\u{2192}",
    "\\simeq",
    "\\cong",
    "=",
];
/// Commands that wrap their last argument, with the number of those before it.
const WRAPPERS: &[(&str, usize)] = &[
    ("\\emph", 0),
    ("\\colorbox", 1),
    ("\\textcolor", 1),
    ("\\color", 1),
    ("\\fcolorbox", 2),
    ("\\boldsymbol", 0),
    ("\\bm", 0),
    ("\\textsf", 0),
    ("\\texttt", 0),
    ("\\fbox", 0),
    ("\\underbrace", 0),
    ("\\hbox", 0),
    ("\\ensuremath", 0),
];
/// Environments that wrap one line.
const ROWS: &[&str] =
    &["aligned", "align", "align*", "gathered", "gather", "gather*", "equation", "equation*", "split"];
/// Commands whose argument is prose.
const PROSE: &[&str] =
    &["\\text", "\\textbf", "\\textit", "\\textrm", "\\mathrm", "\\mbox", "\\mathbf", "\\emph", "\\hbox"];

/// The answer that the inside of a box, a tag or a field is or says.
pub(super) fn content(inside: &str) -> String {
    let bare = bare(inside);
    if let Some(field) = bare.starts_with('{').then(|| answer_value(bare)).flatten() {
        return content_of_words(&field).unwrap_or(field);
    }
    content_of_words(bare).unwrap_or_else(|| bare.to_owned())
}

/// Without signs and wrappers; of alternatives that are equal the first one.
pub(super) fn plain(text: &str) -> String {
    let text = bare(text);
    same_alternatives(text).unwrap_or_else(|| text.to_owned())
}

/// Without signs and wrappers.
fn bare(inside: &str) -> &str {
    let mut text = inside.trim();
    for _ in 0..8 {
        let before = text;
        for sign in SIGNS {
            let word = |rest: &str| !(sign.len() > 3 && rest.starts_with(|c: char| c.is_ascii_alphabetic()));
            if let Some(rest) = text.strip_prefix(sign).filter(|rest| word(rest) && !rest.trim().is_empty()) {
                text = rest.trim_start();
            }
            if let Some(rest) = text.strip_suffix(sign).filter(|rest| !rest.trim().is_empty() && !rest.ends_with('\\'))
            {
                text = rest.trim_end();
                if text.ends_with('\\') && !text.ends_with("\\\\") {
                    text = text.strip_suffix('\\').unwrap_or(text).trim_end();
                }
            }
        }
        for lead in LEADS {
            if let Some(rest) = text.strip_prefix(lead)
                && !rest.starts_with(|c: char| lead.len() > 1 && c.is_ascii_alphabetic())
                && !rest.trim().is_empty()
                && !rest.starts_with('=')
            {
                text = rest.trim_start();
            }
        }
        text = unwrapped(text).unwrap_or(text);
        if text == before {
            break;
        }
    }
    text
}

/// The inside of a wrapper that a text is as a whole.
fn unwrapped(text: &str) -> Option<&str> {
    for (command, others) in WRAPPERS {
        let Some(mut rest) = text.strip_prefix(command).map(str::trim_start) else { continue };
        for _ in 0..*others {
            rest = rest.get(braced(rest)?.len() + 2..)?.trim_start();
        }
        let inside = braced(rest)?;
        return (inside.len() + 2 == rest.len() && !inside.trim().is_empty()).then_some(inside.trim());
    }
    ROWS.iter().find_map(|row| {
        let inside = text.strip_prefix(format!("\\begin{{{row}}}").as_str())?;
        let inside = inside.strip_suffix(format!("\\end{{{row}}}").as_str())?.trim();
        let inside = inside.strip_prefix('&').unwrap_or(inside);
        (!inside.is_empty() && !inside.contains('&') && !inside.contains("\\\\")).then_some(inside)
    })
}

/// Text commands as their text.
pub(crate) fn flat(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    'text: while let Some(at) = rest.find('\\') {
        let (before, command) = rest.split_at(at);
        out.push_str(before);
        for name in PROSE {
            if let Some(argument) = command.strip_prefix(name)
                && let Some(inside) = braced(argument.trim_start())
            {
                out.push_str(inside);
                let gap = argument.len() - argument.trim_start().len();
                rest = argument.get(gap + inside.len() + 2..).unwrap_or_default();
                continue 'text;
            }
        }
        let step = 1 + command.chars().nth(1).map_or(0, char::len_utf8);
        let (kept, after) = command.split_at(step);
        out.push_str(if matches!(kept, "\\ " | "\\," | "\\;") { " " } else { kept });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The answer of an inside that holds words.
fn content_of_words(inside: &str) -> Option<String> {
    // A word of a language has two letters in a row that are no command.
    if inside.len() > 512
        || !(inside.contains("\\text") || inside.contains("\\m") || inside.contains([' ', ':', '\u{ff1a}']))
    {
        return None;
    }
    let flat = flat(inside);
    for marker in [Marker::Answer, Marker::Result] {
        if let Some(at) = markers(&flat, marker).next()
            && flat.get(..at.start).is_some_and(|before| before.trim().len() < 24)
            && let Said::Value(text, _) = said(flat.get(at.clone())?, flat.get(at.end..)?)
        {
            return Some(text);
        }
    }
    let hedged = after_hedges(flat.trim());
    if hedged.len() < flat.trim().len() && !hedged.is_empty() && !flat.contains('\\') {
        return Some(match named(hedged) {
            Some(Named::Letters(letters)) => letters,
            _ => unwrap(hedged).to_owned(),
        });
    }
    same_alternatives(&flat)
}

/// One of several alternatives that are equal: `0.5 or \frac12`.
fn same_alternatives(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(" or ").map(str::trim).collect();
    let (first, others) = parts.split_first()?;
    let alike = |part: &&str| !part.is_empty() && equivalent_by(first, part, Equality::Strict);
    ((1..4).contains(&others.len()) && others.iter().all(alike)).then(|| (*first).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_inside_says() {
        for (inside, answer) in [
            ("\\text{The answer is } 42", "42"),
            ("\\mathrm{Answer: }5", "5"),
            ("\\ 42\\ \\checkmark", "42"),
            ("5 \\quad \\square", "5"),
            ("\\emph{5}", "5"),
            ("\\colorbox{yellow}{5}", "5"),
            ("\\textcolor{red}{\\frac{1}{2}}", "\\frac{1}{2}"),
            ("\\begin{aligned}10\\end{aligned}", "10"),
            ("\\text{Option A}", "A"),
            ("\\approx 3.14", "3.14"),
            ("0.5\\text{ or }\\frac12", "0.5"),
            ("It is Paris", "Paris"),
            ("{\"answer\": 42}", "42"),
            ("\\frac{1}{2}", "\\frac{1}{2}"),
            ("1 \\text{ or } 2", "1 \\text{ or } 2"),
            ("x \\equiv 2 \\pmod 5", "x \\equiv 2 \\pmod 5"),
        ] {
            assert_eq!(content(inside), answer, "{inside}");
        }
    }
}
