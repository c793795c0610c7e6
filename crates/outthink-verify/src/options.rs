//! The options of a multiple-choice question, and answers that name one of them by letter, by text or by both.

use crate::{Equality, equivalent_by};
use outthink_core::{Answer, AnswerKind};
use regex::Regex;
use std::sync::LazyLock;

/// Options of one question at most.
const MOST: usize = 10;
/// Bytes of a prompt that are looked at, from its end.
const MOST_BYTES: usize = 16_384;

static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m)^[ \t>*-]*\(?([A-J])(?:\)|\.|:|\uff1a|\u3001|\]|\.\))[ \t]*\**[ \t]*(\S.*?)[ \t]*$").ok()
});
static INLINE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\(?\b([A-J])(?:\)|\.)[ \t]+").ok());

/// The options of a question, by letter.
///
/// ```
/// use outthink_verify::{Options, find_answer};
///
/// let options = Options::of_prompt("Which is largest?\nA) Mars\nB) Earth\nC) Venus\nD) Jupiter").expect("four options");
/// for reply in ["The answer is D) Jupiter.", "\\boxed{D}", "The answer is Jupiter."] {
///     let answer = options.resolve(find_answer(reply).expect("it is stated"));
///     assert_eq!(answer.text, "D");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options(Vec<(char, String)>);

impl Options {
    /// The options that a prompt ends with, one a line or all in one line: consecutive letters from A on, two at least.
    pub fn of_prompt(prompt: &str) -> Option<Self> {
        let from = prompt.len().saturating_sub(MOST_BYTES);
        let from = (from..=prompt.len()).find(|&at| prompt.is_char_boundary(at))?;
        let prompt = prompt.get(from..)?;
        // Every request is looked at, and few have options: the first of them is marked as one, or there are none.
        let is_mark =
            |(at, _): (usize, &str)| prompt[at + 1..].starts_with([')', '.', ':', ']', '\u{ff1a}', '\u{3001}']);
        if !prompt.match_indices('A').any(is_mark) {
            return None;
        }
        let lines = LINE.as_ref()?.captures_iter(prompt).filter_map(|found| {
            Some((found.get(1)?.as_str().chars().next()?, found.get(2)?.as_str().trim_end_matches("**").to_owned()))
        });
        Self::consecutive(lines.collect()).or_else(|| prompt.lines().rev().find_map(Self::of_line))
    }

    fn of_line(line: &str) -> Option<Self> {
        let marks: Vec<(char, usize, usize)> = INLINE
            .as_ref()?
            .captures_iter(line)
            .filter_map(|found| {
                Some((found.get(1)?.as_str().chars().next()?, found.get(0)?.start(), found.get(0)?.end()))
            })
            .collect();
        let ends = marks.iter().skip(1).map(|mark| mark.1).chain([line.len()]);
        let texts = marks.iter().zip(ends).filter_map(|(mark, end)| Some((mark.0, line.get(mark.2..end)?)));
        let tidy = |text: &str| text.trim().trim_end_matches([',', ';'].as_slice()).to_owned();
        Self::consecutive(texts.map(|(letter, text)| (letter, tidy(text))).collect())
    }

    /// The last run of A, B, C ... with at least two options.
    fn consecutive(found: Vec<(char, String)>) -> Option<Self> {
        let start = found.iter().rposition(|option| option.0 == 'A')?;
        let run: Vec<(char, String)> = found
            .into_iter()
            .skip(start)
            .zip('A'..='J')
            .take_while(|(option, letter)| option.0 == *letter)
            .map(|pair| pair.0)
            .collect();
        ((2..=MOST).contains(&run.len()) && run.iter().all(|option| !option.1.is_empty())).then_some(Self(run))
    }

    /// The letter of the option that an answer names: `D`, `D) Jupiter`, `Jupiter`. Nothing where it names none, or
    /// where several options read alike.
    pub fn letter_of(&self, answer: &str) -> Option<char> {
        if let Some(letter) = option_letter(&crate::read::plain(answer)) {
            return self.0.iter().any(|option| option.0 == letter).then_some(letter);
        }
        let named: Vec<char> = self
            .0
            .iter()
            .filter(|option| equivalent_by(&option.1, answer, Equality::Strict))
            .map(|option| option.0)
            .collect();
        match named.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// The answer as its letter, where it names an option; else as it is.
    #[must_use]
    pub fn resolve(&self, answer: Answer) -> Answer {
        match self.letter_of(&answer.text) {
            Some(letter) if answer.kind.is_weak() => Answer { text: letter.to_string(), ..answer },
            Some(letter) => Answer { text: letter.to_string(), kind: AnswerKind::Choice },
            None => answer,
        }
    }

    /// The text of an option.
    pub fn text_of(&self, letter: char) -> Option<&str> {
        self.0.iter().find(|option| option.0 == letter).map(|option| option.1.as_str())
    }
}

/// The letter of an answer that is an option: `D`, `(D)`, `D)`, `D. Jupiter`, `(D) 12`, `D - 36`.
pub(crate) fn option_letter(text: &str) -> Option<char> {
    let text = text.trim();
    if let Some(command) =
        ["\\textbf", "\\text", "\\mathrm", "\\mathbf", "\\textrm"].iter().find_map(|c| text.strip_prefix(c))
    {
        let inside = crate::normal::braced(command)?;
        let after = command.get(inside.len() + 2..)?;
        return (after.is_empty() || after.starts_with(['\\', ' ', '~'])).then(|| option_letter(inside)).flatten();
    }
    let (bracketed, rest) = text.strip_prefix('(').map_or((false, text), |rest| (true, rest));
    let letter = rest.chars().next().filter(|c| ('A'..='J').contains(c))?;
    let after = rest.get(1..)?;
    let spaced = |rest: &str| rest.starts_with([' ', '\\', '~', '\n', '}']);
    let named = match after.chars().next() {
        None => !bracketed,
        Some(')') => after.len() == 1 || spaced(after.get(1..)?),
        Some('.' | ':') if !bracketed => after.len() == 1 || spaced(after.get(1..)?),
        Some(' ') if !bracketed => {
            [" - ", " \u{2013} ", " \u{2014} "].iter().any(|dash| after.starts_with(dash)) && after.len() > 4
        }
        _ => false,
    };
    named.then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_in_lines_or_in_one() {
        for prompt in [
            "Q?\n(A) 1\n(B) 2\n(C) 3",
            "Q?\nA. 1\nB. 2\nC. 3\n\nAnswer with a letter.",
            "Pick one: A) 1, B) 2, C) 3",
            "An example:\nA. x\nB. y\n\nThe question:\nA: 1\nB: 2\nC: 3",
        ] {
            let options = Options::of_prompt(prompt).unwrap_or(Options(Vec::new()));
            assert_eq!(options.text_of('C'), Some("3"), "{prompt}");
            assert_eq!(options.letter_of("2.0"), Some('B'), "{prompt}");
            assert_eq!(options.letter_of("(C)"), Some('C'), "{prompt}");
            assert_eq!(options.letter_of("E"), None, "{prompt}");
            assert_eq!(options.letter_of("4"), None, "{prompt}");
        }
        assert_eq!(Options::of_prompt("A. Smith wrote: what is 2+2?"), None);
    }
}
