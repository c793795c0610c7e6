//! What the server did, in total and for each `user` that requests name.

use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// What was done for one user, or for all together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Requests for completions.
    pub calls: u64,
    /// Those that are being answered.
    pub open: u64,
    /// Those whose client left before the end.
    pub left: u64,
    /// Those that went wrong on purpose.
    pub faults: u64,
    /// Prompt tokens of the calls that were answered with text.
    pub prompt: u64,
    /// Generated tokens that were sent.
    pub completion: u64,
    /// When the last call began.
    pub last_began: Option<Instant>,
    /// When the last call ended.
    pub last_ended: Option<Instant>,
}

/// The books. Counting by user costs a lock, and only requests with a `user` pay it.
#[derive(Debug, Default)]
pub struct Books {
    total: Mutex<Account>,
    users: Mutex<HashMap<String, Account>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Books {
    /// All calls together.
    pub fn total(&self) -> Account {
        *lock(&self.total)
    }

    /// The calls that named this `user`.
    pub fn of(&self, user: &str) -> Account {
        lock(&self.users).get(user).copied().unwrap_or_default()
    }

    pub(super) fn reset(&self) {
        let mut total = lock(&self.total);
        *total = Account { open: total.open, ..Account::default() };
        lock(&self.users).clear();
    }

    pub(super) fn json(&self) -> String {
        let total = self.total();
        json!({
            "calls": total.calls,
            "open": total.open,
            "left": total.left,
            "faults": total.faults,
            "prompt": total.prompt,
            "completion": total.completion,
        })
        .to_string()
    }

    fn change(&self, user: Option<&str>, with: impl Fn(&mut Account)) {
        with(&mut lock(&self.total));
        if let Some(user) = user {
            let mut users = lock(&self.users);
            match users.get_mut(user) {
                Some(account) => with(account),
                None => with(users.entry(user.to_owned()).or_default()),
            }
        }
    }

    /// Enters a call that begins.
    pub(super) fn open<'a>(&'a self, user: Option<&str>, prompt: u64) -> Open<'a> {
        let now = Instant::now();
        self.change(user, |a| {
            a.calls += 1;
            a.open += 1;
            a.last_began = Some(now);
        });
        Open { books: self, user: user.map(str::to_owned), prompt, completion: 0, left: true, fault: false }
    }
}

/// A call while it is answered; it is entered when it is dropped. Unless [`Open::done`] was said,
/// its client left.
pub(super) struct Open<'a> {
    books: &'a Books,
    user: Option<String>,
    prompt: u64,
    completion: u64,
    left: bool,
    fault: bool,
}

impl Open<'_> {
    /// Counts tokens that were sent.
    pub(super) fn sent(&mut self, tokens: u64) {
        self.completion += tokens;
    }

    /// The server ended the call itself.
    pub(super) fn done(&mut self) {
        self.left = false;
    }

    /// It went wrong on purpose.
    pub(super) fn faulty(&mut self) {
        self.fault = true;
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let prompt = if self.completion > 0 { self.prompt } else { 0 };
        self.books.change(self.user.as_deref(), |a| {
            a.open = a.open.saturating_sub(1);
            a.left += u64::from(self.left);
            a.faults += u64::from(self.fault);
            a.prompt += prompt;
            a.completion += self.completion;
            a.last_ended = Some(now);
        });
    }
}
