//! The end of the books.

use super::{End, Table};
use outthink_core::{ArmBill, Confidence, Outcome, SampleStatus};

impl Table {
    /// Closes the books.
    pub fn outcome(mut self, strategy: &str, end: End, seconds: f64) -> Outcome {
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
        let confidence = Confidence {
            vote_share: voted.filter(|_| finished > 1).map(|c| f64::from(c.1) / f64::from(finished)),
            posterior_leader: self.trace.iter().rev().find_map(|event| event.decision.posterior),
        };
        let arms = self.bills();
        // What came after the last decision is told with it.
        if let (Some(last), false) = (self.trace.last_mut(), self.notes.is_empty()) {
            last.notes.append(&mut self.notes);
        }
        let sample = chosen.unwrap_or_default();
        let model = self.arms.get(sample.arm as usize).map(|a| a.info.model.id.clone()).unwrap_or_default();
        Outcome {
            trace_id: self.trace_id,
            strategy: strategy.to_owned(),
            model,
            chosen: end.chosen,
            answer: sample.answer,
            content: sample.content,
            reasoning: sample.reasoning,
            tool_calls: sample.tool_calls,
            extra: sample.extra,
            finish: sample.finish,
            finish_word: sample.finish_word,
            stop: end.reason,
            confidence,
            samples_failed: self.state.samples.iter().filter(|s| s.status == SampleStatus::Failed).count() as u32,
            notes: Vec::new(),
            samples_drawn: self.state.samples.len() as u32,
            usage: self.state.usage,
            cost: self.state.cost,
            arms,
            seconds,
            trace: self.trace,
            samples: self.state.samples,
        }
    }

    fn bills(&self) -> Vec<ArmBill> {
        let mut bills: Vec<ArmBill> = self
            .arms
            .iter()
            .map(|arm| ArmBill { name: arm.info.name.clone(), model: arm.info.model.id.clone(), ..ArmBill::default() })
            .collect();
        for sample in &self.state.samples {
            let (Some(bill), Some(arm)) = (bills.get_mut(sample.arm as usize), self.arms.get(sample.arm as usize))
            else {
                continue;
            };
            bill.samples += 1;
            bill.usage += sample.usage;
            bill.cost += arm.info.model.price.cost(&sample.usage) + sample.verifier_cost;
        }
        bills
    }
}
