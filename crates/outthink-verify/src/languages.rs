//! Answers that are stated in other languages than English.
//!
//! What follows "die Antwort ist" or "答案是" counts only where it is plain: a number with its unit, a choice,
//! mathematics or a single word. A whole sentence may be an essay's.

use crate::find::{delimited, letter};
use crate::scan::leading_number;
use outthink_core::AnswerKind;

/// The word for an answer, and what follows it where the answer stands next; in lower case as far as ASCII goes.
const MARKERS: &[(&str, &[&str])] = &[
    ("antwort", &[" ist", " lautet", ":"]),
    ("réponse", &[" est", " :", ":"]),
    ("respuesta", &[" es", ":"]),
    ("resposta", &[" é", ":"]),
    ("risposta", &[" è", ":"]),
    ("ответ", &[":", " —", " -"]),
    ("答案", &["是", "为", "：", ":"]),
    ("答え", &["は", "：", ":"]),
    ("정답은", &[" ", ":"]),
];

/// Letters of a single word at most.
const LONGEST_WORD: usize = 12;

/// The last answer that is stated.
pub(crate) fn stated(text: &str) -> Option<(String, AnswerKind)> {
    if text.is_ascii() && !text.contains(['A', 'a', 'R', 'r']) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let mut ends: Vec<usize> = Vec::new();
    for (word, follow) in MARKERS {
        for (at, word) in lower.match_indices(word) {
            let after = at + word.len();
            let found = follow.iter().filter(|marker| lower[after..].starts_with(**marker));
            ends.extend(found.map(|marker| after + marker.len()));
        }
    }
    ends.sort_unstable();
    ends.iter().rev().take(64).find_map(|&end| statement(text.get(end..)?))
}

fn statement(rest: &str) -> Option<(String, AnswerKind)> {
    let rest = rest.trim_start_matches([':', '：', '*', '=', ' ', '\t', '_']);
    let line = rest.lines().next()?;
    if let Some(inside) = delimited(line) {
        return Some((inside, AnswerKind::Stated));
    }
    let clause = line.split(['。', '，', '；', '！']).next().unwrap_or(line);
    let whole = clause.len() == line.trim_end().trim_end_matches('。').len();
    let clause = clause.trim().trim_end_matches(['.', '!', '*']).trim_end();
    if let Some(letter) = letter(clause) {
        return Some((letter, AnswerKind::Choice));
    }
    if let Some(number) = leading_number(clause) {
        let after = clause.get(number.len()..).unwrap_or("").trim();
        let unit = after.chars().all(|c| c.is_alphabetic() || c.is_whitespace() || matches!(c, '%' | '€' | '$'));
        return unit.then(|| (number.to_owned(), AnswerKind::Stated));
    }
    let word = !clause.is_empty() && clause.chars().count() <= LONGEST_WORD && clause.chars().all(char::is_alphabetic);
    (word && whole).then(|| (clause.to_owned(), AnswerKind::Stated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_answers_are_found_and_sentences_are_not() {
        for (text, found) in [
            ("Die Antwort ist 42.", Some("42")),
            ("Die Antwort lautet: **12 Äpfel**.", Some("12")),
            ("La réponse est C.", Some("C")),
            ("La respuesta es no.", Some("no")),
            ("所以答案是12个。", Some("12")),
            ("答案是否。", Some("否")),
            ("Die Antwort ist einfach: Geduld, und etwa 3 Wochen.", None),
            ("La respuesta es sencilla: unas 3 semanas.", None),
            ("答案是：要有耐心，大约3周。", None),
            ("", None),
        ] {
            assert_eq!(stated(text).map(|found| found.0).as_deref(), found, "{text}");
        }
    }
}
