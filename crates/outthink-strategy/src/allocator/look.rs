//! What an answer looks like, in features that need neither labels nor the model.

/// Features of an answer's look.
pub const FEATURES: usize = 35;

const NONE: usize = 1;
const NUMERIC: usize = 2;
const INTEGER: usize = 3;
/// Decimals 0, 1, 2, and 3 or more.
const DECIMALS: usize = 4;
const OF_FIVE: usize = 8;
const OF_TEN: usize = 9;
const IN_QUESTION: usize = 10;
const BELOW_ONE: usize = 11;
const LARGE: usize = 12;
const NEGATIVE: usize = 13;
/// Characters 1, 2, 3, 4, 5, 6-8, 9-12, and 13 or more.
const LENGTH: usize = 14;
/// `ln(1 + |x|)` in steps of [`STEP`].
const MAGNITUDE: usize = 22;
const STEP: f64 = 1.2;

/// The look of an answer: which of [`FEATURES`] binary features it has. The first one is constant.
///
/// ```
/// use outthink_strategy::allocator::Look;
/// let whole = Look::of(Some("15"), "How many of the 20 books are left?");
/// let half = Look::of(Some("14.5"), "How many of the 20 books are left?");
/// assert_ne!(whole, half);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Look(u64);

impl Look {
    /// The look of an answer to a question; `None` is a sample that states none.
    pub fn of(answer: Option<&str>, question: &str) -> Self {
        let mut look = Self(1);
        let Some(text) = answer.map(str::trim).filter(|a| !a.is_empty()) else {
            look.set(NONE);
            return look;
        };
        let length = text.chars().count();
        look.set(LENGTH + [2, 3, 4, 5, 6, 9, 13].iter().filter(|&&from| length >= from).count());
        if stands_in(text, question) {
            look.set(IN_QUESTION);
        }
        if let Some((x, decimals)) = number(text) {
            look.set(NUMERIC);
            look.set(DECIMALS + decimals.min(3));
            let mut of = |feature, holds: bool| {
                if holds {
                    look.set(feature);
                }
            };
            of(INTEGER, x.fract() == 0.0);
            of(OF_FIVE, x % 5.0 == 0.0);
            of(OF_TEN, x % 10.0 == 0.0);
            of(BELOW_ONE, x.abs() < 1.0);
            of(LARGE, x.abs() > 1e4);
            of(NEGATIVE, x < 0.0);
            let step = (x.abs().ln_1p() / STEP) as usize;
            look.set(MAGNITUDE + step.min(FEATURES - 1 - MAGNITUDE));
        }
        look
    }

    /// A look with these features, whatever they stand for; those from [`FEATURES`] on are left out.
    pub fn with(features: impl IntoIterator<Item = usize>) -> Self {
        let mut look = Self(1);
        features.into_iter().filter(|&f| f < FEATURES).for_each(|f| look.set(f));
        look
    }

    /// The features that it has, in rising order.
    pub fn features(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = (left != 0).then(|| left.trailing_zeros() as usize);
            left &= left.wrapping_sub(1);
            next
        })
    }

    const fn set(&mut self, feature: usize) {
        self.0 |= 1 << feature;
    }
}

/// A plain number with its count of decimals; currency, separators of thousands and a percent sign are passed over.
fn number(text: &str) -> Option<(f64, usize)> {
    let plain: String = text.chars().filter(|c| !matches!(c, ',' | '$' | '%' | ' ' | '\u{20ac}' | '\u{a3}')).collect();
    let digits = plain.strip_prefix(['-', '+']).unwrap_or(&plain);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !digits.chars().all(|c| c.is_ascii_digit() || c == '.')
    {
        return None;
    }
    let x = plain.parse::<f64>().ok().filter(|x| x.is_finite())?;
    Some((x, digits.split_once('.').map_or(0, |(_, after)| after.len())))
}

/// Whether a text stands in another one, not as a part of a longer word or number.
fn stands_in(text: &str, whole: &str) -> bool {
    let part_of_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    whole.match_indices(text).any(|(at, _)| {
        !part_of_word(whole[..at].chars().next_back()) && !part_of_word(whole[at + text.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn features(answer: &str, question: &str) -> Vec<usize> {
        Look::of(Some(answer), question).features().collect()
    }

    #[test]
    fn numbers_are_read_as_written() {
        assert_eq!(features("-2.50", ""), [0, NUMERIC, DECIMALS + 2, NEGATIVE, LENGTH + 4, MAGNITUDE + 1].to_vec());
        assert!(features("$1,200", "").contains(&OF_TEN));
        assert!(features("12,000", "").contains(&LARGE));
        assert!(!features("1/2", "").contains(&NUMERIC));
        assert!(!features("inf", "").contains(&NUMERIC));
    }

    #[test]
    fn what_the_question_says_is_seen_as_a_whole_word() {
        assert!(features("12", "He has 12 apples").contains(&IN_QUESTION));
        assert!(!features("12", "He has 120 apples").contains(&IN_QUESTION));
    }

    #[test]
    fn nothing_stated_is_a_look_of_its_own() {
        assert_eq!(Look::of(None, "q"), Look::with([NONE]));
        assert_eq!(Look::of(Some("  "), "q"), Look::with([NONE]));
    }

    proptest! {
        #[test]
        fn any_text_has_a_look_within_the_features(answer in "\\PC{0,20}", question in "\\PC{0,40}") {
            let all: Vec<usize> = Look::of(Some(&answer), &question).features().collect();
            prop_assert!(all[0] == 0 && all.iter().all(|&f| f < FEATURES));
            prop_assert_eq!(Look::with(all.iter().rev().copied()), Look::of(Some(&answer), &question));
        }
    }
}
