//! Strategies over recorded samples, without an engine.

use crate::{Action, ArmInfo, DriveRequest, Input, Judged, RecordedEnd, Session, Setup, Task, TaskId, TaskKind};
use outthink_core::{
    Answer, ArmId, Capabilities, Delta, EngineError, Judging, ModelInfo, Origin, Outcome, Prompt, Sample, SampleEvent,
    SampleId, SampleKind, Strategy, TokenConfidence, Usage, Verdict, Verifier,
};
use outthink_verify::Comparison;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

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
    /// The arm's name. An arm with the name of a [kind](SampleKind), such as `program`, holds samples of that kind,
    /// the outcomes of programs as their answers.
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

/// Stands for the recorded scores in a session, which asks it for nothing but its name and bounds.
struct RecordedVerifier;

impl Verifier for RecordedVerifier {
    fn name(&self) -> &'static str {
        "recorded"
    }

    fn score<'a>(&'a self, _: &'a Prompt, _: &'a Sample) -> Judging<'a, Verdict> {
        Box::pin(std::future::ready(Ok(Verdict::default())))
    }
}

/// Hosts a session on recorded samples.
struct Host<'a> {
    recording: &'a Recording<'a>,
    running: VecDeque<Running>,
    tasks: VecDeque<(TaskId, SampleId)>,
    /// Tokens that each sample could have drawn so far.
    clock: u64,
}

/// Runs `strategy` over a recording until it stops or the recording ends.
///
/// Time stands still, but for the order in which samples end. A recording of whole samples cannot
/// be continued: `Continue` starts nothing.
pub fn simulate(request: &DriveRequest, strategy: &mut dyn Strategy, recording: &Recording<'_>) -> Outcome {
    let recorded: usize = recording.arms.iter().map(|a| a.samples.len()).sum();
    let recorded = u32::try_from(recorded).unwrap_or(u32::MAX);
    let mut request = request.clone();
    // No more samples than were recorded.
    request.budget.max_samples = Some(request.budget.max_samples.map_or(recorded, |most| most.min(recorded)));
    let info = |arm: &RecordedArm<'_>| ArmInfo {
        name: arm.name.to_owned(),
        most_samples: Some(u32::try_from(arm.samples.len()).unwrap_or(u32::MAX)),
        kind: SampleKind::parse(arm.name).unwrap_or_default(),
        ..ArmInfo::new(arm.model.clone(), Capabilities::default())
    };
    let has_scores = recording.arms.iter().any(|a| a.samples.iter().any(|s| s.score.is_some()));
    let verifiers: Vec<Arc<dyn Verifier>> =
        if has_scores { vec![Arc::new(RecordedVerifier) as Arc<dyn Verifier>] } else { Vec::new() };
    let setup = Setup {
        arms: recording.arms.iter().map(info).collect(),
        comparison: recording.comparison,
        verifiers,
        ..Setup::default()
    };
    let mut session = Session::recorded(request, Box::new(strategy), setup);
    let mut host = Host { recording, running: VecDeque::new(), tasks: VecDeque::new(), clock: 0 };
    host.drive(&mut session)
}

impl Host<'_> {
    fn drive(&mut self, session: &mut Session<'_>) -> Outcome {
        loop {
            match session.poll(Duration::ZERO) {
                Some(Action::Start { samples, .. }) => self.start(session, &samples),
                Some(Action::Cancel(id)) => self.cancel(session, id),
                Some(Action::Judge(Task { id, kind: TaskKind::Score { sample, .. } })) => {
                    self.tasks.push_back((id, sample));
                }
                Some(Action::Done(end)) => {
                    return match *end {
                        Ok(outcome) => outcome,
                        Err(failed) => *failed.outcome,
                    };
                }
                // Without a comparer nothing is compared.
                Some(Action::Judge(_) | Action::Abandon(_) | Action::Tell(_)) => {}
                // The session ends by itself once nothing is on its way.
                None => self.advance(session),
            }
        }
    }

    fn start(&mut self, session: &Session<'_>, samples: &[SampleId]) {
        for &id in samples {
            let tokens = self.recording.get(&session.state().samples, id).tokens;
            self.running.push_back(Running { id, began: self.clock, ends: self.clock + tokens });
        }
    }

    /// Lets the next score come or the next sample end.
    fn advance(&mut self, session: &mut Session<'_>) {
        if let Some((task, id)) = self.tasks.pop_front() {
            let score = self.recording.get(&session.state().samples, id).score;
            let judged = match score.filter(|s| s.is_finite()) {
                Some(score) => Ok(Verdict { score: Some(score.clamp(0.0, 1.0)), ..Verdict::default() }),
                None => Err(EngineError::new(Origin::Caller, "none was recorded")),
            };
            return session.handle(Duration::ZERO, Input::Judged(task, Judged::Verdict(judged)));
        }
        let next = match self.recording.ending {
            Ending::InOrder => (!self.running.is_empty()).then_some(0),
            Ending::ByLength => (0..self.running.len()).min_by_key(|&i| (self.running[i].ends, self.running[i].id)),
        };
        let Some(ended) = next.and_then(|index| self.running.remove(index)) else { return };
        self.clock = self.clock.max(ended.ends);
        let recorded = self.recording.get(&session.state().samples, ended.id);
        let end = RecordedEnd {
            usage: Usage { prompt: recorded.prompt_tokens, completion: recorded.tokens, ..Usage::default() },
            answer: recorded.answer,
            mean_logprob: recorded.mean_logprob,
            confidence: recorded.confidence,
            finish: None,
        };
        session.handle(Duration::ZERO, Input::Recorded(ended.id, Box::new(end)));
    }

    /// Enters what a sample had drawn that is cancelled: as many tokens as the shorter ones beside it; where
    /// samples end in order nothing is known of that, and it is counted in full.
    fn cancel(&mut self, session: &mut Session<'_>, id: SampleId) {
        let Some(index) = self.running.iter().position(|r| r.id == id) else { return };
        if let Some(run) = self.running.remove(index) {
            let tokens = match self.recording.ending {
                Ending::InOrder => run.ends - run.began,
                Ending::ByLength => self.clock.min(run.ends) - run.began,
            };
            let delta = SampleEvent::Delta(Delta { tokens, ..Delta::default() });
            session.handle(Duration::ZERO, Input::Event(id, Ok(delta)));
        }
    }
}
