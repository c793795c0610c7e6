//! How far a sweep has come.

use crate::store::Cell;
use crate::{Interval, wilson};
use outthink_core::Cost;
use std::collections::HashMap;
use tokio::time::Instant;

/// How far a sweep has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Samples that are there.
    pub done: u64,
    /// Samples that are wanted.
    pub wanted: u64,
    /// Those that this process added.
    pub added: u64,
    /// Samples that run.
    pub running: usize,
    /// Samples that were given up.
    pub failed: u64,
    /// Tokens that this process had generated.
    pub tokens: u64,
    /// Seconds since it began.
    pub seconds: f64,
    /// What the run has cost, lost samples included.
    pub spent: Cost,
    /// Share of right samples, each problem counted alike.
    pub accuracy: Option<f64>,
    /// Its 95 % interval over problems.
    pub interval: Interval,
    /// Problems with at least one sample.
    pub problems: u32,
}

impl Progress {
    /// Seconds until the end at the pace until now, once there is one.
    pub fn seconds_left(&self) -> Option<f64> {
        let left = self.wanted.saturating_sub(self.done) as f64;
        (self.added > 0).then(|| self.seconds / self.added as f64 * left)
    }

    /// Tokens a second.
    pub fn speed(&self) -> f64 {
        if self.seconds > 0.0 { self.tokens as f64 / self.seconds } else { 0.0 }
    }
}

/// The counts behind it.
pub(super) struct Tally {
    /// Tokens that this process had generated.
    pub(super) tokens: u64,
    /// Samples that were given up.
    pub(super) failed: u64,
    /// What the run has cost.
    pub(super) spent: Cost,
    done: u64,
    wanted: u64,
    added: u64,
    began: Instant,
    /// Right and all samples of each problem.
    problems: HashMap<u32, (u32, u32)>,
    /// The sum of the problems' shares.
    shares: f64,
}

impl Tally {
    pub(super) fn new(there: &[(Cell, bool)], missing: usize, spent: Cost) -> Self {
        let mut tally = Self {
            tokens: 0,
            failed: 0,
            spent,
            done: 0,
            wanted: (there.len() + missing) as u64,
            added: 0,
            began: Instant::now(),
            problems: HashMap::new(),
            shares: 0.0,
        };
        for (cell, correct) in there {
            tally.count(*cell, *correct);
        }
        tally
    }

    /// Takes in a sample that was drawn.
    pub(super) fn add(&mut self, cell: Cell, correct: bool, spent: Cost) {
        self.count(cell, correct);
        self.added += 1;
        self.spent = spent;
    }

    fn count(&mut self, cell: Cell, correct: bool) {
        self.done += 1;
        let share = |(right, all): (u32, u32)| if all == 0 { 0.0 } else { f64::from(right) / f64::from(all) };
        let counts = self.problems.entry(cell.problem).or_default();
        let before = share(*counts);
        *counts = (counts.0 + u32::from(correct), counts.1 + 1);
        self.shares += share(*counts) - before;
    }

    pub(super) fn progress(&self, running: usize) -> Progress {
        let problems = self.problems.len() as u32;
        Progress {
            done: self.done,
            wanted: self.wanted,
            added: self.added,
            running,
            failed: self.failed,
            tokens: self.tokens,
            seconds: self.began.elapsed().as_secs_f64(),
            spent: self.spent,
            accuracy: (problems > 0).then(|| self.shares.max(0.0) / f64::from(problems)),
            // Samples of one problem are no independent draws: the n of the interval is the problems.
            interval: wilson(self.shares.clamp(0.0, f64::from(problems)), problems),
            problems,
        }
    }
}
