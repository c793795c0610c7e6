//! Engines over HTTP and engines made of recordings.
//!
//! - [`openai`]: any OpenAI-compatible server, with retries, timeouts by phase and cancellation.
//! - [`native`]: servers with protocols of their own, by the same connections.
//! - [`pool`]: several engines of one model as one, with weights, health and fallbacks.
//! - [`replay`]: recorded samples, drawn without replacement.
//! - [`judge`]: a language model as verifier; reward models are in [`openai`].
//! - `sandbox`: unit tests for code in replies, in a sandbox or not at all.
//! - [`wasm`]: verifiers of one's own as WebAssembly modules.
//!
//! The one crate with an HTTP client, and the one that starts programs. It never decides how many samples are worth their price,
//! never looks for answers in them, never retries a sample of which content was passed on, and
//! never puts a key into an error or a log.
//!
//! ```
//! use futures_util::StreamExt as _;
//! use outthink_core::{Engine as _, Prompt, SampleEvent, SampleRequest};
//! use outthink_engine::openai::{OpenAiEngine, OpenAiOptions};
//! use outthink_testkit::server::{Reply, Server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::start(Reply::text("The answer is 4."));
//! let engine = OpenAiEngine::connect(OpenAiOptions::new(server.url())).await?;
//! let request = SampleRequest { prompt: Prompt::user("2+2?").into(), seeds: vec![1, 2], ..SampleRequest::default() };
//! for stream in engine.start(request) {
//!     let events: Vec<_> = stream.collect().await;
//!     assert!(matches!(events.last(), Some(Ok(SampleEvent::Finish(_)))));
//! }
//! # Ok(()) }
//! ```

mod anthropic;
mod bedrock;
mod frames;
mod gemini;
pub mod judge;
pub mod native;
pub mod openai;
pub mod pool;
mod reader;
pub mod replay;
mod retry;
#[cfg(unix)]
pub mod sandbox;
mod size;
pub mod sse;
pub mod wasm;
