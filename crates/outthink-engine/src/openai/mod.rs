//! Any server that speaks the chat completions API.

mod ask;
mod assemble;
mod blame;
mod builtin;
mod calls;
pub(crate) mod channel;
mod choice;
mod completion;
mod connect;
mod continuation;
pub(crate) mod continued;
mod dialect;
mod error;
mod fields;
mod finish;
mod grant;
mod habit;
mod http;
mod inquiry;
mod learned;
mod length;
mod logprobs;
mod options;
mod piece;
mod plain;
mod probe;
mod proxy;
mod relay;
mod render;
mod repair;
mod request;
mod reward;
mod secrets;
mod share;
mod think;
mod upstream;
mod usage;
mod wire;

pub use dialect::{Continuation, Dialect, DialectConfig, LengthTable, SeedField};
pub use options::{OpenAiOptions, Secret, Timeouts};
pub use probe::{Abilities, Ability, Finding, Verdict};
pub use reward::{RewardModel, RewardShape};

use crate::size;
use ask::Order;
use continuation::Kind;
use futures_util::stream;
use habit::Manner;
use inquiry::Inquiry;
use outthink_core::{
    Capabilities, Engine, EngineError, ModelInfo, Relay, RelayFuture, SampleEvent, SampleRequest, SampleStream, Source,
};
use request::Addressee;
use std::sync::Arc;
use think::Before;
use upstream::Run;
use wire::Wire;

/// An engine behind an OpenAI-compatible server. Its clones share their connections, their limit on
/// requests and what they learned of the server.
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
#[derive(Clone)]
pub struct OpenAiEngine {
    wire: Arc<Wire>,
    model: ModelInfo,
    source: Arc<Source>,
    dialect: Arc<Dialect>,
    multiplex: bool,
}

impl OpenAiEngine {
    /// The dialect that it speaks.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    fn run(&self, request: &SampleRequest, seed: u64, n: usize) -> Result<Run, EngineError> {
        let manner = Manner::of(request);
        let order = Order {
            ask: request::ask(request, self.addressee(&self.dialect), seed, n)?,
            source: Arc::clone(&self.source),
            seed,
            n,
            prompt_chars: size::prompt_chars(request),
            max_tokens: request.max_tokens,
            has_other: request.has_other,
            before: self.before(request, manner),
            manner,
            is_completion: false,
            reader: None,
        };
        Ok(Run::new(Arc::clone(&self.wire), order))
    }

    /// Where the reply to a request begins.
    fn before(&self, request: &SampleRequest, manner: Manner) -> Before {
        match Before::of(request.prefix.as_deref()) {
            Before::Nothing => self.wire.habits.expect(manner),
            given => given,
        }
    }

    /// Whom a body in this dialect is written for.
    fn addressee<'a>(&'a self, dialect: &'a Dialect) -> Addressee<'a> {
        Addressee { model: &self.model.id, dialect, learned: &self.wire.learned }
    }

    /// The server and the model, to be asked what they can do.
    fn inquiry(&self) -> Inquiry<'_> {
        Inquiry { wire: &self.wire, model: &self.model.id, dialect: &self.dialect }
    }

    /// Whether a request relies on continuation, now or later.
    fn relies_on_continuation(&self, request: &SampleRequest) -> bool {
        let begins = request.prefix.as_ref().is_some_and(|p| !p.is_empty());
        // Where the server is known to have none, nobody was promised any.
        let promised = probe::may_continue(&self.dialect);
        let is_known = || self.wire.known.seen(Kind::Plain).is_some_and(|found| found.way != Continuation::None);
        promised && (begins || (request.may_continue && !is_known()))
    }

    /// Whether one HTTP request draws several samples.
    fn is_multiplexed(&self) -> bool {
        self.multiplex && self.dialect.n && !self.wire.learned.refuses("n", None)
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

    /// What the dialect has and the server has not refused so far. Whether a text can be continued is checked
    /// before the first sample that needs it.
    fn capabilities(&self) -> Capabilities {
        let learned = &self.wire.learned;
        let budget = self.dialect.length.budget.keys().all(|field| !learned.refuses(field, None));
        Capabilities {
            continuation: probe::continues(&self.dialect, self.wire.known.seen(Kind::Plain)),
            logprobs: self.dialect.logprobs && !learned.refuses("logprobs", None),
            shared_prefill: self.dialect.shared_prefill || self.is_multiplexed(),
            effort: self.dialect.has_effort(),
            thinking_budget: self.dialect.has_budget() && budget,
        }
    }

    fn hosted_tools(&self) -> Vec<String> {
        self.dialect.hosted_tools.clone()
    }

    /// Not ready while connections fail one after the other.
    fn is_ready(&self) -> Option<bool> {
        self.wire.reachability.is_reachable()
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        if self.relies_on_continuation(&request) {
            return continued::start(self, request);
        }
        let n = request.seeds.len();
        if let [first, _, ..] = request.seeds[..]
            && self.is_multiplexed()
        {
            return match self.run(&request, first, n) {
                Ok(run) => {
                    let engine = self.clone();
                    let each = move || {
                        let one = |&seed: &u64| engine.run(&request, seed, 1).ok();
                        request.seeds.iter().filter_map(one).collect()
                    };
                    share::split(run, n, Box::new(each))
                }
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
        let (wire, model, asks_usage) = (Arc::clone(&self.wire), self.model.id.clone(), self.dialect.stream_usage);
        Some(Box::pin(async move { relay::send(wire, &model, asks_usage, relay).await }))
    }
}

fn failed(error: EngineError) -> SampleStream {
    let item: Result<SampleEvent, _> = Err(error);
    Box::pin(stream::once(std::future::ready(item)))
}

fn single(run: Run) -> SampleStream {
    // In a box, since the state moves with every event.
    Box::pin(stream::unfold(Box::new(run), |mut run| async move { run.next().await.map(|(_, event)| (event, run)) }))
}
