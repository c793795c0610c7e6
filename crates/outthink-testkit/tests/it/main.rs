//! The doubles do what their scripts say.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod engine;
mod server;
