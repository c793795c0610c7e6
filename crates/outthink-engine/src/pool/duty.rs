//! One piece of work at a member: its tokens count there until it is over, and how it went is entered
//! in the member's health once.

use super::Inner;
use crate::openai::continued::EMPTY_CONTINUATION;
use outthink_core::{EngineError, Origin};
use std::sync::Arc;

/// By what a member is chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Criteria<'a> {
    /// The hash that members are preferred by.
    pub(super) hash: u64,
    /// What it weighs.
    pub(super) tokens: u64,
    /// Members that are chosen only if no other is left.
    pub(super) avoided: &'a [usize],
}

/// Whether a failure says something of the member: its key, its credit, its model, its health, the way to
/// it, its address. What is wrong with the request, and a limit on requests, do not; nor does a model that ended its turn where it
/// was to go on, which the server reported in good health.
fn is_at_fault(error: &EngineError) -> bool {
    if error.code.as_deref() == Some(EMPTY_CONTINUATION) {
        return false;
    }
    match error.status {
        Some(status) => matches!(status, 300..=399 | 401..=405 | 408 | 410 | 421 | 423 | 451 | 498 | 500..=599),
        None => error.origin != Origin::Caller,
    }
}

/// One piece of work at a member. Dropping it frees its tokens there.
pub(super) struct Duty {
    inner: Arc<Inner>,
    pub(super) index: usize,
    tokens: u64,
    settled: bool,
}

impl Duty {
    /// Chooses a member that was not tried; `None` if none is left.
    pub(super) fn begin(inner: &Arc<Inner>, criteria: &Criteria<'_>, tried: &mut Vec<usize>) -> Option<Self> {
        let mut passed_over = tried.clone();
        passed_over.extend_from_slice(criteria.avoided);
        let index = inner.choose(criteria, &passed_over).or_else(|| inner.choose(criteria, tried))?;
        tried.push(index);
        Some(Self { inner: Arc::clone(inner), index, tokens: criteria.tokens, settled: false })
    }

    /// It began to come.
    pub(super) fn succeeded(&mut self) {
        self.settle(Some(true));
    }

    /// It failed. Too many or too large requests are no illness, but another member may take them.
    pub(super) fn failed(&mut self, error: &EngineError) {
        self.settle(is_at_fault(error).then_some(false));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_callers_faults_are_no_illness() {
        let error = |status| EngineError::new(Origin::Engine, "no").with_status(status);
        for status in [302, 401, 402, 403, 404, 405, 408, 410, 421, 451, 498, 500, 503, 524] {
            assert!(is_at_fault(&error(status)), "{status}");
        }
        for status in [400, 406, 409, 413, 415, 422, 425, 429, 431] {
            assert!(!is_at_fault(&error(status)), "{status}");
        }
        assert!(is_at_fault(&EngineError::new(Origin::Engine, "no connection")));
        assert!(!is_at_fault(&EngineError::new(Origin::Caller, "cannot continue")));
        assert!(!is_at_fault(&EngineError::new(Origin::Engine, "nothing came").with_code(EMPTY_CONTINUATION)));
    }
}
