//! Tokens a second of training and sampling: `speed WIDTH LAYERS [SECONDS]` prints one JSON line.
//!
//! Seconds are those of the processor where the system tells (Linux), so that a machine that is busy
//! with other work gives the same figures.
//!
//! `benches/compare.py` runs it side by side with PyTorch.
#![allow(clippy::print_stdout, reason = "an example prints")]

use outthink_train::{AdamWConfig, EveryToken, Model, ModelConfig, Rng, SampleOptions, TrainError, Trainer};
use std::time::Instant;

/// Tokens of a sequence, sequences of a batch, tokens of the vocabulary: as in `compare.py`.
const CONTEXT: usize = 128;
const BATCH: usize = 32;
const VOCAB: usize = 256;
/// Sequences sampled at a time.
const SAMPLES: usize = 256;

fn main() -> Result<(), TrainError> {
    let args: Vec<f64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [d, layers, ..] = args[..] else {
        println!("usage: speed WIDTH LAYERS [SECONDS]");
        return Ok(());
    };
    let seconds = args.get(2).copied().unwrap_or(3.0);
    let config = ModelConfig::sized(VOCAB, CONTEXT, d as usize, layers as usize);
    let mut trainer = Trainer::new(Model::new(config, 0)?, AdamWConfig::default(), 1);
    let mut rng = Rng::stream(0, 0);
    let batch: Vec<Vec<u32>> = (0..BATCH).map(|_| (0..=CONTEXT).map(|_| rng.below(VOCAB) as u32).collect()).collect();
    let objective = EveryToken { weight: 1.0 / (BATCH * CONTEXT) as f32 };
    let trained = rate(seconds, BATCH * CONTEXT, || trainer.step(&batch, &objective, 1e-3).map(|_| ()))?;
    let options = SampleOptions { max_tokens: CONTEXT - 1, ..SampleOptions::default() };
    let prompts = vec![[1]; SAMPLES];
    let sampled = rate(seconds, SAMPLES * (CONTEXT - 1), || trainer.model().sample(&prompts, &options).map(|_| ()))?;
    println!(r#"{{"parameters": {}, "train": {trained:.0}, "sample": {sampled:.0}}}"#, config.body_parameters());
    Ok(())
}

/// Tokens a second of `run`, which handles `tokens` of them, over at least `seconds`.
fn rate(seconds: f64, tokens: usize, mut run: impl FnMut() -> Result<(), TrainError>) -> Result<f64, TrainError> {
    run()?;
    let (wall, start) = (Instant::now(), processor());
    let mut runs = 0;
    let spent = || match (processor(), start) {
        (Some(now), Some(start)) => now - start,
        _ => wall.elapsed().as_secs_f64(),
    };
    while spent() < seconds || runs < 2 {
        run()?;
        runs += 1;
    }
    Ok((runs * tokens) as f64 / spent())
}

/// Seconds that this thread has had of the processor.
fn processor() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? * 1e-9)
}
