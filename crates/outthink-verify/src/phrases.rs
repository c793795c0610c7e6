//! Sets of phrases that are looked for together, in one pass over a text.

use regex::Regex;
use std::sync::OnceLock;

/// Phrases of which one is looked for in a text. Each call of [`str::contains`] prepares a search of its own, which
/// costs more than the search itself where a text is short and the phrases are many.
///
/// ```
/// use outthink_verify::Phrases;
///
/// static ASKS: Phrases = Phrases::new(&["how many", "combien"]);
/// assert!(ASKS.is_in("and how many?"));
/// assert_eq!(ASKS.find("Alors, combien ?"), Some(7));
/// assert_eq!(ASKS.find("nothing"), None);
/// ```
#[derive(Debug)]
pub struct Phrases {
    phrases: &'static [&'static str],
    /// Made at the first search.
    search: OnceLock<Option<Regex>>,
}

impl Phrases {
    /// A set of phrases, which are taken literally.
    pub const fn new(phrases: &'static [&'static str]) -> Self {
        Self { phrases, search: OnceLock::new() }
    }

    /// Where the first of them begins in a text, in bytes.
    pub fn find(&self, text: &str) -> Option<usize> {
        match self.search() {
            Some(search) => search.find(text).map(|found| found.start()),
            None => self.phrases.iter().filter_map(|phrase| text.find(phrase)).min(),
        }
    }

    /// Whether one of them is in a text.
    pub fn is_in(&self, text: &str) -> bool {
        match self.search() {
            Some(search) => search.is_match(text),
            None => self.phrases.iter().any(|phrase| text.contains(phrase)),
        }
    }

    /// `None` where the phrases are too many for one search: they are then looked for one by one.
    fn search(&self) -> Option<&Regex> {
        let made = || {
            let escaped: Vec<String> = self.phrases.iter().map(|phrase| regex::escape(phrase)).collect();
            Regex::new(&escaped.join("|")).ok().filter(|_| !escaped.is_empty())
        };
        self.search.get_or_init(made).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    static SOME: Phrases = Phrases::new(&["ab", " b", "\\b", "a.c", "ü", "何個", "b a", "bab"]);
    static NONE: Phrases = Phrases::new(&[]);

    proptest! {
        #[test]
        fn together_they_are_found_as_one_by_one(text in "[ab .c\\\\ü何個]{0,24}") {
            let one_by_one = SOME.phrases.iter().filter_map(|phrase| text.find(phrase)).min();
            prop_assert_eq!(SOME.find(&text), one_by_one);
            prop_assert_eq!(SOME.is_in(&text), one_by_one.is_some());
            prop_assert!(NONE.find(&text).is_none() && !NONE.is_in(&text));
        }
    }
}
