//! Classes of equivalent answers.

use crate::compare::Meaning;
use crate::{Equality, equivalent_by};
use outthink_core::{Answer, AnswerKind, ClassId};
use std::collections::HashMap;

/// How answers are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Comparison {
    /// Letter by letter, but for white space at the ends.
    Literal,
    /// By meaning, as [`equivalent_by`] judges under a rule of equality.
    #[default]
    Math,
}

/// How the first answer of a class is compared with others.
#[derive(Debug, Clone)]
enum By {
    Letter,
    Text,
    /// Read once, under [`Equality::Strict`].
    Meaning(Box<Meaning>),
}

/// Gives each answer the number of its class; classes are numbered in order of first sight.
///
/// ```
/// use outthink_core::{Answer, AnswerKind};
/// use outthink_verify::{Comparison, Grouper};
///
/// let boxed = |text: &str| Answer { text: text.into(), kind: AnswerKind::Boxed };
/// let mut grouper = Grouper::new(Comparison::Math);
/// assert_eq!(grouper.class_of(&boxed("1/2")), 0);
/// assert_eq!(grouper.class_of(&boxed("3")), 1);
/// assert_eq!(grouper.class_of(&boxed("0.5")), 0);
/// assert_eq!(grouper.text_of(0), Some("1/2"));
/// ```
#[derive(Debug, Clone)]
pub struct Grouper {
    comparison: Comparison,
    equality: Equality,
    /// The first answer of each class, and how it is compared.
    classes: Vec<(String, By)>,
    seen: HashMap<(String, bool), ClassId>,
}

impl Default for Grouper {
    /// By meaning, under [`Equality::Strict`].
    fn default() -> Self {
        Self::new(Comparison::Math)
    }
}

impl Grouper {
    /// A grouper without classes.
    pub fn new(comparison: Comparison) -> Self {
        Self { comparison, equality: Equality::Strict, classes: Vec::new(), seen: HashMap::new() }
    }

    /// The same with another rule of equality. Under [`Equality::Lenient`] classes depend on the order of arrival.
    #[must_use]
    pub const fn with_equality(mut self, equality: Equality) -> Self {
        self.equality = equality;
        self
    }

    /// The class of `answer`: the first one whose first answer is equivalent, or a new one.
    ///
    /// Answers of the kinds JSON, tool call and literal are in canonical form already and are
    /// compared by the letter under either comparison, and only with each other.
    pub fn class_of(&mut self, answer: &Answer) -> ClassId {
        let literal = self.comparison == Comparison::Literal
            || matches!(answer.kind, AnswerKind::Json | AnswerKind::ToolCall | AnswerKind::Literal | AnswerKind::Text);
        let text = answer.text.trim();
        let key = (text.to_owned(), literal);
        if let Some(&class) = self.seen.get(&key) {
            return class;
        }
        let by = match (literal, self.equality) {
            (true, _) => By::Letter,
            (false, Equality::Lenient) => By::Text,
            (false, Equality::Strict) => By::Meaning(Box::new(Meaning::of(text))),
        };
        let found = self.classes.iter().position(|(first, of_first)| match (of_first, &by) {
            (By::Meaning(a), By::Meaning(b)) => a.is(b),
            (By::Text, By::Text) => equivalent_by(first, text, self.equality),
            _ => false,
        });
        let class = found.unwrap_or_else(|| {
            self.classes.push((text.to_owned(), by));
            self.classes.len() - 1
        });
        let class = ClassId::try_from(class).unwrap_or(ClassId::MAX);
        self.seen.insert(key, class);
        class
    }

    /// The first answer of a class, if there is such a class.
    pub fn text_of(&self, class: ClassId) -> Option<&str> {
        let index = usize::try_from(class).ok()?;
        self.classes.get(index).map(|(text, _)| text.as_str())
    }

    /// The number of classes so far.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is no class yet.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str, kind: AnswerKind) -> Answer {
        Answer { text: text.into(), kind }
    }

    #[test]
    fn literal_comparison_keeps_spellings_apart() {
        let mut grouper = Grouper::new(Comparison::Literal);
        assert_eq!(grouper.class_of(&answer("1/2", AnswerKind::Boxed)), 0);
        assert_eq!(grouper.class_of(&answer("0.5", AnswerKind::Boxed)), 1);
        assert_eq!(grouper.class_of(&answer(" 1/2 ", AnswerKind::Boxed)), 0);
        assert_eq!(grouper.len(), 2);
        assert_eq!(grouper.text_of(7), None);
    }

    #[test]
    fn json_is_compared_by_the_letter() {
        let mut grouper = Grouper::new(Comparison::Math);
        assert!(grouper.is_empty());
        assert_eq!(grouper.class_of(&answer("[1,2]", AnswerKind::Json)), 0);
        assert_eq!(grouper.class_of(&answer("[2,1]", AnswerKind::Json)), 1);
        assert_eq!(grouper.class_of(&answer("[1,2]", AnswerKind::Boxed)), 2);
    }
}
