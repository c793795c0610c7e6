//! `outthink bench decode`: tokens per second of an engine, over samples drawn at one time.

use super::engine::EngineArgs;
use super::runtime;
use crate::defaults;
use crate::error::CliError;
use anyhow::Context;
use clap::Args;
use futures_util::{StreamExt, future};
use outthink_core::{Engine, EngineError, Prompt, SampleEvent, SampleRequest, SampleStream, Usage, derive_seed};
use serde::Serialize;
use std::process::ExitCode;
use std::time::Instant;

/// A question that needs a few hundred tokens of reasoning.
const QUESTION: &str = "A train leaves at 9:40 and travels 150 km at 60 km/h, waits 25 minutes, and then travels \
90 km at 45 km/h. At what time does it arrive? Explain every step at length.";

#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    /// Samples drawn at one time; each number makes a row.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,4,16")]
    samples: Vec<u32>,
    /// Generated tokens of one sample at most.
    #[arg(long, value_name = "N", default_value_t = 96)]
    max_tokens: u64,
    /// Print JSON lines, one a row.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Row {
    model: String,
    samples: u32,
    generated: u64,
    prompt: u64,
    cached: u64,
    /// Until the first piece of any sample.
    first_token_seconds: f64,
    /// From the first piece to the end of the last sample.
    decode_seconds: f64,
    tokens_per_second: f64,
    threads: Option<usize>,
    version: &'static str,
}

/// Runs the subcommand.
pub(crate) fn run(args: &DecodeArgs) -> Result<ExitCode, CliError> {
    if args.samples.contains(&0) || args.max_tokens < 2 {
        return Err(CliError::usage("0 samples or fewer than 2 tokens measure nothing").hint("give more of them"));
    }
    let file = args.engine.locate()?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let engine = args.engine.connect(file, None).await?;
        for &samples in &args.samples {
            let row = measure(engine.as_ref(), samples, args).await?;
            print_row(&row, args.json)?;
        }
        Ok::<_, CliError>(())
    })?;
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn measure(engine: &dyn Engine, samples: u32, args: &DecodeArgs) -> Result<Row, CliError> {
    let request = SampleRequest {
        prompt: Prompt::user(QUESTION),
        seeds: (0..u64::from(samples)).map(|i| derive_seed(defaults::SEED, i)).collect(),
        max_tokens: args.max_tokens,
        sampling: defaults::sampling(true, None, true),
        ..SampleRequest::default()
    };
    let start = Instant::now();
    let ends = future::join_all(engine.start(request).into_iter().map(|stream| one(stream, start))).await;
    let seconds = start.elapsed().as_secs_f64();
    let (mut usage, mut first) = (Usage::default(), seconds);
    for end in ends {
        let (spent, first_piece) = end?;
        usage += spent;
        first = first.min(first_piece);
    }
    let decode_seconds = seconds - first;
    Ok(Row {
        model: engine.model().id.clone(),
        samples,
        generated: usage.completion,
        prompt: usage.prompt,
        cached: usage.cached,
        first_token_seconds: first,
        decode_seconds,
        // The first token of each sample came with the prompt.
        tokens_per_second: usage.completion.saturating_sub(u64::from(samples)) as f64 / decode_seconds.max(1e-9),
        threads: args.engine.threads,
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Reads one sample to its end: its bill, and the seconds until its first piece.
async fn one(mut stream: SampleStream, start: Instant) -> Result<(Usage, f64), EngineError> {
    let (mut usage, mut first) = (Usage::default(), None);
    while let Some(event) = stream.next().await {
        match event? {
            SampleEvent::Prompt { .. } => {}
            SampleEvent::Delta(_) => {
                first.get_or_insert_with(|| start.elapsed().as_secs_f64());
            }
            SampleEvent::Finish(finish) => usage = finish.usage,
        }
    }
    Ok((usage, first.unwrap_or_else(|| start.elapsed().as_secs_f64())))
}

fn print_row(row: &Row, json: bool) -> Result<(), CliError> {
    if json {
        println!("{}", serde_json::to_string(row).context("cannot write JSON")?);
        return Ok(());
    }
    println!(
        "{:>3} at a time: {:>7.1} tokens/s ({} tokens in {:.2} s), first after {:.2} s",
        row.samples, row.tokens_per_second, row.generated, row.decode_seconds, row.first_token_seconds
    );
    Ok(())
}
