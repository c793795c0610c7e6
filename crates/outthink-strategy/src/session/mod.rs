//! One request as a machine without I/O: it is told what happened and says what to do next.
//!
//! As in quinn-proto, h2 and rustls, bytes, clocks and tasks are outside. A host asks [`Session::poll`] for
//! actions until there is none, carries them out in its own way, and reports what comes of them by
//! [`Session::handle`]. Time is a [`Duration`] since the request began. The async runner, replays and
//! simulations host the same machine, so nothing has to be held equal between them.

mod ask;
mod judge;
mod read;
mod rescue;

use crate::api::{DriveError, DriveRequest, Update};
use crate::kinds;
use crate::table::{ArmInfo, End, Opening, RecordedEnd, Table};
use judge::Tasks;
pub use judge::{Judged, Task, TaskId, TaskKind};
use outthink_core::{
    Comparer, EngineError, Needs, Origin, Outcome, ProgramRunner, SampleEvent, SampleId, SampleRequest, SampleStatus,
    Step, StopReason, Strategy, Verifier,
};
use outthink_verify::Comparison;
use read::Reading;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Rounds in a row in which nothing that was asked for could be done, after which the run ends.
const FRUITLESS: u32 = 2;

/// What a session works with.
#[derive(Clone, Default)]
pub struct Setup {
    /// The ways to draw samples; at least one. Strategies know them by their place.
    pub arms: Vec<ArmInfo>,
    /// How answers are compared.
    pub comparison: Comparison,
    /// The verifiers, of which the session asks names and bounds only.
    pub verifiers: Vec<Arc<dyn Verifier>>,
    /// Says whether two texts mean the same; again for its bounds.
    pub comparer: Option<Arc<dyn Comparer>>,
    /// Runs programs; again for its bounds.
    pub programs: Option<Arc<dyn ProgramRunner>>,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verifiers: Vec<&str> = self.verifiers.iter().map(|v| v.name()).collect();
        f.debug_struct("Setup").field("arms", &self.arms).field("verifiers", &verifiers).finish_non_exhaustive()
    }
}

/// What the host is to do.
#[derive(Debug)]
pub enum Action {
    /// Ask the engine of an arm for samples: one stream for each, in order.
    Start {
        /// The arm's number.
        arm: u32,
        /// The samples, one for each seed of the request.
        samples: Vec<SampleId>,
        /// What the engine is asked.
        request: Box<SampleRequest>,
    },
    /// Drop the stream of a sample. What it spent until now may still be reported before the next poll.
    Cancel(SampleId),
    /// Have something judged, and report what came of it as [`Input::Judged`].
    Judge(Task),
    /// Drop a judgement: it took too long.
    Abandon(TaskId),
    /// Pass this on to whoever listens.
    Tell(Update),
    /// The end: nothing comes after it.
    Done(Box<Result<Outcome, DriveError>>),
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// An event of a sample's stream.
    Event(SampleId, Result<SampleEvent, EngineError>),
    /// A stream ended without an end or an error.
    Vanished(SampleId),
    /// A recorded sample came to its end.
    Recorded(SampleId, Box<RecordedEnd>),
    /// A judgement came back.
    Judged(TaskId, Judged),
    /// Nobody waits for the reply any more.
    Left,
    /// What pays for the run cannot grow: it ends with what there is. An open thought is closed and answered
    /// where the engine can continue a text and so many tokens are left for it.
    BudgetEnded {
        /// Tokens that are still paid for.
        tokens: u64,
    },
}

enum Phase {
    /// The strategy is asked next.
    Decide,
    /// Something is running; the strategy is asked when it ends.
    Wait,
    /// The reply was empty: one more sample is drawn without reasoning.
    Rescue(End),
    /// It is over once what runs is cancelled.
    Close(End),
    Over,
}

/// One request from its first decision to its bill. See the [module](self).
pub struct Session<'s> {
    strategy: Box<dyn Strategy + 's>,
    request: DriveRequest,
    /// Its arms are in the table.
    setup: Setup,
    table: Table,
    queue: VecDeque<Action>,
    phase: Phase,
    /// Samples whose cancelling was asked for and is not yet entered.
    cancelling: Vec<SampleId>,
    tasks: Tasks,
    first_error: Option<EngineError>,
    /// Tokens of a running sample at which the strategy looked at it last.
    looked_at: Vec<u64>,
    watch: Option<u64>,
    fruitless: u32,
    rescued: bool,
}

impl<'s> Session<'s> {
    /// Opens a session.
    ///
    /// # Errors
    /// If the strategy needs what is not at hand; nothing was spent.
    pub fn new(request: DriveRequest, strategy: Box<dyn Strategy + 's>, setup: Setup) -> Result<Self, Box<DriveError>> {
        let needs = strategy.needs();
        let kinds = strategy.kinds();
        let mut setup = setup;
        (0..).zip(&mut setup.arms).for_each(|(host, arm)| arm.host = host);
        let missing = setup.check(strategy.name(), needs, &request).err();
        let missing = missing.or_else(|| kinds::refusal(&kinds, &request.prompt));
        if let Some(first) = setup.arms.first().filter(|_| !kinds.is_empty()) {
            setup.arms = kinds::arms(first, &kinds, &request.sampling);
        }
        let session = Self::open(request, strategy, setup, needs);
        let Some(error) = missing else { return Ok(session) };
        let end = End { chosen: None, reason: StopReason::EngineFailed };
        let outcome = Box::new(session.table.outcome(session.strategy.name(), end, 0.0));
        Err(Box::new(DriveError { error, outcome }))
    }

    fn open(request: DriveRequest, strategy: Box<dyn Strategy + 's>, mut setup: Setup, needs: Needs) -> Self {
        let table = Table::new(Opening {
            request: &request,
            arms: std::mem::take(&mut setup.arms),
            comparison: setup.comparison,
            verifiers: setup.verifiers.len() as u32,
            has_comparer: setup.comparer.is_some(),
            needs,
            compares: strategy.compares(),
        });
        Self {
            strategy,
            request,
            setup,
            table,
            queue: VecDeque::new(),
            phase: Phase::Decide,
            cancelling: Vec::new(),
            tasks: Tasks::default(),
            first_error: None,
            looked_at: Vec::new(),
            watch: None,
            fruitless: 0,
            rescued: false,
        }
    }

    /// Opens a session over recorded samples, where needs are not checked: what a recording lacks is not there.
    pub(crate) fn recorded(request: DriveRequest, strategy: Box<dyn Strategy + 's>, setup: Setup) -> Self {
        let needs = strategy.needs();
        Self::open(request, strategy, setup, needs)
    }

    /// What is known so far: the samples, the votes, what was spent.
    pub fn state(&self) -> &outthink_core::State {
        &self.table.state
    }

    /// What is asked.
    pub fn request(&self) -> &DriveRequest {
        &self.request
    }

    /// When the session must be polled again, whatever happens; `None` if only events matter.
    pub fn deadline(&self) -> Option<Duration> {
        let run = match self.phase {
            Phase::Over => return None,
            _ => self.table.state.budget.max_seconds.map(Duration::from_secs_f64),
        };
        [run, self.tasks.due()].into_iter().flatten().min()
    }

    /// The next thing to do; `None` until something happens or the [deadline](Session::deadline) comes.
    pub fn poll(&mut self, now: Duration) -> Option<Action> {
        loop {
            self.enter_cancelled();
            if let Some(action) = self.queue.pop_front() {
                if let Action::Cancel(id) = action {
                    self.cancelling.push(id);
                }
                return Some(action);
            }
            match self.phase {
                Phase::Decide => self.decide(now),
                Phase::Wait | Phase::Rescue(_) => {
                    if self.is_late(now) {
                        self.end_with_best(StopReason::TimeUp);
                    } else if self.table.state.is_idle() {
                        // Nothing runs and nothing could be started: the strategy can only repeat itself.
                        self.after_waiting();
                    } else {
                        self.expire(now);
                        if self.queue.is_empty() {
                            return None;
                        }
                    }
                }
                Phase::Close(end) => {
                    let result = self.outcome(end, now);
                    self.phase = Phase::Over;
                    self.queue.push_back(Action::Done(Box::new(result)));
                }
                Phase::Over => return None,
            }
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Duration, input: Input) {
        if matches!(self.phase, Phase::Over) {
            return;
        }
        match input {
            Input::Event(id, event) => self.event(id, event),
            Input::Vanished(id) => {
                let words = "the engine ended a sample without saying why";
                self.event(id, Err(EngineError::new(Origin::Engine, words)));
            }
            Input::Recorded(id, end) => {
                if self.runs(id) {
                    self.table.finish_recorded(id, *end);
                    self.ended();
                }
            }
            Input::Judged(task, judged) => self.judged(now, task, judged),
            Input::Left => self.end_with_best(StopReason::Cancelled),
            Input::BudgetEnded { tokens } => {
                if !self.answer_now(tokens) {
                    self.end_with_best(StopReason::BudgetSpent);
                }
            }
        }
    }

    fn runs(&self, id: SampleId) -> bool {
        self.table.state.sample(id).is_some_and(|s| s.status == SampleStatus::Running)
    }

    fn is_late(&self, now: Duration) -> bool {
        self.table.state.budget.max_seconds.is_some_and(|most| now.as_secs_f64() >= most)
    }

    fn event(&mut self, id: SampleId, event: Result<SampleEvent, EngineError>) {
        if !self.runs(id) {
            return;
        }
        match event {
            Ok(SampleEvent::Started(source)) => self.table.started(id, &source),
            Ok(SampleEvent::Lost(usage)) => self.table.lost(id, usage),
            Ok(SampleEvent::Note(words)) => self.table.remark(words),
            Ok(SampleEvent::Prompt { tokens, cached }) => self.table.prompt(id, tokens, cached),
            Ok(SampleEvent::Used(usage)) => self.table.used(id, usage),
            Ok(SampleEvent::Delta(delta)) => {
                self.table.delta(id, &delta);
                // The answer to a closed thought is not reasoning: it is told whole, at the end.
                let leading = self.leading() == Some(id) && !self.table.answers(id);
                self.queue.push_back(Action::Tell(Update::Delta { sample: id, leading, delta }));
                if self.has_grown(id) && matches!(self.phase, Phase::Wait) {
                    self.phase = Phase::Decide;
                }
            }
            Ok(SampleEvent::Finish(finish)) => {
                self.table.finish(id, finish);
                self.tell_end(id);
                self.ended();
            }
            Err(error) => {
                self.table.learn_abilities(id, &error);
                let refused = error.status.is_some_and(|status| (400..500).contains(&status));
                self.table.fail(id, error.to_string(), refused && !error.retryable);
                self.first_error.get_or_insert(error);
                self.tell_end(id);
                self.ended();
            }
        }
    }

    /// Something came to its end: the strategy is asked.
    fn ended(&mut self) {
        if matches!(self.phase, Phase::Wait) {
            self.phase = Phase::Decide;
        }
    }

    fn decide(&mut self, now: Duration) {
        self.table.refresh();
        let decision = self.strategy.step(&self.table.state);
        self.watch = decision.watch;
        let event = self.table.decided(now.as_secs_f64(), decision);
        self.queue.push_back(Action::Tell(Update::Decision(event.clone())));
        let mut refused = false;
        for step in event.decision.steps {
            match step {
                Step::Stop { sample, reason } => return self.end(End { chosen: Some(sample), reason }),
                Step::Abstain { reason } => return self.end(End { chosen: None, reason }),
                step => refused |= !self.carry_out(now, step),
            }
        }
        let nothing = refused && self.table.state.is_idle();
        self.fruitless = if nothing { self.fruitless + 1 } else { 0 };
        // The strategy may know something that costs less.
        let again = nothing && self.fruitless < FRUITLESS;
        self.phase = if again { Phase::Decide } else { Phase::Wait };
    }

    /// Whether all of a step could be done.
    fn carry_out(&mut self, now: Duration, step: Step) -> bool {
        match step {
            Step::Sample { arm, count, span } => self.sample(arm, count, &span),
            Step::Continue { sample, link, count, span } => self.go_on(sample, &link, count, &span),
            Step::Score { sample, verifier } => self.judge(now, TaskKind::Score { sample, verifier }),
            Step::Compare { left, right } => self.judge(now, TaskKind::Compare { left, right }),
            Step::Run { sample } => self.judge(now, TaskKind::Run { sample }),
            Step::Read { arm, role, samples, shown, span } => self.read(Reading { arm, role, samples, shown }, &span),
            Step::Cancel { samples } => {
                for id in samples {
                    self.cancel(id);
                }
                true
            }
            Step::Wait | Step::Stop { .. } | Step::Abstain { .. } => true,
        }
    }

    fn cancel(&mut self, id: SampleId) {
        if self.runs(id) {
            self.queue.push_back(Action::Cancel(id));
        }
    }

    fn enter_cancelled(&mut self) {
        for id in std::mem::take(&mut self.cancelling) {
            self.table.cancel(id);
        }
    }

    fn end_with_best(&mut self, reason: StopReason) {
        if !matches!(self.phase, Phase::Close(_)) {
            let chosen = self.strategy.best(&self.table.state);
            self.close(End { chosen, reason });
        }
    }

    /// The strategy ended. A reply that is empty is asked for once more.
    fn end(&mut self, end: End) {
        if self.rescue(end) {
            self.phase = Phase::Rescue(end);
        } else {
            self.close(end);
        }
    }

    fn close(&mut self, end: End) {
        for id in 0..self.table.state.samples.len() as SampleId {
            self.cancel(id);
        }
        self.tasks.abandon_all(&mut self.queue);
        self.phase = Phase::Close(end);
    }

    /// Whether a sample has as many more tokens as the strategy watches for.
    fn has_grown(&mut self, id: SampleId) -> bool {
        let Some(watch) = self.watch else { return false };
        let tokens = self.table.state.sample(id).map_or(0, |s| s.usage.completion);
        if self.looked_at.len() <= id as usize {
            self.looked_at.resize(id as usize + 1, 0);
        }
        let looked_at = &mut self.looked_at[id as usize];
        let grown = tokens >= *looked_at + watch;
        if grown {
            *looked_at = tokens;
        }
        grown
    }

    /// The sample whose reasoning is shown: the first that did not fail, and then what goes on from it.
    /// Another one's text is never mixed into it.
    fn leading(&self) -> Option<SampleId> {
        let samples = &self.table.state.samples;
        let first = samples.iter().find(|s| s.status != SampleStatus::Failed && s.is_root())?;
        let mut last = first;
        // A fork of a sample that still runs is not its continuation.
        while last.status != SampleStatus::Running {
            let mut children = samples.iter().filter(|c| c.parent == Some(last.id) && c.status != SampleStatus::Failed);
            // Nor is a probe, where something else goes on.
            let first = children.clone().find(|c| !self.table.is_forced(c.id)).or_else(|| children.next());
            let Some(child) = first else { break };
            last = child;
        }
        Some(last.id)
    }

    fn tell_end(&mut self, id: SampleId) {
        if let Some(sample) = self.table.state.sample(id) {
            let (parent, status, class) = (sample.parent, sample.status, sample.class);
            let tokens = sample.usage.completion;
            self.queue.push_back(Action::Tell(Update::Ended { sample: id, parent, status, class, tokens }));
        }
        let state = &self.table.state;
        let update = Update::Vote {
            votes: self.table.votes(),
            finished: state.done().count() as u32,
            running: state.running(),
            tokens: state.usage.generated(),
        };
        self.queue.push_back(Action::Tell(update));
    }

    fn outcome(&mut self, end: End, now: Duration) -> Result<Outcome, DriveError> {
        let room = self.table.state.room(0);
        let prompt = match room.cost.filter(|left| *left < room.prompt_cost) {
            Some(left) => format!(" (the prompt alone may cost {}, and {left} is left)", room.prompt_cost),
            None => String::new(),
        };
        let table = std::mem::take(&mut self.table);
        let outcome = table.outcome(self.strategy.name(), end, now.as_secs_f64());
        let gave_up = matches!(end.reason, StopReason::Cancelled | StopReason::NothingHelps);
        // A step that failed must not come out as an empty success.
        let chosen = outcome.chosen.and_then(|id| outcome.samples.get(id as usize));
        let nothing = self.first_error.is_some() && chosen.is_some_and(outthink_core::Sample::is_empty);
        if (outcome.chosen.is_some() && !nothing) || gave_up {
            return Ok(outcome);
        }
        let error = self.first_error.take().unwrap_or_else(|| match end.reason {
            StopReason::TimeUp => EngineError::new(Origin::Caller, "the time was up before the first word")
                .with_hint("allow more seconds"),
            _ => EngineError::new(Origin::Caller, format!("the budget does not pay for one sample{prompt}"))
                .with_hint("raise the budget in tokens or dollars"),
        });
        Err(DriveError { error, outcome: Box::new(outcome) })
    }
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("strategy", &self.strategy.name())
            .field("samples", &self.table.state.samples.len())
            .finish_non_exhaustive()
    }
}

impl Setup {
    /// Whether everything is at hand that a strategy of this name with these needs cannot work without.
    ///
    /// # Errors
    /// If something is missing, with what to do about it.
    pub fn check(&self, strategy: &str, needs: Needs, request: &DriveRequest) -> Result<(), EngineError> {
        let fail = |what: String, hint: &str| {
            Err(EngineError::new(Origin::Caller, format!("the strategy {strategy} needs {what}")).with_hint(hint))
        };
        for arm in &self.arms {
            let can = arm.capabilities;
            if (needs.logprobs || needs.confidence.is_some()) && !can.logprobs {
                let hint = "use the embedded engine, or a server that gives them, or a strategy such as adaptive";
                return fail(format!("log-probabilities, which the engine of {} does not give", arm.name), hint);
            }
            if needs.values && self.verifiers.is_empty() && !can.logprobs {
                let hint = "name a verifier, or use the embedded engine or a server that gives log-probabilities";
                let what = format!("a verifier, or log-probabilities, which the engine of {} does not give", arm.name);
                return fail(what, hint);
            }
            if needs.continuation && !can.continuation.is_possible() {
                let hint = "use the embedded engine, vLLM, SGLang or llama.cpp, or a strategy such as adaptive";
                return fail(format!("to continue a text, which the engine of {} cannot", arm.name), hint);
            }
        }
        if needs.steps && !request.sampling.stop.is_empty() {
            return fail("to stop the model at each step, and so the `stop` texts".into(), "leave out `stop`");
        }
        if needs.verifier && self.verifiers.is_empty() {
            return fail("a verifier".into(), "give one, or use a strategy that votes, such as adaptive");
        }
        if needs.programs && self.programs.is_none() {
            let hint = "on Linux, install bubblewrap and Python as system packages, and on a gateway set \
                        defaults.programs; or use a strategy such as adaptive";
            return fail("a sandbox that runs programs, and there is none here".into(), hint);
        }
        if needs.comparer && self.comparer.is_none() {
            return fail("a model that says whether two texts mean the same".into(), "give one");
        }
        if self.arms.len() < needs.arms as usize {
            let what = format!("{} arms, and there is {}", needs.arms, self.arms.len());
            return fail(what, "name another model or another system message");
        }
        Ok(())
    }
}
