//! One request while it runs. Dropping it drops the driver, and with it all work in the engine.

use futures_util::future::BoxFuture;
use outthink_core::{Engine, Outcome, Strategy};
use outthink_strategy::{DriveError, DriveRequest, Driver, Update};
use std::sync::Arc;
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
}

impl Running {
    /// Starts; nothing happens until [`Running::next`] is awaited.
    pub(crate) fn new(engine: Arc<dyn Engine>, request: DriveRequest, strategy: Box<dyn Strategy>) -> Self {
        let (sender, updates) = unbounded_channel();
        let run = Box::pin(async move { Driver::new(engine).run(request, strategy, sender).await });
        Self { run, updates, end: None, ran: false }
    }

    /// The next update, or the end once all updates are told. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Event {
        if !self.ran {
            tokio::select! {
                biased;
                Some(update) = self.updates.recv() => return Event::Update(update),
                end = &mut self.run => {
                    self.ran = true;
                    self.end = Some(Box::new(end));
                }
            }
        }
        match self.updates.try_recv() {
            Ok(update) => Event::Update(update),
            Err(_) => match self.end.take() {
                Some(end) => Event::End(end),
                // Asked again after the end.
                None => std::future::pending().await,
            },
        }
    }
}
