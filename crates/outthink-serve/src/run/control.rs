//! What outlives a reload of the configuration: the ledger, the metrics, the requests that run.

use super::lengths::Lengths;
use super::streams::Streams;
use crate::observe::live::Live;
use crate::observe::{Metrics, SpanSender, random};
use outthink_ledger::Ledger;

/// What outlives a reload of the configuration.
pub struct Control {
    pub(crate) ledger: Option<Ledger>,
    /// An administrator's key that was given at the start.
    pub(crate) admin_key: Option<String>,
    pub(crate) metrics: Metrics,
    pub(crate) live: Live,
    pub(crate) spans: Option<SpanSender>,
    /// The secret that hashes of texts are keyed with.
    pub(crate) salt: String,
    /// How long the samples of each arm were.
    pub(crate) lengths: Lengths,
    /// What requests of each kind taught about their answers.
    pub(crate) streams: Streams,
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

impl Control {
    /// Without a ledger, an administrator's key or spans.
    pub fn new() -> Self {
        Self {
            ledger: None,
            admin_key: None,
            metrics: Metrics::default(),
            live: Live::default(),
            spans: None,
            salt: format!("{:016x}{:016x}", random(), random()),
            lengths: Lengths::default(),
            streams: Streams::default(),
        }
    }

    /// Keeps keys, budgets and texts in this ledger.
    #[must_use]
    pub fn with_ledger(mut self, ledger: Ledger) -> Self {
        self.ledger = Some(ledger);
        self
    }

    /// Takes this key for an administrator's, next to those of the ledger.
    #[must_use]
    pub fn with_admin_key(mut self, key: Option<String>) -> Self {
        self.admin_key = key;
        self
    }

    /// Keys hashes of texts with this secret, so that they are the same after a restart.
    #[must_use]
    pub fn with_salt(mut self, salt: Option<String>) -> Self {
        if let Some(salt) = salt {
            self.salt = salt;
        }
        self
    }

    /// Hands spans to this sender.
    #[must_use]
    pub fn with_spans(mut self, spans: SpanSender) -> Self {
        self.spans = Some(spans);
        self
    }

    /// Whether this is the administrator's key of the start; the time that it takes tells nothing.
    pub(crate) fn is_admin_key(&self, shown: &str) -> bool {
        self.admin_key.as_ref().is_some_and(|key| outthink_ledger::same_secret(key, shown))
    }

    /// Enters how a reload of the configuration went.
    pub fn reloaded(&self, done: bool) {
        self.metrics.reloaded(if done { "done" } else { "refused" });
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}
