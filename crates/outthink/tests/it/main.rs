//! The binary as its users meet it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests fail as tests do")]

mod ask;
mod batch;
mod browser;
mod crashes;
mod desk;
mod fit;
mod gateway;
mod help;
mod hub;
mod lab;
mod mcp;
mod models;
mod page;
#[path = "../../../outthink-ledger/tests/it/postgres.rs"]
mod postgres;
mod reason;
mod recipe;
mod report;
mod secrets;
mod serve;
mod study;
mod sweep;
mod train;
mod upstream;

use std::path::Path;
use std::process::{Command, Output};

/// The binary in a clean environment with its home in `home` and no downloads.
fn outthink(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outthink"));
    for (name, _) in std::env::vars() {
        if name.starts_with("OUTTHINK_") || name.starts_with("HF_") {
            command.env_remove(name);
        }
    }
    command.env("OUTTHINK_HOME", home).env("OUTTHINK_OFFLINE", "1");
    command
}

/// Runs the binary with `args` in an empty home.
fn run(args: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    outthink(home.path()).args(args).output().unwrap()
}

/// Exit code, stdout and stderr in one text, without what differs from run to run.
fn report(output: &Output, home: &Path) -> String {
    let home = home.display().to_string();
    let clean = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&home, "[HOME]");
    format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().unwrap_or(-1),
        clean(&output.stdout),
        clean(&output.stderr)
    )
}
