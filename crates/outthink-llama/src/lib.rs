//! The embedded engine: GGUF models through llama.cpp, in the process.
//!
//! One thread owns the model's context and decodes all sequences in flight together (continuous
//! batching). The prompt of a request is read once; its samples share the cells of the KV cache
//! that hold it. A later request with the very same prompt reads nothing at all.
//!
//! It never opens a network connection, downloads nothing, writes no file, spawns no async task,
//! and prints nothing: llama.cpp's log goes to `tracing`.
//!
//! ```no_run
//! use outthink_core::{Engine, Prompt, SampleRequest};
//! use outthink_llama::{LlamaEngine, LlamaOptions};
//!
//! let engine = LlamaEngine::load("model.gguf".as_ref(), LlamaOptions::default())?;
//! let streams = engine.start(SampleRequest {
//!     prompt: Prompt::user("What is 6 times 7?").into(),
//!     seeds: (0..16).collect(),
//!     max_tokens: Some(256),
//!     ..SampleRequest::default()
//! });
//! assert_eq!(streams.len(), 16);
//! # Ok::<(), outthink_core::EngineError>(())
//! ```
//!
//! # Vector instructions
//!
//! ggml's kernels are compiled for the machine that builds them (`.cargo/config.toml` passes
//! `-march=native`), so a binary built here may not run on an older processor. A binary for other
//! machines is built with `CMAKE_C_FLAGS` and `CMAKE_CXX_FLAGS` set to a level that they all have
//! (`-march=x86-64-v3 -fPIC`). The feature `portable` asks llama.cpp for every level and a choice when
//! the program starts, with shared libraries beside the binary; it has not been tried yet.
//!
//! # Same seed, same text
//!
//! A sample depends on its seed, its prompt and its sampling alone, up to rounding: the order of
//! floating-point sums depends on how many sequences are decoded together, so a near tie between
//! two tokens may fall otherwise in another batch.

#![allow(
    clippy::cast_possible_wrap,
    reason = "llama.cpp counts tokens, positions and sequences in i32; all are far below its limit"
)]

mod adjust;
mod bench;
mod chat;
mod detok;
mod engine;
mod fields;
mod guard;
mod options;
mod sampler;
mod scheduler;
mod sequence;
mod toolcall;

pub use bench::{BenchReport, BenchRow, bench};
pub use engine::LlamaEngine;
pub use options::{DEFAULT_MIN_P, DEFAULT_TEMPERATURE, DEFAULT_TOP_K, DEFAULT_TOP_P, LlamaOptions, free_threads};
