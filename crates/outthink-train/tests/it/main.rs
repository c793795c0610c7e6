//! Models as their users have them.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod learning;
mod runs;
mod sampling;
mod transformers;
