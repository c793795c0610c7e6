//! Servers that do not speak the chat completions API, in their own protocols.
//!
//! A [`Protocol`] says how a request is written and how its events are read; connections, retries, timeouts by phase
//! and cancellation are those of [`openai`](crate::openai).

mod chat;
mod draft;
mod protocol;

pub use protocol::{AwsKeys, Protocol};

pub(crate) use chat::{Call, Choice, Form, Media, Part, Reasoning, Tool, calls, choice, form, parts, reasoning, tools};
pub(crate) use draft::{Draft, is_taken};
pub(crate) use protocol::{Facts, Question, escaped};

use crate::openai::channel::{Channel, Written};
use crate::openai::{OpenAiOptions, Secret};
use outthink_core::{
    Capabilities, Engine, EngineError, ModelInfo, Origin, SampleRequest, SampleStream, Support, Thinking,
};
use serde_json::Value;
use std::sync::{Arc, PoisonError, RwLock};

/// Where the server is, what it speaks and what it authenticates requests by.
#[derive(Debug, Clone)]
pub struct NativeOptions {
    /// What it speaks.
    pub protocol: Protocol,
    /// Its address, key, timeouts and limits. `dialect`, `multiplex` and `probe` mean nothing here. The key goes into
    /// the protocol's own header.
    pub server: OpenAiOptions,
    /// For Bedrock, in place of a key: what requests are signed with.
    pub aws: Option<AwsKeys>,
}

/// An engine behind a server that speaks a protocol of its own.
///
/// Always streams, and does its work while its streams are polled, as
/// [`OpenAiEngine`](crate::openai::OpenAiEngine) does.
///
/// ```no_run
/// use outthink_engine::native::{NativeEngine, NativeOptions, Protocol};
/// use outthink_engine::openai::{OpenAiOptions, Secret};
///
/// # async fn run() -> Result<(), outthink_core::EngineError> {
/// let server = OpenAiOptions {
///     model: Some("claude-opus-4-6".into()),
///     api_key: Some(Secret::new("sk-ant-…")),
///     ..OpenAiOptions::new("https://api.anthropic.com")
/// };
/// let engine = NativeEngine::connect(NativeOptions { protocol: Protocol::Anthropic, server, aws: None }).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct NativeEngine {
    protocol: Protocol,
    channel: Channel,
    model: ModelInfo,
    facts: Arc<RwLock<Option<Facts>>>,
}

impl NativeEngine {
    /// An engine for a known model, without asking the server anything. What has to be known of the model is asked
    /// before the first sample that needs it.
    ///
    /// # Errors
    /// If the address is not valid or no model is named.
    pub fn new(options: NativeOptions) -> Result<Self, EngineError> {
        let NativeOptions { protocol, server, aws } = options;
        let Some(id) = server.model.clone() else {
            return Err(EngineError::new(Origin::Caller, "no model is named")
                .with_hint("name one, or connect to the server to take its first"));
        };
        let context = protocol.facts(&id, None).and_then(|facts| facts.context);
        let model = ModelInfo { id, context, price: server.price };
        let (endpoint, path) = protocol.address(&server.base_url, &model.id)?;
        let access = protocol.access(&endpoint, server.api_key.as_ref().map(Secret::expose), aws)?;
        let channel = Channel::new((&endpoint, &path), access, server, &model)?;
        Ok(Self { protocol, channel, model, facts: Arc::default() })
    }

    /// Asks the server for what it says of the model: its context, the longest reply, how it reasons. Without a name
    /// it is the first model that the server lists.
    ///
    /// # Errors
    /// If the address is not valid, the server does not answer or lists no model.
    pub async fn connect(options: NativeOptions) -> Result<Self, EngineError> {
        let (named, own_price) = (options.server.model.is_some(), options.server.price);
        let mut engine = if named {
            Self::new(options)?
        } else {
            let lists = NativeOptions {
                server: OpenAiOptions { model: Some(String::new()), ..options.server.clone() },
                ..options.clone()
            };
            let first = Self::new(lists)?.first().await?;
            Self::new(NativeOptions { server: OpenAiOptions { model: Some(first), ..options.server }, ..options })?
        };
        let Some(facts) = engine.ask().await? else { return Ok(engine) };
        engine.model = ModelInfo { context: facts.context, price: own_price, ..engine.model };
        Ok(engine)
    }

    /// What it speaks.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether the server can be asked whether it is alive, without a sample: by its list of models.
    pub const fn can_probe(&self) -> bool {
        self.protocol.list().is_some()
    }

    /// Asks the server for its models once, to see whether it is alive. Of one that has no list nothing is learned.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn probe(&self) -> Result<(), EngineError> {
        match self.protocol.list() {
            Some(path) => self.channel.get_once(path).await.map(drop),
            None => Ok(()),
        }
    }

    /// The first model that the server lists.
    async fn first(&self) -> Result<String, EngineError> {
        let none = |hint: &str| EngineError::new(Origin::Engine, "the engine lists no model").with_hint(hint);
        let Some(path) = self.protocol.list() else { return Err(none("name one")) };
        let list = self.channel.get(path).await?.unwrap_or_default();
        let first = self.protocol.models(&list).into_iter().next();
        first.ok_or_else(|| none("is its address right? or name a model"))
    }

    /// Asks the server for what it says of the model, and keeps it.
    async fn ask(&self) -> Result<Option<Facts>, EngineError> {
        let known = self.facts.read().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_some() {
            return Ok(known);
        }
        let said = match self.protocol.about(&self.model.id) {
            None => None,
            Some(path) => match self.channel.get(&path).await {
                Ok(said) => said,
                // Gateways in front of such servers have no list.
                Err(error) if matches!(error.status, Some(403..=405 | 501)) => None,
                Err(error) => return Err(error),
            },
        };
        let facts = self.protocol.facts(&self.model.id, said.as_ref());
        self.facts.write().unwrap_or_else(PoisonError::into_inner).clone_from(&facts);
        Ok(facts)
    }

    /// The body of a request.
    async fn write(self, request: Arc<SampleRequest>, seed: u64) -> Result<Written, EngineError> {
        if request.max_tokens == Some(0) {
            return Err(EngineError::new(Origin::Caller, "a sample of at most 0 tokens was asked for"));
        }
        if request.prefix.as_ref().is_some_and(|prefix| !prefix.is_empty()) {
            let words =
                format!("an engine of the protocol {} has no continuation of a given beginning", self.protocol.name());
            return Err(EngineError::new(Origin::Caller, words).with_code(EngineError::CANNOT_CONTINUE));
        }
        // What the server says of the model is worth one small request; where it says nothing, what is known holds.
        let facts = match self.ask().await {
            Ok(facts) => facts,
            Err(error) if self.protocol.facts(&self.model.id, None).is_none() => return Err(error),
            Err(_) => self.protocol.facts(&self.model.id, None),
        };
        let learned = |field: &str, value: Option<&Value>| self.channel.refuses(field, value);
        let question = Question {
            request: &request,
            model: &self.model.id,
            facts: facts.unwrap_or_default(),
            seed: request.seeded.then_some(seed),
            learned: &learned,
        };
        self.protocol.write(&question)
    }
}

impl std::fmt::Debug for NativeEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeEngine")
            .field("protocol", &self.protocol)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

impl Engine for NativeEngine {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        let facts = self.facts.read().unwrap_or_else(PoisonError::into_inner).clone();
        let facts = facts.or_else(|| self.protocol.facts(&self.model.id, None)).unwrap_or_default();
        Capabilities {
            continuation: Support::No,
            logprobs: false,
            shared_prefill: false,
            effort: facts.takes_effort(),
            thinking_budget: facts.budget,
        }
    }

    fn is_ready(&self) -> Option<bool> {
        self.channel.is_ready()
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        let request = Arc::new(request);
        let one = |&seed: &u64| {
            let written = self.clone().write(Arc::clone(&request), seed);
            self.channel.sample(Arc::clone(&request), seed, self.protocol.reader(), written)
        };
        request.seeds.iter().map(one).collect()
    }

    fn one_by_one(&self) -> bool {
        true
    }

    fn hosted_tools(&self) -> Vec<String> {
        self.protocol.hosted_tools().iter().map(|&name| name.to_owned()).collect()
    }

    fn speaks_messages(&self) -> bool {
        self.protocol == Protocol::Anthropic
    }
}

/// How long the reasoning is asked to be, whether by the request or by the field of chat completions for it.
pub(crate) fn asked_thinking(request: &SampleRequest) -> Thinking {
    let Thinking { effort, budget } = request.thinking;
    let extra = &request.prompt.extra;
    let word = extra.get("reasoning_effort").or_else(|| extra.get("reasoning")?.get("effort"));
    let tokens = || extra.get("reasoning")?.get("max_tokens")?.as_u64();
    let named = || word.and_then(Value::as_str).and_then(|word| word.parse().ok());
    Thinking {
        effort: effort.or_else(named).filter(|effort| *effort != outthink_core::Effort::Auto),
        budget: budget.or_else(tokens),
    }
}
