//! Any server that speaks the chat completions API.

mod assemble;
mod blame;
mod calls;
mod choice;
mod connect;
mod dialect;
mod error;
mod fields;
mod finish;
mod http;
mod logprobs;
mod options;
mod piece;
mod plain;
mod relay;
mod repair;
mod request;
mod reward;
mod secrets;
mod share;
mod think;
mod upstream;
mod usage;

pub use dialect::{Continuation, Dialect, GENERIC, LLAMA_CPP, OPENAI, SGLANG, VLLM};
pub use options::{OpenAiOptions, Secret, Timeouts};
pub use reward::{RewardModel, RewardShape};

use futures_util::stream;
use outthink_core::{
    Capabilities, Engine, EngineError, ModelInfo, Relay, RelayFuture, SampleEvent, SampleRequest, SampleStream,
};
use serde_json::Value;
use std::sync::Arc;
use upstream::{Run, Shape, Wire};

/// An engine behind an OpenAI-compatible server.
///
/// Always streams, so that every sample can be cancelled while it runs. Its streams do their work
/// while they are polled, inside a tokio runtime; no task outlives them.
///
/// ```no_run
/// use outthink_engine::openai::{OpenAiEngine, OpenAiOptions};
///
/// # async fn run() -> Result<(), outthink_core::EngineError> {
/// let engine = OpenAiEngine::connect(OpenAiOptions::new("http://localhost:8000")).await?;
/// # Ok(()) }
/// ```
pub struct OpenAiEngine {
    wire: Arc<Wire>,
    model: ModelInfo,
    dialect: Dialect,
    multiplex: bool,
}

impl OpenAiEngine {
    /// The dialect that it speaks.
    pub const fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    fn run(&self, request: &SampleRequest, seed: u64, n: usize) -> Result<Run, EngineError> {
        let body = request::body(request, &self.model.id, &self.dialect, seed, n)?;
        let messages = request.prompt.messages.iter().map(text_chars);
        let prefix = request.prefix.as_deref().unwrap_or_default();
        let prompt_chars = messages.sum::<u64>() + prefix.chars().count() as u64;
        let shape = Shape { n, prompt_chars, before: think::Before::of(request.prefix.as_deref()) };
        Ok(Run::new(Arc::clone(&self.wire), body, seed, shape))
    }
}

impl std::fmt::Debug for OpenAiEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenAiEngine")
            .field("model", &self.model)
            .field("dialect", &self.dialect.name)
            .finish_non_exhaustive()
    }
}

impl Engine for OpenAiEngine {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            continuation: self.dialect.continuation != Continuation::None,
            logprobs: self.dialect.logprobs,
            shared_prefill: self.dialect.shared_prefill || (self.multiplex && self.dialect.n),
            ..Capabilities::default()
        }
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        let n = request.seeds.len();
        if let [first, _, ..] = request.seeds[..]
            && self.multiplex
            && self.dialect.n
        {
            return match self.run(&request, first, n) {
                Ok(run) => share::split(run, n),
                Err(error) => (0..n).map(|_| failed(error.clone())).collect(),
            };
        }
        let one = |&seed: &u64| match self.run(&request, seed, 1) {
            Ok(run) => single(run),
            Err(error) => failed(error),
        };
        request.seeds.iter().map(one).collect()
    }

    fn one_by_one(&self) -> bool {
        !self.multiplex
    }

    fn relay(&self, relay: Relay) -> Option<RelayFuture> {
        Some(Box::pin(relay::send(Arc::clone(&self.wire), relay)))
    }
}

/// Characters of text in a message; pictures and sound are not counted.
fn text_chars(message: &Value) -> u64 {
    let chars = |text: &Value| text.as_str().map_or(0, |t| t.chars().count() as u64);
    match &message["content"] {
        Value::Array(parts) => parts.iter().map(|p| chars(&p["text"])).sum(),
        content => chars(content),
    }
}

fn failed(error: EngineError) -> SampleStream {
    let item: Result<SampleEvent, _> = Err(error);
    Box::pin(stream::once(std::future::ready(item)))
}

fn single(run: Run) -> SampleStream {
    Box::pin(stream::unfold(run, |mut run| async move { run.next().await.map(|(_, event)| (event, run)) }))
}
