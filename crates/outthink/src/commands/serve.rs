//! `outthink serve`: the gateway.

use super::arms::Named;
use super::engine::EngineArgs;
use super::resources::Verifiers;
use super::runtime;
use super::thinking::PriceArgs;
use super::verifiers::Plan;
use super::{config, gateway, resources};
use crate::error::CliError;
use crate::{env, logging};
use anyhow::Context;
use clap::Args;
use outthink_core::{Effort, Engine};
use outthink_engine::openai::{OpenAiOptions, Timeouts};
use outthink_serve::config::{Config, KeyMode, LogForm};
use outthink_serve::{Control, Service};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file. Flags win over the environment, and that over the file.
    #[arg(long, value_name = "FILE", env = env::CONFIG, hide_env_values = true)]
    config: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1].
    #[arg(long)]
    host: Option<IpAddr>,
    /// The port to listen on; 0 takes a free one [default: 8080].
    #[arg(long)]
    port: Option<u16>,
    /// How much thinking a request gets that names no effort [default: auto].
    #[arg(long, value_name = "NAME")]
    effort: Option<Effort>,
    /// The form of the log on stderr: text, json or off [default: text].
    #[arg(long, value_name = "FORM", value_parser = log_form)]
    log: Option<LogForm>,
    /// Samples that each model's servers work on at once; others wait in a fair queue [default: 8192].
    #[arg(long, value_name = "N")]
    max_in_flight: Option<usize>,
    /// Seconds that a server may take to its first token.
    #[arg(long, value_name = "S", default_value_t = Timeouts::default().first_token.as_secs_f64())]
    first_token_seconds: f64,
    /// Seconds that a server may be silent between two tokens.
    #[arg(long, value_name = "S", default_value_t = Timeouts::default().idle.as_secs_f64())]
    idle_seconds: f64,
    /// Allocation table for the strategy allocate, as `outthink fit inference --out` writes it.
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// What judges samples under a name that requests give in `outthink.verifiers`: a verifier as
    /// `outthink ask --verifier` takes it, judge:MODEL or reward:SHAPE:URL#MODEL for instance. May be
    /// repeated. `self` and rules are there without.
    #[arg(long = "verifier", value_name = "NAME=VERIFIER")]
    verifiers: Vec<String>,
    /// A further model beside the first one, as `outthink ask --arm` takes it; requests name it as their
    /// model or in `outthink.arms`. May be repeated.
    #[arg(long = "arm", value_name = "MODEL")]
    arms: Vec<String>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    price: PriceArgs,
}

/// Runs the subcommand until a signal, and then until the running requests are answered.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, CliError> {
    let price = args.price.price()?;
    let (first_token, idle) = (seconds(args.first_token_seconds)?, seconds(args.idle_seconds)?);
    if args.max_in_flight == Some(0) {
        return Err(CliError::usage("0 samples at a time answer nothing").hint("give --max-in-flight at least 1"));
    }
    let config = args.configuration(config::load(args.config.as_deref())?)?;
    let configured = !config.upstreams.is_empty();
    if configured && !args.engine.upstream.is_empty() {
        return Err(
            CliError::usage("upstreams are named by --upstream and by the configuration").hint("drop one of them")
        );
    }
    if configured && !args.arms.is_empty() {
        return Err(CliError::usage("models are named by --arm and by the configuration")
            .hint("name them in [[models]], or drop --arm"));
    }
    // Every word is checked before the first model is fetched.
    let arms: Vec<Named> = args.arms.iter().map(|spec| Named::parse(spec, &args.engine)).collect::<Result<_, _>>()?;
    let verifiers = resources::named(&args.verifiers, &args.engine)?;
    let model = if configured { None } else { args.engine.locate()? };
    let arms = arms.into_iter().map(Named::locate).collect::<Result<Vec<_>, _>>()?;
    let located = |(name, plan): (String, Plan)| plan.locate().map(|plan| (name, plan));
    let verifiers = verifiers.into_iter().map(located).collect::<Result<Vec<_>, _>>()?;
    let _last_lines = logging::start(config.observability.log, config.observability.level);
    let runtime = runtime()?;
    runtime.block_on(async {
        let (host, port) = (config.server.host, config.server.port);
        // The port first: a taken one is told before a model is loaded.
        let listener = TcpListener::bind((host, port)).await.map_err(|e| {
            CliError::failure(format!("cannot listen on {host} port {port}: {e}"))
                .hint("choose another --port, or 0 for a free one")
        })?;
        let address = listener.local_addr().context("cannot read the address")?;
        let tls = config.server.tls.as_ref().map(outthink_serve::acceptor).transpose();
        let tls = tls.map_err(|e| CliError::usage(e.to_string()))?;
        let adjust = |options: &mut OpenAiOptions| {
            // The gateway's queue is the one that counts.
            options.max_in_flight = usize::MAX;
            (options.timeouts.first_token, options.timeouts.idle) = (first_token, idle);
        };
        let mut flagged = if configured { Vec::new() } else { args.engine.connect_all(model, price, adjust).await? };
        for arm in arms {
            flagged.push(arm.connect(outthink_core::Needs::default()).await?);
        }
        let verifiers = resources::connect(verifiers).await?;
        let gateway::Fixed { control, ledger } = gateway::fixed(&config).await?;
        let options = gateway::options(config.clone(), Arc::clone(&control), flagged.clone(), &verifiers).await?;
        let names: Vec<&str> = options.engines.iter().map(|engine| engine.model().id.as_str()).collect();
        let scheme = if tls.is_some() { "https" } else { "http" };
        eprintln!("serving {} at {scheme}://{address}/v1", names.join(", "));
        let service = Service::new(options);
        if let Some(path) = args.config.clone() {
            let reloading =
                Reloading { args: args.clone(), path, config, control, flagged, verifiers, service: service.clone() };
            tokio::spawn(reloading.run());
        }
        let served = service.serve(listener, tls, shutdown()).await;
        if let Some(ledger) = ledger {
            ledger.close().await;
        }
        served.context("the gateway failed")?;
        Ok::<_, CliError>(())
    })?;
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

impl ServeArgs {
    /// The configuration with the flags on top, checked once more where they change what was checked.
    fn configuration(&self, mut config: Config) -> Result<Config, CliError> {
        config.server.host = self.host.unwrap_or(config.server.host);
        config.server.port = self.port.unwrap_or(config.server.port);
        config.defaults.effort = self.effort.unwrap_or(config.defaults.effort);
        if self.table.is_some() {
            config.defaults.table.clone_from(&self.table);
        }
        config.observability.log = self.log.unwrap_or(config.observability.log);
        config.server.limits.in_flight = self.max_in_flight.unwrap_or(config.server.limits.in_flight);
        if config.keys.mode == KeyMode::Off && !config.server.host.is_loopback() {
            return Err(CliError::usage(format!(
                "keys may be off on loopback alone, and --host is {}",
                config.server.host
            ))
            .hint("take keys.mode out of the configuration, or listen on 127.0.0.1"));
        }
        Ok(config)
    }
}

/// The form of a log by its name.
fn log_form(name: &str) -> Result<LogForm, String> {
    match name {
        "text" => Ok(LogForm::Text),
        "json" => Ok(LogForm::Json),
        "off" => Ok(LogForm::Off),
        _ => Err("give text, json or off".to_owned()),
    }
}

/// Reads the configuration again at each SIGHUP.
struct Reloading {
    args: ServeArgs,
    path: PathBuf,
    config: Config,
    control: Arc<Control>,
    /// The engines of the flags, where the configuration names none.
    flagged: Vec<Arc<dyn Engine>>,
    /// The verifiers of the flags.
    verifiers: Verifiers,
    service: Service,
}

impl Reloading {
    async fn run(mut self) {
        let mut signals = hangups();
        while signals.recv().await.is_some() {
            match self.reload().await {
                Ok(()) => {
                    self.control.reloaded(true);
                    eprintln!("the configuration was read again and is in force");
                }
                Err(error) => {
                    self.control.reloaded(false);
                    eprintln!("the old configuration stays in force:");
                    error.print();
                }
            }
        }
    }

    async fn reload(&mut self) -> Result<(), CliError> {
        let read = gateway::reread(&self.path, &self.config, |config| self.args.configuration(config))?;
        if read.upstreams.is_empty() && self.flagged.is_empty() {
            return Err(CliError::usage("the file names no upstreams, and the gateway was started with some")
                .hint("name one, or start the gateway again"));
        }
        let options =
            gateway::options(read.clone(), Arc::clone(&self.control), self.flagged.clone(), &self.verifiers).await?;
        self.service.reload(options);
        self.config = read;
        Ok(())
    }
}

/// What a hangup is told by; nothing comes where there is no such signal.
#[cfg(unix)]
fn hangups() -> tokio::sync::mpsc::Receiver<()> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    if let Ok(mut signal) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
        tokio::spawn(async move { while signal.recv().await.is_some() && sender.send(()).await.is_ok() {} });
    }
    receiver
}

#[cfg(not(unix))]
fn hangups() -> tokio::sync::mpsc::Receiver<()> {
    tokio::sync::mpsc::channel(1).1
}

/// A length of time from the command line.
fn seconds(seconds: f64) -> Result<Duration, CliError> {
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero()).ok_or_else(|| {
        CliError::usage(format!("{seconds} seconds is not a time to wait")).hint("give a positive number")
    })
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
