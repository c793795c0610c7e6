//! Decoding speed: `cargo run --release -p outthink-llama --example bench -- MODEL.gguf [THREADS]`

use outthink_llama::{bench, free_threads};
use std::process::ExitCode;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the report is what this program is for")]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(model) = arguments.next() else {
        eprintln!("usage: bench MODEL.gguf [THREADS]");
        return ExitCode::FAILURE;
    };
    let threads = arguments.next().and_then(|t| t.parse().ok()).unwrap_or_else(free_threads);
    match bench(model.as_ref(), threads, &[1, 8, 32, 64]) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
