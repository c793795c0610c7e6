//! All that is known about one problem so far.

use crate::{Budget, ClassId, Cost, Room, Sample, SampleId, SampleStatus, Usage};

/// Votes for classes of equivalent answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Votes by class, most first; equal counts in order of first sight.
    pub classes: Vec<(ClassId, u32)>,
    /// Finished samples without an answer that could be compared.
    pub blank: u32,
}

impl Tally {
    /// Votes over all classes.
    pub fn votes(&self) -> u32 {
        self.classes.iter().map(|c| c.1).sum()
    }

    /// The leading class, if there is one.
    pub fn leader(&self) -> Option<ClassId> {
        self.classes.first().map(|c| c.0)
    }

    /// Votes of the class at `rank` (0 is the leader), or 0.
    pub fn count(&self, rank: usize) -> u32 {
        self.classes.get(rank).map_or(0, |c| c.1)
    }
}

/// All that is known about one problem so far: what a strategy decides from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// The samples, indexed by [`SampleId`].
    pub samples: Vec<Sample>,
    /// Hard limits.
    pub budget: Budget,
    /// What was spent so far, the running samples' tokens included.
    pub usage: Usage,
    /// What that costs.
    pub cost: Cost,
    /// What the budget still pays for.
    pub room: Room,
    /// Whether a verifier is at hand.
    pub has_verifier: bool,
    /// Whether the engine can continue a given text.
    pub can_continue: bool,
}

impl State {
    /// Samples that the engine works on.
    pub fn running(&self) -> u32 {
        self.samples.iter().filter(|s| s.status == SampleStatus::Running).count() as u32
    }

    /// Samples that came to their end.
    pub fn done(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(|s| s.is_done())
    }

    /// A sample by its number.
    pub fn sample(&self, id: SampleId) -> Option<&Sample> {
        self.samples.get(id as usize)
    }

    /// The votes of the finished samples.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for sample in self.done() {
            match sample.class {
                None => tally.blank += 1,
                Some(class) => match tally.classes.iter_mut().find(|c| c.0 == class) {
                    Some(entry) => entry.1 += 1,
                    None => tally.classes.push((class, 1)),
                },
            }
        }
        // A stable sort by count keeps equal counts in order of first sight.
        tally.classes.sort_by_key(|c| (std::cmp::Reverse(c.1), c.0));
        tally
    }

    /// The sample to show for a class: the one with the best score, else the best mean
    /// log-probability, else the first.
    pub fn representative(&self, class: ClassId) -> Option<SampleId> {
        let worth = |s: &Sample| (s.score.unwrap_or(0.0), s.mean_logprob.unwrap_or(f64::MIN));
        let mut best: Option<&Sample> = None;
        for sample in self.done().filter(|s| s.class == Some(class)) {
            if best.is_none_or(|b| worth(sample) > worth(b)) {
                best = Some(sample);
            }
        }
        best.map(|s| s.id)
    }

    /// The first finished sample that holds something to show.
    pub fn first_usable(&self) -> Option<SampleId> {
        self.samples.iter().find(|s| s.is_usable()).map(|s| s.id)
    }
}
