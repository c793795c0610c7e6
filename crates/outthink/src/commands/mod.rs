//! One file a subcommand.

mod arms;
pub(crate) mod ask;
pub(crate) mod baselines;
pub(crate) mod batch;
pub(crate) mod bench;
pub(crate) mod bench_allocator;
pub(crate) mod bench_paired;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod configured;
mod curves;
pub(crate) mod data;
mod decode;
pub(crate) mod demo;
pub(crate) mod engine;
pub(crate) mod export;
pub(crate) mod fit;
pub(crate) mod gateway;
pub(crate) mod keys;
pub(crate) mod lab;
#[cfg(feature = "mcp")]
pub(crate) mod mcp;
pub(crate) mod models;
pub(crate) mod plan;
mod plan_board;
mod plan_hardware;
mod plan_life;
pub(crate) mod plan_saved;
pub(crate) mod pretrain;
pub(crate) mod probe;
pub(crate) mod reason;
pub(crate) mod recipe;
mod recorded;
pub(crate) mod reference;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod rescore;
mod resources;
pub(crate) mod runs;
pub(crate) mod serve;
mod server;
pub(crate) mod store;
pub(crate) mod sweep;
pub(crate) mod thinking;
pub(crate) mod train;
mod upstreams;
mod verifiers;

use crate::error::CliError;
use anyhow::Context;

/// The runtime of a command that talks to an engine.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    Ok(runtime)
}
