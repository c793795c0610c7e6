//! `outthink serve`: the gateway.

use super::engine::EngineArgs;
use super::runtime;
use super::thinking::PriceArgs;
use crate::defaults;
use crate::error::CliError;
use anyhow::Context;
use clap::Args;
use outthink_core::Effort;
use outthink_serve::ServeOptions;
use std::net::IpAddr;
use std::process::ExitCode;
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
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    price: PriceArgs,
}

/// Runs the subcommand until a signal, and then until the running requests are answered.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, CliError> {
    let price = args.price.price()?;
    let model = args.engine.locate()?;
    let runtime = runtime()?;
    runtime.block_on(async {
        // The port first: a taken one is told before a model is loaded.
        let listener = TcpListener::bind((args.host, args.port)).await.map_err(|e| {
            CliError::failure(format!("cannot listen on {} port {}: {e}", args.host, args.port))
                .hint("choose another --port, or 0 for a free one")
        })?;
        let address = listener.local_addr().context("cannot read the address")?;
        let engine = args.engine.connect(model, price).await?;
        eprintln!("serving {} at http://{address}/v1", engine.model().id);
        let options = ServeOptions::new(vec![engine]).with_default_effort(args.effort);
        outthink_serve::serve(listener, options, shutdown()).await.context("the gateway failed")?;
        Ok::<_, CliError>(())
    })?;
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
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
