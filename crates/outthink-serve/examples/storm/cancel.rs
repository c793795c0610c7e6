//! Clients that leave at random: their work stops, no new call is made, and the bill is right.

use crate::storm::{Storm, leave};
use outthink_core::derive_seed;
use outthink_testkit::server::Steady;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long the log may lag behind the last call.
const QUIET: Duration = Duration::from_secs(3);

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

/// Lets `count` clients leave, of each number of samples.
pub(crate) async fn run(count: u64) {
    let logged = Arc::new(Logged::default());
    tracing::subscriber::set_global_default(Lines(Arc::clone(&logged))).unwrap();
    for samples in [1, 8, 64] {
        let fake = Steady { tokens: 1000, pause: Duration::from_millis(50), ..Steady::default() };
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
        // A client that left before its request was read has no line in the log.
        let done = Instant::now();
        while storm.fake.accounts().total().open > 0
            || (logged.lines.load(Relaxed) - lines < count && done.elapsed() < QUIET)
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut stops = Vec::new();
        let mut late_calls = 0;
        for leaver in &leavers {
            let account = storm.fake.accounts().of(&leaver.user);
            let after =
                |at: Option<std::time::Instant>| at.map_or(0.0, |at| ms(at.saturating_duration_since(leaver.at)));
            stops.push(after(account.last_ended));
            late_calls += u64::from(after(account.last_began) > 100.0);
        }
        stops.sort_by(f64::total_cmp);
        let at = |share: f64| stops[((stops.len() - 1) as f64 * share) as usize];
        let total = storm.fake.accounts().total();
        println!(
            "N={samples:<2}  {count} clients left, {} lines in the log, {} upstream calls; stopped after {:.1} ms (median), {:.1} (p99), {:.1} (longest); {late_calls} with a call begun 100 ms or more after they left",
            logged.lines.load(Relaxed) - lines,
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
