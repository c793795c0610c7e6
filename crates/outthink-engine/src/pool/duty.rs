//! One piece of work at a member: its tokens count there until it is over, and how it went is entered
//! in the member's health once.

use super::Inner;
use outthink_core::{EngineError, Origin};
use std::sync::Arc;

/// One piece of work at a member. Dropping it frees its tokens there.
pub(super) struct Duty {
    inner: Arc<Inner>,
    pub(super) index: usize,
    tokens: u64,
    settled: bool,
}

impl Duty {
    /// Chooses a member that was not tried; `None` if none is left. `prompt` is the hash that members
    /// are preferred by.
    pub(super) fn begin(inner: &Arc<Inner>, prompt: u64, tokens: u64, tried: &mut Vec<usize>) -> Option<Self> {
        let index = inner.choose(prompt, tokens, tried)?;
        tried.push(index);
        Some(Self { inner: Arc::clone(inner), index, tokens, settled: false })
    }

    /// It began to come.
    pub(super) fn succeeded(&mut self) {
        self.settle(Some(true));
    }

    /// It failed. Too many requests are no illness, but another member may have room.
    pub(super) fn failed(&mut self, error: &EngineError) {
        let at_fault = error.origin != Origin::Caller && error.status != Some(429);
        self.settle(at_fault.then_some(false));
    }

    pub(super) const fn is_settled(&self) -> bool {
        self.settled
    }

    fn settle(&mut self, succeeded: Option<bool>) {
        if !std::mem::replace(&mut self.settled, true) {
            self.inner.settle(self.index, succeeded);
        }
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        self.settle(None);
        self.inner.release(self.index, self.tokens);
    }
}
