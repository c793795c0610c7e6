//! Reflect, say what is wrong, answer again.

use super::common::{Judge, all_failed, give_up, wait};
use crate::StrategyError;
use crate::settings::Reader;
use outthink_core::{Decision, Link, Needs, Sample, SampleId, Span, State, Step, StopReason, Strategy};

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
    pub(crate) fn read(samples: u32, max_tokens: Option<u64>, settings: &mut Reader<'_>) -> Result<Self, StrategyError> {
        Ok(Self {
            max_tokens,
            rounds: settings.count("rounds", samples.saturating_sub(1).clamp(1, 4), 1..=100)?,
            patience: settings.count("patience", 2, 1..=100)?,
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
        "revise"
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
