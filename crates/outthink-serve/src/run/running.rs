//! One request while it runs. Dropping it drops the run, and with it all work in the engine.

use super::account::Account;
use super::allowance::Allowance;
use crate::observe::{RequestLog, Traces};
use outthink_core::Outcome;
use outthink_runner::{Event, Run};
use outthink_strategy::{DriveError, Update};
use std::sync::Arc;

type End = Result<Outcome, DriveError>;

/// One request while it runs.
pub(crate) struct Running {
    run: Run,
    entry: Entry,
    /// What pays for it, and whether that was found to be too little.
    allowance: Option<Arc<Allowance>>,
    broke: bool,
    /// Whether its end was entered.
    ended: bool,
}

/// Where a request is entered when it has ended.
pub(super) struct Entry {
    pub(super) effort: &'static str,
    pub(super) log: RequestLog,
    pub(super) traces: Arc<Traces>,
    /// The key that asked, by its identifier.
    pub(super) owner: Option<String>,
    pub(super) account: Account,
}

impl Running {
    /// Nothing is asked of an engine before [`Running::next`] is awaited.
    pub(super) fn new(run: Run, allowance: Option<Arc<Allowance>>, entry: Entry) -> Self {
        Self { run, entry, allowance, broke: false, ended: false }
    }

    /// The next update, or the end once all updates are reported. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let event = match &self.allowance {
                None => self.run.next().await,
                Some(allowance) => tokio::select! {
                    biased;
                    () = allowance.broke() => {
                        // At first what is left pays for an answer, perhaps; after that the run ends.
                        let left = if self.broke { 0 } else { allowance.left() };
                        self.broke = true;
                        self.run.budget_ended(left);
                        continue;
                    }
                    event = self.run.next() => event,
                },
            };
            match &event {
                Event::Update(update) => self.entry.account.saw(update),
                Event::End(end) => self.enter(end),
            }
            return event;
        }
    }

    /// The end, with every update before it handed to `hear`.
    pub(crate) async fn end(&mut self, mut hear: impl FnMut(&Update)) -> Box<End> {
        loop {
            match self.next().await {
                Event::End(end) => return end,
                Event::Update(update) => hear(&update),
            }
        }
    }

    /// Enters with which status the client was answered in full.
    pub(crate) fn answered(&mut self, status: u16) {
        self.entry.log.told(status);
        self.entry.account.answered(status);
    }

    fn enter(&mut self, end: &End) {
        if !std::mem::replace(&mut self.ended, true) {
            self.entry.ended(end);
        }
    }
}

impl Entry {
    fn ended(&mut self, end: &End) {
        let outcome = match end {
            Ok(outcome) => outcome,
            Err(failed) => &failed.outcome,
        };
        self.log.spent(&outcome.usage);
        self.account.ended(outcome);
        self.traces.remember(outcome, self.effort, self.owner.take());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // The client left; what was spent until now is known.
        if let Some(end) = self.run.leave() {
            self.enter(&end);
        }
    }
}
