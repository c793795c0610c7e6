//! A model writes the answer from the candidates.

use super::candidates::{self, Candidates};
use super::stop_with_leader;
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry, Takes};
use outthink_core::{Decision, Entry, Paper, Role, Sample, SampleId, State, Step, StopReason, Strategy};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Wang et al. 2024", "https://arxiv.org/abs/2406.04692")),
        settings: &[candidates::CANDIDATES, candidates::GROUP, candidates::SHOWN, candidates::READER, candidates::SEED],
        also: &["mixture-of-agents", "moa", "fusion", "aggregate", "llm-blender"],
        ..Entry::new("synthesize", "a model reads the candidates and writes the answer from them, in layers")
    },
    stops: "one answer is written from all candidates, or all give the same answer",
    draws: Draws::Several,
    takes: &[Takes::Arms],
    build: |from| Synthesize::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// Mixture-of-agents (Wang et al. 2024): the candidates, of several models where there are arms, are read together by
/// one model, which writes the reply from them. More than `group` are read in groups, and what is written from the
/// groups is read in the next layer.
///
/// Departures from the paper: one proposer layer, each candidate cut to its essentials, an order that a seed decides,
/// and where all candidates give the same answer nothing is written. Where a layer brings nothing, the candidate with
/// most votes stands for its group.
#[derive(Debug, Clone)]
pub struct Synthesize {
    candidates: Candidates,
    layer: u32,
    alive: Vec<SampleId>,
    open: Option<(Vec<Vec<SampleId>>, usize)>,
}

impl Synthesize {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self { candidates: Candidates::read(from)?, layer: 0, alive: Vec::new(), open: None })
    }

    /// What stands for a group: the answer that was written from it, else its candidate with most votes.
    fn outcome(state: &State, group: &[SampleId], written: &[&Sample]) -> Option<SampleId> {
        let from_group =
            written.iter().find(|s| s.reads.len() == group.len() && group.iter().all(|id| s.reads.contains(id)));
        let best = || group.iter().copied().max_by_key(|&id| (Candidates::votes(state, id), std::cmp::Reverse(id)));
        from_group.map(|s| s.id).or_else(best)
    }

    fn stop(state: &State, sample: SampleId, why: String) -> Decision {
        let written = state.sample(sample).is_some_and(|s| s.role == Role::Synthesis);
        let reason = if written { StopReason::Synthesized } else { StopReason::SamplesDrawn };
        Decision::new(Step::Stop { sample, reason }, why)
    }
}

impl Strategy for Synthesize {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn step(&mut self, state: &State) -> Decision {
        if let Some(first) = self.candidates.gather(state) {
            return first;
        }
        if self.layer == 0 && self.open.is_none() {
            self.alive = Candidates::contenders(state);
            if !self.candidates.reader_is_there(state) {
                return stop_with_leader(
                    state,
                    StopReason::NothingHelps,
                    "the arm that is to read is not there: the vote decides",
                );
            }
        }
        if let Some((groups, from)) = self.open.take() {
            let written: Vec<&Sample> =
                state.samples.iter().skip(from).filter(|s| s.role == Role::Synthesis && s.is_complete()).collect();
            if written.is_empty() {
                let reason =
                    if state.samples.len() == from { StopReason::BudgetSpent } else { StopReason::NothingHelps };
                let why = "no answer was written from the candidates: the vote decides";
                return match self.alive.first() {
                    Some(&sample) => Decision::new(Step::Stop { sample, reason }, why),
                    None => stop_with_leader(state, reason, why),
                };
            }
            self.alive = groups.iter().filter_map(|group| Self::outcome(state, group, &written)).collect();
            self.layer += 1;
        }
        match self.alive.as_slice() {
            [] => stop_with_leader(state, StopReason::NothingHelps, "there is nothing to write an answer from"),
            [one] if self.layer == 0 => {
                Self::stop(state, *one, "the candidates give one answer: there is nothing to add".into())
            }
            [one] => Self::stop(state, *one, format!("written in {} layers", self.layer)),
            several => {
                let groups = self.candidates.groups(state, self.layer, several);
                let why = format!("layer {}: {} candidates in {} groups", self.layer + 1, several.len(), groups.len());
                let read = groups.iter().filter(|group| group.len() > 1);
                let step = |group: &Vec<SampleId>| {
                    self.candidates.reading(Role::Synthesis, group.clone(), self.candidates.max_tokens())
                };
                let steps = read.map(step).collect();
                self.open = Some((groups, state.samples.len()));
                Decision::all(steps, why)
            }
        }
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        let written = state.samples.iter().rev().find(|s| s.role == Role::Synthesis && s.is_complete());
        written.map(|s| s.id).or_else(|| state.best_so_far())
    }
}
