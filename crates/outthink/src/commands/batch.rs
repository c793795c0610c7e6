//! `outthink batch`: the requests of a file, answered within one budget; goes on where it was stopped.

use super::engine::EngineArgs;
use super::thinking::PriceArgs;
use super::{resources, runtime};
use crate::error::{CliError, FAILURE, INTERRUPTED};
use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use outthink_core::Effort;
use outthink_ledger::Ledger;
use outthink_serve::config::Config;
use outthink_serve::{BatchError, BatchFile, Control, Policy, ServeOptions, Service};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Seconds that the state stays with a process that says nothing any more; nobody else has it.
const LEASE: u64 = 10;

#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// The requests, one a line, as the Batch API has them: `custom_id`, url and body.
    file: PathBuf,
    /// Where results are written [default: FILE with the ending .out.jsonl]. Those of requests that failed go next to it,
    /// with the ending .errors.jsonl.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the state is kept until the end and after it [default: FILE with the ending .state.db].
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// The path of requests that name none [default: that of the first request, or /v1/chat/completions].
    #[arg(long, value_name = "PATH")]
    endpoint: Option<String>,
    /// How long it may take, in m, h or d. Requests that are not answered then fail.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    window: String,
    /// How much thinking a request gets that names no effort [default: auto].
    #[arg(long, value_name = "NAME")]
    effort: Option<Effort>,
    /// Generated tokens of all requests together at most.
    #[arg(long, value_name = "N")]
    budget_tokens: Option<u64>,
    /// Maximum spend of all requests together in dollars (requires --price-input or --price-output).
    #[arg(long, value_name = "USD")]
    budget_usd: Option<f64>,
    /// Requests that run at once at most.
    #[arg(long, value_name = "N", default_value_t = 16)]
    at_once: usize,
    /// Allocation table for the strategy allocate, as `outthink fit inference` writes it.
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Print the batch at its end as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    price: PriceArgs,
}

/// Runs the subcommand.
pub(crate) fn run(args: &BatchArgs) -> Result<ExitCode, CliError> {
    let price = args.price.price()?;
    if args.budget_usd.is_some() && price.is_none() {
        return Err(CliError::usage("a budget in dollars needs a price").hint("give --price-input or --price-output"));
    }
    if args.at_once == 0 {
        return Err(CliError::usage("0 requests at once answer nothing").hint("give --at-once at least 1"));
    }
    args.engine.check()?;
    let text = std::fs::read_to_string(&args.file)
        .with_context(|| format!("cannot read the requests in {}", args.file.display()))?;
    let state = args.state.clone().unwrap_or_else(|| with_ending(&args.file, "state.db"));
    let _lock = lock(&state)?;
    let file = args.batch(text);
    let mut config = Config::default();
    config.server.limits.batch_lines = args.at_once;
    config.defaults.effort = args.effort.unwrap_or(config.defaults.effort);
    config.defaults.table.clone_from(&args.table);
    config.observability.page = false;
    let model = args.engine.locate()?;
    let runtime = runtime()?;
    let (batch, service, ledger, interrupted) = runtime.block_on(async {
        let engines = args.engine.connect_all(model, price, |_| ()).await?;
        let ledger = Ledger::open(&format!("sqlite:{}", state.display()), LEASE).await?;
        let control = Arc::new(Control::new().with_ledger(ledger.clone()));
        let resources = resources::make(&config, &resources::Verifiers::new()).await?;
        let policy = Policy { config: Arc::new(config), resources, ..Policy::default() };
        let service = Service::new(ServeOptions::configured(engines, control, policy));
        let (stopped, mut bar) = (Arc::new(std::sync::atomic::AtomicBool::new(false)), Progress::new());
        let stop = {
            let stopped = Arc::clone(&stopped);
            async move {
                let _ = tokio::signal::ctrl_c().await;
                eprintln!("ending after the requests that run; once more ends at once");
                stopped.store(true, std::sync::atomic::Ordering::SeqCst);
                tokio::spawn(async {
                    if tokio::signal::ctrl_c().await.is_ok() {
                        std::process::exit(i32::from(INTERRUPTED));
                    }
                });
            }
        };
        let batch = Box::pin(service.batch(&file, stop, |batch| bar.show(batch))).await.map_err(of_batch)?;
        bar.end();
        let interrupted = stopped.load(std::sync::atomic::Ordering::SeqCst) && batch["status"] == "in_progress";
        Ok::<_, CliError>((batch, service, ledger, interrupted))
    })?;
    if interrupted {
        runtime.block_on(ledger.close());
        eprintln!("stopped: the same command goes on from here");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let written = runtime.block_on(args.write(&service, &batch));
    runtime.block_on(ledger.close());
    let written = written?;
    runtime.shutdown_background();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&batch).context("cannot write JSON")?);
    } else {
        show(&batch, &written);
    }
    let failed = batch["request_counts"]["failed"].as_u64().unwrap_or(0);
    let good = batch["status"] == "completed" && failed == 0;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

impl BatchArgs {
    /// The batch of these requests. What changes how they are answered makes it another one.
    fn batch(&self, text: String) -> BatchFile {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let named = || serde_json::from_str::<Value>(first).ok()?["url"].as_str().map(str::to_owned);
        let endpoint = self.endpoint.clone().or_else(named).unwrap_or_else(|| "/v1/chat/completions".to_owned());
        let mut hash = Sha256::new();
        hash.update(&text);
        let effort = self.effort.map(Effort::name);
        let rest = format!("{endpoint}\n{effort:?}\n{:?}\n{:?}\n", self.budget_tokens, self.budget_usd);
        hash.update(rest + self.engine.model.as_deref().unwrap_or_default());
        let key = hash.finalize().iter().take(16).fold(String::new(), |key, byte| format!("{key}{byte:02x}"));
        BatchFile {
            key,
            name: self.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            text,
            endpoint,
            window: self.window.clone(),
            budget_usd: self.budget_usd,
            budget_tokens: self.budget_tokens,
        }
    }

    /// Writes the files of a batch that has ended; what they are called.
    async fn write(&self, service: &Service, batch: &Value) -> Result<Vec<PathBuf>, CliError> {
        let out = self.out.clone().unwrap_or_else(|| with_ending(&self.file, "out.jsonl"));
        let errors = with_ending(&out.with_extension("").with_extension("jsonl"), "errors.jsonl");
        let mut written = Vec::new();
        for (field, path) in [("output_file_id", out), ("error_file_id", errors)] {
            let Some(id) = batch[field].as_str() else {
                // What is there is of an earlier batch.
                let _ = std::fs::remove_file(&path);
                continue;
            };
            let part = with_ending(&path, "part");
            let failed = || format!("cannot write {}", path.display());
            let mut writer = BufWriter::new(File::create(&part).with_context(failed)?);
            let mut wrote = Ok(());
            let read = service.batch_text(id, |line| {
                if wrote.is_ok() {
                    wrote = writer.write_all(line.as_bytes());
                }
            });
            read.await.map_err(of_batch)?;
            wrote.and_then(|()| writer.flush()).with_context(failed)?;
            std::fs::rename(&part, &path).with_context(failed)?;
            written.push(path);
        }
        Ok(written)
    }
}

/// A path with an ending instead of `.jsonl`, or after what else it ends with.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    if path.extension().is_some_and(|e| e == "jsonl") {
        return path.with_extension(ending);
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Holds the state for this process alone, until it ends.
fn lock(state: &Path) -> Result<File, CliError> {
    let path = with_ending(state, "lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    file.try_lock().map_err(|_| {
        CliError::failure(format!("another process works on {}", state.display()))
            .hint("wait for its end, or give another --state")
    })?;
    Ok(file)
}

fn of_batch(error: BatchError) -> CliError {
    match error {
        BatchError::Asked(words) => CliError::usage(words),
        other => CliError::failure(other.to_string()),
    }
}

/// How far it is, on stderr.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn new() -> Self {
        Self(None)
    }

    fn show(&mut self, batch: &Value) {
        let counts = &batch["request_counts"];
        let number = |name: &str| counts[name].as_u64().unwrap_or(0);
        let bar = self.0.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{pos}/{len} requests {wide_bar} {msg}");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_length(number("total"));
        bar.set_position(number("completed") + number("failed"));
        bar.set_message(format!("{} samples, {}", batch["outthink"]["samples_drawn"], spent(batch)));
    }

    fn end(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

/// What a batch has spent.
fn spent(batch: &Value) -> String {
    let tokens = batch["usage"]["total_tokens"].as_u64().unwrap_or(0);
    match batch["outthink"]["cost_usd"].as_f64() {
        Some(usd) if usd > 0.0 => format!("{tokens} tokens, ${usd:.6}"),
        _ => format!("{tokens} tokens"),
    }
}

fn show(batch: &Value, written: &[PathBuf]) {
    let counts = &batch["request_counts"];
    println!(
        "{}: {} of {} requests answered, {} failed; {} samples, {}",
        batch["status"].as_str().unwrap_or_default(),
        counts["completed"],
        counts["total"],
        counts["failed"],
        batch["outthink"]["samples_drawn"],
        spent(batch)
    );
    let interrupted = batch["outthink"]["interrupted"].as_u64().unwrap_or(0);
    if interrupted > 0 {
        println!("{interrupted} requests were asked again, because the process ended while they ran");
    }
    for problem in batch["errors"]["data"].as_array().into_iter().flatten().take(5) {
        let line = problem["line"].as_u64().map(|line| format!("line {line}: ")).unwrap_or_default();
        println!("{line}{}", problem["message"].as_str().unwrap_or_default());
    }
    for path in written {
        println!("{}", path.display());
    }
}
