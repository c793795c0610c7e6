//! A reply is never empty without a second try.

use super::Session;
use crate::table::{End, Start};
use outthink_core::{Effort, FinishReason, Link, SampleId, SampleStatus, Span, StopReason, Thinking, derive_seed};

/// What a thought is closed with whose budget ends.
const CLOSE: &str = "The answer is";
/// Tokens of an answer that is asked for when the budget ends.
const MOST_FOR_ANSWER: u64 = 256;

impl Session<'_> {
    /// Where the chosen sample reasoned, ended by itself and said nothing, draws one more without reasoning.
    /// Whether it did.
    pub(super) fn rescue(&mut self, end: End) -> bool {
        if self.rescued {
            return false;
        }
        let chosen = end.chosen.and_then(|id| self.table.state.sample(id));
        let chosen = chosen.or_else(|| self.table.state.samples.iter().rev().find(|s| s.is_done()));
        let Some(sample) = chosen.filter(|s| s.is_done() && s.is_empty()) else { return false };
        // A limit that was asked for may leave nothing to say; so may a filter.
        if sample.finish != Some(FinishReason::Stop) || sample.reasoning.trim().is_empty() {
            return false;
        }
        let arm = sample.arm;
        let room = self.table.room(arm, 0);
        let Some(prompt) = self.prompt_of(arm).filter(|_| room.cost.is_none_or(|left| left > room.prompt_cost)) else {
            return false;
        };
        let span = Span::whole(room.cap(None, 1));
        if span.max_tokens.is_some_and(|most| most < outthink_core::Room::SHORTEST) {
            return false;
        }
        self.rescued = true;
        self.table
            .remark("the model reasoned and then said nothing, so it was asked once more without reasoning".to_owned());
        let mut request = self.request_for(arm, prompt, 1, &span);
        request.thinking = Thinking { effort: Some(Effort::None), budget: None };
        let index = self.table.state.samples.len() as u64;
        request.seeds = vec![derive_seed(self.request.seed, index)];
        let start = Start { arm, span, ..Start::default() };
        let id = self.table.start(start);
        self.launch(arm, request, vec![id]);
        true
    }

    /// Closes the reasoning that is shown and has the model answer within `tokens`, while everything else is
    /// cancelled. Whether it can: nothing is answered yet, the engine continues texts, and there is reasoning.
    pub(super) fn answer_now(&mut self, tokens: u64) -> bool {
        let answered = self.table.state.voters().next().is_some();
        if answered || self.rescued || tokens < outthink_core::Room::SHORTEST {
            return false;
        }
        let thought = self.leading().and_then(|id| self.table.state.sample(id));
        let Some(thought) = thought.filter(|s| s.status == SampleStatus::Running) else { return false };
        let silent = thought.content.trim().is_empty() && thought.tool_calls.is_none();
        let continues = self.table.state.capabilities(thought.arm).continuation.is_possible();
        if !silent || thought.reasoning.trim().is_empty() || !continues {
            return false;
        }
        let (id, running) = (thought.id, self.table.state.samples.len() as SampleId);
        let span = Span::whole(Some(tokens.min(MOST_FOR_ANSWER)));
        if !self.go_on(id, &Link::Words(CLOSE.to_owned()), 1, &span) {
            return false;
        }
        self.rescued = true;
        (0..running).for_each(|id| self.cancel(id));
        self.table.remark("the budget ended within the reasoning, so it was closed and answered".to_owned());
        self.phase = super::Phase::Rescue(End { chosen: None, reason: StopReason::BudgetSpent });
        true
    }

    /// Nothing runs any more while the session waited.
    pub(super) fn after_waiting(&mut self) {
        let super::Phase::Rescue(end) = self.phase else {
            return self.end_with_best(StopReason::BudgetSpent);
        };
        let last = self.table.state.samples.last();
        let spoke = last.filter(|s| s.status == SampleStatus::Done && !s.is_empty()).map(|s| s.id);
        match spoke.or(end.chosen) {
            Some(chosen) => self.close(End { chosen: Some(chosen), ..end }),
            None => self.end_with_best(end.reason),
        }
    }
}
