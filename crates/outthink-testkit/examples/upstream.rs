//! Serves words, or misbehaves by seed, until it is stopped:
//!
//! ```sh
//! cargo run --release -p outthink-testkit --example upstream -- --port 9100 --tokens 16
//! ```
//!
//! `GET /accounts` says what it did, `POST /accounts/reset` begins again.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

use outthink_testkit::server::{Chaos, Scenario, Server, Steady};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: upstream [--port N] [--model NAME] [--tokens N] [--pause-ms N] [--chaos RATE] [--seed N]";

fn main() -> ExitCode {
    match options(std::env::args().skip(1)) {
        Ok((port, steady)) => run(port, steady),
        Err(problem) => {
            eprintln!("error: {problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn options(mut words: impl Iterator<Item = String>) -> Result<(u16, Steady), String> {
    let (mut port, mut rate, mut seed) = (9100, 0.0, 0);
    let mut steady = Steady::default();
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let bad = || format!("{flag} cannot be {value}");
        match flag.as_str() {
            "--port" => port = value.parse().map_err(|_| bad())?,
            "--model" => steady.model = value,
            "--tokens" => steady.tokens = value.parse().map_err(|_| bad())?,
            "--pause-ms" => steady.pause = Duration::from_millis(value.parse().map_err(|_| bad())?),
            "--chaos" => rate = value.parse().map_err(|_| bad())?,
            "--seed" => seed = value.parse().map_err(|_| bad())?,
            _ => return Err(format!("{flag} is not known")),
        }
    }
    if rate > 0.0 {
        steady.chaos = Some(Chaos::all(seed, rate));
    }
    Ok((port, steady))
}

fn run(port: u16, steady: Steady) -> ExitCode {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    println!("http://{address}/v1");
    match runtime.and_then(|runtime| runtime.block_on(Server::run_at(address, Scenario::steady(steady)))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
