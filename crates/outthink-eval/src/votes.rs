//! The votes of one problem: the one place that says which recorded answers are the same and which of them is right.

use outthink_core::{Answer, AnswerKind};
use outthink_law::LawError;
use outthink_law::estimate::{Ballots, maj_at_k};
use outthink_law::vote::maj_limit;
use outthink_verify::{Comparison, Grouper};
use std::cmp::Reverse;

/// The answers of one problem in classes of equals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VoteCount {
    /// Samples for each class, in the order in which the classes first come.
    pub counts: Vec<u64>,
    /// The first answer of each class.
    pub texts: Vec<String>,
    /// The class of each sample; `None` where it has no answer: it is drawn like the others and does not vote.
    pub classes: Vec<Option<usize>>,
    /// Right samples of each class. A judge may call a class right now and then, and several classes right: answers that
    /// it judges differently may well mean the same.
    pub right: Vec<u64>,
    /// Samples without an answer.
    pub blank: u64,
    /// Right samples, those without an answer included.
    pub correct: u64,
}

impl VoteCount {
    /// Counts samples, each with its answer and whether it is right.
    ///
    /// Answers of a [`crate::Pool`] (`judged`) are in one wording already and are compared by the letter; others by what
    /// they mean.
    ///
    /// ```
    /// use outthink_eval::VoteCount;
    ///
    /// let samples = [(Some("1/2"), true), (Some("0.5"), true), (None, false), (Some("3"), false)];
    /// let own = VoteCount::of(samples, false);
    /// assert_eq!((own.counts.as_slice(), own.right.as_slice(), own.blank), (&[2, 1][..], &[2, 0][..], 1));
    /// assert_eq!(VoteCount::of(samples, true).counts, [1, 1, 1]);
    /// ```
    pub fn of<'a>(samples: impl IntoIterator<Item = (Option<&'a str>, bool)>, judged: bool) -> Self {
        let kind = if judged { AnswerKind::Literal } else { AnswerKind::Boxed };
        let mut grouper = Grouper::new(if judged { Comparison::Literal } else { Comparison::Math });
        let mut count = Self::default();
        for (answer, correct) in samples {
            count.correct += u64::from(correct);
            let Some(text) = answer else {
                count.blank += 1;
                count.classes.push(None);
                continue;
            };
            let class = grouper.class_of(&Answer { text: text.to_owned(), kind }) as usize;
            if class >= count.counts.len() {
                count.counts.resize(class + 1, 0);
                count.right.resize(class + 1, 0);
                count.texts.resize(class + 1, text.to_owned());
            }
            count.counts[class] += 1;
            count.classes.push(Some(class));
            count.right[class] += u64::from(correct);
        }
        count
    }

    /// The share of right samples in a class: how right a vote is that it wins.
    pub fn share(&self, class: usize) -> f64 {
        let (right, all) = (self.right.get(class), self.counts.get(class));
        right.zip(all).map_or(0.0, |(right, all)| *right as f64 / (*all).max(1) as f64)
    }

    /// Samples, with an answer and without.
    pub fn samples(&self) -> u64 {
        self.classes.len() as u64
    }

    /// The class with most samples, the first where several have; `None` where nothing voted.
    pub fn top(&self) -> Option<usize> {
        (0..self.counts.len()).max_by_key(|&class| (self.counts[class], Reverse(class)))
    }

    /// maj@k: the chance that the vote of `k` of the samples is right, where a class is right by the share of its samples
    /// that are.
    ///
    /// # Errors
    /// As [`maj_at_k`]: `k` of 0, or above the number of samples.
    pub fn maj_at_k(&self, k: u64) -> Result<f64, LawError> {
        self.right_classes().try_fold(0.0, |sum, (share, ballots)| Ok(sum + share * maj_at_k(&ballots, k)?))
    }

    /// The same of ever more samples like these.
    pub fn maj_without_end(&self) -> f64 {
        self.right_classes().map(|(share, ballots)| share * maj_limit(&ballots)).sum()
    }

    /// Each class with right samples: how right it is, and the ballots in which it is the one that counts.
    fn right_classes(&self) -> impl Iterator<Item = (f64, Ballots<'_>)> {
        let of = |class| {
            let ballots = Ballots { counts: &self.counts, correct: Some(class), blank: self.blank };
            (self.share(class), ballots)
        };
        (0..self.counts.len()).filter(|class| self.right[*class] > 0).map(of)
    }

    /// The answer of a sample in the words of the first one of its class.
    pub fn text_of(&self, sample: usize) -> Option<&str> {
        let class = self.classes.get(sample).copied().flatten()?;
        self.texts.get(class).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_vote_is_as_right_as_the_samples_of_the_class_that_wins_it() {
        let samples = [(Some("a"), true), (Some("b"), true), (Some("b"), true), (Some("a"), false), (None, true)];
        let count = VoteCount::of(samples, true);
        assert_eq!((count.top(), count.correct, count.blank), (Some(0), 4, 1));
        assert_eq!((count.share(0), count.share(1), count.share(9)), (0.5, 1.0, 0.0));
        assert_eq!((count.text_of(3), count.text_of(4)), (Some("a"), None));
        assert!(VoteCount::of([(None, true)], true).right.is_empty(), "what has no answer does not vote");
    }

    proptest! {
        #[test]
        fn every_sample_is_counted_once(answers in prop::collection::vec((prop::option::of("[ab1]{1,2}"), any::<bool>()), 0..20), judged: bool) {
            let count = VoteCount::of(answers.iter().map(|(a, right)| (a.as_deref(), *right)), judged);
            prop_assert_eq!(count.counts.iter().sum::<u64>() + count.blank, answers.len() as u64);
            prop_assert_eq!(count.samples(), answers.len() as u64);
            prop_assert!(count.counts.iter().all(|n| *n > 0) && count.texts.len() == count.counts.len());
        }
    }
}
