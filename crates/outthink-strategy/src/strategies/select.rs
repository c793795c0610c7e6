//! A model reads the candidates and names the best one.

use super::candidates::{self, Candidates};
use super::stop_with_leader;
use crate::StrategyError;
use crate::reading::choice;
use crate::registry::{Build, Draws, StrategyEntry, Takes};
use outthink_core::{
    Decision, DefaultValue, Entry, Kind, Paper, Role, Sample, SampleId, Setting, State, Step, StopReason, Strategy,
};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Toshniwal et al. 2025", "https://arxiv.org/abs/2507.17797")),
        settings: &[
            candidates::CANDIDATES,
            candidates::GROUP,
            Setting::new(
                "readings",
                Kind::count(1, 16),
                DefaultValue::Count(2),
                "readings of each group, every second one in the reverse order of the one before",
            ),
            candidates::SHOWN,
            Setting::new(
                "reading_tokens",
                Kind::count(16, 1_000_000),
                DefaultValue::Count(400),
                "tokens that a reader may write; one that reasons needs more",
            ),
            candidates::READER,
            candidates::SEED,
        ],
        also: &["genselect", "generative-selection", "pick", "llm-select"],
        ..Entry::new("select", "a model reads the candidates together and names the best, in a tournament")
    },
    stops: "one candidate is left, or all give the same answer",
    draws: Draws::Several,
    takes: &[Takes::Arms],
    build: |from| Select::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// Generative selection (`GenSelect`, Toshniwal et al. 2025): candidates are read together, `group` at a time, and a model
/// names the best of each group; the winners meet in the next round.
///
/// Readers prefer places: each group is read `readings` times, in an order that a seed decides and in its reverse, and
/// the choices are counted; between equals the vote decides, then the earlier one. Candidates that give the same answer
/// are one, and where all do nothing is read. A reading that is not in the form that was asked for counts for nothing.
/// Departures from the paper: groups instead of all at once, both orders, and candidates cut to their essentials.
#[derive(Debug, Clone)]
pub struct Select {
    candidates: Candidates,
    readings: u32,
    reading_tokens: u64,
    round: u32,
    alive: Vec<SampleId>,
    /// Groups that are being read, and the first sample of their readings.
    open: Option<(Vec<Vec<SampleId>>, usize)>,
}

/// Choices of the readings so far.
#[derive(Debug, Default)]
struct Choices {
    read: u32,
    unclear: u32,
    first_shown: u32,
}

impl Select {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self {
            candidates: Candidates::read(from)?,
            readings: from.count("readings")?,
            reading_tokens: u64::from(from.count("reading_tokens")?),
            round: 0,
            alive: Vec::new(),
            open: None,
        })
    }

    fn choices(state: &State) -> Choices {
        let mut choices = Choices::default();
        for sample in state.samples.iter().filter(|s| s.role == Role::Selection) {
            choices.read += 1;
            match choice(sample) {
                None => choices.unclear += 1,
                Some(id) => choices.first_shown += u32::from(sample.reads.first() == Some(&id)),
            }
        }
        choices
    }

    /// Readings of each group, in several orders.
    fn ask(&self, groups: &[Vec<SampleId>]) -> Vec<Step> {
        let mut steps = Vec::new();
        for (place, group) in groups.iter().enumerate().filter(|(_, group)| group.len() > 1) {
            for reading in 0..self.readings {
                let salt = (u64::from(self.round) << 32) | ((place as u64) << 8) | u64::from(reading / 2 + 1);
                let mut order = self.candidates.shuffled(salt, group);
                if reading % 2 == 1 {
                    order.reverse();
                }
                steps.push(self.candidates.reading(Role::Selection, order, Some(self.reading_tokens)));
            }
        }
        steps
    }

    /// The winner of a group by the choices of its readings, and how many there were.
    fn winner(state: &State, group: &[SampleId], readings: &[Sample]) -> (Option<SampleId>, u32) {
        let of_group =
            readings.iter().filter(|s| s.reads.len() == group.len() && group.iter().all(|id| s.reads.contains(id)));
        let chosen: Vec<SampleId> = of_group.filter_map(choice).collect();
        let count = |id: SampleId| chosen.iter().filter(|&&c| c == id).count();
        let winner =
            group.iter().copied().max_by_key(|&id| (count(id), Candidates::votes(state, id), std::cmp::Reverse(id)));
        (winner, chosen.len() as u32)
    }
}

impl Strategy for Select {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn step(&mut self, state: &State) -> Decision {
        if let Some(first) = self.candidates.gather(state) {
            return first;
        }
        if self.round == 0 && self.open.is_none() {
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
            let readings: Vec<Sample> =
                state.samples.iter().skip(from).filter(|s| s.role == Role::Selection).cloned().collect();
            let winners: Vec<(Option<SampleId>, u32)> =
                groups.iter().map(|group| Self::winner(state, group, &readings)).collect();
            if winners.iter().all(|w| w.1 == 0) {
                let reason = if readings.is_empty() { StopReason::BudgetSpent } else { StopReason::NothingHelps };
                let why = format!("none of {} readings named a candidate: the vote decides", readings.len());
                return match self.alive.first() {
                    Some(&sample) => Decision::new(Step::Stop { sample, reason }, why),
                    None => stop_with_leader(state, reason, why),
                };
            }
            self.alive = winners.into_iter().filter_map(|w| w.0).collect();
            self.round += 1;
        }
        let choices = Self::choices(state);
        let said = format!(
            "{} readings, of which {} chose what was shown first and {} were unclear",
            choices.read, choices.first_shown, choices.unclear
        );
        match self.alive.as_slice() {
            [] => stop_with_leader(state, StopReason::NothingHelps, said),
            [one] if self.round == 0 => {
                let stop = Step::Stop { sample: *one, reason: StopReason::SamplesDrawn };
                Decision::new(stop, "the candidates give one answer: there is nothing to choose")
            }
            [one] => Decision::new(Step::Stop { sample: *one, reason: StopReason::Selected }, said),
            several => {
                let groups = self.candidates.groups(state, self.round, several);
                let why = format!(
                    "round {}: {} candidates in {} groups; {said}",
                    self.round + 1,
                    several.len(),
                    groups.len()
                );
                let steps = self.ask(&groups);
                self.open = Some((groups, state.samples.len()));
                Decision::all(steps, why)
            }
        }
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        // The winners so far, those with most votes first.
        let alive = self.alive.iter().copied().max_by_key(|&id| (Candidates::votes(state, id), std::cmp::Reverse(id)));
        alive.filter(|_| self.round > 0).or_else(|| state.best_so_far())
    }
}
