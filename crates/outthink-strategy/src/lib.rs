//! Strategies and stopping rules (pure), and the driver that carries them out.
//!
//! The interface that the gateway and the binary call; see [`Driver::run`].

mod api;

pub use api::*;
