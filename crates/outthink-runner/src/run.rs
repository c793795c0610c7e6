//! One request while it runs.

use crate::Runner;
use crate::streams::{Given, Streams};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use outthink_core::{EngineError, Origin, Outcome, SampleId, SampleRequest, Strategy};
use outthink_strategy::{Action, DriveError, DriveRequest, Input, Judged, Session, Task, TaskId, TaskKind, Update};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What happens next.
#[derive(Debug)]
pub enum Event {
    /// Something is reported.
    Update(Update),
    /// The end; nothing comes after it.
    End(Box<Result<Outcome, DriveError>>),
}

type Judging = BoxFuture<'static, (TaskId, u32, Judged)>;

/// One request while it runs. Dropping it cancels everything.
pub struct Run {
    runner: Runner,
    /// `None` where it could not be opened, or is over. In a box, since a run moves a few times before it begins.
    session: Option<Box<Session<'static>>>,
    refused: Option<Box<DriveError>>,
    streams: Streams,
    judging: FuturesUnordered<Judging>,
    /// The attempt of each judgement that still counts; of older ones nothing is taken in.
    attempts: Vec<(TaskId, u32)>,
    next_attempt: u32,
    began: Instant,
    /// The time since it began when it was woken last, or first asked: one look at the clock for all that follows.
    now: Option<Duration>,
}

/// What woke the run.
enum Woken {
    Given(Given),
    Judged(TaskId, u32, Judged),
    Time,
}

impl Run {
    pub(crate) fn new(runner: &Runner, request: DriveRequest, strategy: Box<dyn Strategy>) -> Self {
        let (session, refused) = match Session::new(request, strategy, runner.setup()) {
            Ok(session) => (Some(Box::new(session)), None),
            Err(refused) => (None, Some(refused)),
        };
        Self {
            runner: runner.clone(),
            session,
            refused,
            streams: Streams::default(),
            judging: FuturesUnordered::new(),
            attempts: Vec::new(),
            next_attempt: 0,
            began: Instant::now(),
            now: None,
        }
    }

    /// The next update, or the end once all updates are reported. Safe to cancel; pending for ever after the
    /// end.
    pub async fn next(&mut self) -> Event {
        if let Some(refused) = self.refused.take() {
            return Event::End(Box::new(Err(*refused)));
        }
        loop {
            if let Some(event) = self.act() {
                return event;
            }
            let Some(session) = &self.session else { return std::future::pending().await };
            let deadline = session.deadline().map(|at| self.began + at);
            let woken = if deadline.is_none() && self.judging.is_empty() {
                Woken::Given(self.streams.next().await)
            } else {
                wake(&mut self.streams, &mut self.judging, deadline).await
            };
            self.take_in(woken);
        }
    }

    /// What was spent so far, samples that run included, and what is known of them.
    pub fn state(&self) -> Option<&outthink_core::State> {
        self.session.as_deref().map(Session::state)
    }

    /// Ends it because nobody waits for the reply any more: all work is dropped, and this is the bill until
    /// now. `None` if it had ended before.
    pub fn leave(&mut self) -> Option<Result<Outcome, DriveError>> {
        self.finish(Input::Left)
    }

    /// Ends it with what there is because what pays for it cannot grow; the end comes by [`Run::next`].
    /// Where the model still reasons and the engine can continue a text, the reasoning is closed and answered
    /// with the `tokens` that are left.
    pub fn budget_ended(&mut self, tokens: u64) {
        let now = self.began.elapsed();
        if let Some(session) = &mut self.session {
            session.handle(now, Input::BudgetEnded { tokens });
        }
    }

    fn finish(&mut self, input: Input) -> Option<Result<Outcome, DriveError>> {
        if let Some(refused) = self.refused.take() {
            return Some(Err(*refused));
        }
        self.streams.clear();
        self.judging.clear();
        let now = self.began.elapsed();
        let mut session = self.session.take()?;
        session.handle(now, input);
        while let Some(action) = session.poll(now) {
            if let Action::Done(end) = action {
                return Some(*end);
            }
        }
        None
    }

    /// Carries out what the session wants, up to the next thing to report.
    fn act(&mut self) -> Option<Event> {
        let now = *self.now.get_or_insert_with(|| self.began.elapsed());
        loop {
            match self.session.as_mut()?.poll(now)? {
                Action::Tell(update) => return Some(Event::Update(update)),
                Action::Start { arm, samples, request } => self.start(arm, &samples, *request),
                Action::Cancel(id) => self.streams.cancel(id),
                Action::Judge(task) => self.judge(task),
                Action::Abandon(id) => self.attempts.retain(|a| a.0 != id),
                Action::Done(end) => {
                    self.session = None;
                    self.streams.clear();
                    if !self.judging.is_empty() {
                        self.judging.clear();
                    }
                    return Some(Event::End(end));
                }
            }
        }
    }

    fn start(&mut self, arm: u32, samples: &[SampleId], request: SampleRequest) {
        let streams = self.runner.arms.get(arm as usize).map(|arm| arm.engine.start(request)).unwrap_or_default();
        let mut streams = streams.into_iter();
        for &id in samples {
            match (streams.next(), &mut self.session) {
                (Some(stream), _) => self.streams.push(id, stream),
                (None, Some(session)) => {
                    let words = "the engine gave fewer streams than samples were asked for";
                    let error = EngineError::new(Origin::Internal, words);
                    session.handle(self.began.elapsed(), Input::Event(id, Err(error)));
                }
                (None, None) => {}
            }
        }
    }

    fn judge(&mut self, task: Task) {
        let Some(session) = &self.session else { return };
        let prompt = session.request().prompt.clone();
        let sample = |id: SampleId| session.state().sample(id).cloned();
        let attempt = self.next_attempt;
        self.next_attempt += 1;
        self.attempts.retain(|a| a.0 != task.id);
        self.attempts.push((task.id, attempt));
        let missing = || EngineError::new(Origin::Internal, "what is to be judged is not there");
        let judging: Judging = match task.kind {
            TaskKind::Score { sample: id, verifier } => {
                let by = self.runner.verifiers.get(verifier as usize).cloned();
                let sample = sample(id);
                Box::pin(async move {
                    let verdict = match by.zip(sample) {
                        Some((by, sample)) => by.score(&prompt, &sample).await,
                        None => Err(missing()),
                    };
                    (task.id, attempt, Judged::Verdict(verdict))
                })
            }
            TaskKind::Compare { left, right } => {
                let (by, pair) = (self.runner.comparer.clone(), sample(left).zip(sample(right)));
                Box::pin(async move {
                    let same = match by.zip(pair) {
                        Some((by, (left, right))) => by.same(&prompt, &left, &right).await,
                        None => Err(missing()),
                    };
                    (task.id, attempt, Judged::Same(same))
                })
            }
            TaskKind::Run { sample: id } => {
                let (by, sample) = (self.runner.programs.clone(), sample(id));
                Box::pin(async move {
                    let outcome = match by.zip(sample) {
                        Some((by, sample)) => by.outcome(&sample).await,
                        None => Err(missing()),
                    };
                    (task.id, attempt, Judged::Ran(outcome))
                })
            }
        };
        self.judging.push(judging);
    }

    fn take_in(&mut self, woken: Woken) {
        let now = self.began.elapsed();
        self.now = Some(now);
        let Some(session) = &mut self.session else { return };
        match woken {
            Woken::Given(Given::Event(id, event)) => session.handle(now, Input::Event(id, event)),
            Woken::Given(Given::Ended(id)) => session.handle(now, Input::Vanished(id)),
            Woken::Judged(task, attempt, judged) => {
                if let Some(at) = self.attempts.iter().position(|a| *a == (task, attempt)) {
                    self.attempts.swap_remove(at);
                    session.handle(now, Input::Judged(task, judged));
                }
            }
            Woken::Time => {}
        }
    }
}

async fn wake(streams: &mut Streams, judging: &mut FuturesUnordered<Judging>, deadline: Option<Instant>) -> Woken {
    let time_up = async {
        match deadline {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    let verdict = async {
        match judging.next().await {
            Some((task, attempt, judged)) => Woken::Judged(task, attempt, judged),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = time_up => Woken::Time,
        woken = verdict => woken,
        given = streams.next() => Woken::Given(given),
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("session", &self.session).finish_non_exhaustive()
    }
}
