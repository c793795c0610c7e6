//! What produces text.

use crate::{EngineError, Price, Prompt, Relay, RelayFuture, Thinking, Usage};
use futures_core::Stream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::pin::Pin;
use std::sync::Arc;

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

impl Sampling {
    /// A temperature below which the most probable token is as good as certain.
    const COLD: f64 = 1e-3;

    /// Whether every sample is the same by what it asks for.
    pub fn is_greedy(&self) -> bool {
        self.temperature.is_some_and(|t| t < Self::COLD) || self.top_k == Some(1) || self.top_p == Some(0.0)
    }
}

/// A request for one or more samples of one prompt.
#[expect(clippy::struct_excessive_bools, reason = "a record of independent wishes")]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampleRequest {
    /// What is asked.
    pub prompt: Arc<Prompt>,
    /// The beginning of the assistant's reply, to be continued. Needs
    /// [`Capabilities::continuation`].
    pub prefix: Option<String>,
    /// One seed for each sample; its length is the number of samples.
    pub seeds: Vec<u64>,
    /// Whether a seed was asked for. A server is sent a seed only then: some turn slower samplers on, or
    /// fail, because of it. An embedded model always draws by its seed.
    pub seeded: bool,
    /// Generated tokens of one sample at most, where somebody asked for a limit. `None` sends no limit:
    /// the model's own holds.
    pub max_tokens: Option<u64>,
    /// How long the reasoning should be, in the engine's own terms where it has them.
    pub thinking: Thinking,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Whether log-probabilities are wanted, where the engine has them.
    pub logprobs: bool,
    /// Whether the samples may be continued: an engine may then keep what it computed for them.
    pub may_continue: bool,
    /// Whether another engine stands ready to draw the sample: a failure is then passed on at once, and not retried.
    pub has_other: bool,
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
    /// Other fields of the engine's delta (`refusal`, `annotations`, `audio`, …), untouched, and `tool_calls`
    /// in one form whatever the server sends: `index` counts calls from 0 without gaps; the first piece of a
    /// call has its `id`, its `type` and its whole `function.name`; `function.arguments` are strings to be
    /// joined.
    pub extra: Map<String, Value>,
}

/// Why a sample ended. The first four have the names of the chat completions API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended, or a stop text was met.
    Stop,
    /// The limit on tokens.
    Length,
    /// The model calls tools.
    ToolCalls,
    /// The engine withheld content, or the model refused.
    ContentFilter,
    /// The engine gave up before the model had ended: no resources, an aborted request, a broken network.
    Interrupted,
    /// The engine gave a reason that is not known, or none. Such a sample does not vote.
    Unknown,
}

impl FinishReason {
    /// Whether the model itself ended, so that what it said is its whole reply.
    pub const fn is_complete(self) -> bool {
        matches!(self, Self::Stop | Self::ToolCalls)
    }
}

/// The end of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Why it ended.
    pub reason: FinishReason,
    /// The engine's own word for the reason, where it is not one of the API's four.
    pub word: Option<String>,
    /// The tokens of this sample: `prompt`, `cached`, `completion`, `reasoning` and `estimated`.
    pub usage: Usage,
    /// Whether a stop text ended it and not the model; `None` where the engine does not say.
    pub met_stop: Option<bool>,
    /// The stop text that ended it, where the engine names it.
    pub stop_text: Option<String>,
    /// What of the text that was passed on turned out to be something else.
    pub reasoned: Reasoned,
}

/// What the reasoning of a sample was, as its end showed it. A server that leaves reasoning in the content, after a
/// chat template that opened it, marks only its end: what came before it was passed on as content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reasoned {
    /// What was passed on as reasoning.
    #[default]
    AsPassedOn,
    /// The content that was passed on up to `end`, in bytes; the answer begins at `answer`, after the closing tag.
    Until {
        /// Where the closing tag begins.
        end: usize,
        /// Where it ends.
        answer: usize,
    },
    /// Nothing: what was passed on as reasoning was the answer, which came once more as content.
    Nothing,
}

impl Finish {
    /// An end for one of the API's reasons, where the engine does not tell a stop text from the model's end.
    pub const fn new(reason: FinishReason, usage: Usage) -> Self {
        Self { reason, word: None, usage, met_stop: None, stop_text: None, reasoned: Reasoned::AsPassedOn }
    }
}

/// Who draws a sample, and what it charges.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The model, by its name in the API.
    pub model: String,
    /// The server, by its name in the configuration, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// What it charges.
    pub price: Price,
}

/// What happens to one sample.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleEvent {
    /// An engine got the request and works on it from now on; what follows is its work, at its price. It
    /// comes again where another engine takes over. From here on the prompt counts as read, should the
    /// sample be cancelled. An engine that never sends it works at the price of its [`ModelInfo`].
    Started(Arc<Source>),
    /// The attempt that was [`SampleEvent::Started`] last failed before any text came and another one is
    /// made, or the error follows: what it had spent, at its price.
    Lost(Usage),
    /// Something of the request that the engine could not honour, in words for the receipt.
    Note(String),
    /// The prompt was read: its tokens, and how many of them came from a cache. At most once per attempt,
    /// before the first delta; engines that learn it late report it in [`Finish`] only.
    Prompt {
        /// Prompt tokens.
        tokens: u64,
        /// Those of them that were cached.
        cached: u64,
    },
    /// What the server has counted of this attempt so far. It takes the place of what was counted from the events
    /// before it, so that an attempt that fails after its first words, or that nobody waits for any longer, is billed
    /// by the last report.
    Used(Usage),
    /// A piece of text.
    Delta(Delta),
    /// The end; nothing comes after it.
    Finish(Finish),
}

/// The events of one sample. Dropping it cancels the sample's work in the engine at once.
pub type SampleStream = Pin<Box<dyn Stream<Item = Result<SampleEvent, EngineError>> + Send>>;

/// Whether an engine can do something that cannot be known before it was tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Support {
    /// It can.
    Yes,
    /// It cannot.
    #[default]
    No,
    /// Nobody asked it so far. It is asked before anything is bought that relies on it.
    Unknown,
}

impl Support {
    /// Whether it may be tried: only what is known not to work may not.
    pub const fn is_possible(self) -> bool {
        !matches!(self, Self::No)
    }

    /// Of several engines that stand for one: what any of them cannot do, all cannot.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, Self::Yes) => Self::Yes,
            (Self::No, _) | (_, Self::No) => Self::No,
            _ => Self::Unknown,
        }
    }
}

/// What an engine can do beyond plain completions.
#[expect(clippy::struct_excessive_bools, reason = "a record of independent abilities")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Continues a given beginning of the reply.
    pub continuation: Support,
    /// Gives log-probabilities.
    pub logprobs: bool,
    /// The samples of one request share the work on the prompt.
    pub shared_prefill: bool,
    /// Has a setting of its own for how hard the model thinks: [`Thinking::effort`].
    pub effort: bool,
    /// Has a setting of its own for the tokens of reasoning: [`Thinking::budget`].
    pub thinking_budget: bool,
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

/// Something that produces samples: an embedded model, a server, a recording.
pub trait Engine: Send + Sync {
    /// What is known of the model.
    fn model(&self) -> &ModelInfo;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// The most that any of its samples may charge for each kind of token: what a claim on a budget is made
    /// of. An engine that stands for several takes the highest price of each kind.
    fn price_bound(&self) -> Price {
        self.model().price.bound()
    }

    /// Whether it can take a request now, as far as that is known without asking: `None` where nothing was
    /// seen yet, or where the engine does not keep count.
    fn is_ready(&self) -> Option<bool> {
        None
    }

    /// Starts one sample for each seed and gives one stream for each, in the order of the seeds.
    ///
    /// Returns at once; failures come as the first item of the streams. Dropping a stream cancels
    /// that sample alone.
    fn start(&self, request: SampleRequest) -> Vec<SampleStream>;

    /// Whether samples lose nothing when each is started by a call of its own, as with a server.
    fn one_by_one(&self) -> bool {
        false
    }

    /// The kinds of tools that the engine's server carries out itself, as their `type` in a list of tools has it; `*` at
    /// the end stands for any text. They are sent as the client wrote them.
    fn hosted_tools(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether it speaks Anthropic's Messages API: blocks, marks of caches, tools and fields of that API are then sent as
    /// the client wrote them.
    fn speaks_messages(&self) -> bool {
        false
    }

    /// Passes a request on to the server behind the engine as it is; `None` where there is none.
    fn relay(&self, relay: Relay) -> Option<RelayFuture> {
        let _ = relay;
        None
    }
}
