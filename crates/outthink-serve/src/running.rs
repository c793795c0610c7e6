//! One request while it runs. Dropping it drops the driver, and with it all work in the engine.

use crate::log::RequestLog;
use crate::observe::Watch;
use crate::traces::Traces;
use futures_util::future::BoxFuture;
use outthink_core::{Outcome, Strategy};
use outthink_strategy::{DriveError, DriveRequest, Driver, Next, OneSample, Update};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

type End = Result<Outcome, DriveError>;

/// One request while it runs.
pub(crate) struct Running {
    course: Course,
    entry: Entry,
    /// Whether its end was entered.
    ran: bool,
}

/// How a request is carried out.
enum Course {
    /// By the driver, which may draw many samples.
    Driven(Driven),
    /// One sample is passed through.
    One(Box<OneSample>),
}

/// What is to be carried out.
pub(crate) struct Plan {
    pub(crate) strategy: Box<dyn Strategy>,
    /// The length of the sample, where one without a second look is all that is wanted.
    pub(crate) one: Option<u64>,
}

/// Where a request is entered when it has ended.
pub(crate) struct Entry {
    pub(crate) effort: &'static str,
    pub(crate) log: RequestLog,
    pub(crate) traces: Arc<Traces>,
    /// The key that asked, by its identifier.
    pub(crate) owner: Option<String>,
    pub(crate) watch: Watch,
}

impl Running {
    /// Starts; what is driven begins when [`Running::next`] is awaited.
    pub(crate) fn new(driver: Driver, request: DriveRequest, plan: Plan, entry: Entry) -> Self {
        let request = match plan.one {
            Some(length) => OneSample::start(driver.engine(), request, length),
            None => Err(Box::new(request)),
        };
        let course = match request {
            Ok(one) => Course::One(Box::new(one)),
            Err(request) => Course::Driven(Driven::new(driver, *request, plan.strategy)),
        };
        Self { course, entry, ran: false }
    }

    /// The next update, or the end once all updates are told. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Next {
        let (entry, ran) = (&mut self.entry, &mut self.ran);
        let mut ended = |end: &End| {
            if !std::mem::replace(ran, true) {
                entry.ended(end);
            }
        };
        let next = match &mut self.course {
            Course::One(one) => one.next().await,
            // The bill is settled when the run is over, however long its last words take.
            Course::Driven(driven) => driven.next(&mut ended).await,
        };
        match &next {
            Next::Update(update) => self.entry.watch.saw(update),
            Next::End(end) => ended(end),
        }
        next
    }

    /// The end, with every update before it handed to `hear`.
    pub(crate) async fn end(&mut self, mut hear: impl FnMut(&Update)) -> Box<End> {
        loop {
            match self.next().await {
                Next::End(end) => return end,
                Next::Update(update) => hear(&update),
            }
        }
    }

    /// Says with which status the client was answered in full.
    pub(crate) fn told(&mut self, status: u16) {
        self.entry.log.told(status);
        self.entry.watch.told(status);
    }
}

impl Entry {
    fn ended(&mut self, end: &End) {
        let outcome = match end {
            Ok(outcome) => outcome,
            Err(failed) => &failed.outcome,
        };
        self.log.spent(&outcome.usage);
        self.watch.ended(outcome);
        self.traces.remember(outcome, self.effort, self.owner.take());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ran {
            return;
        }
        // The client left; what was spent until now is known.
        let end = match &mut self.course {
            Course::One(one) => Some(one.leave()),
            Course::Driven(driven) => driven.leave(),
        };
        if let Some(end) = end {
            self.entry.ended(&end);
        }
    }
}

/// A driver at work, and what it tells.
struct Driven {
    run: BoxFuture<'static, End>,
    updates: UnboundedReceiver<Update>,
    ran: bool,
    end: Option<Box<End>>,
}

impl Driven {
    fn new(driver: Driver, request: DriveRequest, strategy: Box<dyn Strategy>) -> Self {
        let (sender, updates) = unbounded_channel();
        let run = Box::pin(async move { driver.run(request, strategy, sender).await });
        Self { run, updates, ran: false, end: None }
    }

    async fn next(&mut self, ended: &mut impl FnMut(&End)) -> Next {
        if !self.ran {
            tokio::select! {
                biased;
                Some(update) = self.updates.recv() => return Next::Update(update),
                end = &mut self.run => {
                    self.ran = true;
                    ended(&end);
                    self.end = Some(Box::new(end));
                }
            }
        }
        match self.updates.try_recv() {
            Ok(update) => Next::Update(update),
            Err(_) => match self.end.take() {
                Some(end) => Next::End(end),
                // Asked again after the end.
                None => std::future::pending().await,
            },
        }
    }

    /// A driver whose listener is gone cancels everything and closes its books at once.
    fn leave(&mut self) -> Option<End> {
        self.updates.close();
        while self.updates.try_recv().is_ok() {}
        match self.run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => None,
        }
    }
}
