//! `[server]`: the address and the limits on what comes in.

use schemars::JsonSchema;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Bytes of a request body at most, where nothing else is said.
pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Where the gateway listens, and how much of what it takes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address to listen on. Off loopback, keys are needed.
    pub host: IpAddr,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// Origins of pages whose scripts may ask, such as `https://app.example`; `*` for all. They need a key like
    /// anybody else. None where left out.
    pub cors_origins: Vec<String>,
    /// Serve HTTPS with this certificate.
    pub tls: Option<Tls>,
    /// Seconds that running requests have to end after SIGTERM.
    pub drain_seconds: f64,
    /// Limits on requests and connections.
    pub limits: Limits,
}

/// A certificate and its private key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// File with the certificate and the chain behind it.
    pub certificate: PathBuf,
    /// File with the private key.
    pub key: PathBuf,
}

/// Limits on requests and connections.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request's body at most.
    pub body_bytes: usize,
    /// Bytes of a request's head at most.
    pub head_bytes: usize,
    /// Bytes of an uploaded file at most, with the form around it.
    pub file_bytes: usize,
    /// Messages of a conversation at most.
    pub messages: usize,
    /// Images of a conversation at most.
    pub images: usize,
    /// Open connections at most; others wait to be accepted.
    pub connections: usize,
    /// Samples in flight at an upstream at most; others wait in a fair queue.
    pub in_flight: usize,
    /// Samples that wait for an upstream at most; requests beyond are refused with 429.
    pub waiting: usize,
    /// Requests of a batch that run at once at most.
    pub batch_lines: usize,
    /// Seconds that a client may take to send a head.
    pub head_seconds: f64,
    /// Seconds that an unused connection is kept: longer than load balancers keep theirs, so that none sends
    /// into a connection that closes.
    pub idle_seconds: f64,
    /// Seconds that a client may pause while it sends a body.
    pub body_seconds: f64,
    /// Seconds that a client may take nothing of a reply that is ready.
    pub write_seconds: f64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: Ipv4Addr::LOCALHOST.into(),
            port: 8080,
            cors_origins: Vec::new(),
            tls: None,
            drain_seconds: 600.0,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: MAX_BODY_BYTES,
            head_bytes: 64 * 1024,
            file_bytes: 200 * 1024 * 1024,
            messages: 4_096,
            images: 64,
            connections: 16_384,
            in_flight: 8_192,
            waiting: 65_536,
            batch_lines: 16,
            head_seconds: 30.0,
            idle_seconds: 75.0,
            body_seconds: 30.0,
            write_seconds: 60.0,
        }
    }
}
