//! Serves the fake upstream until it is stopped:
//!
//! ```sh
//! cargo run --release -p outthink-engine --features fake --example fake -- --port 9100 --tokens 16
//! ```
//!
//! `GET /books` tells what it did.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

use outthink_engine::fake::{Chaos, FakeOptions, FakeUpstream};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: fake [--port N] [--model NAME] [--tokens N] [--pause-ms N] [--chaos RATE] [--seed N]";

fn main() -> ExitCode {
    match options(std::env::args().skip(1)) {
        Ok((port, options)) => run(port, options),
        Err(problem) => {
            eprintln!("error: {problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn options(mut words: impl Iterator<Item = String>) -> Result<(u16, FakeOptions), String> {
    let (mut port, mut rate, mut seed) = (9100, 0.0, 0);
    let mut options = FakeOptions::default();
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let bad = || format!("{flag} cannot be {value}");
        match flag.as_str() {
            "--port" => port = value.parse().map_err(|_| bad())?,
            "--model" => options.model = value,
            "--tokens" => options.tokens = value.parse().map_err(|_| bad())?,
            "--pause-ms" => options.pause = Duration::from_millis(value.parse().map_err(|_| bad())?),
            "--chaos" => rate = value.parse().map_err(|_| bad())?,
            "--seed" => seed = value.parse().map_err(|_| bad())?,
            _ => return Err(format!("{flag} is not known")),
        }
    }
    if rate > 0.0 {
        options.chaos = Some(Chaos::all(seed, rate));
    }
    Ok((port, options))
}

fn run(port: u16, options: FakeOptions) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served = runtime.and_then(|runtime| {
        runtime.block_on(async {
            let fake = FakeUpstream::start(("127.0.0.1", port), options).await?;
            println!("{}", fake.url());
            fake.forever().await;
            Ok(())
        })
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
