//! One request from its first decision to its bill.

use super::Driver;
use super::judge::Judged;
use crate::{DriveError, DriveRequest, End, Table, Update};
use futures_util::future::{AbortHandle, Abortable, BoxFuture};
use futures_util::stream::{FuturesUnordered, SelectAll, StreamExt};
use outthink_core::{
    EngineError, Origin, Outcome, SampleEvent, SampleId, SampleStatus, SampleStream, Step, StopReason, Strategy,
};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

pub(super) type Tagged = futures_util::stream::Map<Abortable<SampleStream>, Tag>;
pub(super) type Tag =
    Box<dyn FnMut(Result<SampleEvent, EngineError>) -> (SampleId, Result<SampleEvent, EngineError>) + Send>;

/// Rounds in a row in which nothing that was asked for could be done, after which the run ends.
pub(crate) const FRUITLESS: u32 = 2;

/// What one request holds while it runs. Dropping it drops the engine's streams, and with them all
/// work in the engine.
pub(super) struct Run<'a> {
    pub(super) driver: &'a Driver,
    pub(super) request: DriveRequest,
    pub(super) table: Table,
    pub(super) streams: SelectAll<Tagged>,
    pub(super) aborts: Vec<Option<AbortHandle>>,
    pub(super) judging: FuturesUnordered<BoxFuture<'static, Judged>>,
    first_error: Option<EngineError>,
    updates: UnboundedSender<Update>,
    began: Instant,
    /// Tokens of a running sample at which the strategy looked at it last.
    looked_at: Vec<u64>,
    watch: Option<u64>,
    fruitless: u32,
}

/// What woke the run.
enum Woken {
    Event(SampleId, Result<SampleEvent, EngineError>),
    Judged(Box<Judged>),
    Nothing,
    Idle,
    TimeUp,
    CallerGone,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        driver: &'a Driver,
        request: DriveRequest,
        table: Table,
        updates: UnboundedSender<Update>,
    ) -> Self {
        Self {
            driver,
            request,
            table,
            streams: SelectAll::new(),
            aborts: Vec::new(),
            judging: FuturesUnordered::new(),
            first_error: None,
            updates,
            began: Instant::now(),
            looked_at: Vec::new(),
            watch: None,
            fruitless: 0,
        }
    }

    pub(super) async fn drive(&mut self, strategy: &mut dyn Strategy) -> End {
        loop {
            self.table.refresh();
            let decision = strategy.step(&self.table.state);
            self.watch = decision.watch;
            let event = self.table.decided(self.began.elapsed().as_secs_f64(), decision);
            let _ = self.updates.send(Update::Decision(event.clone()));
            let mut refused = false;
            for step in event.decision.steps {
                match self.carry_out(step) {
                    Carried::Out => {}
                    Carried::NotWholly => refused = true,
                    Carried::End(end) => return end,
                }
            }
            self.fruitless = if refused && self.is_idle() { self.fruitless + 1 } else { 0 };
            if refused && self.is_idle() && self.fruitless < FRUITLESS {
                // The strategy may know something cheaper.
                continue;
            }
            if let Some(reason) = self.until_something_ended().await {
                return End { chosen: strategy.best(&self.table.state), reason };
            }
        }
    }

    /// Whether nothing is on its way. The books know it; streams that ended stay with the others until
    /// they are looked at once more.
    fn is_idle(&self) -> bool {
        self.table.state.is_idle()
    }

    fn carry_out(&mut self, step: Step) -> Carried {
        let wholly = match step {
            Step::Sample { arm, count, span } => self.sample(arm, count, &span),
            Step::Continue { sample, link, count, span } => self.go_on(sample, &link, count, &span),
            Step::Score { sample, verifier } => self.judge(sample, verifier),
            Step::Compare { left, right } => self.compare(left, right),
            Step::Cancel { samples } => {
                for id in samples {
                    self.cancel(id);
                }
                true
            }
            Step::Wait => true,
            Step::Stop { sample, reason } => return Carried::End(End { chosen: Some(sample), reason }),
            Step::Abstain { reason } => return Carried::End(End { chosen: None, reason }),
        };
        if wholly { Carried::Out } else { Carried::NotWholly }
    }

    fn cancel(&mut self, id: SampleId) {
        if let Some(handle) = self.aborts.get_mut(id as usize).and_then(Option::take) {
            handle.abort();
        }
        self.table.cancel(id);
    }

    pub(super) fn failed(&mut self, id: SampleId, error: EngineError) {
        self.table.fail(id, error.to_string());
        self.first_error.get_or_insert(error);
    }

    /// Waits until a sample ended, a verdict came or a watched sample grew, passing text on
    /// meanwhile. Gives the reason if the run is over.
    async fn until_something_ended(&mut self) -> Option<StopReason> {
        loop {
            match self.wake().await {
                Woken::Event(id, event) => match self.take_in(id, event) {
                    Taken::Ended => {
                        self.tell_end(id);
                        return None;
                    }
                    Taken::Grown => return None,
                    Taken::Nothing => {}
                },
                Woken::Judged(judged) => {
                    self.enter(*judged);
                    return None;
                }
                Woken::Nothing => {}
                Woken::TimeUp => return Some(StopReason::TimeUp),
                Woken::CallerGone => return Some(StopReason::Cancelled),
                // Nothing runs and nothing could be started: the strategy can only repeat itself.
                Woken::Idle => return Some(StopReason::BudgetSpent),
            }
        }
    }

    async fn wake(&mut self) -> Woken {
        let most = self.table.state.budget.max_seconds.map(Duration::from_secs_f64);
        let time_up = async {
            match most {
                Some(most) => tokio::time::sleep_until(self.began + most).await,
                None => std::future::pending().await,
            }
        };
        // Should the books say that a sample runs and no stream be left that could end it, that is the end.
        if self.is_idle() || (self.streams.is_empty() && self.judging.is_empty()) {
            return Woken::Idle;
        }
        tokio::select! {
            biased;
            () = self.updates.closed() => Woken::CallerGone,
            () = time_up => Woken::TimeUp,
            judged = self.judging.next(), if !self.judging.is_empty() => {
                judged.map_or(Woken::Nothing, |judged| Woken::Judged(Box::new(judged)))
            }
            event = self.streams.next(), if !self.streams.is_empty() => {
                // What is left of streams that ended goes without an event.
                event.map_or(Woken::Nothing, |(id, event)| Woken::Event(id, event))
            }
        }
    }

    fn take_in(&mut self, id: SampleId, event: Result<SampleEvent, EngineError>) -> Taken {
        let running = self.table.state.sample(id).is_some_and(|s| s.status == SampleStatus::Running);
        if !running {
            return Taken::Nothing;
        }
        match event {
            Ok(SampleEvent::Started(_) | SampleEvent::Lost(_) | SampleEvent::Note(_)) => {}
            Ok(SampleEvent::Prompt { tokens, cached }) => self.table.prompt(id, tokens, cached),
            Ok(SampleEvent::Delta(delta)) => {
                self.table.delta(id, &delta);
                let leading = self.leading() == Some(id);
                let _ = self.updates.send(Update::Delta { sample: id, leading, delta });
                if self.has_grown(id) {
                    return Taken::Grown;
                }
            }
            Ok(SampleEvent::Finish(finish)) => {
                self.table.finish(id, finish);
                self.aborts[id as usize] = None;
                return Taken::Ended;
            }
            Err(error) => {
                self.failed(id, error);
                self.aborts[id as usize] = None;
                return Taken::Ended;
            }
        }
        Taken::Nothing
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

    /// The sample whose thought is shown: the first that did not fail, and then what goes on from
    /// it. Another one's text is never mixed into it.
    fn leading(&self) -> Option<SampleId> {
        let samples = &self.table.state.samples;
        let first = samples.iter().find(|s| s.status != SampleStatus::Failed && s.parent.is_none())?;
        let mut last = first;
        // A fork of a thought that still runs is not its continuation.
        while last.status != SampleStatus::Running
            && let Some(child) = samples.iter().find(|c| c.parent == Some(last.id) && c.status != SampleStatus::Failed)
        {
            last = child;
        }
        Some(last.id)
    }

    fn tell_end(&mut self, id: SampleId) {
        self.table.refresh();
        if let Some(sample) = self.table.state.sample(id) {
            let (parent, status, class) = (sample.parent, sample.status, sample.class);
            let tokens = sample.usage.completion;
            let _ = self.updates.send(Update::Ended { sample: id, parent, status, class, tokens });
        }
        let state = &self.table.state;
        let update = Update::Vote {
            votes: self.table.votes(),
            finished: state.done().count() as u32,
            running: state.running(),
            tokens: state.usage.generated(),
        };
        let _ = self.updates.send(update);
    }

    /// Ends a request that cannot be begun.
    pub(super) fn refuse(self, strategy: &str, error: EngineError) -> Result<Outcome, DriveError> {
        let end = End { chosen: None, reason: StopReason::EngineFailed };
        Err(DriveError { error, outcome: Box::new(self.table.outcome(strategy, end, 0.0)) })
    }

    pub(super) fn close(mut self, strategy: &str, end: End) -> Result<Outcome, DriveError> {
        for id in 0..self.table.state.samples.len() as SampleId {
            self.cancel(id);
        }
        drop(self.streams);
        let seconds = self.began.elapsed().as_secs_f64();
        let outcome = self.table.outcome(strategy, end, seconds);
        let gave_up = matches!(end.reason, StopReason::Cancelled | StopReason::NothingHelps);
        if outcome.chosen.is_some() || gave_up {
            return Ok(outcome);
        }
        let error = self.first_error.unwrap_or_else(|| match end.reason {
            StopReason::TimeUp => EngineError::new(Origin::Caller, "the time was up before the first word")
                .with_hint("allow more seconds"),
            _ => EngineError::new(Origin::Caller, "the budget does not pay for one sample")
                .with_hint("raise the budget in tokens or dollars"),
        });
        Err(DriveError { error, outcome: Box::new(outcome) })
    }
}

/// What came of a step.
enum Carried {
    Out,
    /// Something of it does not fit into the budget, or is not at hand.
    NotWholly,
    End(End),
}

/// What an event did.
enum Taken {
    /// Its sample ended or paused.
    Ended,
    /// Its sample has as many more tokens as the strategy watches for.
    Grown,
    Nothing,
}
