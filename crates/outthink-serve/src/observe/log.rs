//! One line for each request: its name, status, tokens and seconds; never what was said.

use outthink_core::Usage;
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
        Self(format!("{:032x}", u128::from(random()) << 64 | u128::from(random())))
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
    route: &'static str,
    began: Instant,
    /// 499, as nginx has it, until the reply is complete: the client left.
    status: u16,
    usage: Usage,
    /// The identifier of the key that asks, which is no secret.
    key: Option<String>,
    model: String,
}

impl RequestLog {
    pub(crate) fn new(trace: TraceId, route: &'static str) -> Self {
        Self {
            trace,
            route,
            began: Instant::now(),
            status: 499,
            usage: Usage::default(),
            key: None,
            model: String::new(),
        }
    }

    /// Enters who asks, and which model.
    pub(crate) fn of(&mut self, key: Option<String>, model: &str) {
        self.key = key;
        model.clone_into(&mut self.model);
    }

    pub(crate) const fn route(&self) -> &'static str {
        self.route
    }

    /// Enters the bill.
    pub(crate) fn spent(&mut self, usage: &Usage) {
        self.usage = *usage;
    }

    /// The client was answered in full, with this status.
    pub(crate) fn told(&mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        tracing::info!(
            id = %self.trace.0,
            route = self.route,
            model = self.model,
            key = self.key,
            status = self.status,
            prompt = self.usage.prompt,
            tokens = self.usage.generated(),
            cancelled = self.usage.cancelled,
            seconds = self.began.elapsed().as_secs_f64(),
            "request"
        );
    }
}
