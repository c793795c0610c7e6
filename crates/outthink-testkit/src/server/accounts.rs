//! What the server did, in total and for each `user` that requests name.

use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What was done for one user, or for all together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Requests that a route of the scenario answered.
    pub calls: u64,
    /// Those that are being answered.
    pub open: u64,
    /// Those whose client left before the end.
    pub left: u64,
    /// Those that went wrong by [`super::Chaos`].
    pub faults: u64,
    /// Prompt tokens of the calls of which a token was sent.
    pub prompt: u64,
    /// Those of them that came from a cache.
    pub cached: u64,
    /// Those of them that were written to a cache.
    pub cache_write: u64,
    /// Generated tokens that were sent.
    pub completion: u64,
    /// Those of them that were reasoning.
    pub reasoning: u64,
    /// When the last call began.
    pub last_began: Option<Instant>,
    /// When the last call ended.
    pub last_ended: Option<Instant>,
    /// When the last client left.
    pub last_left: Option<Instant>,
}

/// The server's own accounts, to be compared with a bill. Counting by user costs a lock, and only requests
/// with a `user` pay it.
#[derive(Debug, Default)]
pub struct Accounts {
    total: Mutex<Account>,
    users: Mutex<HashMap<String, Account>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Accounts {
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

    /// The totals under the names of vLLM's own counters.
    pub(super) fn metrics(&self) -> String {
        let total = self.total();
        format!(
            "vllm:num_requests_running {}\nvllm:prompt_tokens_total {}\nvllm:generation_tokens_total {}\n",
            total.open, total.prompt, total.completion
        )
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
        Open {
            accounts: self,
            user: user.map(str::to_owned),
            prompt,
            completion: 0,
            parts: [0; 3],
            left: true,
            fault: false,
        }
    }
}

/// A call while it is answered; it is entered when it is dropped. Unless [`Open::done`] was called, its
/// client left.
pub(super) struct Open<'a> {
    accounts: &'a Accounts,
    user: Option<String>,
    prompt: u64,
    completion: u64,
    parts: [u64; 3],
    left: bool,
    fault: bool,
}

impl Open<'_> {
    /// Counts tokens that were sent.
    pub(super) fn sent(&mut self, tokens: u64) {
        self.completion += tokens;
    }

    /// Which parts of the prompt came from a cache and were written to one, and what of the reply was reasoning.
    pub(super) fn parts(&mut self, parts: [u64; 3]) {
        self.parts = parts;
    }

    /// What the server charges, in place of what it sent.
    pub(super) fn charges(&mut self, tokens: u64) {
        self.completion = tokens;
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
        let (prompt, [cached, written, reasoning]) =
            if self.completion > 0 { (self.prompt, self.parts) } else { (0, [0; 3]) };
        self.accounts.change(self.user.as_deref(), |a| {
            a.open = a.open.saturating_sub(1);
            a.left += u64::from(self.left);
            a.faults += u64::from(self.fault);
            a.prompt += prompt;
            a.cached += cached;
            a.cache_write += written;
            a.completion += self.completion;
            a.reasoning += reasoning;
            a.last_ended = Some(now);
            if self.left {
                a.last_left = Some(now);
            }
        });
    }
}
