//! Reflect, say what is wrong, answer again.

use super::common::{Judge, all_failed, give_up, wait};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{
    Decision, DefaultValue, Entry, Kind, Link, Needs, Paper, Sample, SampleId, Setting, Span, State, Step, StopReason,
    Strategy,
};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Madaan et al. 2023", "https://arxiv.org/abs/2303.17651")),
        settings: &[
            Setting::new(
                "rounds",
                Kind::count(1, 100),
                DefaultValue::Derived("one less than the samples, from 1 to 4"),
                "revisions at most",
            ),
            Setting::new(
                "patience",
                Kind::count(1, 100),
                DefaultValue::Count(2),
                "revisions in a row that may bring nothing better",
            ),
        ],
        needs: "a verifier",
        also: &["self-refine", "refine", "reflexion", "reflect"],
        ..Entry::new(
            "revise",
            "an answer, then revisions in turns of their own; the verifier decides which one is kept",
        )
    },
    stops: "the verifier is certain, or `patience` revisions in a row are no better",
    draws: Draws::Any,
    takes: &[],
    build: |from| Revise::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// Revision (Madaan et al. 2023, Self-Refine; Qu et al. 2024): one answer, then up to `rounds` times a
/// turn that asks what is wrong with the best one so far and for a better one. The verifier decides
/// whether a revision is kept, because a model that judges itself unaided makes right answers wrong
/// about as often as the reverse (Huang et al. 2024). It ends when the verifier is certain, or after
/// `patience` revisions in a row that brought nothing better.
#[derive(Debug, Clone)]
pub struct Revise {
    max_tokens: Option<u64>,
    rounds: u32,
    patience: u32,
    judge: Judge,
}

/// The turn that asks for a revision.
const ASK: &str = "Check your answer step by step. Say what is wrong with it, if anything is. Then answer the question \
                   again from the beginning, in the same form, and end with the final answer.";

impl Revise {
    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        Ok(Self {
            max_tokens: from.max_tokens(),
            rounds: from.count_or("rounds", from.samples().saturating_sub(1).clamp(1, 4))?,
            patience: from.count("patience")?,
            judge: Judge::default(),
        })
    }

    /// The sample with the best score; the first of equals, so that a revision must be better.
    fn kept(state: &State) -> Option<&Sample> {
        let mut best: Option<&Sample> = None;
        for sample in state.done() {
            let worth = |s: &Sample| s.score.unwrap_or(-1.0);
            if best.is_none_or(|b| worth(sample) > worth(b)) {
                best = Some(sample);
            }
        }
        best
    }
}

impl Strategy for Revise {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn needs(&self) -> Needs {
        Needs { verifier: true, ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        if !state.is_idle() {
            return wait(state);
        }
        if state.samples.is_empty() {
            return match state.room(0).affordable(self.max_tokens) {
                0 => give_up(state),
                _ => super::common::draw(1, self.max_tokens, "a first answer"),
            };
        }
        let verdicts = self.judge.ask(state, state.done());
        if !verdicts.is_empty() {
            return Decision::all(verdicts, "is it right?");
        }
        let Some(kept) = Self::kept(state).filter(|_| !all_failed(state)) else { return give_up(state) };
        let score = kept.score.map_or_else(|| "without a score".to_owned(), |s| format!("scored {s:.3}"));
        let stop = |reason, why: String| Decision::new(Step::Stop { sample: kept.id, reason }, why);
        if kept.score.is_some_and(|s| s >= 1.0) {
            return stop(StopReason::Verified, format!("answer {} is right for certain", kept.id));
        }
        let rounds = state.samples.len() as u32 - 1;
        let fruitless = (state.samples.len() as u32 - 1).saturating_sub(kept.id);
        if fruitless >= self.patience {
            let why = format!("{fruitless} revisions in a row are no better than answer {}, {score}", kept.id);
            return stop(StopReason::Settled, why);
        }
        if rounds >= self.rounds {
            return stop(StopReason::SamplesDrawn, format!("{rounds} revisions; answer {} is kept, {score}", kept.id));
        }
        if state.room(0).affordable(self.max_tokens) == 0 {
            return stop(StopReason::BudgetSpent, format!("no further revision is paid for; {score}"));
        }
        let (link, span) = (Link::Turn(ASK.to_owned()), Span::whole(self.max_tokens));
        let why = format!("revise answer {}, {score}", kept.id);
        Decision::new(Step::Continue { sample: kept.id, link, count: 1, span }, why)
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        Self::kept(state).map(|s| s.id).or_else(|| state.best_so_far())
    }
}
