//! The runner, the session and the strategies together, on an engine that plays scripts.

#![expect(clippy::unwrap_used, reason = "a test may end where its set-up fails")]

mod budgets;
mod driver;
mod parity;
mod script;
mod search;
mod strategies;
mod tree;
mod world;
