//! A shared budget over many problems.

use crate::value::gain_of_counts;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Spends a shared number of samples over many problems, each where it gains most.
///
/// Each problem offers the gain of its best next purchase for each sample of it (the knowledge
/// gradient of [`crate::value`]); the largest offer is taken. An offer changes only when its problem
/// gets a vote, so a heap holds them.
#[derive(Debug, Clone)]
pub struct Batch {
    problems: Vec<Open>,
    offers: BinaryHeap<Offer>,
    /// Samples that are left to spend.
    left: u64,
}

#[derive(Debug, Clone, Default)]
struct Open {
    /// Votes by class in order of first sight.
    counts: Vec<(u32, u32)>,
    drawn: u32,
    most: u32,
}

#[derive(Debug, Clone, PartialEq)]
struct Offer {
    gain: f64,
    problem: usize,
}

impl Eq for Offer {}

impl PartialOrd for Offer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Offer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.gain.total_cmp(&other.gain).then(other.problem.cmp(&self.problem))
    }
}

impl Batch {
    /// A budget of `samples` over problems that take `most` samples each at most. The first sample
    /// of each problem comes first, in their order.
    pub fn new(most: &[u32], samples: u64) -> Self {
        let problems: Vec<Open> = most.iter().map(|&most| Open { most, ..Open::default() }).collect();
        let mut batch = Self { problems, offers: BinaryHeap::new(), left: samples };
        for problem in 0..batch.problems.len() {
            batch.offer(problem);
        }
        batch
    }

    /// The problem to draw a sample of next, whose vote is then told with [`Batch::observe`]; `None`
    /// once the budget is spent or every problem has all its samples.
    pub fn next_problem(&mut self) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        let offer = self.offers.pop()?;
        self.left -= 1;
        Some(offer.problem)
    }

    /// Takes in the vote of a sample; `None` for one without an answer.
    pub fn observe(&mut self, problem: usize, class: Option<u32>) {
        let Some(open) = self.problems.get_mut(problem) else { return };
        open.drawn += 1;
        if let Some(class) = class {
            match open.counts.iter_mut().find(|c| c.0 == class) {
                Some(entry) => entry.1 += 1,
                None => open.counts.push((class, 1)),
            }
        }
        self.offer(problem);
    }

    /// The leading class of a problem: its best answer at this moment.
    pub fn leader(&self, problem: usize) -> Option<u32> {
        self.problems.get(problem)?.counts.iter().rev().max_by_key(|c| c.1).map(|c| c.0)
    }

    /// Samples drawn of a problem.
    pub fn drawn(&self, problem: usize) -> u32 {
        self.problems.get(problem).map_or(0, |p| p.drawn)
    }

    fn offer(&mut self, problem: usize) {
        let Some(open) = self.problems.get(problem) else { return };
        if open.drawn >= open.most {
            return;
        }
        let mut counts: Vec<f64> = open.counts.iter().map(|c| f64::from(c.1)).collect();
        counts.sort_by(|a, b| b.total_cmp(a));
        // Without any answer a first one is worth most of all.
        let gain = if counts.is_empty() {
            1.0 / f64::from(open.drawn + 1)
        } else {
            gain_of_counts(&counts, open.most - open.drawn)
        };
        self.offers.push(Offer { gain, problem });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_contest_gets_more_than_a_settled_vote() {
        let mut batch = Batch::new(&[40, 40], 30);
        while let Some(problem) = batch.next_problem() {
            let class = if problem == 0 { 0 } else { batch.drawn(1) % 2 };
            batch.observe(problem, Some(class));
        }
        assert!(batch.drawn(1) > 2 * batch.drawn(0), "{} {}", batch.drawn(0), batch.drawn(1));
        assert_eq!(batch.leader(0), Some(0));
    }

    proptest! {
        #[test]
        fn the_budget_and_the_caps_hold(
            most in proptest::collection::vec(1u32..9, 1..12), samples in 0u64..80, seed in 0u32..1_000,
        ) {
            let mut batch = Batch::new(&most, samples);
            let (mut spent, mut turn) = (0u64, seed);
            while let Some(problem) = batch.next_problem() {
                spent += 1;
                turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                batch.observe(problem, if turn % 7 == 0 { None } else { Some((turn >> 8) % 3) });
            }
            prop_assert_eq!(spent, samples.min(most.iter().map(|&m| u64::from(m)).sum()));
            for (problem, &most) in most.iter().enumerate() {
                prop_assert!(batch.drawn(problem) <= most);
            }
        }
    }
}
