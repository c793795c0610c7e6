//! One request while it runs. Dropping it drops the run, and with it all work in the engine.

use super::account::Account;
use super::allowance::Allowance;
use crate::observe::{RequestLog, Traces};
use outthink_core::Outcome;
use outthink_runner::{Event, Run};
use outthink_strategy::{DriveError, Update};
use std::ops::Deref;
use std::sync::Arc;

type End = Result<Outcome, DriveError>;

/// What happens next in a request.
pub(crate) enum Heard {
    /// Something is reported.
    Update(Update),
    /// The end; nothing comes after it.
    End(Ended),
}

/// The end of a request. When it is dropped its trace is remembered, without the texts.
pub(crate) struct Ended {
    end: Box<End>,
    effort: &'static str,
    traces: Arc<Traces>,
    owner: Option<String>,
}

impl Deref for Ended {
    type Target = End;

    fn deref(&self) -> &End {
        &self.end
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let outcome = match &mut *self.end {
            Ok(outcome) => outcome,
            Err(failed) => &mut failed.outcome,
        };
        self.traces.remember(outcome, self.effort, self.owner.take());
    }
}

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
    pub(crate) async fn next(&mut self) -> Heard {
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
            return match event {
                Event::Update(update) => {
                    self.entry.account.saw(&update);
                    Heard::Update(update)
                }
                Event::End(end) => Heard::End(self.enter(end)),
            };
        }
    }

    /// The end, with every update before it handed to `hear`.
    pub(crate) async fn end(&mut self, mut hear: impl FnMut(&Update)) -> Ended {
        loop {
            match self.next().await {
                Heard::End(end) => return end,
                Heard::Update(update) => hear(&update),
            }
        }
    }

    /// Enters with which status the client was answered in full.
    pub(crate) fn answered(&mut self, status: u16) {
        self.entry.log.told(status);
        self.entry.account.answered(status);
    }

    fn enter(&mut self, end: Box<End>) -> Ended {
        let entry = &mut self.entry;
        if !std::mem::replace(&mut self.ended, true) {
            let outcome = match &*end {
                Ok(outcome) => outcome,
                Err(failed) => &failed.outcome,
            };
            entry.log.spent(&outcome.usage);
            entry.account.ended(outcome);
        }
        Ended { end, effort: entry.effort, traces: Arc::clone(&entry.traces), owner: entry.owner.take() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // The client left; what was spent until now is known.
        if let Some(end) = self.run.leave() {
            drop(self.enter(Box::new(end)));
        }
    }
}
