//! One request while it runs. Dropping it drops the driver, and with it all work in the engine.

use crate::log::RequestLog;
use crate::observe::Watch;
use crate::traces::Traces;
use futures_util::future::BoxFuture;
use outthink_core::{Outcome, Strategy};
use outthink_strategy::{DriveError, DriveRequest, Driver, Update};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What happens next.
pub(crate) enum Event {
    /// The driver tells something.
    Update(Update),
    /// The end; nothing comes after it.
    End(Box<Result<Outcome, DriveError>>),
}

/// One request while it runs.
pub(crate) struct Running {
    run: BoxFuture<'static, Result<Outcome, DriveError>>,
    updates: UnboundedReceiver<Update>,
    end: Option<Box<Result<Outcome, DriveError>>>,
    ran: bool,
    effort: &'static str,
    log: RequestLog,
    traces: Arc<Traces>,
    watch: Watch,
}

/// Where a request is entered when it has ended.
pub(crate) struct Entry {
    pub(crate) effort: &'static str,
    pub(crate) log: RequestLog,
    pub(crate) traces: Arc<Traces>,
    pub(crate) watch: Watch,
}

impl Running {
    /// Starts; nothing happens until [`Running::next`] is awaited.
    pub(crate) fn new(driver: Driver, request: DriveRequest, strategy: Box<dyn Strategy>, entry: Entry) -> Self {
        let Entry { effort, log, traces, watch } = entry;
        let (sender, updates) = unbounded_channel();
        let run = Box::pin(async move { driver.run(request, strategy, sender).await });
        Self { run, updates, end: None, ran: false, effort, log, traces, watch }
    }

    /// The next update, or the end once all updates are told. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Event {
        if !self.ran {
            tokio::select! {
                biased;
                Some(update) = self.updates.recv() => {
                    self.watch.saw(&update);
                    return Event::Update(update);
                }
                end = &mut self.run => {
                    self.ended(&end);
                    self.end = Some(Box::new(end));
                }
            }
        }
        match self.updates.try_recv() {
            Ok(update) => {
                self.watch.saw(&update);
                Event::Update(update)
            }
            Err(_) => match self.end.take() {
                Some(end) => Event::End(end),
                // Asked again after the end.
                None => std::future::pending().await,
            },
        }
    }

    /// The end, with every update before it handed to `hear`.
    pub(crate) async fn end(&mut self, mut hear: impl FnMut(&Update)) -> Box<Result<Outcome, DriveError>> {
        loop {
            match self.next().await {
                Event::End(end) => return end,
                Event::Update(update) => hear(&update),
            }
        }
    }

    /// Says with which status the client was answered in full.
    pub(crate) fn told(&mut self, status: u16) {
        self.log.told(status);
        self.watch.told(status);
    }

    fn ended(&mut self, end: &Result<Outcome, DriveError>) {
        self.ran = true;
        let outcome = match end {
            Ok(outcome) => outcome,
            Err(failed) => &failed.outcome,
        };
        self.log.spent(&outcome.usage);
        self.watch.ended(outcome);
        self.traces.remember(outcome, self.effort);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ran {
            return;
        }
        // The client left. A driver whose listener is gone cancels everything and closes its books
        // at once, so that what was spent until now is known.
        self.updates.close();
        while self.updates.try_recv().is_ok() {}
        if let Poll::Ready(end) = self.run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            self.ended(&end);
        }
    }
}
