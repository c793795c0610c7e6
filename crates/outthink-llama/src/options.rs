//! How the engine is set up.

use outthink_core::Price;

/// Softmax temperature where a request names none.
pub const DEFAULT_TEMPERATURE: f64 = 0.7;
/// Nucleus where a request names none.
pub const DEFAULT_TOP_P: f64 = 0.95;
/// Number of candidates where a request names none.
pub const DEFAULT_TOP_K: u32 = 40;
/// Least share of the best token's probability where a request names none: no such limit.
pub const DEFAULT_MIN_P: f64 = 0.0;

/// What a [`LlamaEngine`](crate::LlamaEngine) is given besides the file.
#[derive(Debug, Clone, PartialEq)]
pub struct LlamaOptions {
    /// Threads that compute; `None` takes what is free when the model is loaded
    /// ([`free_threads`]). Two threads on a core that others use are slower than one.
    pub threads: Option<usize>,
    /// Cells of the KV cache: prompt and completion tokens of all sequences in flight together.
    /// A prompt that several samples share counts once, unless `unified` is off.
    pub context: u32,
    /// Samples decoded at the same time at most; further ones wait.
    pub max_sequences: u32,
    /// Tokens handed to llama.cpp at once at most.
    pub batch: u32,
    /// Tokens computed at once at most.
    pub ubatch: u32,
    /// Cells that a sample reserves at once, beside those of its prompt. Small ones let more samples start;
    /// large ones make it rarer that one pauses, and its text is read again, because the cells ran out.
    pub stretch: u32,
    /// Whether all sequences share one pool of cells. Off, each has `context / max_sequences`
    /// cells of its own: faster above some 16 short samples, and useless for long ones.
    pub unified: bool,
    /// Whether a prompt that begins as another one that is still in the cache, or as a sample that
    /// may be continued, forks that cache instead of being read anew. Needs `unified`.
    pub fork: bool,
    /// The model's name in the API; empty takes the file's name without its ending.
    pub model_id: String,
    /// What a token is said to cost.
    pub price: Price,
}

impl Default for LlamaOptions {
    fn default() -> Self {
        Self {
            threads: None,
            context: 16_384,
            max_sequences: 64,
            batch: 512,
            ubatch: 512,
            stretch: 256,
            unified: true,
            fork: true,
            model_id: String::new(),
            price: Price::default(),
        }
    }
}

/// The processors that nobody uses right now: those there are, less the load of the last minute;
/// at least 1.
pub fn free_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or(0.0);
    ((cores as f64 - load).round().max(1.0) as usize).min(cores)
}
