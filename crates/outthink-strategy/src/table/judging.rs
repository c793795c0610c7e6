//! Verdicts and comparisons in the accounting.

use super::{Judgement, Table};
use crate::kinds;
use outthink_core::{Answer, AnswerKind, Bill, ProgramOutcome, SampleId, Score};

impl Table {
    /// Reserves what a judgement may cost; whether the budget pays for it. If so, what comes of it
    /// must be entered by [`Table::judged`] or [`Table::compared`].
    pub(crate) fn begin_judging(&mut self, most: Bill) -> bool {
        // Every arm has the same room for what verifiers charge.
        if !self.state.room(0).pays_for(most) {
            return false;
        }
        self.judging.tokens += most.tokens;
        self.judging.cost += most.cost;
        self.state.judging += 1;
        self.refresh();
        true
    }

    fn end_judging(&mut self, id: SampleId, cost: Judgement) {
        self.judging.tokens = self.judging.tokens.saturating_sub(cost.most.tokens);
        self.judging.cost = self.judging.cost.saturating_sub(cost.most.cost);
        self.state.judging = self.state.judging.saturating_sub(1);
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            sample.usage.verifier += cost.bill.tokens;
            sample.verifier_cost += cost.bill.cost;
        }
    }

    /// Enters what a verifier said and what it cost, and gives back what was reserved for it. A
    /// failure is noted and is no score.
    pub(crate) fn judged(&mut self, id: SampleId, cost: Judgement, verdict: Result<Score, String>) {
        self.end_judging(id, cost);
        match verdict {
            Ok(score) => {
                if let Some(sample) = self.state.samples.get_mut(id as usize) {
                    sample.scores.retain(|s| s.verifier != score.verifier);
                    sample.scores.push(score);
                    let sum: f64 = sample.scores.iter().map(|s| s.value).sum();
                    sample.score = Some(sum / sample.scores.len() as f64);
                }
            }
            Err(problem) => {
                let words = format!("sample {id} has no score: {problem}");
                self.remark(words.clone());
                self.note(words);
            }
        }
        self.refresh();
    }

    /// Enters that a program is about to run; it costs time and no tokens.
    pub(crate) fn begin_run(&mut self) {
        self.state.judging += 1;
    }

    /// Enters what came of a sample's program: a value is its answer, and the reply states it from then on. A reply
    /// without a program keeps the answer that it marks, if it marks one. Where nothing could be run, nothing is known.
    pub(crate) fn ran(&mut self, id: SampleId, outcome: Result<ProgramOutcome, String>) {
        self.state.judging = self.state.judging.saturating_sub(1);
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(problem) => {
                let words = format!("the program of sample {id} was not run: {problem}");
                self.remark(words.clone());
                self.note(words);
                return self.refresh();
            }
        };
        let answer = match &outcome {
            ProgramOutcome::Value(text) => Some(self.resolve(Answer { text: text.clone(), kind: AnswerKind::Program })),
            ProgramOutcome::Missing => {
                let content = self.state.sample(id).map(|s| s.content.clone()).unwrap_or_default();
                self.found(&content).filter(super::is_marked)
            }
            ProgramOutcome::Error(_) | ProgramOutcome::Stopped => None,
        };
        self.answered(id, answer);
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            if let ProgramOutcome::Value(text) = &outcome {
                sample.content.push_str(&kinds::stated(text));
            }
            sample.program = Some(outcome);
        }
        self.refresh();
    }

    /// Enters whether two samples say the same and what it cost to find out, and gives back what was
    /// reserved for it.
    pub(crate) fn compared(&mut self, pair: (SampleId, SampleId), cost: Judgement, answer: Result<bool, String>) {
        let (left, right) = pair;
        self.end_judging(left, cost);
        let same = answer.as_ref().ok().copied();
        self.state.compared.push((left, right, same));
        if let Err(problem) = answer {
            let words = format!("samples {left} and {right} could not be compared: {problem}");
            self.remark(words.clone());
            self.note(words);
        }
        let class = |id| self.state.sample(id).and_then(|s| s.class);
        if let (Some(true), Some(a), Some(b)) = (same, class(left), class(right)) {
            let (keep, drop) = (a.min(b), a.max(b));
            for sample in self.state.samples.iter_mut().filter(|s| s.class == Some(drop)) {
                sample.class = Some(keep);
            }
            for target in self.merged.values_mut().filter(|t| **t == drop) {
                *target = keep;
            }
            self.merged.insert(drop, keep);
        }
        self.refresh();
    }
}
