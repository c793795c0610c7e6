//! An upstream that misbehaves by seed: every request ends whole, and the two accounts agree.

use crate::storm::{Storm, ask, request};
use outthink_testkit::server::{Chaos, Steady};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Sockets that this process holds.
fn sockets() -> usize {
    let Ok(files) = std::fs::read_dir("/proc/self/fd") else { return 0 };
    let target = |file: std::io::Result<std::fs::DirEntry>| std::fs::read_link(file.ok()?.path()).ok();
    files.filter_map(target).filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Asks `count` times. What stalls is given up after `idle_ms`: on a machine so busy that a healthy reply
/// is as late as that, what comes after the end is sent and not read, and the accounts differ.
pub(crate) async fn run(count: u64, idle_ms: u64) {
    let fake = Steady { chaos: Some(Chaos::all(3, 0.3)), ..Steady::default() };
    let storm = Storm::start(fake, Duration::from_millis(idle_ms)).await;
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
    let (mut answers, mut bad, mut over, mut billed) = (0, 0, 0, 0);
    let mut errors = BTreeMap::<String, u64>::new();
    while let Some(ended) = running.join_next().await {
        match ended.unwrap() {
            (budget, Ok(ending)) => {
                billed += ending.tokens;
                over += u64::from(budget.is_some_and(|most| ending.tokens > most));
                match ending.error {
                    None => answers += 1,
                    Some(words) => *errors.entry(words).or_default() += 1,
                }
            }
            (_, Err(what)) => {
                bad += 1;
                println!("malformed: {what}");
            }
        }
    }
    let total = storm.fake.accounts().total();
    let wrong: u64 = errors.values().sum();
    println!("requests   {count}: {answers} answers, {wrong} well-formed errors, {bad} malformed");
    for (words, times) in &errors {
        println!("           {times:>5} times: {words}");
    }
    println!("upstream   {} calls, {} of them faulty", total.calls, total.faults);
    println!("tokens     {billed} billed, {} in the upstream's accounts, {over} budgets exceeded", total.completion);
    // Unused connections to the upstream are kept for 4 s.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let after = (sockets(), tasks());
    println!("left over  {} sockets, {} tasks", after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
}
