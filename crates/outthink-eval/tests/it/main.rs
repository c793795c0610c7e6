//! The store on both databases, sweeps on the mock engine, replay of recordings.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test tells why it skips, and may end where its set-up fails"
)]

mod figures;
mod parquet;
mod places;
mod pools;
mod store;
mod sweep;
mod tools;
