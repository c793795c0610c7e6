//! Where in a reply the final answer stands.

use crate::json::answer_field;
use crate::languages;
use crate::normal::{braced, unwrap};
use crate::scan::{last_number, leading_number};
use outthink_core::{Answer, AnswerKind};

/// The word that all markers begin with.
const MARKED: &str = "answer";
/// What follows it where the answer stands next.
const MARKERS: &[&str] = &[" is", " are", ":", " :", "**:", " =", " equals", " is therefore"];
/// Where an answer in running text ends.
const ENDS: &[&str] = &[
    " because",
    " since ",
    " as ",
    ", so",
    ", which",
    ", where",
    ", because",
    ", since",
    ", as ",
    ". ",
    "; ",
    " when ",
    " if ",
    " (",
    " which ",
];
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
    "simple:",
    "easy:",
];
/// Stated answers of more words are no answers.
const MAX_WORDS: usize = 8;

/// The final answer of a reply, if it holds one.
///
/// Looked for in this order: the `answer` field of a reply that is wholly a JSON object, the last
/// `\boxed{}`, a last line `#### X`, "the answer is X", a multiple-choice letter, the last number.
///
/// ```
/// use outthink_core::AnswerKind;
/// use outthink_verify::find_answer;
///
/// let answer = find_answer("The answer is 42 because 6*7=42.").expect("it is stated");
/// assert_eq!((answer.text.as_str(), answer.kind), ("42", AnswerKind::Stated));
/// assert_eq!(find_answer("Let me think"), None);
/// ```
pub fn find_answer(text: &str) -> Option<Answer> {
    let text = match text.rfind("</think>") {
        Some(at) => text.get(at + "</think>".len()..).unwrap_or(""),
        None => text,
    };
    let answer = |text: String, kind| Some(Answer { text, kind });
    if let Some(found) = answer_field(text) {
        return answer(found, AnswerKind::Json);
    }
    if let Some(found) = boxed(text) {
        return answer(found, AnswerKind::Boxed);
    }
    if let Some(found) = hashes(text) {
        return answer(found, AnswerKind::Hashes);
    }
    if let Some((found, kind)) = stated(text).or_else(|| languages::stated(text)) {
        return answer(found, kind);
    }
    if let Some(letter) = choice(text) {
        return answer(letter, AnswerKind::Choice);
    }
    last_number(text).and_then(|found| answer(found, AnswerKind::LastNumber))
}

/// The inside of the last complete box.
fn boxed(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return None;
    }
    let mut ends: Vec<(usize, usize)> = Vec::new();
    for command in ["\\boxed", "\\fbox"] {
        ends.extend(text.match_indices(command).map(|(at, _)| (at, at + command.len())));
    }
    ends.sort_unstable();
    // Boxes that do not close are skipped; a bound keeps adversarial inputs linear.
    ends.iter().rev().take(64).find_map(|&(_, end)| {
        let rest = text.get(end..)?.trim_start();
        let inside = if rest.starts_with('{') {
            braced(rest)?
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == '$')?;
            rest.get(..end)?
        };
        let inside = inside.trim();
        (!inside.is_empty()).then(|| inside.to_owned())
    })
}

/// What stands after `####`, as in GSM8K; headings of Markdown are passed over.
fn hashes(text: &str) -> Option<String> {
    let mut last = true;
    for line in text.lines().rev() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if let Some(rest) = line.strip_prefix("####")
            && !rest.starts_with('#')
        {
            let rest = unwrap(rest).trim();
            let number = leading_number(rest).filter(|found| found.len() == rest.len());
            if !rest.is_empty() && (last || number.is_some()) {
                return Some(number.map_or_else(|| rest.to_owned(), str::to_owned));
            }
        }
        last = false;
    }
    None
}

/// What stands after "the answer is" and its like; the last mention counts.
fn stated(text: &str) -> Option<(String, AnswerKind)> {
    let lower = text.to_ascii_lowercase();
    let mut ends: Vec<usize> = Vec::new();
    for (at, word) in lower.match_indices(MARKED) {
        let after = at + word.len();
        let follows = MARKERS.iter().filter(|marker| lower[after..].starts_with(**marker));
        ends.extend(follows.map(|marker| after + marker.len()));
    }
    ends.sort_unstable();
    ends.iter().rev().take(64).find_map(|&end| statement(text.get(end..)?))
}

fn statement(rest: &str) -> Option<(String, AnswerKind)> {
    let skip = |text: &str| -> usize {
        let kept = text.trim_start_matches([':', '*', '=', ' ', '\t', '_'].as_slice());
        text.len() - kept.len()
    };
    let bold = rest.get(..skip(rest)).is_some_and(|skipped| skipped.contains("**"));
    let rest = rest.get(skip(rest)..)?;
    let line = rest
        .lines()
        .map(|line| line.trim().trim_start_matches(['*', ':', ' '].as_slice()))
        .find(|line| !line.is_empty() && *line != "$$" && *line != "\\[")?;
    let line = if bold { line.split("**").next().unwrap_or(line) } else { line };
    if let Some(inside) = delimited(line) {
        return Some((inside, AnswerKind::Stated));
    }
    let mut line = line;
    for article in ["option ", "choice ", "Option ", "Choice ", "therefore "] {
        line = line.strip_prefix(article).unwrap_or(line);
    }
    let line = line.trim_start_matches("**");
    let line = after_hedges(line);
    if let Some(letter) = letter(line) {
        return Some((letter, AnswerKind::Choice));
    }
    let end = ENDS.iter().filter_map(|end| line.find(end)).min();
    let mut clipped = line.get(..end.unwrap_or(line.len()))?;
    if line.contains("**") {
        clipped = clipped.split("**").next().unwrap_or(clipped);
    }
    let clipped = unwrap(clipped);
    let lower = clipped.to_ascii_lowercase();
    if clipped.is_empty() || REFUSED.iter().any(|word| lower.starts_with(word)) {
        return None;
    }
    if let Some(number) = leading_number(clipped) {
        // "18 dollars": words after a number are its unit.
        let after = clipped.get(number.len()..).unwrap_or("").trim();
        if after.chars().all(|c| c.is_alphabetic() || c.is_whitespace()) {
            let number = number.trim_start_matches(['$', ' '].as_slice());
            return Some((number.to_owned(), AnswerKind::Stated));
        }
        if clipped.starts_with('$') && !after.contains('$') {
            return Some((number.trim_start_matches('$').to_owned(), AnswerKind::Stated));
        }
    }
    if clipped.split_whitespace().count() > MAX_WORDS {
        return last_number(clipped).map(|number| (number, AnswerKind::Stated));
    }
    Some((clipped.to_owned(), AnswerKind::Stated))
}

/// Without what only leads to the answer: "about 3.5", "the total is 42".
fn after_hedges(line: &str) -> &str {
    let mut line = line;
    if let Some((before, after)) = line.split_once(" is ")
        && (before.starts_with("The ") || before.starts_with("the "))
    {
        line = after.trim_start();
    }
    for hedge in ["about ", "approximately ", "roughly ", "exactly ", "equal to "] {
        line = line.strip_prefix(hedge).unwrap_or(line);
    }
    line
}

/// The inside of mathematics or bold text with which a line begins.
pub(crate) fn delimited(line: &str) -> Option<String> {
    for (open, close) in [("$$", "$$"), ("\\(", "\\)"), ("\\[", "\\]"), ("$", "$")] {
        if let Some(rest) = line.strip_prefix(open) {
            let (inside, after) = rest.split_once(close)?;
            let inside = inside.trim();
            // "$5 and $6" is money, not mathematics.
            let money = open == "$"
                && inside.starts_with(|c: char| c.is_ascii_digit())
                && after.starts_with(|c: char| c.is_ascii_digit());
            return (!inside.is_empty() && !money).then(|| inside.to_owned());
        }
    }
    None
}

/// The letter of a choice with which a line begins: `(B)`, `B.`, `B) 5 apples`, `B` alone.
pub(crate) fn letter(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("**");
    let (bracketed, rest) = match line.strip_prefix(['(', '[']) {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let c = rest.chars().next().filter(|c| ('A'..='J').contains(c))?;
    let after = rest.get(1..)?;
    let ends = if bracketed {
        after.starts_with([')', ']'])
    } else {
        let after = after.trim_end_matches(['*', ' '].as_slice());
        after.is_empty()
            || after == "."
            || after.starts_with(')')
            || after.starts_with(". ")
            || after.starts_with(": ")
            || after.starts_with("** ")
            || after.starts_with("**.")
            || ENDS.iter().any(|end| after.starts_with(end))
    };
    ends.then(|| c.to_string())
}

/// A choice that the last line is, or that it names as an option.
fn choice(text: &str) -> Option<String> {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let bare = unwrap(line);
    if bare.len() <= 3
        && let Some(letter) = letter(bare)
    {
        return Some(letter);
    }
    for word in ["option ", "Option ", "choice ", "Choice "] {
        if let Some((_, rest)) = line.rsplit_once(word)
            && let Some(letter) = letter(rest)
        {
            return Some(letter);
        }
    }
    let (_, rest) = line.rsplit_once('(')?;
    let mut chars = rest.chars();
    match (chars.next(), chars.next()) {
        (Some(c @ 'A'..='E'), Some(')')) => Some(c.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AnswerKind::{Boxed, Choice, Hashes, Json, LastNumber, Stated};

    #[test]
    fn where_answers_stand() {
        for (reply, text, kind) in [
            ("so \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}", Boxed),
            ("\\boxed{1} no, \\boxed{ 2 }", "2", Boxed),
            ("\\fbox{7}", "7", Boxed),
            ("\\boxed{3} then \\boxed{4", "3", Boxed),
            ("The answer is 3. \\boxed{4}", "4", Boxed),
            ("6*7=42\n#### 42", "42", Hashes),
            ("#### 1,200\n", "1,200", Hashes),
            ("#### Step 1\nThe answer is 5", "5", Stated),
            ("The answer is 42 because 6*7=42.", "42", Stated),
            ("The answer is: $18 dollars", "18", Stated),
            ("The answer is $18.", "18", Stated),
            ("The answer is $18$.", "18", Stated),
            ("answer is \\(\\frac{1}{2}\\)", "\\frac{1}{2}", Stated),
            ("**Final answer:** -7", "-7", Stated),
            ("**Answer: 12**", "12", Stated),
            ("The final answer is **x = 3**.", "x = 3", Stated),
            ("The answer is 5 cm.", "5", Stated),
            ("The answer is 50%.", "50%", Stated),
            ("The answer is about 3.5 meters.", "3.5", Stated),
            ("Answer: The total is 42.", "42", Stated),
            ("The answer is:\n\n$$x = 5$$", "x = 5", Stated),
            ("The answer is **B) Mars**", "B", Choice),
            ("The answer is (3, 4).", "(3, 4)", Stated),
            ("Answer: 05/01/2021", "05/01/2021", Stated),
            ("The answer is Paris.", "Paris", Stated),
            ("The answer is 3. Wait, the answer is 4.", "4", Stated),
            ("The answer is not clear. So 6?", "6", LastNumber),
            ("The answer is B", "B", Choice),
            ("The answer is (C) 12 apples.", "C", Choice),
            ("I choose Option C", "C", Choice),
            ("(B)", "B", Choice),
            ("So it must be (D).", "D", Choice),
            ("{\"answer\": 42}", "42", Json),
            ("She has $1,234.50 left", "1,234.50", LastNumber),
            ("It was -5 degrees", "-5", LastNumber),
            ("That is 25% of it", "25%", LastNumber),
            ("on 05/01/2021", "05/01/2021", LastNumber),
            ("<think>the answer is 3</think>It is 4.", "4", LastNumber),
        ] {
            let found = find_answer(reply).map(|a| (a.text, a.kind));
            assert_eq!(found, Some((text.to_owned(), kind)), "{reply}");
        }
        for reply in ["", "Let me think about", "An essay on freedom.", "\\boxed{"] {
            assert_eq!(find_answer(reply), None, "{reply}");
        }
    }
}
