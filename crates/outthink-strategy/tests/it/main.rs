//! Strategies over recorded samples.

#![expect(clippy::unwrap_used, reason = "a test may end where its set-up fails")]

mod allocate;
