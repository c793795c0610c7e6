//! Strategies over recorded samples, and sessions without an engine.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end where its set-up fails")]

mod allocate;
mod auto;
mod kinds;
mod session;
mod thinking;
