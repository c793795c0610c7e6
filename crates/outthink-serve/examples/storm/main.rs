//! Chaos, leaving clients, many streams, a steady pace and a soak at full size, with the figures printed:
//!
//! ```sh
//! cargo run --release -p outthink-serve --example storm -- chaos 10000 [IDLE_MS]
//! cargo run --release -p outthink-serve --example storm -- cancel 1000
//! cargo run --release -p outthink-serve --example storm -- streams 5000 127.0.0.1:8080 PID
//! cargo run --release -p outthink-serve --example storm -- pace 1000 10 127.0.0.1:8080 [stream]
//! cargo run --release -p outthink-serve --example storm -- soak 2000 600 127.0.0.1:8080 PID
//! ```
//!
//! The last three ask a gateway that runs elsewhere: `pace` sends so many requests a second for so many
//! seconds whatever becomes of them, `soak` does the same and looks at the memory of process PID, as
//! `streams` does. `storm gateway PORT URL` is the gateway alone, without the command line around it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints and may fail loudly"
)]

mod cancel;
mod chaos;
mod pace;
#[path = "../../tests/storm/mod.rs"]
mod storm;
mod streams;

use std::process::ExitCode;

const USAGE: &str = "usage: storm gateway PORT URL | chaos [REQUESTS [IDLE_MS]] | cancel [REQUESTS] | streams COUNT \
                     ADDRESS PID | pace RATE SECONDS ADDRESS [stream] | soak RATE SECONDS ADDRESS PID";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |index: usize, usual: u64| words.get(index).and_then(|n| n.parse().ok()).unwrap_or(usual);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match words[..] {
        ["chaos", ..] => runtime.block_on(chaos::run(number(1, 10_000), number(2, 5_000))),
        ["cancel", ..] => runtime.block_on(cancel::run(number(1, 1_000))),
        ["streams", _, address, pid] => {
            runtime.block_on(streams::run(number(1, 5_000), address.parse().unwrap(), pid));
        }
        ["gateway", port, url] => runtime.block_on(storm::gateway(port.parse().unwrap(), url)),
        ["pace", _, _, address] => pace::run(number(1, 1_000), number(2, 10), address, false),
        ["pace", _, _, address, "stream"] => pace::run(number(1, 1_000), number(2, 10), address, true),
        ["soak", _, _, address, pid] => pace::soak(number(1, 1_000), number(2, 600), address, pid),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Resident kilobytes of a process.
pub(crate) fn resident(pid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kb| kb.parse().ok()).unwrap_or(0)
}
