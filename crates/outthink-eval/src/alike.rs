//! Recorded answers as a live vote would see them: found in the text where the recording names none, and one wording for
//! all that mean the same.

use crate::PoolSample;
use outthink_core::{Answer, AnswerKind};
use outthink_verify::{Grouper, find_answer};
use std::collections::{HashMap, HashSet};

/// Characters above which answers are compared by the letter: to compare such texts takes long and says little.
const LONGEST: usize = 200;
/// Different answers of one problem that are compared by what they mean, at most, the most frequent first: each is held
/// against the classes before it, and the others are compared by the letter.
const MOST: usize = 64;

/// The answer in a text, as the live vote finds it; the whole of a reply is none.
pub fn answer_in(text: &str) -> Option<Answer> {
    find_answer(text).filter(|answer| answer.kind != AnswerKind::Text && !answer.text.trim().is_empty())
}

/// Finds the answers of the samples that are `unread`: they hold a text, and their recording says nothing of an answer. As
/// in a live vote, weak evidence does not stand against answers that are marked or recorded.
pub(crate) fn find_in_texts(samples: &mut [PoolSample], unread: &[bool]) {
    let found: Vec<Option<Answer>> = (samples.iter().zip(unread))
        .map(|(s, unread)| s.text.as_deref().filter(|_| *unread).and_then(answer_in))
        .collect();
    let weak = |found: &Option<Answer>| found.as_ref().is_some_and(|a| a.kind.is_weak());
    let marked = samples.iter().any(|s| s.answer.is_some()) || found.iter().any(|f| f.is_some() && !weak(f));
    for (sample, found) in samples.iter_mut().zip(found) {
        if sample.answer.is_none() && !(marked && weak(&found)) {
            sample.answer = found.map(|a| a.text);
        }
    }
}

/// Puts the answers of one problem into one wording each, the first of those that mean the same, so that all that counts
/// votes may compare by the letter. Answers that the recording judges differently, one right and one wrong, stay
/// apart: to its judge they are not the same.
///
/// At most [`MOST`] answers of [`LONGEST`] characters are compared by what they mean.
pub(crate) fn in_one_wording(samples: &mut [PoolSample]) {
    let mut judged: HashMap<String, (u64, u64)> = HashMap::new();
    for sample in samples.iter() {
        if let Some(answer) = &sample.answer {
            let (right, all) = judged.entry(answer.trim().to_owned()).or_default();
            *right += u64::from(sample.correct);
            *all += 1;
        }
    }
    if judged.len() < 2 {
        return;
    }
    let mut often: Vec<(&String, u64)> = judged.iter().map(|(text, (_, all))| (text, *all)).collect();
    often.sort_by(|x, y| y.1.cmp(&x.1).then_with(|| x.0.cmp(y.0)));
    let short = often.into_iter().map(|(text, _)| text).filter(|text| text.chars().count() <= LONGEST);
    let compared: HashSet<&String> = short.take(MOST).collect();
    let mut groupers = [Grouper::default(), Grouper::default()];
    let mut wordings: HashMap<String, String> = HashMap::new();
    for sample in samples.iter_mut() {
        let Some(answer) = &mut sample.answer else { continue };
        let text = answer.trim().to_owned();
        let wording = wordings.entry(text).or_insert_with_key(|text| {
            let right = judged.get(text).is_some_and(|(right, all)| 2 * right > *all);
            let grouper = &mut groupers[usize::from(right)];
            if !compared.contains(text) {
                return text.clone();
            }
            let class = grouper.class_of(&Answer { text: text.clone(), kind: AnswerKind::Boxed });
            grouper.text_of(class).unwrap_or(text).to_owned()
        });
        answer.clone_from(wording);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(answer: Option<&str>, correct: bool, text: &str) -> PoolSample {
        let text = (!text.is_empty()).then(|| text.to_owned());
        PoolSample { answer: answer.map(str::to_owned), correct, text, ..PoolSample::default() }
    }

    fn answers(samples: &[PoolSample]) -> Vec<Option<&str>> {
        samples.iter().map(|s| s.answer.as_deref()).collect()
    }

    #[test]
    fn what_means_the_same_has_one_wording() {
        let mut samples = [
            sample(Some("4"), true, ""),
            sample(Some("4.0"), true, ""),
            sample(Some("5"), false, ""),
            sample(None, false, ""),
        ];
        in_one_wording(&mut samples);
        assert_eq!(answers(&samples), [Some("4"), Some("4"), Some("5"), None]);
        // A judge that compares by the letter has said that these are not the same.
        let mut samples =
            [sample(Some("1/2"), true, ""), sample(Some("0.5"), false, ""), sample(Some(".5"), false, "")];
        in_one_wording(&mut samples);
        assert_eq!(answers(&samples), [Some("1/2"), Some("0.5"), Some("0.5")]);
    }

    #[test]
    fn texts_without_an_answer_are_read() {
        let mut samples =
            [sample(None, true, "So the answer is 4."), sample(None, true, "It must be 4"), sample(None, false, "")];
        find_in_texts(&mut samples, &[true; 3]);
        assert_eq!(answers(&samples), [Some("4"), None, None], "weak evidence does not stand against a marked answer");
        let mut samples = [sample(None, true, "It must be 4"), sample(None, false, "so 5")];
        find_in_texts(&mut samples, &[true; 2]);
        assert_eq!(answers(&samples), [Some("4"), Some("5")]);
    }

    #[test]
    fn of_very_many_and_very_long_answers_the_frequent_ones_are_compared() {
        let long = "(x+1)^2".repeat(2_000);
        let mut samples: Vec<PoolSample> =
            (0..3_000).map(|i| sample(Some(&format!("{i}+\\sqrt{{{i}}}+x^{i}")), false, "")).collect();
        let more = [long.as_str(), "1/2", "0.5", "1/2", "0.5"];
        samples.extend(more.map(|text| sample(Some(text), false, "")));
        in_one_wording(&mut samples);
        assert_eq!(answers(&samples[3_000..]), [long.as_str(), "1/2", "1/2", "1/2", "1/2"].map(Some));
    }

    proptest! {
        /// The classes of a live vote, whatever the order.
        #[test]
        fn classes_do_not_depend_on_the_order(mut picks in prop::collection::vec(0_usize..6, 1..12), seed in 0_u64..100) {
            const TEXTS: [&str; 6] = ["1/2", "0.5", "\\frac{1}{2}", "3", "3.0", "x+1"];
            let classes = |picks: &[usize]| {
                let mut samples: Vec<PoolSample> = picks.iter().map(|&p| sample(Some(TEXTS[p]), false, "")).collect();
                in_one_wording(&mut samples);
                let mut counts: HashMap<String, usize> = HashMap::new();
                for s in samples {
                    *counts.entry(s.answer.unwrap_or_default()).or_default() += 1;
                }
                let mut counts: Vec<usize> = counts.into_values().collect();
                counts.sort_unstable();
                counts
            };
            let before = classes(&picks);
            let turn = seed as usize % picks.len();
            picks.rotate_left(turn);
            prop_assert_eq!(before, classes(&picks));
        }
    }
}
