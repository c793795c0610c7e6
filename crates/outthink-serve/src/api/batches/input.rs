//! The requests of a batch that have no result yet, in the order in which they are asked.

use outthink_core::derive_seed;
use outthink_ledger::{Ledger, LedgerError};
use std::collections::{HashSet, VecDeque};

/// The requests that are to be asked.
pub(super) struct Input {
    /// Lines that were not read yet.
    waiting: VecDeque<u64>,
    /// Those that were put back.
    read: VecDeque<(u64, String)>,
    /// Those that came too early.
    again: VecDeque<(u64, String)>,
}

impl Input {
    /// The lines of a file but those that are `done`: in their order, or `mixed`, so that what the first ones spend says
    /// what the others will, though a file is sorted by difficulty.
    pub(super) async fn of(ledger: &Ledger, file: &str, done: &HashSet<u64>, mixed: bool) -> Result<Self, LedgerError> {
        let mut lines = ledger.line_numbers((file, file)).await?;
        lines.retain(|number| !done.contains(number));
        if mixed {
            lines.sort_by_cached_key(|&number| derive_seed(0, number));
        } else {
            lines.sort_unstable();
        }
        Ok(Self { waiting: lines.into(), read: VecDeque::new(), again: VecDeque::new() })
    }

    /// The next request.
    pub(super) async fn next(&mut self, ledger: &Ledger, file: &str) -> Result<Option<(u64, String)>, LedgerError> {
        while self.read.is_empty()
            && let Some(number) = self.waiting.pop_front()
        {
            let lines = ledger.file_lines(file, number, 1).await?;
            self.read.extend(lines.into_iter().filter(|(n, text)| *n == number && !text.trim().is_empty()));
        }
        Ok(self.read.pop_front().or_else(|| self.again.pop_front()))
    }

    /// Puts a request back that cannot begin yet.
    pub(super) fn put_back(&mut self, request: (u64, String)) {
        self.read.push_front(request);
    }

    /// Takes a request that came too early: it is asked again after all others.
    pub(super) fn ask_again(&mut self, request: (u64, String)) {
        self.again.push_back(request);
    }

    /// Whether nothing is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.waiting.is_empty() && self.read.is_empty() && self.again.is_empty()
    }
}
