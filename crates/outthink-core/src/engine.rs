//! What produces text.

use crate::{Price, Prompt, Relay, RelayFuture, Usage};
use futures_core::Stream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::pin::Pin;
use std::time::Duration;

/// How tokens are drawn. `None` leaves the choice to the engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// Softmax temperature; 0 is greedy.
    pub temperature: Option<f64>,
    /// Nucleus: the smallest set of tokens with at least this probability.
    pub top_p: Option<f64>,
    /// The k most probable tokens only.
    pub top_k: Option<u32>,
    /// Tokens with at least this share of the best one's probability.
    pub min_p: Option<f64>,
    /// Texts at which generation ends; they are not part of the completion.
    pub stop: Vec<String>,
}

/// A request for one or more samples of one prompt.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampleRequest {
    /// What is asked.
    pub prompt: Prompt,
    /// The beginning of the assistant's reply, to be continued. Needs
    /// [`Capabilities::continuation`].
    pub prefix: Option<String>,
    /// One seed a sample; its length is the number of samples.
    pub seeds: Vec<u64>,
    /// Generated tokens of one sample at most.
    pub max_tokens: u64,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Whether log-probabilities are wanted, where the engine has them.
    pub logprobs: bool,
    /// Whether the samples may be continued: an engine may then keep what it computed for them.
    pub may_continue: bool,
    /// Candidates of each token whose mean log-probability is wanted, where the engine has them; 0
    /// for none.
    pub confidence_over: u32,
}

/// The name in [`Delta::extra`] of the tokens' log-probabilities as the API has them, an array.
/// Given where log-probabilities were asked for.
pub const LOGPROBS: &str = "logprobs";

/// A piece of a sample as it is generated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delta {
    /// Text of the reply.
    pub content: String,
    /// Text of the thought, where the engine tells it apart.
    pub reasoning: String,
    /// Tokens in this piece. An estimate where the engine gives no count.
    pub tokens: u64,
    /// Natural log-probabilities of the tokens, where asked for and known.
    pub logprobs: Vec<f32>,
    /// Confidence in each token, where asked for and known: minus the mean log-probability of the
    /// most probable candidates.
    pub confidences: Vec<f32>,
    /// Other fields of the engine's delta (`tool_calls`, `refusal`, …), untouched.
    pub extra: Map<String, Value>,
}

/// Why a sample ended, by the names of the chat completions API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended, or a stop text was met.
    Stop,
    /// The limit on tokens.
    Length,
    /// The model calls tools.
    ToolCalls,
    /// The engine withheld content.
    ContentFilter,
}

/// The end of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    /// Why it ended.
    pub reason: FinishReason,
    /// The tokens of this sample: `prompt`, `cached`, `completion`, `reasoning` and `estimated`.
    pub usage: Usage,
    /// Whether a stop text ended it and not the model; `None` where the engine does not say.
    pub met_stop: Option<bool>,
}

/// What happens to one sample.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleEvent {
    /// The prompt was read: its tokens, and how many of them came from a cache. At most once,
    /// before the first delta; engines that learn it late tell it in [`Finish`] only.
    Prompt {
        /// Prompt tokens.
        tokens: u64,
        /// Those of them that were cached.
        cached: u64,
    },
    /// A piece of text.
    Delta(Delta),
    /// The end; nothing comes after it.
    Finish(Finish),
}

/// The events of one sample. Dropping it cancels the sample's work in the engine at once.
pub type SampleStream = Pin<Box<dyn Stream<Item = Result<SampleEvent, EngineError>> + Send>>;

/// What an engine can do beyond plain completions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Continues a given beginning of the reply.
    pub continuation: bool,
    /// Gives log-probabilities.
    pub logprobs: bool,
    /// The samples of one request share the work on the prompt.
    pub shared_prefill: bool,
}

/// What is known of the model behind an engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name in the API.
    pub id: String,
    /// Prompt and completion tokens together at most, where known.
    pub context: Option<u64>,
    /// What it charges.
    pub price: Price,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// What was asked cannot be done as asked.
    Caller,
    /// The engine or the way to it.
    Engine,
    /// A fault of ours.
    Internal,
}

/// A failure of an engine.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}{}", hint.as_ref().map(|h| format!(": {h}")).unwrap_or_default())]
pub struct EngineError {
    /// Whose fault it is.
    pub origin: Origin,
    /// What happened; holds neither keys nor prompts.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The HTTP status that the engine gave, if it did.
    pub status: Option<u16>,
    /// When a retry may be worth it, where the engine said so.
    pub retry_after: Option<Duration>,
}

impl EngineError {
    /// A failure of the given origin that no retry mends.
    pub fn new(origin: Origin, message: impl Into<String>) -> Self {
        Self { origin, message: message.into(), hint: None, retryable: false, status: None, retry_after: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that a retry may mend it.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Adds the HTTP status that the engine gave.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }
}

/// Something that produces samples: an embedded model, a server, a recording.
pub trait Engine: Send + Sync {
    /// What is known of the model.
    fn model(&self) -> &ModelInfo;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Starts one sample for each seed and gives one stream for each, in the order of the seeds.
    ///
    /// Returns at once; failures come as the first item of the streams. Dropping a stream cancels
    /// that sample alone.
    fn start(&self, request: SampleRequest) -> Vec<SampleStream>;

    /// Whether samples lose nothing when each is started by a call of its own, as with a server.
    fn one_by_one(&self) -> bool {
        false
    }

    /// Passes a request on to the server behind the engine as it is; `None` where there is none.
    fn relay(&self, relay: Relay) -> Option<RelayFuture> {
        let _ = relay;
        None
    }
}
