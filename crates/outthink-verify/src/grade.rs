//! Whether a reply is right where the reference, and perhaps the question, are known.

use crate::find::{circled, flat};
use crate::options::{Options, option_letter};
use crate::{compare, find_answer};
use outthink_core::Answer;

/// Grades replies to one question.
///
/// Where the question has options and the reference is one of them, by letter or by text, an answer is right that names
/// the same option by letter, by text or by both; an answer whose letter is that of one option and whose text is that
/// of another is wrong. Everything else is graded as [`is_correct`] does.
///
/// ```
/// use outthink_verify::Grader;
///
/// let grader = Grader::new("D", Some("Which is largest?\nA) Mars\nB) Earth\nC) Venus\nD) Jupiter"));
/// assert!(grader.grade("The answer is Jupiter.").correct);
/// assert!(grader.grade("\\boxed{D}").correct);
/// assert!(!grader.grade("D) Mars").correct);
/// assert!(!grader.grade("Venus").correct);
/// assert!(Grader::new("0.5", None).grade("So it is $\\frac{1}{2}$.").correct);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grader {
    gold: String,
    /// The options, and which one is right.
    options: Option<(Options, char)>,
}

/// What became of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graded {
    /// The answer that was found: a letter where it names an option.
    pub answer: Option<Answer>,
    /// Whether it is right.
    pub correct: bool,
}

impl Grader {
    /// For a reference answer and the text of the question, if it is known.
    pub fn new(gold: &str, question: Option<&str>) -> Self {
        let options = question.and_then(Options::of_prompt);
        let options = options.and_then(|options| {
            let letter = options.letter_of(gold)?;
            Some((options, letter))
        });
        Self { gold: gold.to_owned(), options }
    }

    /// The grade of a whole reply.
    pub fn grade(&self, reply: &str) -> Graded {
        let answer = match &self.options {
            Some((options, _)) => options.find(reply),
            None => find_answer(reply),
        };
        let correct = answer.as_ref().is_some_and(|answer| self.is_right(&answer.text));
        Graded { answer, correct }
    }

    /// Whether an answer that was found before is right.
    pub fn is_right(&self, answer: &str) -> bool {
        match &self.options {
            Some((options, right)) => match options.letter_of(answer) {
                Some(letter) => letter == *right,
                None => !options.is_contradicted(answer) && is_correct(answer, &self.gold),
            },
            None => is_correct(answer, &self.gold),
        }
    }
}

/// Whether `answer` is right where `gold` is the reference answer.
///
/// As [`equivalent`](crate::equivalent), but the reference may name several accepted spellings, one a line; a condition
/// behind it ("x = 3 when n = 2") may be left out; where it is a decimal of three figures or more, an exact value that
/// rounds to it is right; several letters of options are a set; and an option with its text is right by either of them.
/// An empty reference accepts nothing.
pub fn is_correct(answer: &str, gold: &str) -> bool {
    if is_text_beside_letter(answer, gold) {
        return false;
    }
    compare::is_correct(answer, gold)
        || letters(answer).is_some_and(|answer| letters(gold).is_some_and(|gold| answer == gold))
        || text_of_option(answer)
            .is_some_and(|text| option_letter(gold).is_none() && compare::is_correct(text.trim(), gold))
        || circled(gold).is_some_and(|gold| compare::is_correct(answer, &gold))
}

/// Whether an answer is the name of a species, such as `E. coli`, and the reference a letter.
fn is_text_beside_letter(answer: &str, gold: &str) -> bool {
    crate::options::is_species(answer.trim()) && gold.trim().len() == 1
}

/// Several letters of options, in their order: `AC`, `C, A`, `A and C`, `(A)(C)`, `A、C`.
fn letters(text: &str) -> Option<Vec<char>> {
    let text = text.trim();
    if text.len() > 60 {
        return None;
    }
    let flat = flat(text);
    let mut words =
        flat.split(|c: char| !c.is_alphabetic() || matches!(c, '和' | '与' | '及' | 'と' | '와' | '과' | 'و'));
    let joint = |word: &str| matches!(word, "" | "and" | "und" | "et" | "y" | "e" | "и" | "और");
    let mut letters: Vec<char> = Vec::new();
    let fits = words.all(|word| {
        let is_letters = word.bytes().all(|b| (b'A'..=b'J').contains(&b));
        letters.extend(word.chars().filter(|_| is_letters));
        is_letters || joint(word)
    });
    let plain = !flat.contains(|c: char| c.is_ascii_digit() || "+=^/*-\\{}<>|!".contains(c));
    letters.sort_unstable();
    let n = letters.len();
    letters.dedup();
    (fits && plain && n >= 2 && letters.len() == n).then_some(letters)
}

/// The text behind the letter of an option, of an answer that names both: `(D) 17`.
fn text_of_option(answer: &str) -> Option<String> {
    option_letter(answer)?;
    let flat = flat(answer);
    let at = flat.find(|c: char| ('A'..='J').contains(&c))? + 1;
    let text = flat.get(at..)?.trim_start_matches([')', '.', ':', ' ', '~']);
    let text = text.strip_prefix("- ").unwrap_or(text).trim_end_matches('$').trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_sets_and_options_have_texts() {
        for (answer, gold, right) in [
            ("A, C", "CA", true),
            ("A and C", "A, C", true),
            ("A、B", "AB", true),
            ("A", "A, C", false),
            ("A, B, C", "A, B", false),
            ("\\textbf{(D)}\\ 17", "17", true),
            ("\\textbf{(D)}\\ 17", "D", true),
            ("\\textbf{(D) }17", "D", true),
            ("(D) 17", "18", false),
            ("E. coli", "E", false),
            ("E. coli", "E. coli", true),
            ("DEAD", "EAD", false),
            ("3", "③", true),
        ] {
            assert_eq!(is_correct(answer, gold), right, "{answer} {gold}");
        }
    }
}
