//! Chaos and leaving clients at full size, with the figures printed:
//!
//! ```sh
//! cargo run --release -p outthink-serve --example storm -- chaos 10000
//! cargo run --release -p outthink-serve --example storm -- cancel 1000
//! cargo run --release -p outthink-serve --example storm -- streams 5000 127.0.0.1:8080 PID
//! ```
//!
//! The last one holds streams at a gateway that runs elsewhere, and looks at the memory of process PID.
//! `storm gateway PORT URL` is the gateway alone, without the command line around it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints and may fail loudly"
)]

#[path = "../tests/storm/mod.rs"]
mod storm;

use outthink_core::derive_seed;
use outthink_engine::fake::{Chaos, FakeOptions};
use serde_json::json;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use storm::{Storm, ask, leave, request};
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let count = words.get(1).and_then(|n| n.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match words.first().map(String::as_str) {
        Some("chaos") => runtime.block_on(chaos(count.unwrap_or(10_000))),
        Some("cancel") => runtime.block_on(cancel(count.unwrap_or(1_000))),
        Some("streams") if words.len() == 4 => {
            runtime.block_on(streams(count.unwrap_or(5_000), words[2].parse().unwrap(), &words[3]));
        }
        Some("gateway") if words.len() == 3 => {
            runtime.block_on(storm::gateway(words[1].parse().unwrap(), &words[2]));
        }
        _ => {
            eprintln!(
                "usage: storm gateway PORT URL | chaos [REQUESTS] | cancel [REQUESTS] | streams COUNT ADDRESS PID"
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Sockets that this process holds.
fn sockets() -> usize {
    let Ok(files) = std::fs::read_dir("/proc/self/fd") else { return 0 };
    let target = |file: std::io::Result<std::fs::DirEntry>| std::fs::read_link(file.ok()?.path()).ok();
    files.filter_map(target).filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

async fn chaos(count: u64) {
    let fake = FakeOptions { chaos: Some(Chaos::all(3, 0.3)), ..FakeOptions::default() };
    let storm = Storm::start(fake, Duration::from_millis(500)).await;
    let before = (sockets(), tasks());
    let places = Arc::new(Semaphore::new(256));
    let mut running = JoinSet::new();
    for number in 0..count {
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        let address = storm.address;
        running.spawn(async move {
            let (body, budget) = request(number);
            let ending = ask(address, &body).await;
            drop(place);
            (budget, ending)
        });
    }
    let (mut answers, mut errors, mut bad, mut over, mut billed) = (0, 0, 0, 0, 0);
    while let Some(ended) = running.join_next().await {
        match ended.unwrap() {
            (budget, Ok(ending)) => {
                billed += ending.tokens;
                over += u64::from(budget.is_some_and(|most| ending.tokens > most));
                *(if ending.answered { &mut answers } else { &mut errors }) += 1;
            }
            (_, Err(what)) => {
                bad += 1;
                println!("malformed: {what}");
            }
        }
    }
    let total = storm.fake.books().total();
    println!("requests   {count}: {answers} answers, {errors} well-formed errors, {bad} malformed");
    println!("upstream   {} calls, {} of them faulty", total.calls, total.faults);
    println!("tokens     {billed} billed, {} in the upstream's books, {over} budgets exceeded", total.completion);
    // Unused connections to the upstream are kept for 4 s.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let after = (sockets(), tasks());
    println!("left over  {} sockets, {} tasks", after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
}

/// Resident kilobytes of a process.
fn resident(pid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kb| kb.parse().ok()).unwrap_or(0)
}

async fn streams(count: u64, address: SocketAddr, pid: &str) {
    let before = resident(pid);
    let began = Arc::new(AtomicU64::new(0));
    let all_began = Arc::new(tokio::sync::Notify::new());
    let mut running = JoinSet::new();
    for number in 0..count {
        let (began, all_began) = (Arc::clone(&began), Arc::clone(&all_began));
        running.spawn(async move {
            let body = json!({"model": "fake", "stream": true, "max_tokens": 1000, "seed": number,
                "stream_options": {"include_usage": true},
                "messages": [{"role": "user", "content": "What is 2+2?"}]});
            let mut stream = storm::send(address, &body).await.map_err(|e| e.to_string())?;
            let mut bytes = vec![0; 1024];
            let read = stream.read(&mut bytes).await.map_err(|e| e.to_string())?;
            bytes.truncate(read);
            if began.fetch_add(1, Relaxed) + 1 == count {
                all_began.notify_one();
            }
            stream.read_to_end(&mut bytes).await.map_err(|e| e.to_string())?;
            let text = String::from_utf8(bytes).map_err(|e| e.to_string())?;
            storm::judge(&text).map_err(str::to_owned)
        });
    }
    let wait = tokio::time::timeout(Duration::from_mins(1), all_began.notified()).await;
    let held = resident(pid);
    println!(
        "{} of {count} streams began{}; memory {:.1} MB before, {:.1} MB with them: {:.1} KB a stream",
        began.load(Relaxed),
        if wait.is_err() { " within 60 s" } else { "" },
        before as f64 / 1024.0,
        held as f64 / 1024.0,
        held.saturating_sub(before) as f64 / began.load(Relaxed).max(1) as f64,
    );
    let (mut complete, mut failed) = (0, Vec::new());
    while let Some(ended) = running.join_next().await {
        match ended.unwrap() {
            Ok(ending) if ending.answered => complete += 1,
            Ok(_) => failed.push("an error object".to_owned()),
            Err(what) => failed.push(what),
        }
    }
    failed.sort();
    failed.dedup();
    println!(
        "{complete} ended complete{}",
        if failed.is_empty() { String::new() } else { format!("; failures: {failed:?}") }
    );
}

/// Sums the tokens in the gateway's log lines.
struct Lines(Arc<Logged>);

#[derive(Default)]
struct Logged {
    lines: AtomicU64,
    tokens: AtomicU64,
}

impl tracing::field::Visit for &Logged {
    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        if field.name() == "tokens" {
            self.tokens.fetch_add(value, Relaxed);
        }
    }
    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
}

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("outthink_serve")
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        self.0.lines.fetch_add(1, Relaxed);
        event.record(&mut &*self.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

async fn cancel(count: u64) {
    let logged = Arc::new(Logged::default());
    tracing::subscriber::set_global_default(Lines(Arc::clone(&logged))).unwrap();
    for samples in [1, 8, 64] {
        let fake = FakeOptions { tokens: 1000, pause: Duration::from_millis(50), ..FakeOptions::default() };
        let storm = Storm::start(fake, Duration::from_mins(1)).await;
        let (lines, tokens) = (logged.lines.load(Relaxed), logged.tokens.load(Relaxed));
        let places = Arc::new(Semaphore::new(2048 / samples.max(16) as usize));
        let mut running = JoinSet::new();
        for number in 0..count {
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            let stay = Duration::from_millis(derive_seed(5, number) % 400);
            let address = storm.address;
            running.spawn(async move {
                let left = leave(address, number, samples, stay, None).await;
                drop(place);
                left
            });
        }
        let mut leavers = Vec::new();
        while let Some(left) = running.join_next().await {
            leavers.push(left.unwrap());
        }
        while storm.fake.books().total().open > 0 || logged.lines.load(Relaxed) - lines < count {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut stops = Vec::new();
        let mut late_calls = 0;
        for leaver in &leavers {
            let account = storm.fake.books().of(&leaver.user);
            let after =
                |at: Option<tokio::time::Instant>| at.map_or(0.0, |at| ms(at.saturating_duration_since(leaver.at)));
            stops.push(after(account.last_ended));
            late_calls += u64::from(after(account.last_began) > 100.0);
        }
        stops.sort_by(f64::total_cmp);
        let at = |share: f64| stops[((stops.len() - 1) as f64 * share) as usize];
        let total = storm.fake.books().total();
        println!(
            "N={samples:<2}  {count} clients left, {} upstream calls; stopped after {:.1} ms (median), {:.1} (p99), {:.1} (longest); {late_calls} with a call begun 100 ms or more after they left",
            total.calls,
            at(0.5),
            at(0.99),
            at(1.0),
        );
        println!(
            "      {} tokens billed, {} sent by the upstream: {} were on their way when the clients left",
            logged.tokens.load(Relaxed) - tokens,
            total.completion,
            i128::from(total.completion) - i128::from(logged.tokens.load(Relaxed) - tokens)
        );
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
