//! Candidates that a model reads together: how they are drawn, who is worth reading, and groups that fit a context.

use super::common::{all_failed, give_up, wait};
use crate::StrategyError;
use crate::reading::MOST;
use crate::registry::Build;
use outthink_core::{
    ArmId, Decision, DefaultValue, Kind, Role, Sample, SampleId, Setting, Span, State, Step, StopReason, derive_seed,
};
use std::collections::BTreeSet;

/// How many candidates.
pub(super) const CANDIDATES: Setting = Setting::new(
    "candidates",
    Kind::count(2, 1_000),
    DefaultValue::Derived("the samples, at most 8"),
    "replies that are drawn and read",
);
/// How many of them at once.
pub(super) const GROUP: Setting = Setting::new(
    "group",
    Kind::count(2, MOST as u64),
    DefaultValue::Count(4),
    "candidates that are read together at most",
);
/// How much of each.
pub(super) const SHOWN: Setting = Setting::new(
    "shown_tokens",
    Kind::count(16, 100_000),
    DefaultValue::Count(500),
    "tokens of a candidate that are shown, about: a long one loses its middle",
);
/// Who reads.
pub(super) const READER: Setting =
    Setting::new("reader", Kind::at_least(0), DefaultValue::Count(0), "the arm that reads: 0 is the first");
/// The order in which candidates are shown.
pub(super) const SEED: Setting =
    Setting::new("seed", Kind::at_least(0), DefaultValue::Count(0), "seed of the order in which candidates are shown");

/// Bytes of a token on average, for what is shown of a candidate.
const BYTES: u64 = 4;
/// Candidates unless a plan says otherwise.
const USUAL: u32 = 8;
/// Samples that failed after which the engine is taken for broken.
const FAILURES: usize = 3;

/// What strategies that read candidates have in common.
#[derive(Debug, Clone)]
pub(super) struct Candidates {
    most: u32,
    max_tokens: Option<u64>,
    group: usize,
    shown: u64,
    reader: ArmId,
    seed: u64,
}

impl Candidates {
    pub(super) fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self {
            most: from.count_or("candidates", from.samples().min(USUAL))?,
            max_tokens: from.max_tokens(),
            group: from.count("group")? as usize,
            shown: u64::from(from.count("shown_tokens")?) * BYTES,
            reader: from.count("reader")?,
            seed: u64::from(from.count("seed")?),
        })
    }

    /// What is to be done before anything can be read: candidates to draw, in turn over the arms, or to wait for.
    pub(super) fn gather(&self, state: &State) -> Option<Decision> {
        if !state.is_idle() {
            return Some(wait(state));
        }
        let failed = state.samples.iter().filter(|s| s.error.is_some()).count();
        if failed >= FAILURES && all_failed(state) {
            return Some(give_up(state));
        }
        // Once reading has begun no further candidate is drawn.
        let roots = state.samples.iter().filter(|s| s.is_root()).count() as u32;
        let reading = state.samples.iter().any(|s| !s.role.is_reply());
        let missing = if reading { 0 } else { self.most.saturating_sub(roots) };
        let arms = state.arms.len().max(1) as u32;
        let mut counts = vec![0u32; arms as usize];
        (roots..roots + missing).for_each(|i| counts[(i % arms) as usize] += 1);
        let span = Span::whole(self.max_tokens);
        let mut left = (0..arms).map(|arm| state.room(arm).affordable(self.max_tokens)).max().unwrap_or(0);
        let mut steps = Vec::new();
        for (arm, count) in (0..).zip(counts) {
            let count = count.min(state.room(arm).affordable(self.max_tokens)).min(left);
            left -= count;
            if count > 0 {
                steps.push(Step::Sample { arm, count, span: span.clone() });
            }
        }
        if !steps.is_empty() {
            return Some(Decision::all(steps, format!("{missing} candidates to draw")));
        }
        (state.voters().next().is_none()).then(|| {
            if state.samples.iter().any(Sample::is_usable) {
                super::stop_with_leader(state, StopReason::NoneComplete, "no candidate finished")
            } else {
                give_up(state)
            }
        })
    }

    /// The candidates that are worth reading: of those that give the same answer one, and none that breaks the demanded
    /// form or can hardly be right while there are others. Those with most votes come first.
    pub(super) fn contenders(state: &State) -> Vec<SampleId> {
        let mut pool: Vec<&Sample> = state.voters().collect();
        for sound in [|s: &Sample| !s.malformed, |s: &Sample| s.doubt.is_none()] {
            if pool.iter().any(|s| sound(s)) {
                pool.retain(|s| sound(s));
            }
        }
        let mut seen = BTreeSet::new();
        let mut contenders = Vec::new();
        for sample in pool {
            // What a text happens to end with does not make it equal to another one.
            let class = sample.class.filter(|_| sample.answer.as_ref().is_some_and(|a| !a.kind.is_weak()));
            match class {
                Some(class) if !seen.insert(class) => {}
                Some(class) => contenders.push(state.representative(class).unwrap_or(sample.id)),
                None => contenders.push(sample.id),
            }
        }
        contenders.sort_by_key(|&id| (std::cmp::Reverse(Self::votes(state, id)), id));
        contenders
    }

    /// Votes for the answer of a sample.
    pub(super) fn votes(state: &State, id: SampleId) -> u32 {
        let class = state.sample(id).and_then(|s| s.class);
        class.map_or(0, |class| state.voters().filter(|s| s.class == Some(class)).count() as u32)
    }

    /// Groups for one round of reading, in an order that the seed decides; none is larger than the setting or the
    /// reader's context allows, and none is smaller than it must be.
    pub(super) fn groups(&self, state: &State, round: u32, alive: &[SampleId]) -> Vec<Vec<SampleId>> {
        let context = state.arms.get(self.reader as usize).and_then(|arm| arm.context);
        // Half of the context is for the conversation and for what is written.
        let fit = context.map_or(usize::MAX, |tokens| (tokens / 2 / (self.shown / BYTES).max(1)) as usize);
        let size = self.group.min(fit.max(2)).min(MOST);
        let order = self.shuffled(u64::from(round) << 32, alive);
        let groups = order.len().div_ceil(size.max(1)).max(1);
        let mut dealt = vec![Vec::new(); groups];
        for (at, id) in order.into_iter().enumerate() {
            dealt[at % groups].push(id);
        }
        dealt
    }

    /// An order that the seed decides (Fisher and Yates).
    pub(super) fn shuffled(&self, salt: u64, samples: &[SampleId]) -> Vec<SampleId> {
        let mut order = samples.to_vec();
        let base = derive_seed(self.seed, salt);
        for last in (1..order.len()).rev() {
            order.swap(last, (derive_seed(base, last as u64) % (last as u64 + 1)) as usize);
        }
        order
    }

    /// A reading of samples in this order.
    pub(super) const fn reading(&self, role: Role, samples: Vec<SampleId>, max_tokens: Option<u64>) -> Step {
        Step::Read { arm: self.reader, role, samples, shown: self.shown, span: Span::whole(max_tokens) }
    }

    /// Generated tokens of a reply at most.
    pub(super) const fn max_tokens(&self) -> Option<u64> {
        self.max_tokens
    }

    /// Refuses a reader that is not there.
    pub(super) fn reader_is_there(&self, state: &State) -> bool {
        (self.reader as usize) < state.arms.len()
    }
}
