//! What a gateway is made with: engines, bounds, policy.

use super::control::Control;
use super::resources::Resources;
use crate::config::{Config, MAX_BODY_BYTES, ReasoningField, Server};
use crate::observe::UpstreamHealth;
use outthink_core::{Effort, Engine};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a gateway serves.
#[derive(Clone)]
pub struct ServeOptions {
    /// The engines; the first is the default. A request's `model` picks one by its model's id.
    pub engines: Vec<Arc<dyn Engine>>,
    /// The effort of requests that name none.
    pub default_effort: Effort,
    /// Bytes of a request body at most, before and after it is decoded.
    pub max_body_bytes: usize,
    /// Under which names reasoning is sent.
    pub reasoning: ReasoningField,
    /// All other bounds.
    pub limits: Limits,
    /// What outlives reloads: ledger, metrics, what runs.
    pub control: Arc<Control>,
    /// The configuration, and what comes with it.
    pub policy: Policy,
}

impl ServeOptions {
    /// Bytes of a request body at most, where nothing else is said.
    pub const MAX_BODY_BYTES: usize = MAX_BODY_BYTES;

    /// These engines with the usual settings.
    pub fn new(engines: Vec<Arc<dyn Engine>>) -> Self {
        Self {
            engines,
            default_effort: Effort::Auto,
            max_body_bytes: Self::MAX_BODY_BYTES,
            reasoning: ReasoningField::default(),
            limits: Limits::default(),
            control: Arc::default(),
            policy: Policy::default(),
        }
    }

    /// These engines by a configuration.
    pub fn configured(engines: Vec<Arc<dyn Engine>>, control: Arc<Control>, policy: Policy) -> Self {
        let config = &policy.config;
        Self {
            engines,
            default_effort: config.defaults.effort,
            max_body_bytes: config.server.limits.body_bytes,
            reasoning: config.defaults.reasoning_field,
            limits: Limits::configured(&config.server),
            control,
            policy,
        }
    }

    /// Sets the effort of requests that name none.
    #[must_use]
    pub fn with_default_effort(mut self, effort: Effort) -> Self {
        self.default_effort = effort;
        self
    }
}

impl fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("engines", &self.engines.iter().map(|e| &e.model().id).collect::<Vec<_>>())
            .field("default_effort", &self.default_effort)
            .field("max_body_bytes", &self.max_body_bytes)
            .finish_non_exhaustive()
    }
}

/// Reports how the upstreams are doing.
pub type Health = Arc<dyn Fn() -> Vec<UpstreamHealth> + Send + Sync>;

/// What a reload of the configuration changes, next to the engines.
#[derive(Clone, Default)]
pub struct Policy {
    /// The configuration.
    pub config: Arc<Config>,
    /// A report for the page to draw.
    pub report: Option<Arc<Value>>,
    /// How the upstreams are doing.
    pub health: Option<Health>,
    /// What strategies may use next to the engines.
    pub resources: Resources,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("report", &self.report.is_some()).finish_non_exhaustive()
    }
}

/// The bounds of a gateway: how large requests may be, how long each phase may take, how much runs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's head at most.
    pub head_bytes: usize,
    /// Bytes of an uploaded file at most, with the form around it.
    pub file_bytes: usize,
    /// Messages of a conversation at most.
    pub messages: usize,
    /// Images of a conversation at most.
    pub images: usize,
    /// Connections at once at most; others wait to be accepted.
    pub connections: usize,
    /// Samples that an upstream engine works on at once at most; others wait in a fair queue.
    pub in_flight: usize,
    /// Samples that wait for an upstream engine at most; requests beyond are refused with 429.
    pub waiting: usize,
    /// How long a client may take to send a head.
    pub head: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
    /// How long a client may pause while it sends a body.
    pub body: Duration,
    /// How long a client may take nothing of a reply that is ready.
    pub write: Duration,
    /// How long running requests may take once the gateway is to end.
    pub drain: Duration,
}

impl Limits {
    /// Those of a configuration.
    fn configured(server: &Server) -> Self {
        let (limits, seconds) = (&server.limits, Duration::from_secs_f64);
        Self {
            head_bytes: limits.head_bytes,
            file_bytes: limits.file_bytes,
            messages: limits.messages,
            images: limits.images,
            connections: limits.connections,
            in_flight: limits.in_flight,
            waiting: limits.waiting,
            head: seconds(limits.head_seconds),
            idle: seconds(limits.idle_seconds),
            body: seconds(limits.body_seconds),
            write: seconds(limits.write_seconds),
            drain: seconds(server.drain_seconds),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::configured(&Server::default())
    }
}
