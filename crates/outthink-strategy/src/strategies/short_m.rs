//! A vote over the samples that came to their end first.

use super::common::{all_failed, draw, give_up, missing, wait};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{
    Decision, DefaultValue, Entry, Kind, Paper, Sample, SampleId, Setting, State, Step, StopReason, Strategy,
};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Hassid et al. 2025", "https://arxiv.org/abs/2505.17813")),
        settings: &[Setting::new("first", Kind::at_least(1), DefaultValue::Count(3), "samples that vote")],
        also: &["short-m@k", "short-3@k", "shortest"],
        ..Entry::new("short-m", "N samples at once; the first to end vote, and ties go to the shorter")
    },
    stops: "enough have ended; the others are cancelled",
    draws: Draws::Several,
    takes: &[],
    build: |from| ShortM::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// short-m@k (Hassid et al. 2025): starts k samples at once, keeps the `first` m that come to their
/// end, cancels the others and votes; ties go to the shorter thought. Short thoughts of one model on
/// one question are right more often than long ones, and cost less.
#[derive(Debug, Clone)]
pub struct ShortM {
    samples: u32,
    max_tokens: Option<u64>,
    first: u32,
}

impl ShortM {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        let (samples, max_tokens) = (from.samples(), from.max_tokens());
        Ok(Self { samples, max_tokens, first: from.count("first")?.min(samples) })
    }

    /// The samples that vote: the first to end with an answer, or with any text where none has one.
    fn voters<'a>(&self, state: &'a State) -> Vec<&'a Sample> {
        let mut done: Vec<&Sample> = state.voters().filter(|s| s.is_usable()).collect();
        done.sort_by_key(|s| s.place);
        done.truncate(self.first as usize);
        done
    }
}

impl Strategy for ShortM {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn step(&mut self, state: &State) -> Decision {
        if state.samples.is_empty() {
            return match missing(state, 0, self.samples, self.max_tokens) {
                0 => give_up(state),
                count => {
                    draw(count, self.max_tokens, format!("{count} samples, of which the first {} vote", self.first))
                }
            };
        }
        let voters = self.voters(state);
        if voters.len() < self.first as usize && !state.is_idle() {
            return wait(state);
        }
        if all_failed(state) {
            return give_up(state);
        }
        let running: Vec<SampleId> =
            state.samples.iter().filter(|s| s.status == outthink_core::SampleStatus::Running).map(|s| s.id).collect();
        let reason =
            if voters.len() < self.first as usize { StopReason::SamplesDrawn } else { StopReason::FirstFinished };
        match self.best(state) {
            Some(sample) => {
                let why = format!("{} finished, {} are cancelled", voters.len(), running.len());
                Decision::all(vec![Step::Cancel { samples: running }, Step::Stop { sample, reason }], why)
            }
            None => give_up(state),
        }
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        let voters = self.voters(state);
        let votes = |class| voters.iter().filter(|s| s.class == class).count();
        // Most votes first, then the shorter thought.
        let best = voters
            .iter()
            .filter(|s| s.class.is_some())
            .max_by_key(|s| (votes(s.class), std::cmp::Reverse(s.usage.completion), std::cmp::Reverse(s.id)));
        best.map(|s| s.id).or_else(|| state.best_so_far())
    }
}
