//! `outthink serve`: the gateway.

use super::engine::EngineArgs;
use super::runtime;
use super::thinking::PriceArgs;
use crate::defaults;
use crate::error::CliError;
use anyhow::Context;
use clap::Args;
use outthink_core::Effort;
use outthink_engine::openai::{OpenAiOptions, Timeouts};
use outthink_serve::{Limits, ServeOptions};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on.
    #[arg(long, default_value = defaults::HOST)]
    host: IpAddr,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = defaults::PORT)]
    port: u16,
    /// How much thinking a request gets that names no effort.
    #[arg(long, value_name = "NAME", default_value_t = Effort::default())]
    effort: Effort,
    /// Samples that each model's servers work on at one time; others wait in a fair queue.
    #[arg(long, value_name = "N", default_value_t = Limits::default().in_flight)]
    max_in_flight: usize,
    /// Seconds that a server may take to its first token.
    #[arg(long, value_name = "S", default_value_t = Timeouts::default().first_token.as_secs_f64())]
    first_token_seconds: f64,
    /// Seconds that a server may be silent between two tokens.
    #[arg(long, value_name = "S", default_value_t = Timeouts::default().idle.as_secs_f64())]
    idle_seconds: f64,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    price: PriceArgs,
}

/// Runs the subcommand until a signal, and then until the running requests are answered.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, CliError> {
    let price = args.price.price()?;
    let (first_token, idle) = (seconds(args.first_token_seconds)?, seconds(args.idle_seconds)?);
    if args.max_in_flight == 0 {
        return Err(CliError::usage("0 samples at a time answer nothing").hint("give --max-in-flight at least 1"));
    }
    let model = args.engine.locate()?;
    let runtime = runtime()?;
    runtime.block_on(async {
        // The port first: a taken one is told before a model is loaded.
        let listener = TcpListener::bind((args.host, args.port)).await.map_err(|e| {
            CliError::failure(format!("cannot listen on {} port {}: {e}", args.host, args.port))
                .hint("choose another --port, or 0 for a free one")
        })?;
        let address = listener.local_addr().context("cannot read the address")?;
        let adjust = |options: &mut OpenAiOptions| {
            // The gateway's queue is the one that counts.
            options.max_in_flight = usize::MAX;
            (options.timeouts.first_token, options.timeouts.idle) = (first_token, idle);
        };
        let engines = args.engine.connect_all(model, price, adjust).await?;
        let names: Vec<&str> = engines.iter().map(|engine| engine.model().id.as_str()).collect();
        eprintln!("serving {} at http://{address}/v1", names.join(", "));
        let limits = Limits { in_flight: args.max_in_flight, ..Limits::default() };
        let options = ServeOptions { limits, ..ServeOptions::new(engines).with_default_effort(args.effort) };
        outthink_serve::serve(listener, options, shutdown()).await.context("the gateway failed")?;
        Ok::<_, CliError>(())
    })?;
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// A length of time from the command line.
fn seconds(seconds: f64) -> Result<Duration, CliError> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| CliError::usage(format!("{seconds} seconds are no time to wait")).hint("give a positive number"))
}

/// Completes at Ctrl-C or SIGTERM; a second one ends the process.
async fn shutdown() {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
    }
    eprintln!("draining; the same signal once more ends at once");
    tokio::spawn(async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated() => {}
        }
        std::process::exit(i32::from(crate::error::INTERRUPTED));
    });
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
