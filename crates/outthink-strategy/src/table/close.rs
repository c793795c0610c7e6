//! From the accounting to the outcome.

use super::{End, Table};
use outthink_core::{ArmBill, Confidence, Outcome, SampleStatus, StopReason};

impl Table {
    /// Ends the accounting.
    pub(crate) fn outcome(mut self, strategy: &str, end: End, seconds: f64) -> Outcome {
        let chosen = end.chosen.and_then(|id| self.state.sample(id)).cloned();
        let wanted: Vec<_> =
            end.chosen.map(|id| self.state.path(id).iter().map(|s| s.id).collect()).unwrap_or_default();
        for sample in &mut self.state.samples {
            if !wanted.contains(&sample.id) {
                match sample.status {
                    SampleStatus::Done | SampleStatus::Paused => sample.usage.discarded = sample.usage.completion,
                    SampleStatus::Cancelled | SampleStatus::Failed => sample.usage.cancelled = sample.usage.completion,
                    SampleStatus::Running => {}
                }
            }
        }
        self.refresh();
        let tally = self.state.tally();
        let voted = chosen.as_ref().and_then(|s| s.class).and_then(|class| tally.classes.iter().find(|c| c.0 == class));
        let finished = tally.votes() + tally.blank;
        // Where fewer than two could be compared, a share or a posterior would say nothing.
        let compared = tally.votes() > 1 && end.reason != StopReason::NotComparable;
        let posterior = || self.trace.iter().rev().find_map(|event| event.decision.posterior);
        let confidence = Confidence {
            vote_share: voted.filter(|_| compared).map(|c| f64::from(c.1) / f64::from(finished)),
            posterior_leader: compared.then(posterior).flatten(),
        };
        let reason = self.reason(end.reason);
        let arms = self.bills();
        let failed: Vec<&str> = self.state.samples.iter().filter_map(|s| s.error.as_deref()).collect();
        if let Some(first) = failed.first() {
            let words = format!("{} of {} samples failed: {first}", failed.len(), self.state.samples.len());
            self.remark(words);
        }
        let samples_failed = self.state.samples.iter().filter(|s| s.status == SampleStatus::Failed).count() as u32;
        // What came after the last decision is told with it.
        if let (Some(last), false) = (self.trace.last_mut(), self.notes.is_empty()) {
            last.notes.append(&mut self.notes);
        }
        let sample = chosen.unwrap_or_default();
        let arm = self.arms.get(sample.arm as usize);
        let model = sample.model.clone().or_else(|| arm.map(|a| a.info.model.id.clone())).unwrap_or_default();
        // The last number of an essay is not its answer.
        let not_compared = matches!(end.reason, StopReason::NotComparable);
        let answer = sample.answer.filter(|a| !not_compared || super::is_marked(a));
        Outcome {
            trace_id: self.trace_id,
            strategy: strategy.to_owned(),
            model,
            chosen: end.chosen,
            answer,
            content: sample.content,
            reasoning: sample.reasoning,
            tool_calls: sample.tool_calls,
            extra: sample.extra,
            finish: sample.finish,
            finish_word: sample.finish_word,
            stop_text: sample.stop_text,
            stop: reason,
            confidence,
            samples_failed,
            notes: self.remarks,
            samples_drawn: self.state.samples.iter().filter(|sample| sample.role.is_reply()).count() as u32,
            usage: self.state.usage,
            cost: self.state.cost,
            arms,
            seconds,
            trace: self.trace,
            samples: self.state.samples,
        }
    }

    /// Why it ended, as far as the samples tell more than the strategy knew.
    fn reason(&self, reason: StopReason) -> StopReason {
        use StopReason::{BudgetSpent, CannotBeOvertaken, NotComparable, SamplesDrawn};
        let ended = self.state.samples.iter().any(outthink_core::Sample::is_done);
        let complete = self.state.samples.iter().any(outthink_core::Sample::is_complete);
        if ended && !complete && matches!(reason, SamplesDrawn | BudgetSpent | NotComparable) {
            return StopReason::NoneComplete;
        }
        let alone = self.state.voters().count() == 1 && self.arms.iter().all(|a| a.greedy);
        if alone && matches!(reason, SamplesDrawn | BudgetSpent | CannotBeOvertaken) {
            return StopReason::Greedy;
        }
        reason
    }

    /// One bill for each arm and, where fallbacks worked, for each model that worked on it.
    fn bills(&self) -> Vec<ArmBill> {
        let mut bills: Vec<ArmBill> = self
            .arms
            .iter()
            .map(|arm| ArmBill { name: arm.info.name.clone(), model: arm.info.model.id.clone(), ..ArmBill::default() })
            .collect();
        for sample in &self.state.samples {
            let Some(arm) = self.arms.get(sample.arm as usize) else { continue };
            let model = sample.model.as_ref().unwrap_or(&arm.info.model.id);
            let place = bills.iter().position(|b| b.name == arm.info.name && b.model == *model);
            let place = place.unwrap_or_else(|| {
                bills.push(ArmBill { name: arm.info.name.clone(), model: model.clone(), ..ArmBill::default() });
                bills.len() - 1
            });
            let bill = &mut bills[place];
            bill.samples += 1;
            bill.usage += sample.usage;
            bill.cost += sample.cost + sample.verifier_cost;
        }
        bills
    }
}
