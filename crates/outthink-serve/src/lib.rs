//! An OpenAI-compatible gateway: chat completions in, a decided answer and its bill out.
//!
//! A request goes to the engine whose model it names. `reasoning_effort`, or the `outthink` object,
//! says how much may be spent behind the one final answer; every reply carries the standard `usage`
//! and an `outthink` receipt. Fields that are not read here reach the engine untouched.
//!
//! It never logs prompts or completions, never runs work for a client that has left, and knows
//! keys by their hashes. It decides nothing about sampling: that is done by the strategies.
//!
//! | field | meaning here |
//! |---|---|
//! | `max_tokens`, `max_completion_tokens` | generated tokens of *one* sample; `outthink.budget_tokens` limits all of them together |
//! | `usage.completion_tokens` | all tokens that were generated: cancelled, discarded and verifier tokens too |
//! | `usage…reasoning_tokens` | those of them that are not the visible reply |
//! | `n` | final answers: 1 |
//! | `logprobs` | those of the chosen sample, where the engine gives them |
//!
//! ```
//! # use outthink_core::{Capabilities, Effort, Engine, ModelInfo, Price, SampleRequest, SampleStream};
//! use outthink_serve::{ServeOptions, router};
//! use std::sync::Arc;
//!
//! # struct Nothing(ModelInfo);
//! # impl Engine for Nothing {
//! #     fn model(&self) -> &ModelInfo { &self.0 }
//! #     fn capabilities(&self) -> Capabilities { Capabilities::default() }
//! #     fn start(&self, _: SampleRequest) -> Vec<SampleStream> { Vec::new() }
//! # }
//! # let engine = Nothing(ModelInfo { id: "m".into(), context: None, price: Price::default() });
//! let options = ServeOptions::new(vec![Arc::new(engine)]).with_default_effort(Effort::Low);
//! let app: axum::Router = router(options);
//! ```

mod access;
mod admin;
mod chat;
pub mod config;
mod control;
mod error;
mod fair;
mod fields;
mod gateway;
mod limits;
mod log;
mod observe;
mod passing;
mod receipt;
mod reply;
mod request;
mod resources;
mod responses;
mod rewards;
mod routes;
mod running;
mod server;
mod service;
mod settings;
mod shared;
mod stream;
mod tls;
mod traces;
mod wire;

pub use control::{Control, Health, Policy};
pub use limits::Limits;
pub use observe::{SpanReceiver, SpanSender, UpstreamHealth, spans};
pub use reply::ThoughtFields;
pub use resources::{ITSELF, MakeComparer, MakeJudge, MakeTests, Resources};
pub use service::Service;
pub use tls::{TlsAcceptor, acceptor};

use outthink_core::{Effort, Engine};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use tokio::net::TcpListener;

/// What a gateway serves.
#[derive(Clone)]
pub struct ServeOptions {
    /// The engines; the first is the default. A request's `model` picks one by its model's id.
    pub engines: Vec<Arc<dyn Engine>>,
    /// The effort of requests that name none.
    pub default_effort: Effort,
    /// Bytes of a request body at most.
    pub max_body_bytes: usize,
    /// Under which names a thought is told.
    pub thought: ThoughtFields,
    /// All other bounds.
    pub limits: Limits,
    /// What outlives reloads: ledger, metrics, what runs.
    pub control: Arc<Control>,
    /// The configuration, and what comes with it.
    pub policy: Policy,
}

impl ServeOptions {
    /// Bytes of a request body at most, where nothing else is said.
    pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

    /// These engines with the usual settings.
    pub fn new(engines: Vec<Arc<dyn Engine>>) -> Self {
        Self {
            engines,
            default_effort: Effort::default(),
            max_body_bytes: Self::MAX_BODY_BYTES,
            thought: ThoughtFields::default(),
            limits: Limits::default(),
            control: Arc::default(),
            policy: Policy::default(),
        }
    }

    /// These engines by a configuration.
    pub fn configured(engines: Vec<Arc<dyn Engine>>, control: Arc<Control>, policy: Policy) -> Self {
        let config = &policy.config;
        Self {
            engines,
            default_effort: config.defaults.effort,
            max_body_bytes: config.server.limits.body_bytes,
            thought: match config.defaults.reasoning_field {
                config::ReasoningField::Both => ThoughtFields::Both,
                config::ReasoningField::ReasoningContent => ThoughtFields::ReasoningContent,
                config::ReasoningField::Reasoning => ThoughtFields::Reasoning,
            },
            limits: Limits::configured(&config.server),
            control,
            policy,
        }
    }

    /// Sets the effort of requests that name none.
    #[must_use]
    pub fn with_default_effort(mut self, effort: Effort) -> Self {
        self.default_effort = effort;
        self
    }
}

impl fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("engines", &self.engines.iter().map(|e| &e.model().id).collect::<Vec<_>>())
            .field("default_effort", &self.default_effort)
            .field("max_body_bytes", &self.max_body_bytes)
            .finish_non_exhaustive()
    }
}

/// The gateway's routes, to be served alone or mounted in another application.
pub fn router(options: ServeOptions) -> axum::Router {
    Service::new(options).router()
}

/// Whether the body of `POST /v1/chat/completions`, or with `responses` that of `POST /v1/responses`,
/// would be taken, without sending it anywhere.
///
/// # Errors
/// With what the client would be told.
///
/// ```
/// let body = br#"{"messages": [{"role": "user", "content": "2+2?"}], "n": 3}"#;
/// assert!(outthink_serve::check_request(body, false).is_err_and(|words| words.starts_with("n is 3")));
/// ```
pub fn check_request(body: &[u8], responses: bool) -> Result<(), String> {
    let checked = if responses {
        responses::check(body)
    } else {
        request::ChatRequest::parse(body, Effort::default().into()).map(drop)
    };
    checked.map_err(|error| error.message)
}

/// Serves until `shutdown` completes, then finishes the requests that run and takes no new ones.
///
/// # Errors
/// If requests are still running [`Limits::drain`] after `shutdown`.
pub async fn serve(
    listener: TcpListener,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    Service::new(options).serve(listener, None, shutdown).await
}
