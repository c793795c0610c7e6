//! All that is known about one problem so far.

use crate::{
    AnswerKind, Arm, ArmId, Budget, Capabilities, ClassId, Cost, Effort, Room, Sample, SampleId, SampleStatus, Usage,
};

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

/// Samples of this request that the mean length before it counts as much as.
const SEEN_BEFORE: f64 = 4.0;

/// All that is known about one problem so far: what a strategy decides from.
#[expect(clippy::struct_excessive_bools, reason = "a record of independent facts")]
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
    /// The ways to draw samples; strategies find at least one.
    pub arms: Vec<Arm>,
    /// Verifiers at hand.
    pub verifiers: u32,
    /// Whether somebody can say whether two texts mean the same.
    pub has_comparer: bool,
    /// Whether the request itself asks for an answer that can be compared: a JSON schema, a choice, or words
    /// that ask for a final answer. Where it does not, the first reply says whether there is one.
    pub asks_for_answer: bool,
    /// Whether the request asks for a quantity, so that the last number of a reply may be its answer.
    pub asks_for_number: bool,
    /// Whether the request offers tools, so that it may be one turn of many.
    pub offers_tools: bool,
    /// Verdicts and comparisons that are on their way.
    pub judging: u32,
    /// Pairs of samples whose answers were compared, and what came of it; `None` if nothing did.
    pub compared: Vec<(SampleId, SampleId, Option<bool>)>,
}

impl State {
    /// What the budget still pays for on an arm.
    pub fn room(&self, arm: ArmId) -> Room {
        self.arms.get(arm as usize).map_or_else(Room::default, |a| a.room)
    }

    /// What the engine of an arm can do.
    pub fn capabilities(&self, arm: ArmId) -> Capabilities {
        self.arms.get(arm as usize).map_or_else(Capabilities::default, |a| a.capabilities)
    }

    /// How many times as much a sample of `arm` is expected to cost as one of the first arm, before either was
    /// seen: by the prices of generated tokens and the usual lengths of efforts.
    pub fn assumed_price_ratio(&self, arm: ArmId) -> f64 {
        let length = |arm: ArmId| {
            let effort = self.arms.get(arm as usize).and_then(|a| a.effort);
            effort.unwrap_or(Effort::Auto).length()
        };
        self.price_ratio(arm, length(arm) / length(0))
    }

    /// The same by the lengths that were seen, in this request and before it, where both arms have some.
    pub fn expected_price_ratio(&self, arm: ArmId) -> f64 {
        match (self.mean_tokens(0), self.mean_tokens(arm)) {
            (Some(first), Some(own)) if first > 0.0 => self.price_ratio(arm, own / first),
            _ => self.assumed_price_ratio(arm),
        }
    }

    /// Lengths count between arms that differ in effort: those of equal arms differ by chance.
    fn price_ratio(&self, arm: ArmId, by_length: f64) -> f64 {
        let (Some(first), Some(own)) = (self.arms.first(), self.arms.get(arm as usize)) else { return 1.0 };
        let (base, price) = (first.room.price.output, own.room.price.output);
        let by_price = if base == price { 1.0 } else { price as f64 / base.max(1) as f64 };
        by_price * if own.effort == first.effort { 1.0 } else { by_length }
    }

    /// Generated tokens of an arm's own samples on average: those of this request, and what was seen before it
    /// as much as [`SEEN_BEFORE`] of them.
    pub fn mean_tokens(&self, arm: ArmId) -> Option<f64> {
        let whole = self.samples.iter().filter(|s| s.arm == arm && s.is_root() && s.is_complete());
        let (sum, n) = whole.fold((0.0, 0.0), |(sum, n), s| (sum + s.usage.completion as f64, n + 1.0));
        let before = self.arms.get(arm as usize).and_then(|a| a.tokens_seen);
        let weight = if before.is_some() { SEEN_BEFORE } else { 0.0 };
        (n + weight > 0.0).then(|| (sum + before.unwrap_or(0.0) * weight) / (n + weight))
    }

    /// Whether there is a verifier.
    pub const fn has_verifier(&self) -> bool {
        self.verifiers > 0
    }

    /// Whether nothing is on its way: no sample and no verdict.
    pub fn is_idle(&self) -> bool {
        self.judging == 0 && self.running() == 0
    }

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

    /// Samples that vote: the model ended them, they hold something, none is a copy of another, no continuation
    /// took their place, and none was written from others.
    pub fn voters(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(|s| s.is_complete() && !s.superseded && !s.copy && s.role.is_reply())
    }

    /// A sample and those that it goes on from, the first one first.
    pub fn path(&self, id: SampleId) -> Vec<&Sample> {
        let mut path = Vec::new();
        let mut next = self.sample(id);
        while let Some(sample) = next {
            path.push(sample);
            // A parent always has a smaller number, so this ends.
            next = sample.parent.filter(|&p| p < sample.id).and_then(|p| self.sample(p));
        }
        path.reverse();
        path
    }

    /// Samples that go on from `id`.
    pub fn children(&self, id: SampleId) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |s| s.parent == Some(id))
    }

    /// Tokens generated along the path to a sample.
    pub fn path_tokens(&self, id: SampleId) -> u64 {
        self.path(id).iter().map(|s| s.usage.completion).sum()
    }

    /// Classes that nothing but fallbacks stand for (the last number, the last expression of a reply), where another
    /// class has a marked answer: they do not vote, since what a reply happens to end with is no answer against
    /// one that is given as such.
    pub fn fallback_classes(&self) -> Vec<ClassId> {
        let classes = |wanted: bool| {
            let mut found: Vec<ClassId> = Vec::new();
            for sample in self.voters() {
                let (Some(class), Some(answer)) = (sample.class, &sample.answer) else { continue };
                let is_fallback = matches!(answer.kind, AnswerKind::LastNumber | AnswerKind::LastExpression);
                if is_fallback == wanted && !found.contains(&class) {
                    found.push(class);
                }
            }
            found
        };
        let mut fallback = classes(true);
        if !fallback.is_empty() {
            let marked = classes(false);
            fallback.retain(|class| !marked.is_empty() && !marked.contains(class));
        }
        fallback
    }

    /// The votes of the finished samples; those of [`Self::fallback_classes`] are blank.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        let fallback = self.fallback_classes();
        for sample in self.voters() {
            match sample.class.filter(|class| !fallback.contains(class)) {
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
        for sample in self.voters().filter(|s| s.class == Some(class)) {
            if best.is_none_or(|b| worth(sample) > worth(b)) {
                best = Some(sample);
            }
        }
        best.map(|s| s.id)
    }

    /// The first sample that is complete, or else the first finished one that holds something to show.
    pub fn first_usable(&self) -> Option<SampleId> {
        let complete = self.samples.iter().find(|s| s.is_complete());
        complete.or_else(|| self.samples.iter().find(|s| s.is_usable())).map(|s| s.id)
    }

    /// The best answer at hand: the leader of the vote, else a finished text, else the longest
    /// unfinished one.
    pub fn best_so_far(&self) -> Option<SampleId> {
        let by_vote = self.tally().leader().and_then(|class| self.representative(class));
        let longest = || {
            let texts = self.samples.iter().filter(|s| s.role.is_reply() && !s.content.trim().is_empty());
            texts.max_by_key(|s| (s.content.len(), std::cmp::Reverse(s.id)))
        };
        by_vote.or_else(|| self.first_usable()).or_else(|| longest().map(|s| s.id))
    }
}
