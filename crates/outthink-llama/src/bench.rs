//! How fast a model decodes here, through the engine and through a bare loop over llama.cpp.

use crate::engine::{LlamaEngine, backend};
use crate::options::LlamaOptions;
use crate::sampler::argmax;
use crate::scheduler::Setup;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;
use outthink_core::{Engine, EngineError, Origin, Prompt, SampleEvent, SampleRequest, SampleStream, Sampling};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

/// Runs of each kind; the best one counts, for what else the machine does only slows.
const RUNS: usize = 2;

/// Tokens that each of so many samples generates: fewer where there are many, to end in a minute.
fn tokens_each(parallel: u32) -> u64 {
    u64::from(512 / parallel.max(1)).clamp(12, 48)
}

/// One degree of parallelism.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BenchRow {
    /// Samples decoded together.
    pub parallel: u32,
    /// Generated tokens a second over all samples, through the engine.
    pub engine: f64,
    /// The same by a loop that only decodes and takes the most probable token.
    pub bare: f64,
}

impl BenchRow {
    /// The engine's share of the bare loop's speed.
    pub fn ratio(&self) -> f64 {
        self.engine / self.bare
    }
}

/// What [`bench`] measured.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchReport {
    /// Threads that computed.
    pub threads: usize,
    /// Tokens of the prompt that all samples share.
    pub prompt_tokens: usize,
    /// One row for each degree of parallelism, in the order asked for.
    pub rows: Vec<BenchRow>,
}

impl std::fmt::Display for BenchReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} threads, a shared prompt of {} tokens, greedy", self.threads, self.prompt_tokens)?;
        writeln!(f, "parallel  engine tok/s  bare tok/s  ratio")?;
        for row in &self.rows {
            writeln!(f, "{:>8}  {:>12.1}  {:>10.1}  {:>5.2}", row.parallel, row.engine, row.bare, row.ratio())?;
        }
        Ok(())
    }
}

/// Measures decoding, the engine and the bare loop by turns, on the same file, threads and prompt.
///
/// # Errors
///
/// Those of [`LlamaEngine::load`], and failures to decode.
pub fn bench(path: &Path, threads: usize, parallels: &[u32]) -> Result<BenchReport, EngineError> {
    let most = parallels.iter().copied().max().unwrap_or(1);
    let options = LlamaOptions { threads: Some(threads), max_sequences: most, ..LlamaOptions::default() };
    let engine = LlamaEngine::load(path, options.clone())?;
    let request = SampleRequest {
        prompt: Prompt::user("Write a very long story about the sea, the wind and an old ship, with all details.")
            .into(),
        sampling: Sampling { temperature: Some(0.0), ..Sampling::default() },
        ..SampleRequest::default()
    };
    let tokens = engine.prompt_tokens(&request)?;
    let mut bare = Bare::new(&engine, &options, threads)?;
    let mut rows = Vec::with_capacity(parallels.len());
    for &parallel in parallels {
        let mut row = BenchRow { parallel, engine: 0.0, bare: 0.0 };
        for _ in 0..RUNS {
            let request = SampleRequest {
                seeds: (0..u64::from(parallel)).collect(),
                max_tokens: Some(tokens_each(parallel)),
                ..request.clone()
            };
            let (speed, steps) = through_engine(&engine, request)?;
            row.engine = row.engine.max(speed);
            row.bare = row.bare.max(bare.run(&tokens, parallel as usize, steps)?);
        }
        rows.push(row);
    }
    Ok(BenchReport { threads, prompt_tokens: tokens.len(), rows })
}

/// Tokens a second after the first ones, and the steps that the longest sample took.
fn through_engine(engine: &LlamaEngine, request: SampleRequest) -> Result<(f64, u64), EngineError> {
    let mut streams = engine.start(request);
    let mut start = None;
    let (mut tokens, mut steps) = (0, 0);
    for stream in &mut streams {
        while let Some(event) = next(stream) {
            let event = event?;
            start.get_or_insert_with(Instant::now);
            if let SampleEvent::Finish(finish) = event {
                tokens += finish.usage.completion - 1;
                steps = steps.max(finish.usage.completion - 1);
            }
        }
    }
    let seconds = start.map_or(0.0, |s| s.elapsed().as_secs_f64());
    Ok((tokens as f64 / seconds, steps))
}

struct Bare<'a> {
    context: llama_cpp_2::context::LlamaContext<'a>,
    batch: LlamaBatch<'a>,
}

fn failed(error: impl std::fmt::Display) -> EngineError {
    EngineError::new(Origin::Engine, format!("the bare loop failed ({error})"))
}

impl<'a> Bare<'a> {
    fn new(engine: &'a LlamaEngine, options: &LlamaOptions, threads: usize) -> Result<Self, EngineError> {
        let model = engine.llama();
        let setup = Setup::new(model, options, threads);
        let context = model.new_context(backend()?, setup.params()).map_err(failed)?;
        Ok(Self { context, batch: LlamaBatch::new(options.batch as usize, 1) })
    }

    fn run(&mut self, prompt: &[LlamaToken], parallel: usize, steps: u64) -> Result<f64, EngineError> {
        self.context.clear_kv_cache();
        self.batch.clear();
        self.batch.add_sequence(prompt, 0, false).map_err(failed)?;
        self.context.decode(&mut self.batch).map_err(failed)?;
        let first = argmax(self.context.get_logits_ith(self.batch.n_tokens() - 1));
        let start = Instant::now();
        for id in 1..parallel {
            self.context.copy_kv_cache_seq(0, id as i32, None, None).map_err(failed)?;
        }
        let mut last = vec![first; parallel];
        for step in 0..steps as usize {
            self.batch.clear();
            for (id, &token) in last.iter().enumerate() {
                let position = (prompt.len() + step) as i32;
                self.batch.add(LlamaToken(token as i32), position, &[id as i32], true).map_err(failed)?;
            }
            self.context.decode(&mut self.batch).map_err(failed)?;
            for (row, token) in last.iter_mut().enumerate() {
                *token = argmax(self.context.get_logits_ith(row as i32));
            }
        }
        Ok((parallel as u64 * steps) as f64 / start.elapsed().as_secs_f64())
    }
}

/// Waits for the next event without an async runtime.
fn next(stream: &mut SampleStream) -> Option<Result<SampleEvent, EngineError>> {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match stream.as_mut().poll_next(&mut context) {
            Poll::Ready(event) => return event,
            Poll::Pending => std::thread::park(),
        }
    }
}
