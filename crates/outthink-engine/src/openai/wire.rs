//! What all requests of one engine share.

use super::continuation::Known;
use super::habit::Habits;
use super::http::{Client, Place, Reply};
use super::learned::Learned;
use super::probe::Abilities;
use super::{Secret, Timeouts, error};
use crate::retry;
use hyper::header::HeaderName;
use outthink_core::{EngineError, Origin};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// Bytes of an error's body at most.
const ERROR_LIMIT: usize = 64 << 10;
/// Connections that fail in a row before a server counts as gone.
const GONE: u32 = 2;

/// The way to one server.
pub(super) struct Wire {
    pub(super) client: Client,
    pub(super) endpoint: String,
    /// Where chat completions are.
    pub(super) chat: Place,
    /// Where text completions are.
    pub(super) completions: Place,
    pub(super) key: Option<Secret>,
    pub(super) timeouts: Timeouts,
    pub(super) max_retries: u32,
    /// A longer wait that a server asks for is the caller's to decide on.
    pub(super) max_retry_wait: Duration,
    pub(super) permits: Arc<Semaphore>,
    pub(super) learned: Learned,
    pub(super) known: Known,
    pub(super) habits: Habits,
    pub(super) abilities: OnceCell<Arc<Abilities>>,
    pub(super) reachability: Reachability,
    pub(super) pulse: Pulse,
}

impl Wire {
    /// Waits for a first token until `due`; `None` when nothing came.
    ///
    /// A server that sends pieces of other replies is at work and has this request in its queue: the limit then counts
    /// from the last of those pieces, up to `deadline`.
    pub(super) async fn first<T>(&self, due: Instant, deadline: Instant, wait: impl Future<Output = T>) -> Option<T> {
        let mut wait = pin!(wait);
        let mut due = due.min(deadline);
        loop {
            if let Ok(found) = timeout_at(due, &mut wait).await {
                return Some(found);
            }
            let later = (self.pulse.last()? + self.timeouts.first_token).min(deadline);
            if later <= due {
                return None;
            }
            due = later;
        }
    }

    /// Whether to come back as late as a server asked.
    pub(super) fn waits(&self, after: Option<Duration>) -> bool {
        after.is_none_or(|after| after <= self.max_retry_wait)
    }
}

/// Whether a server was there of late.
#[derive(Debug, Default)]
pub(super) struct Reachability {
    failures: AtomicU32,
    seen: AtomicBool,
}

impl Reachability {
    /// A connection stood, or the server answered.
    pub(super) fn reached(&self) {
        self.failures.store(0, Relaxed);
        self.seen.store(true, Relaxed);
    }

    /// There was no connection.
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// Whether a request has a chance; `None` where nothing was tried yet.
    pub(super) fn is_reachable(&self) -> Option<bool> {
        match (self.failures.load(Relaxed) >= GONE, self.seen.load(Relaxed)) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            (false, false) => None,
        }
    }
}

/// When the server last sent a piece of any reply.
#[derive(Debug)]
pub(super) struct Pulse {
    born: Instant,
    /// Milliseconds after `born`; 0 is never.
    last: AtomicU64,
}

impl Pulse {
    /// A piece came.
    pub(super) fn beat(&self, now: Instant) {
        let after = u64::try_from((now - self.born).as_millis()).unwrap_or(u64::MAX);
        self.last.store(after.max(1), Relaxed);
    }

    fn last(&self) -> Option<Instant> {
        let after = self.last.load(Relaxed);
        (after > 0).then(|| self.born + Duration::from_millis(after))
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self { born: Instant::now(), last: AtomicU64::new(0) }
    }
}

/// The error that a reply with a failing status stands for, and the reply's body.
pub(super) async fn refusal(mut response: Reply, wire: &Wire) -> (EngineError, String) {
    let status = response.status().as_u16();
    let header = |name: &'static str| response.header(HeaderName::from_static(name));
    let retry_after = retry::asked(header, SystemTime::now());
    let named = header("x-amzn-errortype").map(str::to_owned);
    let body = timeout(wire.timeouts.idle, response.text(ERROR_LIMIT)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    let error = error::of_refusal(status, named.as_deref(), &body, wire.key.as_ref());
    let retry_after = retry_after.or(error.retry_after);
    (mark_elsewhere(EngineError { retry_after, ..error }), body)
}

/// A failure before the first words: another server may do better, unless it was refused as it is.
pub(super) fn mark_elsewhere(error: EngineError) -> EngineError {
    let may = match error.status {
        Some(status) => retry::is_elsewhere(status),
        None => error.origin == Origin::Engine,
    };
    if may { error.elsewhere() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_gone_after_two_failures_and_back_after_one_success() {
        let reachability = Reachability::default();
        assert_eq!(reachability.is_reachable(), None);
        reachability.failed();
        assert_eq!(reachability.is_reachable(), None);
        reachability.failed();
        assert_eq!(reachability.is_reachable(), Some(false));
        reachability.reached();
        assert_eq!(reachability.is_reachable(), Some(true));
    }
}
