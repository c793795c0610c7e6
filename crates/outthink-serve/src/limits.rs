//! How large requests may be, how long each phase may take, and how much runs at one time.

use std::time::Duration;

/// The bounds of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's head at most.
    pub head_bytes: usize,
    /// Messages of a conversation at most.
    pub messages: usize,
    /// Images of a conversation at most.
    pub images: usize,
    /// Connections at one time at most; others wait to be accepted.
    pub connections: usize,
    /// Samples that an upstream engine works on at one time at most; others wait in a fair queue.
    pub in_flight: usize,
    /// Samples that wait for an upstream engine at most; requests beyond are refused with 429.
    pub waiting: usize,
    /// How long a client may take to send a head, and how long an unused connection is kept.
    pub head: Duration,
    /// How long a client may pause while it sends a body.
    pub body: Duration,
    /// How long a client may take nothing of a reply that is ready.
    pub write: Duration,
    /// How long running requests may take once the gateway is to end.
    pub drain: Duration,
}

impl Limits {
    /// Those of a configuration.
    pub(crate) fn configured(server: &crate::config::Server) -> Self {
        let (limits, seconds) = (&server.limits, Duration::from_secs_f64);
        Self {
            head_bytes: limits.head_bytes,
            messages: limits.messages,
            images: limits.images,
            connections: limits.connections,
            in_flight: limits.in_flight,
            waiting: limits.waiting,
            head: seconds(limits.head_seconds),
            body: seconds(limits.body_seconds),
            write: seconds(limits.write_seconds),
            drain: seconds(server.drain_seconds),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 << 10,
            messages: 4_096,
            images: 64,
            connections: 16_384,
            in_flight: 8_192,
            waiting: 65_536,
            head: Duration::from_secs(30),
            body: Duration::from_secs(30),
            write: Duration::from_mins(1),
            drain: Duration::from_mins(10),
        }
    }
}
