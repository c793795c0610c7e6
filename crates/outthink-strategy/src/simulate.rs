//! Strategies over recorded samples, without an engine.

use crate::{ArmInfo, DriveRequest, End, Judgement, Opening, Start, Table};
use outthink_core::{
    Answer, ArmId, Bill, Capabilities, Delta, Finish, FinishReason, ModelInfo, Outcome, Sample, SampleId, Score, Step,
    StopReason, Strategy, TokenConfidence, Usage,
};
use outthink_verify::Comparison;
use std::collections::VecDeque;

/// A recorded sample as far as decisions depend on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    /// Its final answer, if the recording holds one.
    pub answer: Option<Answer>,
    /// Its generated tokens.
    pub tokens: u64,
    /// Prompt tokens, where known.
    pub prompt_tokens: u64,
    /// What a verifier said, in [0, 1].
    pub score: Option<f64>,
    /// Mean log-probability of its tokens, where known.
    pub mean_logprob: Option<f64>,
    /// How sure the model was of its tokens, where known.
    pub confidence: Option<TokenConfidence>,
}

/// The recorded samples of one arm, in the order in which they are drawn.
#[derive(Debug, Clone)]
pub struct RecordedArm<'a> {
    /// The arm's name.
    pub name: &'a str,
    /// What its model is and charges.
    pub model: &'a ModelInfo,
    /// Its samples.
    pub samples: &'a [Recorded],
}

/// In which order samples that run at the same time come to their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ending {
    /// As they were started.
    #[default]
    InOrder,
    /// The shorter ones first, as where all run at the same speed.
    ByLength,
}

/// One problem's recording.
#[derive(Debug, Clone)]
pub struct Recording<'a> {
    /// What was drawn on each arm; at least one arm.
    pub arms: Vec<RecordedArm<'a>>,
    /// How answers are compared.
    pub comparison: Comparison,
    /// In which order samples end.
    pub ending: Ending,
}

impl<'a> Recording<'a> {
    /// A recording of one arm, whose samples end in their order.
    pub fn of(model: &'a ModelInfo, samples: &'a [Recorded], comparison: Comparison) -> Self {
        let arm = RecordedArm { name: &model.id, model, samples };
        Self { arms: vec![arm], comparison, ending: Ending::InOrder }
    }

    /// The recorded sample that a sample of the outcome was: its arm, and its place there.
    pub fn place_of(samples: &[Sample], id: SampleId) -> Option<(ArmId, usize)> {
        let arm = samples.get(id as usize)?.arm;
        Some((arm, samples.iter().take(id as usize).filter(|s| s.arm == arm).count()))
    }

    fn get(&self, samples: &[Sample], id: SampleId) -> Recorded {
        let place = Self::place_of(samples, id);
        let found = place.and_then(|(arm, index)| self.arms.get(arm as usize)?.samples.get(index));
        found.cloned().unwrap_or_default()
    }
}

/// A sample that runs.
struct Running {
    id: SampleId,
    began: u64,
    ends: u64,
}

/// What a simulated run holds.
struct Simulation<'a> {
    recording: &'a Recording<'a>,
    table: Table,
    running: VecDeque<Running>,
    score_next: VecDeque<(SampleId, u32)>,
    /// Tokens that each sample could have drawn so far.
    clock: u64,
}

/// Runs `strategy` over a recording until it stops or the recording ends.
///
/// Time stands still, but for the order in which samples end. A recording of whole samples cannot
/// be continued: `Continue` starts nothing.
pub fn simulate(request: &DriveRequest, strategy: &mut dyn Strategy, recording: &Recording<'_>) -> Outcome {
    let has_scores = recording.arms.iter().any(|a| a.samples.iter().any(|s| s.score.is_some()));
    let info = |arm: &RecordedArm<'_>| ArmInfo {
        name: arm.name.to_owned(),
        model: arm.model.clone(),
        capabilities: Capabilities::default(),
        prompt: request.prompt.clone(),
    };
    let table = Table::new(Opening {
        request,
        arms: recording.arms.iter().map(info).collect(),
        comparison: recording.comparison,
        verifiers: u32::from(has_scores),
        has_comparer: false,
        needs: strategy.needs(),
    });
    let mut run = Simulation { recording, table, running: VecDeque::new(), score_next: VecDeque::new(), clock: 0 };
    run.bound_samples();
    let end = run.drive(strategy);
    run.cancel_all();
    run.table.outcome(strategy.name(), end, 0.0)
}

impl Simulation<'_> {
    /// No more samples than were recorded.
    fn bound_samples(&mut self) {
        let recorded: usize = self.recording.arms.iter().map(|a| a.samples.len()).sum();
        let recorded = u32::try_from(recorded).unwrap_or(u32::MAX);
        let budget = &mut self.table.state.budget;
        budget.max_samples = Some(budget.max_samples.map_or(recorded, |most| most.min(recorded)));
        self.table.refresh();
    }

    fn drive(&mut self, strategy: &mut dyn Strategy) -> End {
        let mut fruitless = 0;
        loop {
            let decision = strategy.step(&self.table.state);
            let event = self.table.decided(0.0, decision);
            let mut refused = false;
            for step in event.decision.steps {
                match step {
                    Step::Stop { sample, reason } => return End { chosen: Some(sample), reason },
                    Step::Abstain { reason } => return End { chosen: None, reason },
                    step => refused |= !self.carry_out(step),
                }
            }
            fruitless = if refused && self.is_idle() { fruitless + 1 } else { 0 };
            if refused && self.is_idle() && fruitless < crate::driver::FRUITLESS {
                continue;
            }
            if !self.advance() {
                return End { chosen: strategy.best(&self.table.state), reason: StopReason::BudgetSpent };
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.score_next.is_empty()
    }

    /// Whether all of a step could be done.
    fn carry_out(&mut self, step: Step) -> bool {
        match step {
            Step::Sample { arm, count, span } => {
                let drawn = self.table.state.samples.iter().filter(|s| s.arm == arm).count();
                let recorded = self.recording.arms.get(arm as usize).map_or(0, |a| a.samples.len());
                let room = self.table.room(arm, 0);
                let left = u32::try_from(recorded.saturating_sub(drawn)).unwrap_or(u32::MAX);
                let fits = count.min(room.affordable(span.max_tokens)).min(left);
                let cap = room.cap(span.max_tokens, fits);
                for _ in 0..fits {
                    let span = outthink_core::Span::whole(cap);
                    let id = self.table.start(Start { arm, parent: None, turn: None, span, extra_prompt: 0 });
                    let tokens = self.recording.get(&self.table.state.samples, id).tokens;
                    self.running.push_back(Running { id, began: self.clock, ends: self.clock + tokens });
                }
                fits == count
            }
            Step::Score { sample, verifier: 0 } if self.table.state.has_verifier() => {
                let room = self.table.begin_judging(Bill::default());
                if room {
                    self.score_next.push_back((sample, 0));
                }
                room
            }
            Step::Cancel { samples } => {
                for id in samples {
                    self.cancel(id);
                }
                true
            }
            Step::Score { .. } | Step::Continue { .. } | Step::Compare { .. } => false,
            Step::Wait | Step::Stop { .. } | Step::Abstain { .. } => true,
        }
    }

    /// Lets the next sample end or the next score come; false if there is none.
    fn advance(&mut self) -> bool {
        if let Some((id, verifier)) = self.score_next.pop_front() {
            let score = self.recording.get(&self.table.state.samples, id).score;
            let score = score.filter(|s| s.is_finite()).map(|s| s.clamp(0.0, 1.0));
            let verdict = score.map(|value| Score { verifier, value, steps: Vec::new() });
            self.table.judged(id, Judgement::default(), verdict.ok_or_else(|| "none was recorded".to_owned()));
            return true;
        }
        let next = match self.recording.ending {
            Ending::InOrder => (!self.running.is_empty()).then_some(0),
            Ending::ByLength => (0..self.running.len()).min_by_key(|&i| (self.running[i].ends, self.running[i].id)),
        };
        let Some(ended) = next.and_then(|index| self.running.remove(index)) else { return false };
        self.clock = self.clock.max(ended.ends);
        let recorded = self.recording.get(&self.table.state.samples, ended.id);
        if let Some(sample) = self.table.state.samples.get_mut(ended.id as usize) {
            sample.mean_logprob = recorded.mean_logprob;
            sample.confidence = recorded.confidence;
        }
        let usage = Usage { prompt: recorded.prompt_tokens, completion: recorded.tokens, ..Usage::default() };
        let finish = Finish { met_stop: Some(false), ..Finish::new(FinishReason::Stop, usage) };
        self.table.finish_recorded(ended.id, recorded.answer, finish);
        true
    }

    /// Cancels a sample. What ran beside shorter ones has drawn as many tokens as they; where
    /// samples end in order nothing is known of that, and it is counted in full.
    fn cancel(&mut self, id: SampleId) {
        let Some(index) = self.running.iter().position(|r| r.id == id) else { return };
        if let Some(run) = self.running.remove(index) {
            let tokens = match self.recording.ending {
                Ending::InOrder => run.ends - run.began,
                Ending::ByLength => self.clock.min(run.ends) - run.began,
            };
            self.table.delta(id, &Delta { tokens, ..Delta::default() });
            self.table.cancel(id);
        }
    }

    fn cancel_all(&mut self) {
        while let Some(id) = self.running.front().map(|r| r.id) {
            self.cancel(id);
        }
    }
}
