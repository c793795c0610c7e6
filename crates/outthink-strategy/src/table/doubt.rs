//! What can hardly be the answer, by the question alone: a verifier that costs nothing.
//!
//! A program that multiplied where it had to divide often gives a fraction of a book or fewer than no apples, and on
//! a question with options an outcome that is none of them. The rules say so only where the words are plain; where
//! they say nothing, the answer is in no doubt. What a doubt is worth in a vote is said in one place,
//! `strategies::common::credibility`.

use outthink_core::{Answer, Doubt, Prompt};
use outthink_verify::Options;

/// Words that ask for a count, the counted thing after them.
const COUNTS: &[&str] = &[
    "how many ",
    "wie viele ",
    "combien de ",
    "combien d'",
    "cuántos ",
    "cuántas ",
    "quantos ",
    "quantas ",
    "quanti ",
    "quante ",
];

/// What is measured and not counted, by the beginnings of its words: half an hour is one, half a book is none.
const MEASURED: &[&str] = &[
    "hour",
    "minute",
    "second",
    "day",
    "week",
    "month",
    "year",
    "mile",
    "kilo",
    "km",
    "meter",
    "metre",
    "centi",
    "milli",
    "cm",
    "mm",
    "feet",
    "foot",
    "inch",
    "yard",
    "pound",
    "lb",
    "ounce",
    "oz",
    "gram",
    "ton",
    "liter",
    "litre",
    "gallon",
    "quart",
    "pint",
    "cup",
    "spoon",
    "teaspoon",
    "tablespoon",
    "acre",
    "square",
    "cubic",
    "dollar",
    "euro",
    "cent",
    "percent",
    "degree",
    "unit",
    "time",
    "more",
    "less",
    "fewer",
    "point",
    "calorie",
    "watt",
    "volt",
    "byte",
    "mb",
    "gb",
    "stunde",
    "minut",
    "tag",
    "woche",
    "monat",
    "jahr",
    "prozent",
    "heure",
    "jour",
    "semaine",
    "mois",
    "litr",
    "mètre",
    "hora",
    "día",
    "dia",
    "semana",
    "mes",
    "año",
    "ano",
    "metro",
    "ore",
    "giorni",
    "settiman",
    "anni",
];

/// Words before the counted thing that say nothing of it.
const PASSED_OVER: &[&str] =
    &["more", "fewer", "less", "of", "the", "total", "extra", "additional", "other", "new", "full"];

/// What a request asks for, as far as its own words say.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    options: Option<Options>,
    /// Whether a number is asked for.
    number: bool,
    /// Whether it is a count, which is not below zero.
    count: bool,
    /// Whether it is a count of what comes whole.
    whole: bool,
}

impl Asked {
    /// The options of a question whose answers nobody compares.
    pub(super) fn options_of(prompt: &Prompt) -> Self {
        let text = prompt.last_user_text().unwrap_or_default();
        Self { options: Options::of_prompt(&text), ..Self::default() }
    }

    /// What a request asks for; `number` says whether by its words it is a number.
    pub(super) fn of(prompt: &Prompt, number: bool) -> Self {
        let text = prompt.last_user_text().unwrap_or_default();
        let options = Options::of_prompt(&text);
        let lower = text.to_lowercase();
        // The question is what stands last.
        let found = COUNTS.iter().filter_map(|words| lower.rfind(words).map(|at| at + words.len())).max();
        let counted = found.map(|at| {
            let words = lower[at..].split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|w| !w.is_empty());
            words
                .clone()
                .find(|w| !PASSED_OVER.contains(w))
                .or_else(|| words.clone().next())
                .unwrap_or_default()
                .to_owned()
        });
        let whole = counted.as_ref().is_some_and(|word| !MEASURED.iter().any(|m| word.starts_with(m)));
        let times = found.is_some_and(|at| lower[at..].starts_with("times"));
        // With options the answer is a letter or one of their texts.
        let number = options.is_none() && number;
        Self { number, count: number && found.is_some(), whole: number && whole && !times, options }
    }

    /// The options of the question, where it has some.
    pub(super) const fn options(&self) -> Option<&Options> {
        self.options.as_ref()
    }

    /// Why an answer can hardly be right.
    pub(super) fn doubt(&self, answer: &Answer) -> Option<Doubt> {
        if let Some(options) = &self.options {
            return options.letter_of(&answer.text).is_none().then_some(Doubt::NotAnOption);
        }
        if !self.number {
            return None;
        }
        let Some(value) = number(&answer.text) else {
            // A text may hold its number among words and units; of a program's outcome that would be odd.
            let bare = answer.kind == outthink_core::AnswerKind::Program
                && !answer.text.contains(|c: char| c.is_ascii_digit());
            return bare.then_some(Doubt::NotANumber);
        };
        if self.count && value < 0.0 {
            return Some(Doubt::Negative);
        }
        (self.whole && value.fract() != 0.0).then_some(Doubt::Fraction)
    }
}

/// The value of an answer that is a number and nothing else but a currency or separators of thousands.
fn number(text: &str) -> Option<f64> {
    let plain: String = text.chars().filter(|c| !matches!(c, ',' | '$' | ' ' | '\u{20ac}' | '\u{a3}')).collect();
    let begins = plain.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    plain.parse::<f64>().ok().filter(|x| begins && x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::super::comparable;
    use super::*;
    use outthink_core::AnswerKind;
    use proptest::prelude::*;

    fn doubt(question: &str, answer: &str) -> Option<Doubt> {
        let answer = Answer { text: answer.into(), kind: AnswerKind::Program };
        let prompt = Prompt::user(question);
        Asked::of(&prompt, comparable::asks_for_number(&prompt)).doubt(&answer)
    }

    #[test]
    fn what_is_counted_is_whole_and_not_below_zero() {
        let books = "Tom has 7 books and gives 3 away. How many books are left?";
        assert_eq!(doubt(books, "4"), None);
        assert_eq!(doubt(books, "-4"), Some(Doubt::Negative));
        assert_eq!(doubt(books, "3.5"), Some(Doubt::Fraction));
        assert_eq!(doubt(books, "None"), Some(Doubt::NotANumber));
        assert_eq!(doubt(books, "4 books"), None);
        assert_eq!(doubt("He has 3 of 7. How many more apples does he need?", "2.5"), Some(Doubt::Fraction));
        assert_eq!(doubt("Es sind 7. Wie viele Bücher bleiben?", "1.5"), Some(Doubt::Fraction));
    }

    #[test]
    fn what_is_measured_may_be_a_fraction_and_other_numbers_anything() {
        assert_eq!(doubt("He drives 90 miles at 60 mph. How many hours does it take?", "1.5"), None);
        assert_eq!(doubt("A has 5, B has 2. How many times as many has A?", "2.5"), None);
        assert_eq!(doubt("What is the value of 3 - 7.5?", "-4.5"), None);
        assert_eq!(doubt("How much is 15% of 30?", "4.5"), None);
        assert_eq!(doubt("Who wrote Faust?", "Goethe"), None);
    }

    #[test]
    fn with_options_the_outcome_is_one_of_them() {
        let question = "How many litres are left?\nA) 2.5\nB) 3\nC) 4";
        assert_eq!(doubt(question, "2.5"), None);
        assert_eq!(doubt(question, "B"), None);
        assert_eq!(doubt(question, "7"), Some(Doubt::NotAnOption));
        assert_eq!(doubt(question, "D"), Some(Doubt::NotAnOption));
    }

    proptest! {
        #[test]
        fn no_words_make_it_panic(question in "\\PC{0,60}|how many \\PC{0,20}", answer in "\\PC{0,20}") {
            let _ = doubt(&question, &answer);
        }
    }
}
