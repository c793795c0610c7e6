//! One line for each request: its name, status, tokens and seconds; never what was said.

use outthink_strategy::Update;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Names a request in logs, headers and receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceId(pub(crate) String);

impl TraceId {
    /// A name that no other request has.
    pub(crate) fn fresh() -> Self {
        Self(format!("{:016x}{:016x}", random(), random()))
    }
}

/// A random number from the keys that the standard library draws for its hash maps.
pub(crate) fn random() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
    hasher.finish()
}

/// Writes its line when it is dropped, so that a request whose client left has one too.
#[derive(Debug)]
pub(crate) struct RequestLog {
    trace: TraceId,
    began: Instant,
    /// 499, as nginx has it, until the reply is complete: the client left.
    status: u16,
    tokens: u64,
}

impl RequestLog {
    pub(crate) fn new(trace: TraceId) -> Self {
        Self { trace, began: Instant::now(), status: 499, tokens: 0 }
    }

    /// Counts the tokens of a request that may never end.
    pub(crate) fn saw(&mut self, update: &Update) {
        if let Update::Delta { delta, .. } = update {
            self.tokens += delta.tokens;
        }
    }

    pub(crate) fn done(&mut self, status: u16, tokens: u64) {
        self.status = status;
        self.tokens = tokens;
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        tracing::info!(
            id = %self.trace.0,
            status = self.status,
            tokens = self.tokens,
            seconds = self.began.elapsed().as_secs_f64(),
            "chat completion"
        );
    }
}
